// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong when the kernel is asked to keep a reservation.

use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::process::ProcessError;
use evenkeel_kernel::{FileError, Tid};

use evenkeel_kernel::sched::SchedError;
use evenkeel_model::{CpuSet, EnforcerKind};

use crate::scx::ScxError;

/// A backend is missing or refused.
#[derive(Debug, thiserror::Error)]
pub enum EnforcerError {
    /// This host lacks what the backend needs.
    #[error("this host has no {kind} enforcer: {why}")]
    Unavailable {
        /// The backend.
        kind: EnforcerKind,
        /// What is missing.
        why: String,
    },
    /// A group could not be handled.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// A thread's policy or affinity could not be handled.
    #[error(transparent)]
    Sched(#[from] SchedError),
    /// A thread could not be looked at.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// What the kernel says of its CPUs could not be read.
    #[error(transparent)]
    Cpus(#[from] FileError),
    /// Our scheduler could not be loaded, found or told something.
    #[error(transparent)]
    Scx(#[from] ScxError),
    /// The thread's cpuset leaves it only some of the capsule's CPUs.
    #[error(
        "thread {tid} may not run on all of CPUs {asked}: its cpuset leaves it {left}; widen the \
         cpuset, or set the capsule's CPUs to {left}"
    )]
    Cpuset {
        /// The thread.
        tid: Tid,
        /// The capsule's CPUs.
        asked: CpuSet,
        /// Those the kernel gave.
        left: CpuSet,
    },
}

impl EnforcerError {
    /// Whether the thread or group that was named does not exist (any more).
    pub fn is_gone(&self) -> bool {
        match self {
            EnforcerError::Cgroup(error) => error.is_gone(),
            EnforcerError::Sched(error) => error.is_gone(),
            EnforcerError::Process(error) => error.is_gone(),
            EnforcerError::Scx(error) => {
                matches!(error, ScxError::NoThread(_) | ScxError::NoCapsule(_))
            }
            _ => false,
        }
    }
}
