// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cpufreq governor: whether a budget of CPU time always buys the same amount of work.

use std::collections::BTreeMap;

use evenkeel_kernel::features;
use evenkeel_model::{CpuIndex, CpuSet};

use super::{Finding, words};

const ID: &str = "governor";

/// The governor that keeps the highest frequency.
const STEADY: &str = "performance";

/// Asks every CPU.
pub(super) fn check(online: &CpuSet) -> Option<Finding> {
    match features::governors(online) {
        Ok(governors) => judge(&governors),
        Err(error) => Some(Finding::unseen(ID, "the cpufreq governors", &error)),
    }
}

fn judge(governors: &BTreeMap<CpuIndex, String>) -> Option<Finding> {
    if governors.is_empty() {
        // No cpufreq: a virtual machine, or firmware that keeps the frequency to itself.
        return None;
    }
    let others: CpuSet =
        governors.iter().filter(|(_, governor)| *governor != STEADY).map(|(cpu, _)| *cpu).collect();
    if others.is_empty() {
        return Some(Finding::ok(ID, format!("the cpufreq governor is {STEADY}")));
    }
    Some(
        Finding::warning(
            ID,
            format!("the cpufreq governor of {} is not {STEADY}", words::cpus(&others)),
            "A budget is CPU time: at a lower frequency it does less work, and a mostly idle CPU is \
             clocked down.",
        )
        .with_fix(format!("cpupower frequency-set -g {STEADY}")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_saving_governor_is_named_with_its_cpus() {
        assert_eq!(judge(&BTreeMap::new()), None);
        let mut governors = BTreeMap::from([(CpuIndex(0), "performance".to_owned())]);
        assert_eq!(judge(&governors).unwrap().severity, Severity::Ok);
        governors.insert(CpuIndex(1), "powersave".to_owned());
        let finding = judge(&governors).unwrap();
        assert_eq!(finding.what, "the cpufreq governor of CPU 1 is not performance");
    }
}
