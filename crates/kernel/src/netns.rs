// SPDX-License-Identifier: MIT OR Apache-2.0
//! Named network namespaces, as `ip netns` keeps them: files under `/run/netns`.
//!
//! A thread, not a process, is in a namespace. Sockets opened there stay there. `/sys` does not
//! follow: it shows the namespace of whoever mounted it (see [`crate::netdev`]).

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// Where `ip netns` keeps them; `/var/run` leads to the same place.
const DIRECTORY: &str = "/run/netns";

/// A network namespace could not be entered.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// The name cannot be that of a namespace.
    #[error("'{0}' cannot name a network namespace: it is empty, '.', '..' or contains a '/'")]
    BadName(String),
    /// There is none of this name.
    #[error(
        "there is no network namespace '{0}' (any more); 'ip netns list' shows those there are"
    )]
    NoSuchNamespace(String),
    /// Its file could not be opened, or the namespace not be entered.
    #[error("cannot enter the network namespace '{name}' ({path})")]
    Enter {
        /// Which namespace.
        name: String,
        /// Its file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
}

impl NetnsError {
    /// Whether the namespace does not exist (any more).
    pub fn is_gone(&self) -> bool {
        matches!(self, NetnsError::NoSuchNamespace(_))
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            NetnsError::Enter { source, .. } => source.raw_os_error(),
            NetnsError::BadName(_) | NetnsError::NoSuchNamespace(_) => None,
        }
    }
}

/// Whether a namespace of this name exists.
pub fn exists(name: &str) -> bool {
    path_of(name).is_ok_and(|path| path.exists())
}

/// Moves the calling thread into the namespace `name`, for as long as the thread lives. Threads
/// and processes it starts are there, too; others of its process stay where they are.
pub fn enter_named(name: &str) -> Result<(), NetnsError> {
    let path = path_of(name)?;
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => NetnsError::NoSuchNamespace(name.to_owned()),
        _ => NetnsError::Enter { name: name.to_owned(), path: path.clone(), source },
    };
    let file = File::open(&path).map_err(failed)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|errno| failed(errno.into()))
}

/// Runs `work` on a thread of its own inside the namespace `name`.
///
/// # Panics
/// If `work` panics, with what it panicked with.
pub fn run_in_named<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> Result<T, NetnsError> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| enter_named(name).map(|()| work()));
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn path_of(name: &str) -> Result<PathBuf, NetnsError> {
    if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
        return Err(NetnsError::BadName(name.to_owned()));
    }
    Ok(Path::new(DIRECTORY).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_directory() {
        for name in ["", ".", "..", "a/b", "/proc/1/ns/net", "a\0b"] {
            assert!(matches!(enter_named(name), Err(NetnsError::BadName(_))), "{name:?}");
            assert!(!exists(name));
        }
    }

    #[test]
    fn a_namespace_that_is_not_there_is_named() {
        let error = enter_named("ek-nowhere").unwrap_err();
        assert!(error.is_gone());
        assert!(error.to_string().contains("'ek-nowhere'"), "{error}");
        assert!(run_in_named("ek-nowhere", || ()).is_err());
    }
}
