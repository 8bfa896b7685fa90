// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a process is: its working directory and its network namespace. Both are inherited, so
//! that they tell whose a process is when its name and command line no longer do.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{ProcessError, process_path, without_deleted};
use crate::pid::Pid;
use crate::pseudo_file::FileError;

/// The working directory of `pid`; one that was removed keeps its path. A kernel thread's is `/`.
pub fn working_directory(pid: Pid) -> Result<PathBuf, ProcessError> {
    let path = process_path(pid, "cwd");
    let target = std::fs::read_link(&path)
        .map_err(|source| ProcessError::of_process(pid, FileError::Read { path, source }))?;
    Ok(without_deleted(target))
}

/// The network namespace of `pid`, of its first thread that is, as a number that can be compared
/// with those of [`namespace_of`].
pub fn netns(pid: Pid) -> Result<(u64, u64), ProcessError> {
    let path = process_path(pid, "ns/net");
    let metadata = std::fs::metadata(&path)
        .map_err(|source| ProcessError::of_process(pid, FileError::Read { path, source }))?;
    Ok((metadata.dev(), metadata.ino()))
}

/// The namespace that the file `path` stands for (`/run/netns/NAME`); `None` if it is not there.
pub fn namespace_of(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_where_it_was_put() {
        let directory = tempfile::tempdir().unwrap();
        let real = directory.path().canonicalize().unwrap();
        let mut child =
            std::process::Command::new("sleep").arg("60").current_dir(&real).spawn().unwrap();
        let pid = Pid(child.id());
        assert_eq!(working_directory(pid).unwrap(), real);
        drop(directory);
        assert_eq!(working_directory(pid).unwrap(), real, "its path outlives it");
        let mine = netns(Pid(std::process::id())).unwrap();
        assert_eq!(netns(pid).unwrap(), mine);
        assert_eq!(namespace_of(Path::new("/proc/self/ns/net")), Some(mine));
        assert_eq!(namespace_of(Path::new("/run/netns/ek-nowhere")), None);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(working_directory(pid).unwrap_err().is_gone());
    }
}
