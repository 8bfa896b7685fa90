// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fair-class quota and weight: a cap on what a capsule takes, and a preference when CPUs are
//! contended. **No guarantee**: nothing keeps other fair threads, real-time threads or interrupts
//! from the CPU, and from Linux 6.18 on the cap does not bound kernel threads (each task throttles
//! on its return to user mode, which kernel threads never make).
//!
//! Version 1: `cpu.cfs_quota_us`, `cpu.cfs_period_us`, `cpu.shares`. Version 2: `cpu.max`,
//! `cpu.weight`; whole processes only, and the `cpu` controller has to be on in the root group's
//! `cgroup.subtree_control`, where this switches it on for the first capsule and leaves it on (it
//! may have other users by the time the last capsule goes; with no child group it has no effect).

use std::path::PathBuf;

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::{Cgroup, CgroupMounts, Quota, Version};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, EnforcerKind, Reservation, Span};

use crate::enforcer::Enforcer;
use crate::groups::{Groups, Hierarchy, Leave};
use crate::rtgroup::neutral;
use crate::{EnforcerError, Found, Supply};

/// Weights in proportion to reservations: how many ordinary threads a reserved whole CPU weighs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weighing {
    threads_per_cpu: u64,
}

/// A reserved whole CPU weighs as much as ten ordinary threads: enough that a capsule at its
/// reservation wins against a handful of them, little enough that the host stays usable. It is a
/// preference; nothing depends on the figure.
const QUOTA_WEIGHT: Weighing = Weighing { threads_per_cpu: 10 };
/// What stands in for a guarantee is a floor as far as the file's range goes: against N ordinary
/// threads on its CPU a capsule of share a has a with w = 100 a / (100 a + N) >= a, that is N <= 100
/// (1 - a). The cap beside it keeps the host usable, whatever the weight.
pub(crate) const FALLBACK_WEIGHT: Weighing = Weighing { threads_per_cpu: 100 };
/// The weight of an ordinary thread or group: NICE_0_LOAD in `cpu.shares`, 100 in `cpu.weight`.
const WEIGHT_ORDINARY_V1: u64 = 1024;
const WEIGHT_ORDINARY_V2: u64 = 100;
/// The ranges of the two files (MIN_SHARES and MAX_SHARES; CGROUP_WEIGHT_MIN and _MAX).
const WEIGHTS_V1: (u64, u64) = (2, 262_144);
const WEIGHTS_V2: (u64, u64) = (1, 10_000);

/// The backend on fair-class quotas.
#[derive(Clone, Debug)]
pub struct QuotaEnforcer {
    groups: Groups,
    v2: bool,
    weighing: Weighing,
}

impl QuotaEnforcer {
    /// The backend of this host, version 1 where it has the `cpu` controller; an error says what
    /// the host lacks.
    pub fn of_host(mounts: &CgroupMounts) -> Result<QuotaEnforcer, EnforcerError> {
        QuotaEnforcer::with(mounts, QUOTA_WEIGHT)
    }

    /// The same beneath another backend, whose guarantee it stands in for while that is away.
    pub(crate) fn beneath(mounts: &CgroupMounts) -> Result<QuotaEnforcer, EnforcerError> {
        QuotaEnforcer::with(mounts, FALLBACK_WEIGHT)
    }

    fn with(mounts: &CgroupMounts, weighing: Weighing) -> Result<QuotaEnforcer, EnforcerError> {
        if let Some(cpu) = mounts.v1_cpu.clone() {
            let mut hierarchies = vec![Hierarchy { controller: "cpu", root: cpu.clone() }];
            hierarchies.extend(
                mounts
                    .v1_cpuacct
                    .clone()
                    .filter(|cpuacct| *cpuacct != cpu)
                    .map(|root| Hierarchy { controller: "cpuacct", root }),
            );
            return Ok(QuotaEnforcer { groups: Groups::new(hierarchies), v2: false, weighing });
        }
        match mounts.v2.clone().filter(|_| mounts.v2_cpu) {
            Some(root) => {
                let hierarchies = vec![Hierarchy { controller: "", root }];
                Ok(QuotaEnforcer { groups: Groups::new(hierarchies), v2: true, weighing })
            }
            None => Err(EnforcerError::Unavailable {
                kind: EnforcerKind::Quota,
                why: "no cgroup hierarchy with the 'cpu' controller is mounted".to_owned(),
            }),
        }
    }

    /// The kernel's number for a capsule's group.
    pub(crate) fn number(&self, name: &CapsuleName) -> Result<u64, EnforcerError> {
        Ok(self.groups.limiter(name).number()?)
    }

    /// As [`Enforcer::restore`] for a thread that was not moved.
    pub(crate) fn restore_in_place(
        &self,
        tid: Tid,
        found: &Found,
    ) -> Result<Vec<String>, EnforcerError> {
        self.groups.restore(tid, found, Leave::No)
    }

    /// Version 2: switches the `cpu` controller on for the children of the root.
    fn enable_controller(&self) -> Result<(), EnforcerError> {
        if !self.v2 {
            return Ok(());
        }
        let root = self.groups.root();
        let on = root.read("cgroup.subtree_control")?;
        if on.split_ascii_whitespace().any(|controller| controller == "cpu") {
            return Ok(());
        }
        Ok(root.write("cgroup.subtree_control", "+cpu")?)
    }
}

/// Budget on each CPU times the number of CPUs: a quota is shared by all CPUs of a group.
fn quota(own: Reservation, cpus: &CpuSet) -> Quota {
    // A budget is at most 10 s and a host has at most 8192 CPUs: far below 2^64 ns.
    let count = u64::try_from(cpus.len()).unwrap_or(u64::MAX);
    let quota = own.budget().checked_mul(count).unwrap_or(Span::from_ns(u64::MAX));
    Quota { quota: Some(quota), period: own.period() }
}

impl Weighing {
    /// The cap and the weight of `own` on each of `cpus`.
    pub(crate) fn give(
        self,
        group: &Cgroup,
        own: Reservation,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        group.set_quota(quota(own, cpus))?;
        let (ordinary, range) = match group.version()? {
            Version::V2 => (WEIGHT_ORDINARY_V2, WEIGHTS_V2),
            Version::V1 => (WEIGHT_ORDINARY_V1, WEIGHTS_V1),
        };
        Ok(group.set_weight(self.weight(own, cpus, ordinary, range))?)
    }

    /// Weight in proportion to bandwidth over all CPUs, within the file's range, rounded down.
    fn weight(
        self,
        own: Reservation,
        cpus: &CpuSet,
        ordinary: u64,
        (least, most): (u64, u64),
    ) -> u64 {
        let count = u64::try_from(cpus.len()).unwrap_or(u64::MAX);
        let whole_cpu = ordinary * self.threads_per_cpu;
        // ppb <= 10^9, a whole CPU <= 102400: the product is below 2^64 for up to 10^5 CPUs.
        let weight = own.bandwidth().as_ppb().saturating_mul(whole_cpu).saturating_mul(count)
            / Bandwidth::ONE.as_ppb();
        weight.clamp(least, most)
    }
}

impl Enforcer for QuotaEnforcer {
    fn kind(&self) -> EnforcerKind {
        EnforcerKind::Quota
    }

    fn guarantee(&self) -> &'static str {
        "none: a cap and a weight in the fair class, for user threads; others may take the CPU"
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
        self.enable_controller()?;
        self.groups.create(name)?;
        self.set_reservation(name, own, cpus).inspect_err(|_| {
            // The refusal is the error to report; the empty group just made goes again.
            let _ = self.groups.remove(name);
        })
    }

    fn set_reservation(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
        let group = self.groups.limiter(name);
        let Some(own) = own else {
            // Its children have all of it, and no thread may be attached to it.
            return Ok(());
        };
        self.weighing.give(&group, own, cpus)
    }

    fn discrepancy(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<Option<String>, EnforcerError> {
        let Some(own) = own else { return Ok(None) };
        let (found, wanted) = (self.groups.limiter(name).quota()?, quota(own, cpus));
        Ok((found != wanted).then(|| format!("its quota is {found} instead of {wanted}")))
    }

    fn remove(&self, name: &CapsuleName) -> Result<(), EnforcerError> {
        self.groups.remove(name)
    }

    fn exists(&self, name: &CapsuleName) -> bool {
        self.groups.limiter(name).exists()
    }

    fn path(&self, name: &CapsuleName) -> PathBuf {
        self.groups.limiter(name).path().to_owned()
    }

    fn groups(&self) -> Result<Vec<CapsuleName>, EnforcerError> {
        self.groups.names()
    }

    fn foreign(&self, _: &[CapsuleName]) -> Result<Bandwidth, EnforcerError> {
        // Quotas of others take nothing away: a cap is not a claim.
        Ok(Bandwidth::ZERO)
    }

    fn capsule_of(&self, tid: Tid) -> Result<Option<CapsuleName>, EnforcerError> {
        self.groups.capsule_of(tid)
    }

    fn members(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        self.groups.members(name)
    }

    fn occupants(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        self.groups.occupants(name)
    }

    fn usage(&self, name: &CapsuleName) -> Result<Supply, EnforcerError> {
        self.groups.usage(name)
    }

    fn capture(&self, tid: Tid) -> Result<Found, EnforcerError> {
        self.groups.capture(tid)
    }

    fn enter(&self, name: &CapsuleName, tid: Tid) -> Result<(), EnforcerError> {
        // A quota group has no real-time budget on kernels with RT groups, and a real-time or
        // deadline thread would escape the quota anyway.
        let now = sched::sched_attr(tid)?.policy;
        if now.is_real_time() || matches!(now, Policy::Deadline { .. }) {
            sched::set_sched_attr(tid, &Policy::Other { nice: 0 }.into())?;
        }
        self.groups.enter(name, tid)
    }

    fn restore(&self, tid: Tid, found: &Found) -> Result<Vec<String>, EnforcerError> {
        self.groups.restore(tid, found, Leave::Yes)
    }

    fn neutral(&self, cpus: CpuSet) -> Found {
        neutral(cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(budget_ms: u64, period_ms: u64) -> Reservation {
        Reservation::new(Span::from_ms(budget_ms), Span::from_ms(period_ms)).unwrap()
    }

    #[test]
    fn a_quota_counts_all_cpus() {
        let two: CpuSet = "0-1".parse().unwrap();
        let quota = quota(own(6, 20), &two);
        assert_eq!(quota.quota, Some(Span::from_ms(12)));
        assert_eq!(quota.period, Span::from_ms(20));
    }

    #[test]
    fn weights_are_in_proportion_and_in_range() {
        let one: CpuSet = "0".parse().unwrap();
        let many: CpuSet = "0-99".parse().unwrap();
        assert_eq!(QUOTA_WEIGHT.weight(own(10, 20), &one, WEIGHT_ORDINARY_V1, WEIGHTS_V1), 5120);
        assert_eq!(QUOTA_WEIGHT.weight(own(6, 20), &one, WEIGHT_ORDINARY_V2, WEIGHTS_V2), 300);
        assert_eq!(QUOTA_WEIGHT.weight(own(1, 10_000), &one, WEIGHT_ORDINARY_V1, WEIGHTS_V1), 2);
        assert_eq!(
            QUOTA_WEIGHT.weight(own(20, 20), &many, WEIGHT_ORDINARY_V1, WEIGHTS_V1),
            262_144
        );
        // What stands in for a guarantee weighs as much as it can.
        assert_eq!(FALLBACK_WEIGHT.weight(own(6, 20), &one, WEIGHT_ORDINARY_V2, WEIGHTS_V2), 3000);
    }
}
