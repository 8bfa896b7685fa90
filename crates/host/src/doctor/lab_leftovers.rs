// SPDX-License-Identifier: MIT OR Apache-2.0
//! Things called `ek-*`: of a lab that runs, or of one that was killed.

use std::path::Path;

use evenkeel_kernel::cgroup::Cgroup;
use evenkeel_kernel::netdev;

use super::Finding;

const ID: &str = "lab-leftovers";

/// Everything that a lab or a test creates has a name that begins so.
const LAB_PREFIX: &str = "ek-";

/// Looks for groups and network devices of a lab.
pub(super) fn check(rt_groups: Option<&Path>) -> Option<Finding> {
    let groups = rt_groups
        .and_then(|path| Cgroup::at(path).subgroups().ok())
        .unwrap_or_default()
        .into_iter()
        .filter_map(|group| Some(group.path().file_name()?.to_string_lossy().into_owned()))
        .map(|name| ("group", name));
    let netdevs = netdev::list().unwrap_or_default().into_iter();
    let netdevs = netdevs.map(|netdev| ("network device", netdev.name));
    judge(groups.chain(netdevs).filter(|(_, name)| name.starts_with(LAB_PREFIX)).collect())
}

fn judge(found: Vec<(&str, String)>) -> Option<Finding> {
    if found.is_empty() {
        return None;
    }
    let names: Vec<String> = found.iter().map(|(what, name)| format!("{what} {name}")).collect();
    Some(
        Finding::info(
            ID,
            format!("things of a lab are here: {}", names.join(", ")),
            "A lab runs, or one was killed before it had cleared up.",
        )
        .with_fix("if no lab runs: evenkeel lab clean"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_lab_is_nothing_to_say() {
        assert_eq!(judge(Vec::new()), None);
        let finding = judge(vec![("group", "ek-a".to_owned())]).unwrap();
        assert_eq!(finding.what, "things of a lab are here: group ek-a");
    }
}
