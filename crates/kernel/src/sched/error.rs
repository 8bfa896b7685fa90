// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel means when it refuses a policy or an affinity.

use std::io;

use evenkeel_model::CpuSet;
use rustix::io::Errno;

use super::Policy;
use crate::pid::Tid;

/// A thread's policy or affinity could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum SchedError {
    /// It has ended.
    #[error("thread {0} does not exist (any more)")]
    Gone(Tid),
    /// The attributes could not be read.
    #[error("cannot read the scheduling policy of thread {tid}")]
    Read {
        /// Which thread.
        tid: Tid,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel has a policy that this program does not know.
    #[error("thread {tid} has scheduling policy number {number}, which this program does not know")]
    UnknownPolicy {
        /// Which thread.
        tid: Tid,
        /// SCHED_* of include/uapi/linux/sched.h.
        number: u32,
    },
    /// The policy was refused.
    #[error("the kernel refuses policy {policy} for thread {tid}: {meaning}")]
    Refused {
        /// Which thread.
        tid: Tid,
        /// What was asked.
        policy: Policy,
        /// What the error number means here.
        meaning: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The affinity could not be read.
    #[error("cannot read the CPU affinity of thread {tid}")]
    ReadAffinity {
        /// Which thread.
        tid: Tid,
        /// What the kernel said.
        source: io::Error,
    },
    /// The affinity was refused.
    #[error("the kernel refuses CPUs {cpus} for thread {tid}: {meaning}")]
    AffinityRefused {
        /// Which thread.
        tid: Tid,
        /// What was asked.
        cpus: CpuSet,
        /// What the error number means here.
        meaning: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

impl SchedError {
    /// Whether the thread has ended.
    pub fn is_gone(&self) -> bool {
        matches!(self, SchedError::Gone(_))
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            SchedError::Gone(_) => Some(libc::ESRCH),
            SchedError::UnknownPolicy { .. } => None,
            SchedError::Read { source, .. }
            | SchedError::Refused { source, .. }
            | SchedError::ReadAffinity { source, .. }
            | SchedError::AffinityRefused { source, .. } => source.raw_os_error(),
        }
    }

    pub(super) fn refused(tid: Tid, policy: Policy, errno: Errno) -> SchedError {
        let real_time = matches!(policy, Policy::Fifo { .. } | Policy::RoundRobin { .. });
        let deadline = matches!(policy, Policy::Deadline { .. });
        let meaning = match errno {
            Errno::SRCH => return SchedError::Gone(tid),
            // kernel/sched/syscalls.c: a group whose rt_runtime is 0 may hold no real-time task.
            Errno::PERM if real_time => {
                "its cgroup has no real-time budget (cpu.rt_runtime_us is 0), or root is missing"
            }
            Errno::PERM if deadline => {
                "its affinity does not span the whole root domain, or root is missing"
            }
            Errno::PERM => "root is missing",
            Errno::BUSY if deadline => "the deadline bandwidth of its CPUs is taken",
            Errno::INVAL => "this kernel lacks the policy, or a parameter is out of range",
            _ => "an error without a meaning of its own here",
        };
        SchedError::Refused { tid, policy, meaning, source: errno.into() }
    }

    pub(super) fn affinity_refused(tid: Tid, cpus: &CpuSet, errno: Errno) -> SchedError {
        let meaning = match errno {
            Errno::SRCH => return SchedError::Gone(tid),
            Errno::INVAL => {
                "none of them is online and in its cpuset, or it is a kernel thread bound to its CPU"
            }
            Errno::PERM => "root is missing",
            Errno::BUSY => "a SCHED_DEADLINE thread must keep the CPUs of its root domain",
            _ => "an error without a meaning of its own here",
        };
        SchedError::AffinityRefused { tid, cpus: cpus.clone(), meaning, source: errno.into() }
    }
}
