// SPDX-License-Identifier: MIT OR Apache-2.0
//! A place of the testbed where the lab itself works: a network namespace and a CPU.

use std::os::unix::process::CommandExt;
use std::process::Command;

use evenkeel_kernel::{netns, sched};
use evenkeel_model::{CpuIndex, CpuSet};

use crate::error::LabError;

/// A network namespace together with the CPU of everything that is not a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub(crate) netns: &'static str,
    pub(crate) cpu: CpuIndex,
}

impl Place {
    /// The namespace.
    pub fn netns(&self) -> &'static str {
        self.netns
    }

    /// The CPU.
    pub fn cpu(&self) -> CpuIndex {
        self.cpu
    }

    /// Moves the calling thread here, for as long as it lives. Sockets it opens stay here even if
    /// other threads use them.
    pub fn enter(&self) -> Result<(), LabError> {
        sched::set_affinity(sched::current_tid(), &CpuSet::single(self.cpu))?;
        Ok(netns::enter_named(self.netns)?)
    }

    /// Runs `work` here, on a thread of its own, and waits for it.
    ///
    /// # Panics
    /// If `work` panics, with what it panicked with.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| self.enter().map(|()| work()));
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// A command that runs `program` here, in a process group of its own: Ctrl-C on the terminal
    /// is for the lab alone. Should the lab be killed, cleaning finds it by its namespace.
    pub fn command(&self, program: &str) -> Command {
        let cpu = self.cpu.to_string();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.netns, "taskset", "-c", &cpu, program]);
        command.process_group(0);
        command
    }
}
