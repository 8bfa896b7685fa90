// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong with a process or thread: above all, it has gone.

use std::io;

use crate::pid::{Pid, Tid};
use crate::pseudo_file::FileError;

/// A process or thread could not be looked at or signalled.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It has ended, or its number belongs to another process now.
    #[error("process {0} does not exist (any more)")]
    Gone(Pid),
    /// The thread has ended.
    #[error("thread {0} does not exist (any more)")]
    ThreadGone(Tid),
    /// A procfs file could not be read or understood.
    #[error(transparent)]
    File(#[from] FileError),
    /// A signal could not be sent.
    #[error("cannot send signal {signal} to process {pid}")]
    Signal {
        /// To whom.
        pid: Pid,
        /// Which signal, by number.
        signal: i32,
        /// What the kernel said.
        source: io::Error,
    },
}

impl ProcessError {
    /// Whether the process or thread has ended.
    pub fn is_gone(&self) -> bool {
        match self {
            ProcessError::Gone(_) | ProcessError::ThreadGone(_) => true,
            ProcessError::File(error) => error.is_gone(),
            ProcessError::Signal { .. } => false,
        }
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            ProcessError::Gone(_) | ProcessError::ThreadGone(_) => Some(libc::ESRCH),
            ProcessError::File(error) => error.raw_os_error(),
            ProcessError::Signal { source, .. } => source.raw_os_error(),
        }
    }

    pub(super) fn of_process(pid: Pid, error: FileError) -> ProcessError {
        if error.is_gone() { ProcessError::Gone(pid) } else { ProcessError::File(error) }
    }

    pub(super) fn of_thread(tid: Tid, error: FileError) -> ProcessError {
        if error.is_gone() { ProcessError::ThreadGone(tid) } else { ProcessError::File(error) }
    }
}
