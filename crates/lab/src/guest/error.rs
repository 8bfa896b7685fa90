// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a guest did not do.

use std::io;
use std::path::PathBuf;

use evenkeel_model::Span;

/// A guest could not be booted, or did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// Its program could not be started.
    #[error("cannot start guest '{vm}' ({program}): {source}")]
    Start {
        /// The guest.
        vm: String,
        /// What was to run it.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// It did not report itself in time.
    #[error("guest '{vm}' was not ready after {waited}; it last said: {tail}")]
    NotReady {
        /// The guest.
        vm: String,
        /// How long we waited.
        waited: Span,
        /// The end of its console.
        tail: String,
    },
    /// It ended.
    #[error("guest '{vm}' has ended; it last said: {tail}")]
    Ended {
        /// The guest.
        vm: String,
        /// The end of its console.
        tail: String,
    },
    /// It did not answer a command in time.
    #[error("guest '{vm}' has not finished '{command}' after {waited}")]
    TimedOut {
        /// The guest.
        vm: String,
        /// What it was to do.
        command: String,
        /// How long we waited.
        waited: Span,
    },
    /// A command failed in it.
    #[error("in guest '{vm}', '{command}' ended with status {status}: {output}")]
    CommandFailed {
        /// The guest.
        vm: String,
        /// What it was to do.
        command: String,
        /// The exit status.
        status: i32,
        /// What it printed.
        output: String,
    },
    /// A command does not fit the guest's terminal buffer.
    #[error("a command for guest '{vm}' has {length} bytes; its terminal takes {limit} at a time")]
    CommandTooLong {
        /// The guest.
        vm: String,
        /// How long it is.
        length: usize,
        /// How long it may be.
        limit: usize,
    },
    /// The console could not be written.
    #[error("cannot write to the console of guest '{vm}': {source}")]
    Console {
        /// The guest.
        vm: String,
        /// Why not.
        source: io::Error,
    },
    /// The kernel or the initial file system for QEMU guests is not to be had.
    #[error("cannot prepare a kernel for QEMU guests: {what}")]
    Image {
        /// What failed, in words.
        what: String,
    },
    /// A file for guests could not be written or read.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl GuestError {
    /// What would work, where that is not already in the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            GuestError::Start { program, source, .. }
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Some(format!("is {program} still installed?"))
            }
            GuestError::NotReady { .. } => Some(
                "a guest needs about 2 s of CPU time to boot; on a busy host try again later"
                    .to_owned(),
            ),
            GuestError::Image { .. } => {
                Some("use `--guest uml`, which needs no kernel package".to_owned())
            }
            _ => None,
        }
    }
}
