// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording in the form of trace viewers (the "Trace Event Format" that Perfetto and
//! chrome://tracing open): a lane for each CPU, and one for each capsule on each CPU with its budget
//! as a counter.

use evenkeel_sched::scx::LogEvent;
use serde_json::{Value, json};

use super::file::TraceFile;
use super::{runs, slot_name};

/// Process number of the CPUs' lanes; capsules follow by slot.
const CPUS: u32 = 0;

/// The file's text.
pub fn chrome(file: &TraceFile) -> String {
    let start = file.log.records.first().map_or(0, |record| record.at_ns);
    let mut events = names(file);
    for run in runs(&file.log.records) {
        let thread = file.threads.get(&run.tid).map_or("", String::as_str);
        let name = format!("{} {thread} {}", slot_name(file, run.slot), run.tid);
        let (from, length) = (micros(run.from_ns - start), micros(run.to_ns - run.from_ns));
        events.push(json!({"name": name, "ph": "X", "pid": CPUS, "tid": run.cpu, "ts": from,
                           "dur": length, "args": {"tid": run.tid}}));
        events.push(json!({"name": format!("{thread} {}", run.tid), "ph": "X", "pid": run.slot,
                           "tid": run.cpu, "ts": from, "dur": length}));
    }
    for record in &file.log.records {
        let at = micros(record.at_ns - start);
        if let Some(word) = of_server(record.event) {
            events.push(json!({"name": word, "ph": "i", "s": "t", "pid": record.slot,
                               "tid": record.cpu.0, "ts": at,
                               "args": {"budget_left_ns": record.budget_left_ns,
                                        "deadline_us": micros(record.deadline_ns
                                            .saturating_sub(start))}}));
            events.push(json!({"name": format!("budget, CPU {}", record.cpu), "ph": "C",
                               "pid": record.slot, "ts": at,
                               "args": {"ns": record.budget_left_ns}}));
        }
    }
    json!({"displayTimeUnit": "ms", "otherData": {"kernel": file.kernel, "lost": file.log.lost},
           "traceEvents": events})
    .to_string()
}

fn names(file: &TraceFile) -> Vec<Value> {
    let process = |pid: u32, name: &str| json!({"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": name}});
    let mut named = vec![process(CPUS, "CPUs")];
    let mut slots: Vec<u32> = file.log.records.iter().map(|record| record.slot).collect();
    slots.sort_unstable();
    slots.dedup();
    named.extend(slots.iter().map(|slot| process(*slot, &slot_name(file, *slot))));
    for pid in slots.into_iter().chain([CPUS]) {
        for cpu in 0..file.cpus {
            named.push(json!({"name": "thread_name", "ph": "M", "pid": pid, "tid": cpu,
                              "args": {"name": format!("CPU {cpu}")}}));
        }
    }
    named
}

/// The word for what happens to a server.
fn of_server(event: LogEvent) -> Option<&'static str> {
    Some(match event {
        LogEvent::WakeLate | LogEvent::WakeRenewed => "wake, new budget",
        LogEvent::WakeSpent => "wake, budget spent",
        LogEvent::WakeKept => "wake, budget kept",
        LogEvent::Exhausted => "exhausted",
        LogEvent::Replenished => "replenished",
        LogEvent::LagReset => "begins anew",
        LogEvent::Idle => "idle",
        LogEvent::Missed => "deadline missed",
        LogEvent::Configured => "changed",
        LogEvent::Wake | LogEvent::Block | LogEvent::Run | LogEvent::Stop | LogEvent::Charged => {
            return None;
        }
    })
}

/// The form has microseconds; three decimals keep the nanoseconds of a recording of 104 days.
#[expect(clippy::cast_precision_loss, reason = "below 2^53 ns, 104 days, every value is exact")]
fn micros(ns: u64) -> f64 {
    ns as f64 / 1000.0
}
