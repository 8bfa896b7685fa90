// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real-time groups: each capsule a cgroup v1 `cpu` group with `cpu.rt_runtime_us` in every
//! `cpu.rt_period_us` on each CPU, its threads real-time in a band of priorities of its own.
//!
//! What the kernel does (kernel/sched/rt.c): a group that has used its runtime on a CPU is taken
//! off that CPU until the period timer has paid back; an overrun (the charge happens at the tick)
//! is kept as debt. Among groups the highest priority of a runnable thread decides, which is why
//! bands never interleave. It refuses a budget that would let the groups of one parent have more
//! than the parent, whatever CPUs their threads use.

use std::path::PathBuf;

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::{Cgroup, CgroupMounts, RtBudget};
use evenkeel_kernel::sched::{Policy, SchedAttr};
use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, EnforcerKind, Reservation, Span};

use crate::enforcer::Enforcer;
use crate::groups::{Groups, Hierarchy, Leave};
use crate::{EnforcerError, Found, FoundGroup, Supply};

/// The backend on real-time groups.
#[derive(Clone, Debug)]
pub struct Rtgroup {
    groups: Groups,
}

impl Rtgroup {
    /// The backend of this host; an error says what the host lacks.
    pub fn of_host(mounts: &CgroupMounts) -> Result<Rtgroup, EnforcerError> {
        let lacks = |why: String| EnforcerError::Unavailable { kind: EnforcerKind::Rtgroup, why };
        let cpu = mounts
            .v1_cpu
            .clone()
            .ok_or_else(|| lacks("the cgroup v1 'cpu' hierarchy is not mounted".to_owned()))?;
        if Cgroup::at(&cpu).rt().is_err() {
            let why = "has no cpu.rt_runtime_us (a kernel without CONFIG_RT_GROUP_SCHED, or \
                       started with rt_group_sched=0)";
            return Err(lacks(format!("{} {why}", cpu.display())));
        }
        let mut hierarchies = vec![Hierarchy { controller: "cpu", root: cpu.clone() }];
        hierarchies.extend(
            mounts
                .v1_cpuacct
                .clone()
                .filter(|cpuacct| *cpuacct != cpu)
                .map(|root| Hierarchy { controller: "cpuacct", root }),
        );
        Ok(Rtgroup { groups: Groups::new(hierarchies) })
    }
}

/// What the kernel is told; without a reservation nothing real-time may be inside.
fn budget(own: Option<Reservation>, found: RtBudget) -> RtBudget {
    match own {
        Some(own) => RtBudget { runtime: Some(own.budget()), period: own.period() },
        None => RtBudget { runtime: Some(Span::ZERO), period: found.period },
    }
}

impl Enforcer for Rtgroup {
    fn kind(&self) -> EnforcerKind {
        EnforcerKind::Rtgroup
    }

    fn guarantee(&self) -> &'static str {
        "hard: each CPU gives the capsule its budget in every period and no more, a single tick's \
         overrun being repaid from the next; rate monotonic among capsules, fixed priorities \
         inside, kernel threads included"
    }

    fn has_bands(&self) -> bool {
        true
    }

    fn create(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        cpus: &CpuSet,
    ) -> Result<(), EnforcerError> {
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
        _: &CpuSet,
    ) -> Result<(), EnforcerError> {
        let group = self.groups.limiter(name);
        Ok(group.set_rt(budget(own, group.rt()?))?)
    }

    fn discrepancy(
        &self,
        name: &CapsuleName,
        own: Option<Reservation>,
        _: &CpuSet,
    ) -> Result<Option<String>, EnforcerError> {
        let found = self.groups.limiter(name).rt()?;
        let wanted = budget(own, found);
        Ok((found != wanted).then(|| format!("its budget is {found} instead of {wanted}")))
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

    fn foreign(&self, ours: &[CapsuleName]) -> Result<Bandwidth, EnforcerError> {
        let ours: Vec<PathBuf> = ours.iter().map(|name| self.path(name)).collect();
        let mut sum = Bandwidth::ZERO;
        for group in self.groups.root().subgroups()? {
            if ours.iter().any(|path| path == group.path()) {
                continue;
            }
            match group.rt() {
                // Without a limit of its own a group may take what the root has; the kernel
                // counts it as one whole CPU (to_ratio of RUNTIME_INF).
                Ok(RtBudget { runtime: None, .. }) => sum = sum + Bandwidth::ONE,
                Ok(RtBudget { runtime: Some(runtime), period }) => {
                    sum = sum + Bandwidth::of(runtime, period);
                }
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sum)
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
        self.groups.enter(name, tid)
    }

    fn restore(&self, tid: Tid, found: &Found) -> Result<Vec<String>, EnforcerError> {
        self.groups.restore(tid, found, Leave::Yes)
    }

    fn neutral(&self, cpus: CpuSet) -> Found {
        neutral(cpus)
    }
}

/// The root group, SCHED_OTHER, `cpus`.
pub(crate) fn neutral(affinity: CpuSet) -> Found {
    let attr: SchedAttr = Policy::Other { nice: 0 }.into();
    Found { groups: Vec::<FoundGroup>::new(), attr, affinity }
}
