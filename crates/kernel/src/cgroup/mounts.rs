// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the cgroup hierarchies are mounted, wherever that is: `/proc/self/mountinfo`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Cgroup, Membership};
use crate::pseudo_file::{self, FileError};

/// The mount points that matter for CPU time. A mount of a subtree only (a container's bind mount)
/// does not count: a capsule belongs directly under the root of its hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupMounts {
    /// The version 1 hierarchy with the `cpu` controller.
    pub v1_cpu: Option<PathBuf>,
    /// The version 1 hierarchy with the `cpuacct` controller; often the same as `v1_cpu`.
    pub v1_cpuacct: Option<PathBuf>,
    /// The version 2 hierarchy.
    pub v2: Option<PathBuf>,
    /// Whether the `cpu` controller is in the version 2 hierarchy.
    pub v2_cpu: bool,
}

impl CgroupMounts {
    /// What is mounted for this process.
    pub fn discover() -> Result<CgroupMounts, FileError> {
        let path = Path::new("/proc/self/mountinfo");
        let mut mounts = CgroupMounts::from_mountinfo(&pseudo_file::read(path)?);
        if let Some(v2) = &mounts.v2 {
            let controllers = pseudo_file::read(&v2.join("cgroup.controllers"))?;
            mounts.v2_cpu = controllers.split_ascii_whitespace().any(|name| name == "cpu");
        }
        Ok(mounts)
    }

    /// Reads lines of proc_pid_mountinfo(5); `v2_cpu` is not in them and stays false. Of several
    /// mounts of one hierarchy the first counts; lines that are no mounts are passed over.
    pub fn from_mountinfo(text: &str) -> CgroupMounts {
        let mut mounts = CgroupMounts::default();
        for mount in text.lines().filter_map(parse_line) {
            match mount.kind {
                "cgroup2" => {
                    mounts.v2.get_or_insert(mount.point);
                }
                "cgroup" => {
                    let has = |name| mount.super_options.split(',').any(|option| option == name);
                    if has("cpuacct") {
                        mounts.v1_cpuacct.get_or_insert_with(|| mount.point.clone());
                    }
                    if has("cpu") {
                        mounts.v1_cpu.get_or_insert(mount.point);
                    }
                }
                _ => {}
            }
        }
        mounts
    }

    /// The directory of a thread's group, for the hierarchies known here.
    pub fn locate(&self, membership: &Membership) -> Option<Cgroup> {
        let has = |name: &str| membership.controllers.iter().any(|c| c == name);
        let root = if membership.hierarchy_id == 0 && membership.controllers.is_empty() {
            self.v2.as_ref()
        } else if has("cpu") {
            self.v1_cpu.as_ref()
        } else if has("cpuacct") {
            self.v1_cpuacct.as_ref()
        } else {
            None
        }?;
        let below = membership.path.strip_prefix('/')?;
        let below = below.strip_suffix(" (deleted)").unwrap_or(below);
        Some(Cgroup::at(if below.is_empty() { root.clone() } else { root.join(below) }))
    }
}

struct Mount<'a> {
    point: PathBuf,
    kind: &'a str,
    super_options: &'a str,
}

/// `36 35 98:0 /root /point options optional... - type source super-options`
fn parse_line(line: &str) -> Option<Mount<'_>> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(3);
    let (root, point) = (fields.next()?, fields.next()?);
    let mut fields = file_system.split(' ');
    let kind = fields.next()?;
    let super_options = fields.nth(1)?;
    (root == "/").then(|| Mount { point: PathBuf::from(unescape(point)), kind, super_options })
}

/// The kernel writes space, tab, line end and backslash as three octal digits: `\040`.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = match (byte, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEPARATE: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
        33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpuacct\n\
        34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const UNIFIED: &str = "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 \
        rw,nsdelegate,memory_recursiveprot\n";
    const JOINT: &str = "33 26 0:29 / /sys/fs/cg\\040roup/cpu,cpuacct rw shared:9 - cgroup cgroup \
        rw,cpu,cpuacct\n\
        99 26 0:29 /docker/1 /elsewhere rw - cgroup cgroup rw,cpu,cpuacct\n";

    #[test]
    fn hierarchies_are_found_wherever_they_are() {
        let mounts = CgroupMounts::from_mountinfo(SEPARATE);
        assert_eq!(mounts.v1_cpu.as_deref(), Some(Path::new("/sys/fs/cgroup/cpu")));
        assert_eq!(mounts.v1_cpuacct.as_deref(), Some(Path::new("/sys/fs/cgroup/cpuacct")));
        assert_eq!(mounts.v2.as_deref(), Some(Path::new("/sys/fs/cgroup/unified")));
        let mounts = CgroupMounts::from_mountinfo(UNIFIED);
        assert_eq!(mounts.v2.as_deref(), Some(Path::new("/sys/fs/cgroup")));
        assert_eq!(mounts.v1_cpu, None);
        let mounts = CgroupMounts::from_mountinfo(JOINT);
        let joint = Path::new("/sys/fs/cg roup/cpu,cpuacct");
        assert_eq!(mounts.v1_cpu.as_deref(), Some(joint));
        assert_eq!(mounts.v1_cpuacct.as_deref(), Some(joint));
    }

    #[test]
    fn a_mount_of_a_subtree_is_not_the_hierarchy() {
        let bind = JOINT.lines().nth(1).unwrap();
        assert_eq!(CgroupMounts::from_mountinfo(bind), CgroupMounts::default());
    }

    #[test]
    fn a_membership_leads_to_its_directory() {
        let mounts = CgroupMounts::from_mountinfo(SEPARATE);
        let member = |id, controller: &[&str], path: &str| Membership {
            hierarchy_id: id,
            controllers: controller.iter().map(|c| (*c).to_owned()).collect(),
            path: path.to_owned(),
        };
        let path = |m| mounts.locate(&m).map(|group| group.path().to_owned());
        assert_eq!(path(member(1, &["cpu"], "/a/b")), Some("/sys/fs/cgroup/cpu/a/b".into()));
        assert_eq!(path(member(1, &["cpu"], "/")), Some("/sys/fs/cgroup/cpu".into()));
        assert_eq!(path(member(0, &[], "/x")), Some("/sys/fs/cgroup/unified/x".into()));
        assert_eq!(path(member(4, &["memory"], "/x")), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC*|([a-z/\\\\0-7]{1,5} ){3,8}- cgroup2? [a-z] [a-z,]*") {
            let _ = CgroupMounts::from_mountinfo(&text);
        }
    }
}
