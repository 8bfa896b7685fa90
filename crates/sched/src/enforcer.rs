// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every backend can do.

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::CgroupMounts;
use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, EnforcerKind, Reservation, Role};

use crate::{Claim, EnforcerError, Found, Placement, QuotaEnforcer, Rtgroup, ScxEnforcer, Supply};

/// A backend that makes the kernel honour reservations. Every method is one change to one thing,
/// and repeating it changes nothing.
pub trait Enforcer: Send + Sync {
    /// Which backend it is.
    fn kind(&self) -> EnforcerKind;

    /// What it promises, in one sentence.
    fn guarantee(&self) -> &'static str;

    /// Whether its capsules need bands of real-time priorities.
    fn has_bands(&self) -> bool;

    /// Makes the group of a capsule. `None`: its children have all of its budget.
    fn create(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError>;

    /// Changes what the group of a capsule is given.
    fn set_reservation(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError>;

    /// How what the kernel gives the group differs from what it should, in words; `None` where it
    /// does not.
    fn discrepancy(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<Option<String>, EnforcerError>;

    /// Removes the group of a capsule, which must be empty; done if there is none.
    fn remove(&self, name: &CapsuleName) -> Result<(), EnforcerError>;

    /// Whether the group of a capsule exists.
    fn exists(&self, name: &CapsuleName) -> bool;

    /// Where the group of a capsule is, for messages.
    fn path(&self, name: &CapsuleName) -> std::path::PathBuf;

    /// The capsules whose groups exist, whoever made them.
    fn groups(&self) -> Result<Vec<CapsuleName>, EnforcerError>;

    /// Bandwidth that top-level groups other than those of `ours` may take.
    fn foreign(&self, ours: &[CapsuleName]) -> Result<Bandwidth, EnforcerError>;

    /// The capsule that a thread is in.
    fn capsule_of(&self, tid: Tid) -> Result<Option<CapsuleName>, EnforcerError>;

    /// The threads in a capsule.
    fn members(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError>;

    /// The threads in any of a capsule's groups: its members, and those that a killed process left
    /// half-way in or out.
    fn occupants(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError>;

    /// CPU time delivered to a capsule.
    fn usage(&self, name: &CapsuleName) -> Result<Supply, EnforcerError>;

    /// What `adopt` will change about a thread.
    fn capture(&self, tid: Tid) -> Result<Found, EnforcerError>;

    /// Moves a thread into the group of a capsule and no more: it keeps policy and affinity. What
    /// a launcher thread does to itself, before [`Placement::apply`].
    fn enter(&self, name: &CapsuleName, tid: Tid) -> Result<(), EnforcerError>;

    /// Puts a thread into a capsule: into the group first (a fair thread may enter any group, a
    /// thread may become real-time only in a group with budget), then its CPUs, then its policy.
    fn adopt(
        &self,
        name: &CapsuleName,
        tid: Tid,
        placement: &Placement,
    ) -> Result<(), EnforcerError> {
        self.enter(name, tid)?;
        placement.apply(tid)
    }

    /// What is left to do for a process that a thread inside has started: where a backend moves whole
    /// processes only, that of the thread stayed where it was.
    fn settle(&self, _name: &CapsuleName, _child: Tid) {}

    /// Puts a thread back to what it was. The answer tells what had to be different, in words: a
    /// group that was removed meanwhile is replaced by its nearest ancestor.
    fn restore(&self, tid: Tid, found: &Found) -> Result<Vec<String>, EnforcerError>;

    /// As [`Enforcer::restore`]; but where the kernel does not let the thread back (its old group
    /// has lost its real-time budget, its old CPUs are all offline) it goes to the root group as
    /// SCHED_OTHER on `cpus`, and the answer says so: nothing that is to leave a capsule stays.
    fn put_back(
        &self,
        tid: Tid,
        found: &Found,
        cpus: &CpuSet,
    ) -> Result<Vec<String>, EnforcerError> {
        match self.restore(tid, found) {
            Err(error) if !error.is_gone() => {
                let mut notes = self.restore(tid, &self.neutral(cpus.clone()))?;
                notes.push(format!(
                    "could not be put back to {found} ({error}); it is in the root group, policy \
                     other"
                ));
                Ok(notes)
            }
            result => result,
        }
    }

    /// Whether whole subtrees of control groups can be inside ([`Enforcer::claim`]).
    fn takes_subtrees(&self) -> bool {
        false
    }

    /// Gives a subtree to a capsule, with the cap and the weight of what it has now.
    fn claim(
        &self,
        _name: &CapsuleName,
        _claim: &Claim,
        _own: Option<Reservation>,
        _cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        Ok(())
    }

    /// Takes a subtree out of whatever capsule has it: those who are inside by it alone are outside,
    /// the group is as it was found. Done if it has gone. The answer tells what could not be.
    fn unclaim(&self, _claim: &Claim) -> Result<Vec<String>, EnforcerError> {
        Ok(Vec::new())
    }

    /// What of a claim is not in force, in words; a group that has gone has nobody in it.
    fn claim_discrepancy(
        &self,
        _name: &CapsuleName,
        _claim: &Claim,
    ) -> Result<Option<String>, EnforcerError> {
        Ok(None)
    }

    /// What a thread does by its control group, if that alone is why it is inside.
    fn role_by_group(&self, _tid: Tid) -> Result<Option<Role>, EnforcerError> {
        Ok(None)
    }

    /// Makes good what has been lost since: a scheduler that has left is there again. The answer tells
    /// that it was necessary.
    fn revive(&self) -> Result<Option<String>, EnforcerError> {
        Ok(None)
    }

    /// What a thread gets that nothing is known about: the root group, SCHED_OTHER, `cpus`.
    fn neutral(&self, cpus: CpuSet) -> Found;
}

/// The backend `kind` of this host.
pub fn enforcer(
    kind: EnforcerKind,
    mounts: &CgroupMounts,
) -> Result<Box<dyn Enforcer>, EnforcerError> {
    Ok(match kind {
        EnforcerKind::Scx => Box::new(ScxEnforcer::of_host(mounts)?),
        EnforcerKind::Rtgroup => Box::new(Rtgroup::of_host(mounts)?),
        EnforcerKind::Quota => Box::new(QuotaEnforcer::of_host(mounts)?),
    })
}
