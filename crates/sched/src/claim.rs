// SPDX-License-Identifier: MIT OR Apache-2.0
//! A subtree of control groups (version 2) that belongs to a capsule: whoever is in it, is born in
//! it or is moved into it is inside, and the nearest claimed ancestor decides.
//!
//! The group's own manager (libvirt, systemd) keeps it: nobody is moved, no directory is made. What
//! changes is written down here so that it can be put back: the cap and the weight of the topmost
//! group, which stand in for the reservation while our scheduler is away, and the groups in which
//! the `cpu` controller was off, without which the scheduler does not see their children.

use std::fmt;

use evenkeel_kernel::cgroup::Quota;
use evenkeel_model::Role;
use serde::{Deserialize, Serialize};

/// A claimed subtree, and what it was before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its topmost group: the path from the root of the hierarchy.
    pub path: String,
    /// The topmost group, and those below whose names say a role.
    pub groups: Vec<ClaimedGroup>,
    /// The cap that the topmost group was found with; `None` where it had no such file.
    pub quota: Option<Quota>,
    /// And its weight.
    pub weight: Option<u64>,
    /// Groups whose children had no `cpu` controller, outermost first.
    pub enabled: Vec<String>,
}

/// One group of a claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedGroup {
    /// Its path from the root of the hierarchy.
    pub path: String,
    /// The kernel's number for it.
    pub number: u64,
    /// What its threads do.
    pub role: Role,
}

impl Claim {
    /// The group of this claim that decides about a thread in the group `path`: the nearest one.
    pub fn nearest(&self, path: &str) -> Option<&ClaimedGroup> {
        let above = self.groups.iter().filter(|group| contains(&group.path, path));
        above.max_by_key(|group| group.path.len())
    }
}

/// Whether the group `path` is `top` or below it.
fn contains(top: &str, path: &str) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "control group {} and all below", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_group_decides() {
        let group = |path: &str, role| ClaimedGroup { path: path.to_owned(), number: 1, role };
        let claim = Claim {
            path: "/m/vm".to_owned(),
            groups: vec![group("/m/vm", Role::Vmm), group("/m/vm/vcpu1", Role::Vcpu)],
            quota: None,
            weight: None,
            enabled: Vec::new(),
        };
        let role = |path| claim.nearest(path).map(|group| group.role);
        assert_eq!(role("/m/vm"), Some(Role::Vmm));
        assert_eq!(role("/m/vm/vcpu1/deeper"), Some(Role::Vcpu));
        assert_eq!(role("/m/vm/vcpu10"), Some(Role::Vmm));
        assert_eq!(role("/m/vm2"), None);
        assert_eq!(role("/m"), None);
    }
}
