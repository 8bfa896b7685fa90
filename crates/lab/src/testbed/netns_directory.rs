// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/run/netns`, which `ip netns add` makes, and mounts on itself, where no namespace ever was: a
//! change of the host like any other, to be found and taken back.

use std::path::Path;

use crate::command;
use crate::error::LabError;
use crate::journal::Entry;

/// Where `ip netns` keeps namespaces.
pub(crate) const DIRECTORY: &str = "/run/netns";

/// What it is now.
pub(crate) fn found() -> Entry {
    Entry::NetnsDirectory {
        directory_found: Path::new(DIRECTORY).is_dir(),
        mount_found: is_mounted(),
    }
}

/// Takes it back to what was found, if no namespace is left in it.
pub(crate) fn restore(directory_found: bool, mount_found: bool) -> Result<bool, LabError> {
    let path = Path::new(DIRECTORY);
    let empty = path.read_dir().is_ok_and(|mut entries| entries.next().is_none());
    if !empty || (directory_found && mount_found) {
        return Ok(false);
    }
    let mut changed = false;
    if !mount_found && is_mounted() {
        command::run("umount", &[DIRECTORY])?;
        changed = true;
    }
    if !directory_found {
        std::fs::remove_dir(path).map_err(|source| LabError::File {
            action: "remove",
            path: path.to_owned(),
            source,
        })?;
        changed = true;
    }
    Ok(changed)
}

fn is_mounted() -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| is_mount_of(line, DIRECTORY))
}

/// Field 5 of proc_pid_mountinfo(5) is the mount point.
fn is_mount_of(line: &str, directory: &str) -> bool {
    line.split(' ').nth(4) == Some(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_is_the_fifth_field() {
        let line = "99 28 254:0 /run/netns /run/netns rw,relatime shared:1 - ext4 /dev/vda rw";
        assert!(is_mount_of(line, "/run/netns"));
        assert!(!is_mount_of(line, "/run"));
        assert!(!is_mount_of("99 28 254:0 /run/netns /run/netns/a rw - ext4 x rw", "/run/netns"));
    }
}
