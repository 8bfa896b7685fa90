// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups, version 1 and 2: one directory is one group, the kernel is the record.
//!
//! A [`Cgroup`] is a path and no more; every method asks the kernel anew. What version it is, the
//! file system under the path says.

mod error;
mod members;
mod membership;
mod mounts;
mod quota;
mod real_time;
mod usage;
mod weight;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use error::CgroupError;
pub use membership::{Membership, membership};
pub use mounts::CgroupMounts;
pub use quota::{Quota, QuotaStat};
pub use real_time::RtBudget;

use crate::pseudo_file;

/// CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC of include/uapi/linux/magic.h.
const MAGIC_V1: i64 = 0x0027_e0eb;
const MAGIC_V2: i64 = 0x6367_7270;

/// How often removal is tried and how long between: a task that exits leaves its group a little
/// after its parent saw it end (milliseconds, tens under load). One second in all; then there is
/// somebody inside, and the error says who.
const REMOVE_TRIES: u32 = 100;
const REMOVE_PAUSE: Duration = Duration::from_millis(10);

/// Which of the two interfaces a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// One hierarchy per controller, threads anywhere.
    V1,
    /// The unified hierarchy.
    V2,
}

/// One control group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// The group whose directory is `path`, existing or yet to be created.
    pub fn at(path: impl Into<PathBuf>) -> Cgroup {
        Cgroup { path: path.into() }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The group `name` under it.
    pub fn child(&self, name: &str) -> Cgroup {
        Cgroup { path: self.path.join(name) }
    }

    /// Which interface it has; an error where the path is not in a cgroup file system.
    pub fn version(&self) -> Result<Version, CgroupError> {
        let status = rustix::fs::statfs(&self.path)
            .map_err(|errno| CgroupError::of_directory(&self.path, "look at", errno.into()))?;
        match status.f_type {
            MAGIC_V1 => Ok(Version::V1),
            MAGIC_V2 => Ok(Version::V2),
            _ => Err(CgroupError::NotACgroup(self.path.clone())),
        }
    }

    /// Whether its directory exists.
    pub fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The kernel's number for it, which no later group of the same path has: on 64-bit machines
    /// the inode number of its directory (`kernfs_node.id`).
    pub fn number(&self) -> Result<u64, CgroupError> {
        let metadata = fs::metadata(&self.path)
            .map_err(|error| CgroupError::of_directory(&self.path, "look at", error))?;
        Ok(std::os::unix::fs::MetadataExt::ino(&metadata))
    }

    /// Creates it; an error if it exists.
    pub fn create(&self) -> Result<(), CgroupError> {
        fs::create_dir(&self.path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => CgroupError::Exists(self.path.clone()),
            _ => CgroupError::of_directory(&self.path, "create", source),
        })
    }

    /// Removes it; done if it does not exist. Waits up to a second for members that are exiting.
    ///
    /// An empty group gives back its real-time budget first: a removed group counts against its
    /// parent until the kernel has freed it, which happens later than the removal.
    pub fn remove(&self) -> Result<(), CgroupError> {
        for attempt in 1..=REMOVE_TRIES {
            match self.try_remove() {
                Err(CgroupError::Busy { subgroups, .. })
                    if subgroups.is_empty() && attempt < REMOVE_TRIES =>
                {
                    sleep(REMOVE_PAUSE);
                }
                Err(CgroupError::NoSuchGroup(_)) => return Ok(()),
                result => return result,
            }
        }
        unreachable!("the last attempt returns")
    }

    fn try_remove(&self) -> Result<(), CgroupError> {
        let threads = self.threads()?;
        let subgroups: Vec<PathBuf> = self.subgroups()?.into_iter().map(|g| g.path).collect();
        if threads.is_empty() && subgroups.is_empty() {
            self.give_back_rt()?;
        }
        fs::remove_dir(&self.path).map_err(|error| match error.kind() {
            io::ErrorKind::ResourceBusy => {
                CgroupError::Busy { path: self.path.clone(), threads, subgroups }
            }
            _ => CgroupError::of_directory(&self.path, "remove", error),
        })
    }

    /// Its direct subgroups, by name.
    pub fn subgroups(&self) -> Result<Vec<Cgroup>, CgroupError> {
        let failed = |e| CgroupError::of_directory(&self.path, "list", e);
        let mut groups = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // A subgroup removed meanwhile has no type any more and is not listed.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                groups.push(Cgroup::at(entry.path()));
            }
        }
        groups.sort();
        Ok(groups)
    }

    /// The text of its file `file`.
    pub fn read(&self, file: &str) -> Result<String, CgroupError> {
        pseudo_file::read(&self.path.join(file)).map_err(|e| self.file_error(e))
    }

    /// Writes `text` to its file `file` in one system call.
    pub fn write(&self, file: &str, text: &str) -> Result<(), CgroupError> {
        pseudo_file::write(&self.path.join(file), text).map_err(|e| self.file_error(e))
    }

    /// A file of a group that is gone is not the problem; the group is.
    fn file_error(&self, error: pseudo_file::FileError) -> CgroupError {
        match error.is_gone() && !self.exists() {
            true => CgroupError::NoSuchGroup(self.path.clone()),
            false => CgroupError::File(error),
        }
    }
}
