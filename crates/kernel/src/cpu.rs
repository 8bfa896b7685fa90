// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's CPUs: which exist, which run, and where their time went.

use std::collections::BTreeMap;
use std::path::Path;

use evenkeel_model::{CpuIndex, CpuSet, Span};
use serde::{Deserialize, Serialize};

use crate::process::TICK;
use crate::pseudo_file::{self, FileError};

/// CPUs that run tasks now.
pub fn online() -> Result<CpuSet, FileError> {
    list("/sys/devices/system/cpu/online")
}

/// CPUs that are plugged in, running or not.
pub fn present() -> Result<CpuSet, FileError> {
    list("/sys/devices/system/cpu/present")
}

/// CPUs that could ever be plugged in; `cpuacct.usage_percpu` has one column for each.
pub fn possible() -> Result<CpuSet, FileError> {
    list("/sys/devices/system/cpu/possible")
}

fn list(path: &str) -> Result<CpuSet, FileError> {
    let path = Path::new(path);
    let text = pseudo_file::read(path)?;
    text.parse().map_err(|_| FileError::unexpected(path, text.trim(), "a CPU list"))
}

/// Where the time of one CPU went since boot, in the kernel's ticks of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTimes {
    /// User mode, guests included.
    #[serde(rename = "user_ns")]
    pub user: Span,
    /// User mode of niced tasks.
    #[serde(rename = "nice_ns")]
    pub nice: Span,
    /// Kernel mode.
    #[serde(rename = "system_ns")]
    pub system: Span,
    /// Nothing to do.
    #[serde(rename = "idle_ns")]
    pub idle: Span,
    /// Nothing to do while a disk works.
    #[serde(rename = "iowait_ns")]
    pub iowait: Span,
    /// Hard interrupts.
    #[serde(rename = "irq_ns")]
    pub irq: Span,
    /// Soft interrupts, network receive among them.
    #[serde(rename = "softirq_ns")]
    pub softirq: Span,
    /// Taken by the hypervisor below: a measurement with much of it is disturbed.
    #[serde(rename = "steal_ns")]
    pub steal: Span,
}

impl CpuTimes {
    /// What passed between `earlier` and this reading; a counter that ran backwards counts zero.
    pub fn since(&self, earlier: &CpuTimes) -> CpuTimes {
        CpuTimes {
            user: self.user.saturating_sub(earlier.user),
            nice: self.nice.saturating_sub(earlier.nice),
            system: self.system.saturating_sub(earlier.system),
            idle: self.idle.saturating_sub(earlier.idle),
            iowait: self.iowait.saturating_sub(earlier.iowait),
            irq: self.irq.saturating_sub(earlier.irq),
            softirq: self.softirq.saturating_sub(earlier.softirq),
            steal: self.steal.saturating_sub(earlier.steal),
        }
    }
}

/// The times of every online CPU.
pub fn stat() -> Result<BTreeMap<CpuIndex, CpuTimes>, FileError> {
    let path = Path::new("/proc/stat");
    parse_stat(path, &pseudo_file::read(path)?)
}

fn parse_stat(path: &Path, text: &str) -> Result<BTreeMap<CpuIndex, CpuTimes>, FileError> {
    let mut cpus = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some(index) = words.next().and_then(|w| w.strip_prefix("cpu")) else { continue };
        // The line 'cpu' without a number is the sum of all.
        let Ok(index) = index.parse() else { continue };
        let expected = "eight counters of ticks";
        let mut next = || -> Result<Span, FileError> {
            let ticks: u64 = words
                .next()
                .and_then(|w| w.parse().ok())
                .ok_or_else(|| FileError::unexpected(path, line, expected))?;
            TICK.checked_mul(ticks).ok_or_else(|| FileError::unexpected(path, line, expected))
        };
        let times = CpuTimes {
            user: next()?,
            nice: next()?,
            system: next()?,
            idle: next()?,
            iowait: next()?,
            irq: next()?,
            softirq: next()?,
            steal: next()?,
        };
        cpus.insert(CpuIndex(index), times);
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = "cpu  1132 0 2541 98117 42 0 77 918 0 0\n\
        cpu0 511 0 1260 48937 21 0 40 466 0 0\n\
        cpu1 621 1 1281 49180 21 2 37 452 0 0\n\
        intr 123456 0 9\nctxt 88\nbtime 1763619000\nprocesses 900\n";

    #[test]
    fn ticks_become_spans_per_cpu() {
        let cpus = parse_stat(Path::new("/proc/stat"), SAMPLE).unwrap();
        assert_eq!(cpus.len(), 2);
        let one = cpus[&CpuIndex(1)];
        assert_eq!(one.user, Span::from_ms(6210));
        assert_eq!(one.nice, Span::from_ms(10));
        assert_eq!(one.softirq, Span::from_ms(370));
        assert_eq!(one.steal, Span::from_ms(4520));
        assert_eq!(one.since(&one), CpuTimes::default());
    }

    #[test]
    fn a_short_line_is_an_error_that_shows_it() {
        let error = parse_stat(Path::new("/proc/stat"), "cpu0 1 2 3\n").unwrap_err();
        assert!(error.to_string().contains("cpu0 1 2 3"), "{error}");
    }

    #[test]
    fn this_host_runs_on_a_cpu_that_is_present() {
        let online = online().unwrap();
        assert!(!online.is_empty());
        assert!(online.is_subset(&present().unwrap()));
        assert!(online.is_subset(&possible().unwrap()));
        assert_eq!(stat().unwrap().len(), online.len());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(cpu[0-9]{0,12}( [0-9a-]{0,22}){0,10}\n){0,4}|\\PC*") {
            let _ = parse_stat(Path::new("p"), &text);
        }
    }
}
