// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the cluster: those of the simulator, and the memory that they took.

use std::time::Instant;

use evenkeel_model::BenchRow;
use evenkeel_sim::cluster::bench;

/// What was asked: 4 GiB at most.
const MEMORY_MIB_MAX: f64 = 4_096.0;

/// Placement and churn of a million machines, timed, and the peak of resident memory meanwhile.
pub fn rows() -> Vec<BenchRow> {
    // From here on the kernel counts the peak anew (Documentation/filesystems/proc.rst, clear_refs:
    // 5); where it will not, the peak is that of the whole benchmark, which is no less.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let start = Instant::now();
    let now = || start.elapsed().as_secs_f64();
    let mut rows = bench::rows(Some(&now));
    // What cannot be read holds no promise: not a number never holds.
    let peak = peak_mib().unwrap_or(f64::NAN);
    let name = "sim cluster, 10,000 hosts: peak of resident memory";
    rows.push(BenchRow::at_most(name, peak, "MiB", MEMORY_MIB_MAX));
    rows
}

/// VmHWM of this process.
fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_peak() {
        let peak = peak_mib().unwrap_or(0.0);
        assert!(peak > 1.0, "{peak}");
    }
}
