// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is observed of the host before a plan is made.

use evenkeel_kernel::cgroup::{Cgroup, CgroupMounts, RtBudget};
use evenkeel_kernel::{cpu, facts, rt_limits};
use evenkeel_model::{
    Bandwidth, CapsuleName, CpuSet, EnforcerKind, PERIOD_MAX, PERIOD_MIN, Reservation, Span,
};
use evenkeel_theory::Limits;

use crate::error::HostError;

/// Facts that every plan needs.
#[derive(Clone, Debug)]
pub struct Facts {
    /// CPUs that run.
    pub online: CpuSet,
    /// CPUs that exist.
    pub present: CpuSet,
    /// What real-time threads of one CPU may have together.
    pub ceiling: Reservation,
    /// The scheduler tick, where it is known.
    pub tick: Option<Span>,
}

impl Facts {
    /// Looks at the host.
    pub fn observe(mounts: &CgroupMounts) -> Result<Facts, HostError> {
        let global = rt_limits::read()?;
        let global = ceiling(RtBudget { runtime: global.runtime, period: global.period });
        let root = mounts.v1_cpu.as_ref().and_then(|root| Cgroup::at(root).rt().ok()).map(ceiling);
        let ceiling = match root {
            Some(root) if root.bandwidth() < global.bandwidth() => root,
            _ => global,
        };
        Ok(Facts {
            online: cpu::online()?,
            present: cpu::present()?,
            ceiling,
            tick: facts::tick_hz().map(|hz| Span::from_ns(1_000_000_000 / u64::from(hz))),
        })
    }

    /// Refuses CPUs that a capsule cannot have.
    pub fn check_cpus(&self, name: &CapsuleName, cpus: &CpuSet) -> Result<(), HostError> {
        let online = self.online.clone();
        if cpus.is_empty() {
            return Err(HostError::NoCpus(name.clone()));
        }
        let absent = cpus.difference(&self.present);
        if !absent.is_empty() {
            return Err(HostError::CpuAbsent { cpus: absent, online });
        }
        let offline = cpus.difference(&online);
        match offline.is_empty() {
            true => Ok(()),
            false => Err(HostError::CpuOffline { cpus: offline, online }),
        }
    }

    /// The limits of admission by the test of `kind`, beside what takes `foreign`. The kernel's
    /// limit of real-time threads is none of sched_ext.
    pub fn limits(&self, kind: EnforcerKind, foreign: Bandwidth) -> Limits {
        let whole = Reservation::new(Span::from_s(1), Span::from_s(1))
            .expect("a second every second is a reservation");
        let ceiling = if kind == EnforcerKind::Scx { whole } else { self.ceiling };
        Limits { ceiling, foreign, tick: self.tick, online: self.online.clone() }
    }
}

/// A budget of the kernel as a reservation. A period outside the model's range is replaced by one
/// second with the same bandwidth, rounded down: against whoever asks. The kernel allows no
/// ceiling of zero to the root group; were it so, a nanosecond admits nobody either.
fn ceiling(found: RtBudget) -> Reservation {
    let runtime = found.runtime.unwrap_or(found.period).min(found.period);
    let whole = Span::from_s(1);
    let (budget, period) = match (PERIOD_MIN..=PERIOD_MAX).contains(&found.period) {
        true => (runtime, found.period),
        false => (scaled(runtime, found.period, whole), whole),
    };
    Reservation::new(budget.max(Span::from_ns(1)), period)
        .expect("a runtime capped at its period, in a period within range")
}

/// ⌊runtime · to / from⌋, at most `to` since the runtime is at most `from`.
fn scaled(runtime: Span, from: Span, to: Span) -> Span {
    let from_ns = u128::from(from.as_ns().max(1));
    let ns = u128::from(runtime.as_ns()) * u128::from(to.as_ns()) / from_ns;
    Span::from_ns(u64::try_from(ns).unwrap_or(to.as_ns()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(runtime_ms: Option<u64>, period_ms: u64) -> RtBudget {
        RtBudget { runtime: runtime_ms.map(Span::from_ms), period: Span::from_ms(period_ms) }
    }

    #[test]
    fn every_kernel_ceiling_becomes_a_reservation() {
        assert_eq!(ceiling(budget(Some(950), 1000)).to_string(), "950ms every 1s");
        assert_eq!(ceiling(budget(None, 1000)).to_string(), "1s every 1s");
        assert_eq!(ceiling(budget(Some(19_000), 20_000)).to_string(), "950ms every 1s");
        assert_eq!(ceiling(budget(Some(0), 1000)).budget(), Span::from_ns(1));
    }

    #[test]
    fn cpus_are_told_apart() {
        let facts = Facts {
            online: "0-1".parse().unwrap(),
            present: "0-3".parse().unwrap(),
            ceiling: ceiling(budget(Some(950), 1000)),
            tick: None,
        };
        let name: CapsuleName = "a".parse().unwrap();
        let check = |cpus: &str| facts.check_cpus(&name, &cpus.parse().unwrap());
        assert!(check("0").is_ok());
        assert!(matches!(check(""), Err(HostError::NoCpus(_))));
        let error = check("1-2").unwrap_err();
        assert_eq!(error.to_string(), "CPUs 2 are offline; online are 0-1");
        assert_eq!(
            check("0,7").unwrap_err().to_string(),
            "this host has no CPUs 7; online are 0-1"
        );
        assert_eq!(error.hint().unwrap(), "use CPUs out of 0-1");
    }
}
