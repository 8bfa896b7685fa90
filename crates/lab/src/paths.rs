// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the lab keeps what it must remember: below the state directory of capsules, in `/run`.

use std::path::{Path, PathBuf};

use evenkeel_host::HostOptions;

use crate::error::LabError;

/// What everything the lab makes on a host is named by: links, network namespaces, capsules,
/// guests. Cleaning falls back to the names where the journal is lost.
pub const PREFIX: &str = "ek-";

/// The lock of the lab on this host.
const LOCK: &str = "/run/evenkeel/lab.lock";

/// The files of the lab on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    state_dir: PathBuf,
}

impl Paths {
    /// Below the same directory as the state of capsules.
    pub fn of_host() -> Paths {
        Paths { state_dir: HostOptions::default().state_dir }
    }

    /// The directory itself.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// What was changed, line by line.
    pub fn journal(&self) -> PathBuf {
        self.state_dir.join("lab.json")
    }

    /// Held by the one lab that runs. It does not move with the state directory: the names of
    /// devices and namespaces do not either.
    pub fn lock(&self) -> PathBuf {
        PathBuf::from(LOCK)
    }

    /// Makes the directories of journal and lock.
    pub(crate) fn make_directories(&self) -> Result<(), LabError> {
        let lock = self.lock();
        for directory in [self.state_dir(), lock.parent().unwrap_or(Path::new("/"))] {
            std::fs::create_dir_all(directory).map_err(|source| LabError::File {
                action: "create",
                path: directory.to_owned(),
                source,
            })?;
        }
        Ok(())
    }

    /// Files that guests read, and the working directory of everything the lab starts: a process
    /// is known by it even when its command line is gone.
    pub fn directory(&self) -> PathBuf {
        self.state_dir.join("lab")
    }
}
