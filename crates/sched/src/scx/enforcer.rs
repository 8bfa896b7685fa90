// SPDX-License-Identifier: MIT OR Apache-2.0
//! The backend on our own scheduler.
//!
//! A thread belongs to a capsule because the scheduler says so, and what it starts inherits that at
//! the fork. Its process is also moved into a group `evenkeel-NAME` of the fair class's quota, where
//! the host has one: as long as the scheduler runs, that group's cap and weight mean nothing; should
//! it leave, they are what remains of the reservation, and who is born meanwhile is found there when
//! it comes back. Who is in a subtree of groups that the capsule has claimed stays there
//! (`subtree.rs`), and its cap and weight are the subtree's.

use std::path::PathBuf;

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::CgroupMounts;
use evenkeel_kernel::process;
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{
    Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation, Role, Span,
};

use super::control::{Place, name_of};
use super::error::ScxError;
use super::object::Loaded;
use super::running::{self, Running};
use crate::enforcer::Enforcer;
use crate::rtgroup::neutral;
use crate::{Claim, EnforcerError, Found, Placement, QuotaEnforcer, Rtgroup, Supply};

/// The backend on sched_ext.
#[derive(Clone, Debug)]
pub struct ScxEnforcer {
    /// What remains when the scheduler leaves; hosts without the `cpu` controller have nothing.
    pub(super) fallback: Option<QuotaEnforcer>,
    /// Real-time groups run before everything in sched_ext.
    above: Option<Rtgroup>,
    /// The version 2 hierarchy, where the `cpu` controller is in it: the scheduler sees its groups.
    pub(super) groups: Option<PathBuf>,
}

impl ScxEnforcer {
    /// The backend of this host; an error says what the host lacks, or who is in the way. Loads
    /// nothing. Where somebody else's scheduler has come while ours was away, what ours knows can
    /// still be read and taken back.
    pub fn of_host(mounts: &CgroupMounts) -> Result<ScxEnforcer, EnforcerError> {
        match running::look()? {
            Running::Impossible(why) => {
                Err(EnforcerError::Unavailable { kind: EnforcerKind::Scx, why })
            }
            Running::Foreign(name) if !holds_capsules()? => Err(ScxError::Foreign(name).into()),
            Running::Foreign(_) | Running::Nothing | Running::Ours => Ok(ScxEnforcer {
                fallback: QuotaEnforcer::beneath(mounts).ok(),
                above: Rtgroup::of_host(mounts).ok(),
                groups: mounts.v2.clone().filter(|_| mounts.v2_cpu),
            }),
        }
    }

    /// What the scheduler knows, running or not; `None` where none has been here.
    pub(super) fn known(&self) -> Result<Option<Loaded>, EnforcerError> {
        Ok(running::known()?)
    }

    fn needed(&self) -> Result<Loaded, EnforcerError> {
        let gone = || ScxError::NotLoaded(running::why_not().unwrap_or_default());
        Ok(self.known()?.ok_or_else(gone)?)
    }

    pub(super) fn slot(&self, loaded: &Loaded, name: &CapsuleName) -> Result<u32, EnforcerError> {
        Ok(loaded.slot(name)?.ok_or_else(|| ScxError::NoCapsule(name.clone()))?)
    }

    /// Puts the thread's process where the fallback would hold it, unless it is in a subtree that the
    /// capsule has: there it stays. The kernel does not let all of its own threads into a group, nor
    /// anything into one that is being removed: then there is no fallback for that thread, and the
    /// scheduler holds it all the same. This program stays outside: one of its threads may be inside
    /// to start something, and in version 2 the whole process would go.
    fn enter_fallback(&self, name: &CapsuleName, tid: Tid) {
        let Some(fallback) = &self.fallback else { return };
        let is_ours = process::process_of(tid).is_ok_and(|pid| pid.0 == std::process::id());
        if is_ours || self.is_claimed(name, tid).unwrap_or(false) {
            return;
        }
        let _ = fallback.enter(name, tid);
    }

    fn place(&self, name: &CapsuleName, tid: Tid, role: Role) -> Result<(), EnforcerError> {
        let loaded = self.needed()?;
        let slot = self.slot(&loaded, name)?;
        Ok(loaded.place(tid, Place { slot, level: level(role), by_group: false })?)
    }
}

/// Whether the scheduler, running or not, has any capsule.
fn holds_capsules() -> Result<bool, ScxError> {
    running::known()?.map_or(Ok(false), |known| Ok(!known.capsules()?.is_empty()))
}

/// Where a thread of no capsule is.
pub(super) const OUTSIDE: Place = Place { slot: 0, level: 0, by_group: false };

/// Words about a scheduler that has left; `None` where it runs.
fn away() -> Result<Option<String>, ScxError> {
    let stands_in = "a cap and a weight stand in for the reservations (cpu.max, cpu.weight)";
    Ok(match running::look()? {
        Running::Ours => None,
        Running::Foreign(name) => {
            Some(format!("the scheduler '{name}' runs in place of ours: {stands_in}"))
        }
        Running::Impossible(_) | Running::Nothing => {
            let why = running::why_not().map_or(String::new(), |why| format!(", {why}"));
            Some(format!("the scheduler is not loaded{why}: {stands_in}"))
        }
    })
}

/// Limits of the kernel's quotas (kernel/sched/core.c, `min_cfs_quota_period`).
const QUOTA_MIN: u64 = 1_000_000;
const QUOTA_PERIOD_MAX: u64 = 1_000_000_000;

/// The same share in the range of the kernel's quotas, with a longer or a shorter period; a share
/// too small for any becomes the smallest there is.
fn as_quota(own: Reservation) -> Reservation {
    let (budget, period) = (own.budget().as_ns(), own.period().as_ns());
    let (budget, period) = if period > QUOTA_PERIOD_MAX {
        let parts = period.div_ceil(QUOTA_PERIOD_MAX);
        (budget / parts, period / parts)
    } else {
        // Budget and period are not zero; the product is at most the longest period.
        let times = QUOTA_MIN.div_ceil(budget).min(QUOTA_PERIOD_MAX / period).max(1);
        (budget * times, period * times)
    };
    let budget = Span::from_ns(budget.max(QUOTA_MIN).min(period));
    Reservation::new(budget, Span::from_ns(period)).unwrap_or(own)
}

/// The level of a role: the most urgent is 0 in the scheduler, and last in [`Role`].
pub(super) fn level(role: Role) -> u32 {
    u32::from(Role::COUNT - 1 - role.level())
}

/// The role of a level.
fn role_of(level: u32) -> Role {
    Role::ALL.into_iter().find(|role| self::level(*role) == level).unwrap_or(Role::Vmm)
}

impl Enforcer for ScxEnforcer {
    fn kind(&self) -> EnforcerKind {
        EnforcerKind::Scx
    }

    fn guarantee(&self) -> &'static str {
        "hard: each CPU gives the capsule its budget in every period and no more, an overrun of some \
         microseconds being repaid from the next; earliest deadline first among capsules, fixed \
         priorities inside, kernel threads included"
    }

    fn has_bands(&self) -> bool {
        false
    }

    fn create(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        let loaded = running::load()?;
        if let Some(fallback) = &self.fallback {
            fallback.create(name, own.map(as_quota), cpus)?;
        }
        let made = loaded.create(name, own, cpus).map_err(EnforcerError::from);
        match made.and_then(|slot| self.claim_fallback(&loaded, name, slot)) {
            Ok(()) => Ok(()),
            Err(error) => {
                if let Some(fallback) = &self.fallback {
                    // The refusal is the error to report; the empty group just made goes again.
                    let _ = fallback.remove(name);
                }
                Err(error)
            }
        }
    }

    fn set_reservation(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        let loaded = running::load()?;
        let slot = self.slot(&loaded, name)?;
        loaded.set(slot, name, own, cpus)?;
        match &self.fallback {
            Some(fallback) if fallback.exists(name) => {
                fallback.set_reservation(name, own.map(as_quota), cpus)
            }
            _ => Ok(()),
        }
    }

    fn discrepancy(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<Option<String>, EnforcerError> {
        if let Some(away) = away()? {
            return Ok(Some(away));
        }
        let loaded = self.needed()?;
        let slot = self.slot(&loaded, name)?;
        Ok(loaded.difference(slot, own, cpus)?)
    }

    fn remove(&self, name: &CapsuleName) -> Result<(), EnforcerError> {
        if let Some(loaded) = self.known()?
            && let Some(slot) = loaded.slot(name)?
        {
            // Nobody comes in any more; a claim that stayed would belong to the slot's next capsule.
            loaded.unclaim_all(slot)?;
            for tid in self.members(name)? {
                match loaded.place(tid, OUTSIDE) {
                    Ok(()) | Err(ScxError::NoThread(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            loaded.remove(slot, name)?;
        }
        self.fallback.as_ref().map_or(Ok(()), |fallback| fallback.remove(name))
    }

    fn exists(&self, name: &CapsuleName) -> bool {
        matches!(self.known(), Ok(Some(known)) if matches!(known.slot(name), Ok(Some(_))))
    }

    fn path(&self, name: &CapsuleName) -> PathBuf {
        match &self.fallback {
            Some(fallback) => fallback.path(name),
            None => running::pins().directory().to_owned(),
        }
    }

    fn groups(&self) -> Result<Vec<CapsuleName>, EnforcerError> {
        let Some(loaded) = self.known()? else { return Ok(Vec::new()) };
        Ok(loaded.capsules()?.values().filter_map(name_of).collect())
    }

    fn foreign(&self, _: &[CapsuleName]) -> Result<Bandwidth, EnforcerError> {
        // Every real-time group runs before sched_ext. What deadline threads and real-time threads
        // outside groups take is bounded by nothing that could be read here; `doctor` names them.
        self.above.as_ref().map_or(Ok(Bandwidth::ZERO), |above| above.foreign(&[]))
    }

    fn capsule_of(&self, tid: Tid) -> Result<Option<CapsuleName>, EnforcerError> {
        let Some(loaded) = self.known()? else { return Ok(None) };
        let Some(place) = loaded.query(tid)? else { return Ok(None) };
        Ok(loaded.capsule(place.slot)?.as_ref().and_then(name_of))
    }

    fn members(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        let loaded = self.needed()?;
        let slot = self.slot(&loaded, name)?;
        let mut members = Vec::new();
        for pid in process::all_processes()? {
            let threads = match process::threads(pid) {
                Ok(threads) => threads,
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error.into()),
            };
            for tid in threads {
                match loaded.query(tid) {
                    Ok(place) if place.is_some_and(|place| place.slot == slot) => members.push(tid),
                    Ok(_) | Err(ScxError::NoThread(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        members.sort_unstable();
        Ok(members)
    }

    fn occupants(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        let mut inside = match self.members(name) {
            Ok(inside) => inside,
            Err(error) if error.is_gone() => Vec::new(),
            Err(error) => return Err(error),
        };
        if let Some(fallback) = &self.fallback {
            match fallback.occupants(name) {
                Ok(threads) => inside.extend(threads),
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        inside.sort_unstable();
        inside.dedup();
        Ok(inside)
    }

    fn usage(&self, name: &CapsuleName) -> Result<Supply, EnforcerError> {
        let loaded = self.needed()?;
        let slot = self.slot(&loaded, name)?;
        let mut supply = Supply::default();
        for cpu in (0..loaded.cpu_count()).map(CpuIndex) {
            let used = Span::from_ns(loaded.server(cpu, slot)?.used_ns);
            supply.total = supply.total + used;
            supply.per_cpu.push((cpu, used));
        }
        Ok(supply)
    }

    fn capture(&self, tid: Tid) -> Result<Found, EnforcerError> {
        match &self.fallback {
            Some(fallback) => fallback.capture(tid),
            None => Ok(Found {
                groups: Vec::new(),
                attr: sched::sched_attr(tid)?,
                affinity: sched::affinity(tid)?,
            }),
        }
    }

    fn enter(&self, name: &CapsuleName, tid: Tid) -> Result<(), EnforcerError> {
        self.enter_fallback(name, tid);
        self.place(name, tid, Role::Vmm)
    }

    fn adopt(
        &self,
        name: &CapsuleName,
        tid: Tid,
        placement: &Placement,
    ) -> Result<(), EnforcerError> {
        // Into the capsule first: what it starts from here on is inside.
        self.place(name, tid, placement.role)?;
        self.enter_fallback(name, tid);
        placement.apply(tid)
    }

    fn restore(&self, tid: Tid, found: &Found) -> Result<Vec<String>, EnforcerError> {
        if let Some(loaded) = self.known()? {
            loaded.place(tid, OUTSIDE)?;
        }
        match &self.fallback {
            // Who is in no group of ours was not moved, and stays where its manager has put it since.
            Some(fallback) if fallback.capsule_of(tid)?.is_none() => {
                fallback.restore_in_place(tid, found)
            }
            Some(fallback) => fallback.restore(tid, found),
            None => {
                sched::set_affinity(tid, &found.affinity)?;
                sched::set_sched_attr(tid, &found.attr)?;
                Ok(Vec::new())
            }
        }
    }

    fn settle(&self, name: &CapsuleName, child: Tid) {
        self.enter_fallback(name, child);
    }

    fn takes_subtrees(&self) -> bool {
        self.groups.is_some()
    }

    fn claim(
        &self,
        name: &CapsuleName,
        claim: &Claim,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        self.take_subtree(name, claim, own.map(as_quota), cpus)
    }

    fn unclaim(&self, claim: &Claim) -> Result<Vec<String>, EnforcerError> {
        self.leave_subtree(claim)
    }

    fn claim_discrepancy(
        &self,
        name: &CapsuleName,
        claim: &Claim,
    ) -> Result<Option<String>, EnforcerError> {
        self.subtree_discrepancy(name, claim)
    }

    fn role_by_group(&self, tid: Tid) -> Result<Option<Role>, EnforcerError> {
        let place = self.known()?.map(|known| known.query(tid)).transpose()?.flatten();
        Ok(place.filter(|place| place.by_group).map(|place| role_of(place.level)))
    }

    fn revive(&self) -> Result<Option<String>, EnforcerError> {
        if running::is_of_another_build()? {
            running::replace()?;
            return Ok(Some("the scheduler of another build has been replaced".to_owned()));
        }
        let Some(away) = away()?.filter(|_| holds_capsules().unwrap_or(true)) else {
            return Ok(None);
        };
        running::load()?;
        Ok(Some(format!("{away}; it has been loaded again")))
    }

    fn neutral(&self, cpus: CpuSet) -> Found {
        neutral(cpus)
    }
}

/// Whether a thread of this policy is seen by the scheduler at all.
pub fn escapes(policy: Policy) -> bool {
    policy.is_real_time() || matches!(policy, Policy::Deadline { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reservation_has_a_quota_that_the_kernel_takes() {
        let quota_of = |budget_ns, period_ns| {
            let own = Reservation::new(Span::from_ns(budget_ns), Span::from_ns(period_ns)).unwrap();
            let quota = as_quota(own);
            (quota.budget().as_ns(), quota.period().as_ns())
        };
        assert_eq!(quota_of(6_000_000, 20_000_000), (6_000_000, 20_000_000));
        // Twice, for a budget of at least 1 ms.
        assert_eq!(quota_of(940_000, 2_000_000), (1_880_000, 4_000_000));
        // A tenth of 10 s.
        assert_eq!(quota_of(1_000_000_000, 10_000_000_000), (100_000_000, 1_000_000_000));
        // Less than a thousandth: more than asked, and the least there is.
        assert_eq!(quota_of(10_000, 1_000_000_000), (1_000_000, 1_000_000_000));
        assert_eq!(quota_of(1, 1_000_000), (1_000_000, 1_000_000_000));
    }
}
