// SPDX-License-Identifier: MIT OR Apache-2.0
//! Planning a new capsule.

use evenkeel_kernel::Pid;
use evenkeel_kernel::process::identity;
use evenkeel_model::{CapsuleName, EnforcerKind};
use evenkeel_sched::{Enforcer, EnforcerError};
use evenkeel_theory::Verdict;

use crate::admission::{admit, set_own_parts};
use crate::bands::CAPSULES_MAX;
use crate::change::{band_for_new, reservation_steps};
use crate::error::HostError;
use crate::host::Host;
use crate::plan::{Plan, Step};
use crate::request::{CreateRequest, EnforcerChoice, Request};
use crate::state::{CapsuleRecord, Capsules, NetdevRecord, State};

impl Host {
    /// [`Request::Create`].
    pub(crate) fn plan_create_on(
        &self,
        state: &State,
        request: &CreateRequest,
    ) -> Result<Plan, HostError> {
        let (steps, after, verdict) = self.create(state, request)?;
        Ok(Plan {
            request: Request::Create(request.clone()),
            steps,
            verdict: Some(verdict),
            notes: Vec::new(),
            after,
            generation: state.generation,
        })
    }

    /// [`Request::Run`]: the capsule belongs to the calling process, and has netdevs from the
    /// beginning.
    pub(crate) fn plan_run_on(
        &self,
        state: &State,
        request: &CreateRequest,
        netdevs: &[String],
    ) -> Result<Plan, HostError> {
        let (mut steps, mut after, verdict) = self.create(state, request)?;
        let enforcer = self.enforcer(after[&request.name].enforcer)?;
        let found = self.inspect_netdevs(state, netdevs, &*enforcer)?;
        if let Some(record) = after.get_mut(&request.name) {
            record.run = Some(identity(Pid(std::process::id()))?);
        }
        steps.extend(found.into_iter().map(|found| Step::Dedicate {
            capsule: request.name.clone(),
            netdev: NetdevRecord { vm: None, found },
        }));
        Ok(Plan {
            request: Request::Run { create: request.clone(), netdevs: netdevs.to_vec() },
            steps,
            verdict: Some(verdict),
            notes: Vec::new(),
            after,
            generation: state.generation,
        })
    }

    fn create(
        &self,
        state: &State,
        request: &CreateRequest,
    ) -> Result<(Vec<Step>, Capsules, Verdict), HostError> {
        let name = &request.name;
        if state.capsules.contains_key(name) {
            return Err(HostError::NameTaken(name.clone()));
        }
        let facts = self.facts()?;
        facts.check_cpus(name, &request.cpus)?;
        let enforcer = self.choose(&state.capsules, request)?;
        if enforcer.exists(name) && !state.is_half_done(name) {
            return Err(HostError::GroupTaken { name: name.clone(), path: enforcer.path(name) });
        }
        let limits = facts.limits(enforcer.kind(), enforcer.foreign(&state.names())?);
        let mut after = state.capsules.clone();
        after.insert(name.clone(), new_record(state, request, enforcer.kind()));
        let verdict = admit(&state.capsules, &after, name, &limits)?;
        set_own_parts(&mut after)?;
        self.check_parent_keeps(state, &after, request.parent.as_ref(), &*enforcer)?;
        let steps = create_steps(&state.capsules, &mut after, name)
            .ok_or(HostError::TooManyCapsules(CAPSULES_MAX))?;
        Ok((steps, after, verdict))
    }

    /// The backend of a new capsule: its parent's, or the one asked for.
    fn choose(
        &self,
        capsules: &Capsules,
        request: &CreateRequest,
    ) -> Result<Box<dyn Enforcer>, HostError> {
        let parent = request.parent.as_ref().map(|parent| {
            capsules.get(parent).map(|record| (parent, record.enforcer)).ok_or_else(|| {
                HostError::NoSuchCapsule {
                    name: parent.clone(),
                    existing: capsules.keys().cloned().collect(),
                }
            })
        });
        let parent = parent.transpose()?;
        let kind = match (request.enforcer, parent) {
            // A child's promise cannot be another than that of whom it takes from.
            (EnforcerChoice::Auto, Some((_, kind))) => kind,
            (EnforcerChoice::Auto, None) => self.strongest(capsules),
            (EnforcerChoice::Scx, _) => EnforcerKind::Scx,
            (EnforcerChoice::Rtgroup, _) => EnforcerKind::Rtgroup,
            (EnforcerChoice::Quota, _) => EnforcerKind::Quota,
        };
        if let Some((parent, of_parent)) = parent
            && of_parent != kind
        {
            let (name, parent) = (request.name.clone(), parent.clone());
            return Err(HostError::ParentEnforcer { name, parent });
        }
        // `auto` would have taken the stronger one, were nobody else's in its place: that belongs to
        // the answer.
        let stronger = (request.enforcer == EnforcerChoice::Auto && kind == EnforcerKind::Rtgroup)
            .then(|| self.enforcer(EnforcerKind::Scx).err())
            .flatten();
        let with_stronger = |why: String| match &stronger {
            Some(HostError::Enforcer(EnforcerError::Scx(error))) => format!("{error}; {why}"),
            _ => why,
        };
        self.enforcer(kind).map_err(|error| match error {
            HostError::Enforcer(EnforcerError::Unavailable { kind, why }) => match kind {
                EnforcerKind::Rtgroup => HostError::NoGuarantee { why: with_stronger(why) },
                EnforcerKind::Scx => HostError::NoGuarantee { why },
                EnforcerKind::Quota => HostError::NoQuota { why },
            },
            other => other,
        })
    }

    /// What `auto` means here: `scx` where the kernel has sched_ext and nobody else's scheduler
    /// runs; else `rtgroup`. Where capsules of one of them exist, the same: real-time groups run
    /// before everything in sched_ext, so that a mixture serves neither well.
    pub fn strongest(&self, capsules: &Capsules) -> EnforcerKind {
        let in_use = [EnforcerKind::Rtgroup, EnforcerKind::Scx]
            .into_iter()
            .find(|kind| capsules.values().any(|record| record.enforcer == *kind));
        in_use.unwrap_or_else(|| match self.enforcer(EnforcerKind::Scx) {
            Ok(_) => EnforcerKind::Scx,
            Err(_) => EnforcerKind::Rtgroup,
        })
    }

    /// A parent with threads inside must keep a budget of its own: the kernel does not take the
    /// last of it away from real-time threads, and they would never run again.
    pub(crate) fn check_parent_keeps(
        &self,
        state: &State,
        after: &Capsules,
        parent: Option<&CapsuleName>,
        enforcer: &dyn Enforcer,
    ) -> Result<(), HostError> {
        let emptied = parent.filter(|parent| {
            after.get(*parent).is_some_and(|record| record.own.is_none())
                && state.capsules.get(*parent).is_some_and(|record| record.own.is_some())
        });
        let Some(parent) = emptied else { return Ok(()) };
        match enforcer.members(parent)?.len() {
            0 => Ok(()),
            threads => Err(HostError::ParentEmptied { parent: parent.clone(), threads }),
        }
    }
}

/// The record of a capsule that is yet to be made.
fn new_record(state: &State, request: &CreateRequest, enforcer: EnforcerKind) -> CapsuleRecord {
    CapsuleRecord {
        reservation: request.reservation,
        own: Some(request.reservation),
        cpus: request.cpus.clone(),
        parent: request.parent.clone(),
        enforcer,
        sequence: state.sequence_next,
        band: None,
        vms: Vec::new(),
        threads: Vec::new(),
        netdevs: Vec::new(),
        claims: Vec::new(),
        launcher: None,
        run: None,
        suspended: false,
    }
}

/// The steps from `before` to `after`, which has the new capsule `name` without its band. `None`
/// where all bands are in use.
pub fn create_steps(
    before: &Capsules,
    after: &mut Capsules,
    name: &CapsuleName,
) -> Option<Vec<Step>> {
    // Its parent's own part shrinks. Nobody's grows, unless a removal once failed half-way.
    let (shrink, grow) = reservation_steps(before, after);
    let mut steps = shrink;
    if after[name].enforcer == EnforcerKind::Rtgroup {
        let in_bands = before.values().filter(|record| record.band.is_some()).count();
        if in_bands >= CAPSULES_MAX {
            return None;
        }
        steps.extend(band_for_new(after, name)?);
    }
    let record = &after[name];
    steps.push(Step::CreateGroup {
        capsule: name.clone(),
        enforcer: record.enforcer,
        own: record.own,
        cpus: record.cpus.clone(),
        band: record.band,
    });
    steps.extend(grow);
    Some(steps)
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::cgroup::CgroupMounts;
    use evenkeel_model::{Reservation, Span};

    use crate::store::Store;

    use super::*;

    /// A host on which no cgroup hierarchy is mounted.
    fn bare_host(directory: &std::path::Path) -> Host {
        Host {
            store: Store::at(directory.to_owned()),
            boot_id: "boot".to_owned(),
            mounts: CgroupMounts::default(),
        }
    }

    #[test]
    fn without_real_time_groups_quota_must_be_asked_for_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let host = bare_host(directory.path());
        let request = |enforcer| CreateRequest {
            name: "a".parse().unwrap(),
            reservation: Reservation::new(Span::from_ms(6), Span::from_ms(20)).unwrap(),
            cpus: "0".parse().unwrap(),
            parent: None,
            enforcer,
        };
        for choice in [EnforcerChoice::Auto, EnforcerChoice::Rtgroup] {
            let error = host.plan_create(&request(choice)).unwrap_err();
            assert!(matches!(error, HostError::NoGuarantee { .. }), "{error}");
            assert!(error.hint().unwrap().contains("--enforcer quota"), "{error}");
            assert_eq!(error.exit_code(), 1);
        }
        let error = host.plan_create(&request(EnforcerChoice::Quota)).unwrap_err();
        assert!(matches!(error, HostError::NoQuota { .. }), "{error}");
    }
}
