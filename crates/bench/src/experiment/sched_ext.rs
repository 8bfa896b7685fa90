// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel says of the scheduler that is loaded, and what its programs cost.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// `enabled evenkeel`, `disabled`, or what else stands in sysfs.
pub fn state() -> String {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/sys/kernel/sched_ext/{name}")).unwrap_or_default();
        text.trim().to_owned()
    };
    format!("{} {}", read("state"), read("root/ops")).trim().to_owned()
}

/// Context switches since the machine booted.
pub fn switches() -> anyhow::Result<u64> {
    let text = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    let count = text.lines().find_map(|line| line.strip_prefix("ctxt ")?.parse().ok());
    count.context("/proc/stat has no line 'ctxt'")
}

/// Runs of one program and the time they took together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// How often it ran.
    pub runs: u64,
    /// For how long.
    pub time_ns: u64,
}

/// Counts the cost of every loaded program while `work` goes on.
pub fn costs_during(
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<BTreeMap<String, Cost>> {
    const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";
    fs::write(SWITCH, "1").with_context(|| format!("writing {SWITCH}"))?;
    let before = costs();
    let worked = work();
    let after = costs();
    fs::write(SWITCH, "0").with_context(|| format!("writing {SWITCH}"))?;
    worked?;
    let difference = |(name, cost): (String, Cost)| {
        let old = before.get(&name).copied().unwrap_or_default();
        let runs = cost.runs - old.runs.min(cost.runs);
        (name, Cost { runs, time_ns: cost.time_ns - old.time_ns.min(cost.time_ns) })
    };
    Ok(after.into_iter().map(difference).collect())
}

/// By the name of the program.
fn costs() -> BTreeMap<String, Cost> {
    let mut costs: BTreeMap<String, Cost> = BTreeMap::new();
    for program in libbpf_rs::query::ProgInfoIter::default() {
        let cost = costs.entry(program.name.to_string_lossy().into_owned()).or_default();
        cost.runs += program.run_cnt;
        cost.time_ns += program.run_time_ns;
    }
    costs
}
