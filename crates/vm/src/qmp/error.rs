// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why QEMU's monitor could not be asked.

use std::io;
use std::path::PathBuf;

use evenkeel_kernel::unix_socket::UnixSocketError;
use evenkeel_model::Span;

/// A QMP conversation failed.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] UnixSocketError),
    /// The connection failed later.
    #[error("cannot talk to the QMP socket {path}")]
    Talk {
        /// Which socket.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// No answer in time.
    #[error(
        "the QMP socket {path} did not answer {what} within {waited}; it serves one client at a \
         time: is libvirt or another tool connected to it?"
    )]
    Silent {
        /// Which socket.
        path: PathBuf,
        /// What it should have answered.
        what: String,
        /// The limit of the whole conversation.
        waited: Span,
    },
    /// The other end closed the connection.
    #[error("the QMP socket {path} closed the connection instead of answering {what}")]
    Closed {
        /// Which socket.
        path: PathBuf,
        /// What it should have answered.
        what: String,
    },
    /// What came is not QMP.
    #[error("the socket {path} does not speak QMP: {got}")]
    Nonsense {
        /// Which socket.
        path: PathBuf,
        /// What came, shortened.
        got: String,
    },
    /// The monitor knows the command and refuses it, or does not know it.
    #[error("the QMP socket {path} refuses {command}: {description}")]
    Refused {
        /// Which socket.
        path: PathBuf,
        /// Which command.
        command: String,
        /// What QEMU says.
        description: String,
    },
    /// Its threads are not here.
    #[error(
        "the threads that the QMP socket {0} names are not those of one QEMU process of this host; \
         it may run in another PID namespace"
    )]
    ForeignThreads(PathBuf),
}
