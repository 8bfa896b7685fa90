// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel means when it refuses something about a group.

use std::io;
use std::path::{Path, PathBuf};

use evenkeel_model::Span;

use super::RtBudget;
use crate::pid::{Pid, Tid};
use crate::pseudo_file::FileError;

/// A control group could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// The group does not exist (any more).
    #[error("the cgroup {0} does not exist (any more)")]
    NoSuchGroup(PathBuf),
    /// There is a group of this name already.
    #[error("the cgroup {0} exists already")]
    Exists(PathBuf),
    /// The directory is not in a cgroup file system.
    #[error("{0} is not a cgroup: it lies in another file system")]
    NotACgroup(PathBuf),
    /// Its directory could not be handled.
    #[error("cannot {action} the cgroup {path}")]
    Directory {
        /// Which group.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// One of its files could not be read, written or understood.
    #[error(transparent)]
    File(#[from] FileError),
    /// It could not be removed because somebody is inside.
    #[error(
        "the cgroup {path} cannot be removed: it holds {} threads and {} subgroups",
        threads.len(), subgroups.len()
    )]
    Busy {
        /// Which group.
        path: PathBuf,
        /// Who is inside.
        threads: Vec<Tid>,
        /// Groups inside.
        subgroups: Vec<PathBuf>,
    },
    /// The thread that was to be moved has ended.
    #[error("thread {0} does not exist (any more)")]
    ThreadGone(Tid),
    /// The process that was to be moved has ended.
    #[error("process {0} does not exist (any more)")]
    ProcessGone(Pid),
    /// The kernel does not let the thread into the group.
    #[error("the kernel refuses thread {tid} in the cgroup {path}: {meaning}")]
    ThreadRefused {
        /// Which group.
        path: PathBuf,
        /// Which thread, the first of its process if a process was to be moved.
        tid: Tid,
        /// What the error number means here.
        meaning: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A real-time budget was refused.
    #[error("the kernel refuses the real-time budget {asked} for the cgroup {path}: {meaning}")]
    RtRefused {
        /// Which group.
        path: PathBuf,
        /// What was asked.
        asked: RtBudget,
        /// What the error number means here.
        meaning: &'static str,
        /// What the kernel said.
        source: Box<FileError>,
    },
    /// The kernel has no real-time groups, or the group is not in the v1 `cpu` hierarchy.
    #[error(
        "the cgroup {0} has no cpu.rt_runtime_us: it needs CONFIG_RT_GROUP_SCHED and the cgroup v1 \
         'cpu' hierarchy"
    )]
    NoRtGroups(PathBuf),
    /// The group has neither quota nor weight: the `cpu` controller is elsewhere.
    #[error("the cgroup {path} has no {file}: the 'cpu' controller is not enabled for it")]
    NoCpuController {
        /// Which group.
        path: PathBuf,
        /// The file that is missing.
        file: &'static str,
    },
    /// The group counts no CPU time.
    #[error(
        "the cgroup {0} has neither cpuacct.usage nor usage_usec in cpu.stat: no controller counts \
         its CPU time"
    )]
    NoUsage(PathBuf),
    /// A time that the kernel's interface cannot express.
    #[error("{asked} is not a whole number of microseconds, which {path} needs")]
    NotMicroseconds {
        /// Which group.
        path: PathBuf,
        /// What was asked.
        asked: Span,
    },
    /// A quota was refused.
    #[error(
        "the kernel refuses the quota {asked} for the cgroup {path}: the period must be 1ms to 1s, \
         the quota at least 1ms and not above the parent's"
    )]
    QuotaRefused {
        /// Which group.
        path: PathBuf,
        /// What was asked.
        asked: String,
        /// What the kernel said.
        source: Box<FileError>,
    },
}

impl CgroupError {
    /// Whether the group, or the thread that was to be moved, does not exist (any more).
    pub fn is_gone(&self) -> bool {
        match self {
            CgroupError::NoSuchGroup(_)
            | CgroupError::ThreadGone(_)
            | CgroupError::ProcessGone(_) => true,
            CgroupError::File(error) => error.is_gone(),
            _ => false,
        }
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            CgroupError::NoSuchGroup(_) => Some(libc::ENOENT),
            CgroupError::Exists(_) => Some(libc::EEXIST),
            CgroupError::Busy { .. } => Some(libc::EBUSY),
            CgroupError::ThreadGone(_) | CgroupError::ProcessGone(_) => Some(libc::ESRCH),
            CgroupError::Directory { source, .. } | CgroupError::ThreadRefused { source, .. } => {
                source.raw_os_error()
            }
            CgroupError::File(error) => error.raw_os_error(),
            CgroupError::RtRefused { source, .. } | CgroupError::QuotaRefused { source, .. } => {
                source.raw_os_error()
            }
            CgroupError::NotACgroup(_)
            | CgroupError::NoRtGroups(_)
            | CgroupError::NoCpuController { .. }
            | CgroupError::NoUsage(_)
            | CgroupError::NotMicroseconds { .. } => None,
        }
    }

    pub(super) fn of_directory(
        path: &Path,
        action: &'static str,
        source: io::Error,
    ) -> CgroupError {
        match source.kind() {
            io::ErrorKind::NotFound => CgroupError::NoSuchGroup(path.to_owned()),
            _ => CgroupError::Directory { path: path.to_owned(), action, source },
        }
    }
}
