// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPUs that are hardware threads of one core: CPU time there is not speed.

use evenkeel_kernel::features;
use evenkeel_model::CpuSet;

use super::Finding;

const ID: &str = "smt";

/// Most cores named in one line.
const CORES_NAMED_MAX: usize = 8;

/// Looks for cores with more than one thread.
pub(super) fn check(online: &CpuSet) -> Option<Finding> {
    match features::sibling_groups(online) {
        Ok(groups) => judge(&groups),
        Err(error) => Some(Finding::unseen(ID, "which CPUs share a core", &error)),
    }
}

fn judge(groups: &[CpuSet]) -> Option<Finding> {
    if groups.is_empty() {
        return None;
    }
    let mut cores: Vec<String> =
        groups.iter().take(CORES_NAMED_MAX).map(ToString::to_string).collect();
    if groups.len() > CORES_NAMED_MAX {
        cores.push(format!("{} more", groups.len() - CORES_NAMED_MAX));
    }
    Some(
        Finding::warning(
            ID,
            format!("CPUs share cores: {}", cores.join("; ")),
            "A budget is CPU time; how fast it runs depends on what the sibling does.",
        )
        .with_fix(
            "keep the sibling of a CPU with capsules idle, or switch multithreading off: echo off \
             > /sys/devices/system/cpu/smt/control",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_listed_by_core() {
        assert_eq!(judge(&[]), None);
        let groups: Vec<CpuSet> = ["0,4", "1,5"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(judge(&groups).unwrap().what, "CPUs share cores: 0,4; 1,5");
    }
}
