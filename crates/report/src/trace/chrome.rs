// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trace in the form of trace viewers: the JSON object format of "Trace Event Format" (Google,
//! 2016), which Perfetto (ui.perfetto.dev) and chrome://tracing open.
//!
//! A process is a capsule, its threads are the capsule's, so that a viewer groups them; another
//! process shows the CPUs. Times are in microseconds with three decimals: nanoseconds.

use serde::Serialize;

use crate::trace::{Doing, Trace};

/// Process number of the CPUs; groups follow from one on.
const CPUS: usize = 0;

/// The file.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "displayTimeUnit")]
    display_time_unit: &'static str,
    #[serde(rename = "otherData")]
    other_data: Other<'a>,
    #[serde(rename = "traceEvents")]
    trace_events: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Other<'a> {
    title: &'a str,
    caption: &'a str,
}

/// One entry of any phase.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    ph: &'static str,
    pid: usize,
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<f64>,
    /// Scope of an instant: its thread, or its process.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Args<'a>>,
}

#[derive(Serialize)]
struct Args<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<usize>,
}

/// Writes `trace`.
pub(super) fn write(trace: &Trace) -> Result<String, serde_json::Error> {
    let cpu_names: Vec<String> = (0..trace.cpus).map(|cpu| format!("CPU {cpu}")).collect();
    let mut entries = vec![named("process_name", CPUS, 0, "CPUs")];
    let cpus = cpu_names.iter().enumerate();
    entries.extend(cpus.map(|(cpu, name)| named("thread_name", CPUS, cpu, name)));
    let groups = trace.groups.iter().enumerate();
    entries.extend(groups.map(|(group, name)| named("process_name", 1 + group, 0, name)));
    let lanes = trace.lanes.iter().enumerate();
    entries.extend(
        lanes.map(|(index, lane)| named("thread_name", 1 + lane.group, 1 + index, &lane.name)),
    );
    for stretch in &trace.stretches {
        let Some(lane) = trace.lanes.get(stretch.lane) else { continue };
        let (name, own) = match stretch.doing {
            Doing::Runs => (lane.name.as_str(), "runs"),
            Doing::Stolen => ("interrupt", "stolen by interrupts"),
        };
        let times = (stretch.from_ns, stretch.to_ns);
        entries.push(complete(name, (CPUS, stretch.cpu), times, None));
        let place = (1 + lane.group, 1 + stretch.lane);
        entries.push(complete(own, place, times, Some(stretch.cpu)));
    }
    entries.extend(trace.moments.iter().map(|moment| Entry {
        name: moment.what,
        ph: "i",
        pid: 1 + moment.group,
        tid: moment.lane.map_or(0, |lane| 1 + lane),
        ts: Some(micros(moment.at_ns)),
        dur: None,
        s: Some(if moment.lane.is_some() { "t" } else { "p" }),
        args: moment.cpu.map(|cpu| Args { name: None, cpu: Some(cpu) }),
    }));
    serde_json::to_string(&Document {
        display_time_unit: "ns",
        other_data: Other { title: &trace.title, caption: &trace.caption },
        trace_events: entries,
    })
}

fn named<'a>(kind: &'static str, pid: usize, tid: usize, name: &'a str) -> Entry<'a> {
    let args = Some(Args { name: Some(name), cpu: None });
    Entry { name: kind, ph: "M", pid, tid, ts: None, dur: None, s: None, args }
}

fn complete(
    name: &str,
    (pid, tid): (usize, usize),
    (from_ns, to_ns): (u64, u64),
    cpu: Option<usize>,
) -> Entry<'_> {
    Entry {
        name,
        ph: "X",
        pid,
        tid,
        ts: Some(micros(from_ns)),
        dur: Some(micros(to_ns.saturating_sub(from_ns))),
        s: None,
        args: cpu.map(|cpu| Args { name: None, cpu: Some(cpu) }),
    }
}

/// Exact to the nanosecond up to 2^53 ns, 104 days.
fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}
