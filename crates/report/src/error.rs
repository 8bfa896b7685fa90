// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong while a report is made: an encoding, or a place in the file system.

use std::io;
use std::path::PathBuf;

/// Why there is no report. Nothing half-written is left behind in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A measurement could not be written as JSON.
    #[error("cannot write the measurements of '{what}' as JSON")]
    Encode {
        /// Experiment, or `manifest`.
        what: &'static str,
        /// What serde_json says.
        #[source]
        source: serde_json::Error,
    },
    /// The target exists and is no report of ours: it is left as it is.
    #[error("{} exists and holds no Evenkeel report; name an empty or a new directory", path.display())]
    NotAReport {
        /// The target that was asked for.
        path: PathBuf,
    },
    /// The target has no name of its own (`/`, `..`).
    #[error("{} cannot be a report directory; name one below an existing directory", path.display())]
    NoSuchPlace {
        /// The target that was asked for.
        path: PathBuf,
    },
    /// The disk has no room.
    #[error(
        "no space left on the file system of {}; free some room or name another directory (nothing was written)",
        path.display()
    )]
    DiskFull {
        /// The file that did not fit, under its final name.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// Any other answer of the kernel.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// `create`, `write`, `rename`, ...
        doing: &'static str,
        /// The file or directory, under its final name.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}
