// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where and how urgently a thread of a generator runs.

use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use evenkeel_kernel::cgroup::{Cgroup, CgroupMounts, membership};
use evenkeel_kernel::sched::{
    Policy, SchedAttr, SchedError, affinity, current_tid, sched_attr, set_affinity, set_sched_attr,
};
use evenkeel_model::{CpuIndex, CpuSet};

use super::GeneratorError;

/// One CPU and one policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The only CPU it runs on.
    pub cpu: CpuIndex,
    /// How it is scheduled there. Threads and processes that it starts begin as ordinary ones.
    pub policy: Policy,
}

/// A thread of a generator.
#[derive(Debug)]
pub(super) struct Placed<T> {
    name: &'static str,
    thread: JoinHandle<Option<T>>,
}

impl<T> Placed<T> {
    /// Whether its work has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its work to end.
    pub fn join(self) -> Result<T, GeneratorError> {
        // A thread that could not be placed is never handed out.
        self.thread.join().ok().flatten().ok_or(GeneratorError::Panicked(self.name))
    }
}

impl Placement {
    /// Starts `work` on a thread of this placement. An error of placing the thread is returned
    /// here, and `work` is then never run.
    pub(super) fn spawn<T: Send + 'static>(
        self,
        name: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Placed<T>, GeneratorError> {
        let (answer, is_placed) = mpsc::channel();
        let body = move || {
            let placed = self.enter(name);
            let go = placed.is_ok();
            // The receiver waits below until it has got this.
            let _ = answer.send(placed);
            go.then(work)
        };
        let thread = Builder::new()
            .name(name.to_owned())
            .spawn(body)
            .map_err(|source| GeneratorError::Thread { name, source })?;
        is_placed.recv().unwrap_or(Err(GeneratorError::Panicked(name)))?;
        Ok(Placed { name, thread })
    }

    /// Places the calling thread.
    pub(super) fn enter(self, name: &'static str) -> Result<(), GeneratorError> {
        if self.policy.is_real_time() {
            join_root_group(name)?;
        }
        let tid = current_tid();
        let refused = |source| GeneratorError::Placement { name, source };
        set_affinity(tid, &CpuSet::single(self.cpu)).map_err(refused)?;
        let attr = SchedAttr { policy: self.policy, reset_on_fork: true };
        set_sched_attr(tid, &attr).map_err(refused)
    }
}

/// The calling thread is urgent while this lives, and what it was before afterwards.
#[derive(Debug)]
pub struct Urgent {
    attr: SchedAttr,
    cpus: CpuSet,
}

impl Urgent {
    /// Gives the calling thread the placement `to`.
    pub fn enter(to: Placement) -> Result<Urgent, GeneratorError> {
        const NAME: &str = "coordinator";
        let unread = |source| GeneratorError::Placement { name: NAME, source };
        let tid = current_tid();
        let before =
            Urgent { attr: sched_attr(tid).map_err(unread)?, cpus: affinity(tid).map_err(unread)? };
        to.enter(NAME)?;
        Ok(before)
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        let tid = current_tid();
        // Both were in force for this very thread: only a CPU that went offline could refuse.
        let restored: Result<(), SchedError> =
            set_sched_attr(tid, &self.attr).and_then(|()| set_affinity(tid, &self.cpus));
        if let Err(error) = restored {
            eprintln!("warning: the coordinator keeps its urgency: {error}");
        }
    }
}

/// Real-time threads need a group with real-time budget where the kernel has RT groups; the root
/// group has. Everywhere else this changes nothing.
fn join_root_group(name: &'static str) -> Result<(), GeneratorError> {
    let failed = |source| GeneratorError::Group { name, source };
    let Some(root) = CgroupMounts::discover()?.v1_cpu else { return Ok(()) };
    let tid = current_tid();
    let elsewhere = membership(tid)
        .map_err(failed)?
        .iter()
        .any(|m| m.controllers.iter().any(|c| c == "cpu") && m.path != "/");
    if elsewhere {
        Cgroup::at(root).add_thread(tid).map_err(failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_urgent_thread_becomes_ordinary_again() {
        let thread = std::thread::spawn(|| {
            let tid = current_tid();
            let (attr, cpus) = (sched_attr(tid).unwrap(), affinity(tid).unwrap());
            let cpu = cpus.iter().next().unwrap();
            {
                let to = Placement { cpu, policy: Policy::Other { nice: 5 } };
                let _urgent = Urgent::enter(to).unwrap();
                assert_eq!(sched_attr(tid).unwrap().policy, to.policy);
                assert_eq!(affinity(tid).unwrap(), CpuSet::single(cpu));
            }
            // Lowering the nice value again needs root, which the lab has anyhow.
            if evenkeel_kernel::facts::is_root() {
                assert_eq!(sched_attr(tid).unwrap(), attr);
            }
            assert_eq!(affinity(tid).unwrap(), cpus);
        });
        thread.join().unwrap();
    }

    #[test]
    fn a_placement_that_is_refused_is_an_error_before_the_work() {
        let nowhere = Placement { cpu: CpuIndex(8191), policy: Policy::Idle };
        let error = nowhere.spawn("t", || panic!("must not run")).map(drop).unwrap_err();
        assert_eq!(error.to_string(), "cannot place the thread 't'");
        let cpu = affinity(current_tid()).unwrap().iter().next().unwrap();
        let there = Placement { cpu, policy: Policy::Idle };
        let thread = there.spawn("t", || sched_attr(current_tid()).unwrap().policy).unwrap();
        assert_eq!(thread.join().unwrap(), Policy::Idle);
    }
}
