// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler's decisions, recorded and shown: a file of them, a table, the form of trace viewers,
//! lanes as SVG, and a replay through the reference policy.
//!
//! Only the `scx` backend keeps such a log; a recording changes nothing but the time that writing
//! it takes.

mod chrome;
mod file;
mod replay;
mod svg;

pub use chrome::chrome;
pub use file::{SCHEMA, TraceError, TraceFile, TracedCapsule, record};
pub use replay::{schedule, verify};
pub use svg::svg;

use evenkeel_sched::scx::LogRecord;
use evenkeel_sched::scx::intf;

/// What a slot is called.
pub fn slot_name(file: &TraceFile, slot: u32) -> String {
    match slot {
        intf::EK_KTHREADS => "kernel threads".to_owned(),
        intf::EK_BEST_EFFORT => "best effort".to_owned(),
        slot => file
            .capsules
            .iter()
            .find(|capsule| capsule.slot == slot)
            .map_or_else(|| format!("slot {slot}"), |capsule| capsule.name.to_string()),
    }
}

/// A stretch of time in which one thread ran on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The CPU.
    pub cpu: u32,
    /// Whose budget.
    pub slot: u32,
    /// The thread.
    pub tid: u32,
    /// From.
    pub from_ns: u64,
    /// To.
    pub to_ns: u64,
}

/// Who ran when, in order of their ends. What still runs when the log ends, ends there.
pub fn runs(records: &[LogRecord]) -> Vec<Run> {
    use evenkeel_sched::scx::LogEvent;
    let mut open: std::collections::BTreeMap<u32, Run> = std::collections::BTreeMap::new();
    let mut runs = Vec::new();
    for record in records {
        let cpu = record.cpu.0;
        match record.event {
            LogEvent::Run | LogEvent::Stop | LogEvent::Block => {
                let ended = open.remove(&cpu);
                runs.extend(ended.map(|run| Run { to_ns: record.at_ns, ..run }));
            }
            _ => {}
        }
        if record.event == LogEvent::Run {
            let (slot, tid, at) = (record.slot, record.tid, record.at_ns);
            open.insert(cpu, Run { cpu, slot, tid, from_ns: at, to_ns: at });
        }
    }
    let end = records.last().map_or(0, |record| record.at_ns);
    runs.extend(open.into_values().map(|run| Run { to_ns: end, ..run }));
    runs
}
