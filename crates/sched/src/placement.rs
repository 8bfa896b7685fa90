// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a member of a capsule belongs: its role, the capsule's band and CPUs.

use std::fmt;

use evenkeel_kernel::sched::{self, Policy, SchedAttr};
use evenkeel_kernel::{Tid, cpu};
use evenkeel_model::{Band, CpuSet, Role};

use crate::EnforcerError;

/// What decides a member's policy and affinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// What the thread does for its VM.
    pub role: Role,
    /// The capsule's band of real-time priorities; `None` where the backend has no priorities.
    pub band: Option<Band>,
    /// The capsule's CPUs.
    pub cpus: CpuSet,
}

/// SCHED_FIFO for the kernel's threads, which run until their queue is empty; SCHED_RR at the same
/// priority for the VM's own, which must take turns. Two virtual CPUs that share a CPU, or a
/// user-mode-linux kernel and the guest process that it traces, have one priority: under SCHED_FIFO
/// the one that spins keeps the other, which it may be waiting for, off the CPU for ever.
fn real_time(role: Role, priority: u8) -> Policy {
    match role {
        Role::Irq | Role::Napi => Policy::Fifo { priority },
        Role::Vhost | Role::Io | Role::Vcpu | Role::Vmm => Policy::RoundRobin { priority },
    }
}

impl Placement {
    /// The policy of a member whose policy is `now`.
    ///
    /// With a band: real-time at its role's priority, inherited by whatever it creates; see
    /// [`real_time`]. Without one: what it has, unless that is a class that a fair-class quota
    /// does not see; then SCHED_OTHER.
    pub fn policy(&self, now: SchedAttr) -> SchedAttr {
        match (self.band, now.policy) {
            (Some(band), _) => real_time(self.role, band.priority(self.role)).into(),
            (None, Policy::Deadline { .. } | Policy::Fifo { .. } | Policy::RoundRobin { .. }) => {
                Policy::Other { nice: 0 }.into()
            }
            (None, _) => now,
        }
    }

    /// What of `tid` differs from this placement, in words; empty where nothing does.
    pub fn drift(&self, tid: Tid) -> Result<Vec<String>, EnforcerError> {
        let policy = self.policy_drift(tid)?;
        let affinity = sched::affinity(tid)?;
        // The kernel's answer leaves out what is offline.
        let elsewhere =
            affinity != self.cpus && affinity != self.cpus.intersection(&cpu::online()?);
        let words = || format!("may run on CPUs {affinity} instead of {}", self.cpus);
        Ok(policy.into_iter().chain(elsewhere.then(words)).collect())
    }

    /// How the policy of `tid` differs, in words.
    pub fn policy_drift(&self, tid: Tid) -> Result<Option<String>, EnforcerError> {
        let now = sched::sched_attr(tid)?;
        let wanted = self.policy(now);
        let flag = if now.reset_on_fork { " (reset on fork)" } else { "" };
        Ok((now != wanted)
            .then(|| format!("policy is {}{flag} instead of {}", now.policy, wanted.policy)))
    }

    /// Gives `tid` its affinity, then its policy. It must be in the capsule's group already: a
    /// thread cannot become real-time in a group without budget.
    pub fn apply(&self, tid: Tid) -> Result<(), EnforcerError> {
        if matches!(sched::sched_attr(tid)?.policy, Policy::Deadline { .. }) {
            // The kernel does not narrow the affinity of a deadline thread.
            sched::set_sched_attr(tid, &Policy::Other { nice: 0 }.into())?;
        }
        if sched::affinity(tid)? != self.cpus {
            sched::set_affinity(tid, &self.cpus)?;
            let left = sched::affinity(tid)?;
            if left != self.cpus {
                return Err(EnforcerError::Cpuset { tid, asked: self.cpus.clone(), left });
            }
        }
        self.apply_policy(tid)
    }

    /// Gives `tid` its policy alone: all that another band asks for.
    pub fn apply_policy(&self, tid: Tid) -> Result<(), EnforcerError> {
        let now = sched::sched_attr(tid)?;
        let wanted = self.policy(now);
        if now != wanted {
            sched::set_sched_attr(tid, &wanted)?;
        }
        Ok(())
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.band {
            Some(band) => {
                let policy = real_time(self.role, band.priority(self.role));
                write!(f, "{policy}, CPUs {}", self.cpus)
            }
            None => write!(f, "CPUs {}", self.cpus),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_decides_the_priority_and_clears_reset_on_fork() {
        let cpus: CpuSet = "0".parse().unwrap();
        let band = Band::new(2);
        let vcpu = Placement { role: Role::Vcpu, band, cpus: cpus.clone() };
        let now = SchedAttr { policy: Policy::Other { nice: -5 }, reset_on_fork: true };
        assert_eq!(vcpu.policy(now), Policy::RoundRobin { priority: 14 }.into());
        assert_eq!(vcpu.to_string(), "rr 14, CPUs 0");
        let napi = Placement { role: Role::Napi, ..vcpu };
        assert_eq!(napi.policy(now), Policy::Fifo { priority: 17 }.into());
    }

    #[test]
    fn without_bands_only_classes_that_escape_a_quota_change() {
        let placement = Placement { role: Role::Vmm, band: None, cpus: CpuSet::empty() };
        let nice = SchedAttr::from(Policy::Batch { nice: 7 });
        assert_eq!(placement.policy(nice), nice);
        let fifo = SchedAttr::from(Policy::Fifo { priority: 5 });
        assert_eq!(placement.policy(fifo), Policy::Other { nice: 0 }.into());
    }
}
