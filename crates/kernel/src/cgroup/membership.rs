// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which groups a thread is in: `/proc/TID/cgroup`, one line for each hierarchy.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::CgroupError;
use crate::pid::Tid;
use crate::pseudo_file::{self, FileError};

/// The group of one thread in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The kernel's number for the hierarchy; 0 is version 2.
    pub hierarchy_id: u32,
    /// Controllers of a version 1 hierarchy, or `name=...`; empty for version 2.
    pub controllers: Vec<String>,
    /// The group's path from the root of the hierarchy (more exactly, of the reader's cgroup
    /// namespace), beginning with `/`. A group removed under its last dying thread ends in
    /// ` (deleted)`.
    pub path: String,
}

/// The groups of `tid`, one for each hierarchy.
pub fn membership(tid: Tid) -> Result<Vec<Membership>, CgroupError> {
    let tid_text = tid.to_string();
    // Through `task/`: `/proc/TID/cgroup` speaks of the process's first thread on old kernels.
    let path = Path::new("/proc").join(&tid_text).join("task").join(&tid_text).join("cgroup");
    let text = pseudo_file::read(&path).map_err(|error| match error.is_gone() {
        true => CgroupError::ThreadGone(tid),
        false => CgroupError::File(error),
    })?;
    Ok(parse(&path, &text)?)
}

/// Lines of `id:controllers:path`; only the path may hold further colons.
fn parse(path: &Path, text: &str) -> Result<Vec<Membership>, FileError> {
    text.lines()
        .map(|line| {
            let mut parts = line.splitn(3, ':');
            let (Some(id), Some(controllers), Some(group)) =
                (parts.next(), parts.next(), parts.next())
            else {
                return Err(FileError::unexpected(path, line, "hierarchy:controllers:path"));
            };
            let hierarchy_id = id
                .parse()
                .map_err(|_| FileError::unexpected(path, line, "the number of a hierarchy"))?;
            let controllers =
                controllers.split(',').filter(|c| !c.is_empty()).map(str::to_owned).collect();
            Ok(Membership { hierarchy_id, controllers, path: group.to_owned() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HYBRID: &str = "12:cpu,cpuacct:/user.slice\n9:name=systemd:/\n1:cpuset:/a:b\n0::/x\n";

    #[test]
    fn both_versions_and_odd_paths_are_read() {
        let groups = parse(Path::new("cgroup"), HYBRID).unwrap();
        assert_eq!(groups[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(groups[1].controllers, ["name=systemd"]);
        assert_eq!(groups[2].path, "/a:b");
        assert_eq!((groups[3].hierarchy_id, groups[3].controllers.len()), (0, 0));
        assert!(parse(Path::new("cgroup"), "x:cpu:/\n").is_err());
        assert!(parse(Path::new("cgroup"), "1:cpu\n").is_err());
    }

    #[test]
    fn this_thread_is_in_some_group() {
        let mine = membership(crate::sched::current_tid()).unwrap();
        assert!(mine.iter().all(|group| group.path.starts_with('/')));
        assert!(membership(Tid(u32::MAX)).unwrap_err().is_gone());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|([0-9]{0,12}:[a-z,=]{0,9}:[a-z/:]{0,9}\n){0,3}") {
            let _ = parse(Path::new("p"), &text);
        }
    }
}
