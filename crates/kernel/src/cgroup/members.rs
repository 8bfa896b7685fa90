// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is in a group, and moving threads and processes into it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_model::Span;
use rustix::io::Errno;

use super::{Cgroup, CgroupError, Version};
use crate::pid::{Pid, Tid};
use crate::process;
use crate::pseudo_file::{self, FileError};
use crate::sched;

/// How long a new kernel thread may take to run for the first time, before which the kernel
/// refuses to move it (`no_cgroup_migration`). It starts as SCHED_OTHER, and real-time work may
/// keep its CPU for 0.95 s of each second.
const FIRST_RUN_MAX: Duration = Duration::from_secs(2);
const FIRST_RUN_PAUSE: Duration = Duration::from_millis(2);

impl Cgroup {
    /// The threads in it, smallest number first; those of its subgroups are not among them. A
    /// thread outside this PID namespace shows as 0 and is left out.
    pub fn threads(&self) -> Result<Vec<Tid>, CgroupError> {
        let file = match self.version()? {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        };
        Ok(self.numbers(file)?.into_iter().map(Tid).collect())
    }

    /// The processes with a thread in it, smallest number first.
    pub fn processes(&self) -> Result<Vec<Pid>, CgroupError> {
        self.version()?;
        Ok(self.numbers("cgroup.procs")?.into_iter().map(Pid).collect())
    }

    fn numbers(&self, file: &str) -> Result<Vec<u32>, CgroupError> {
        let text = self.read(file)?;
        let numbers = pseudo_file::number_lines(&self.path().join(file), &text)?;
        Ok(numbers.into_iter().filter(|number| *number != 0).collect())
    }

    /// Moves one thread into it. Threads it creates from now on start here.
    ///
    /// NAPI kernel threads can be moved; kernel threads bound to their CPU cannot. One that has
    /// just been created cannot either until it has run for the first time, so this waits for it.
    /// At that moment it also gives itself its first affinity (Linux 6.14): whoever pins a kernel
    /// thread moves it into its group before.
    /// In version 2 a single thread moves only between groups of one threaded subtree.
    pub fn add_thread(&self, tid: Tid) -> Result<(), CgroupError> {
        let file = match self.version()? {
            Version::V1 => "tasks",
            Version::V2 => "cgroup.threads",
        };
        let deadline = Instant::now() + FIRST_RUN_MAX;
        loop {
            let Err(error) = self.write(file, &tid.to_string()) else { return Ok(()) };
            let Why::NotYetRun = self.why(tid, &error) else {
                return Err(self.move_error(tid, error, CgroupError::ThreadGone(tid)));
            };
            if Instant::now() >= deadline {
                return Err(self.move_error(tid, error, CgroupError::ThreadGone(tid)));
            }
            sleep(FIRST_RUN_PAUSE);
        }
    }

    /// Moves all threads of one process into it.
    pub fn add_process(&self, pid: Pid) -> Result<(), CgroupError> {
        self.write("cgroup.procs", &pid.to_string())
            .map_err(|error| self.move_error(pid.leader(), error, CgroupError::ProcessGone(pid)))
    }

    fn move_error(&self, tid: Tid, error: CgroupError, gone: CgroupError) -> CgroupError {
        let why = self.why(tid, &error);
        let CgroupError::File(FileError::Write { source, .. }) = error else { return error };
        match why {
            Why::Gone => gone,
            why => CgroupError::ThreadRefused {
                path: self.path().to_owned(),
                tid,
                meaning: why.meaning(),
                source,
            },
        }
    }

    /// What the error number means. EINVAL has several meanings; the state of thread and group
    /// tells them apart.
    fn why(&self, tid: Tid, error: &CgroupError) -> Why {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::SRCH) => return Why::Gone,
            Some(Errno::INVAL) => {}
            Some(Errno::OPNOTSUPP) => return Why::NotThreaded,
            Some(Errno::BUSY) => return Why::NotALeaf,
            Some(Errno::ACCESS | Errno::PERM) => return Why::NotRoot,
            _ => return Why::Unknown,
        }
        let real_time = sched::sched_attr(tid).is_ok_and(|attr| attr.policy.is_real_time());
        let no_budget = self.rt().is_ok_and(|rt| rt.runtime == Some(Span::ZERO));
        match process::stat(tid) {
            _ if real_time && no_budget => Why::NoBudget,
            Ok(stat) if stat.kernel_thread && stat.bound => Why::Bound,
            Ok(stat) if stat.kernel_thread => Why::NotYetRun,
            Err(error) if error.is_gone() => Why::Gone,
            _ => Why::Unknown,
        }
    }
}

/// Why the kernel does not move a thread (kernel/cgroup/cgroup.c, kernel/sched/core.c).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Gone,
    NoBudget,
    Bound,
    NotYetRun,
    NotThreaded,
    NotALeaf,
    NotRoot,
    Unknown,
}

impl Why {
    const fn meaning(self) -> &'static str {
        match self {
            Why::Gone => "it does not exist (any more)",
            Why::NoBudget => {
                "it is a real-time thread and the group has no real-time budget \
                 (cpu.rt_runtime_us is 0)"
            }
            Why::Bound => "it is a kernel thread bound to its CPU, which never leaves its group",
            Why::NotYetRun => "it is a kernel thread that has not run yet, or must stay",
            Why::NotThreaded => "in cgroup v2 a single thread moves only inside a threaded subtree",
            Why::NotALeaf => "in cgroup v2 only leaves hold processes, and this is none",
            Why::NotRoot => "root is missing",
            Why::Unknown => "an error without a meaning of its own here",
        }
    }
}
