// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host without a capsule: what the scheduler costs everybody, against the kernel's own.

use serde::{Deserialize, Serialize};

use super::sched_ext;
use super::session::{Session, Workload, window_in};
use crate::workload::{Latencies, now};

const MS: u64 = 1_000_000;
/// Groups of 20 threads, and messages from each sender to each receiver: a second's work.
const HACKBENCH: [&str; 4] = ["any", "hackbench", "3", "60"];
/// The median of so many counts.
const HACKBENCH_RUNS: usize = 5;
const LENGTH: u64 = 800 * MS;

/// What was measured under one scheduler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// What the kernel said was loaded, before and after.
    pub states: [String; 2],
    /// Durations of hackbench.
    pub hackbench_ns: Vec<u64>,
    /// Context switches of the whole machine meanwhile.
    pub hackbench_switches: Vec<u64>,
    /// A thread that sleeps a millisecond at a time, nothing beside it.
    pub wake_idle: Latencies,
    /// The same beside two spinners per CPU.
    pub wake_loaded: Latencies,
    /// Two threads that wake each other.
    pub ping_pong: Latencies,
}

/// Measures with whatever scheduler is loaded now and writes it under `name`.
pub fn run(session: &Session, name: &str) -> anyhow::Result<()> {
    let begun = now();
    let directory = session.directory("compare", name)?;
    let before = sched_ext::state();
    let (mut hackbench_ns, mut hackbench_switches) = (Vec::new(), Vec::new());
    for _ in 0..HACKBENCH_RUNS {
        let mut workload = session.start(None, &HACKBENCH)?;
        let switches = sched_ext::switches()?;
        workload.begin(window_in(10 * MS, LENGTH))?;
        let done: crate::workload::Done = workload.result()?;
        hackbench_ns.push(done.elapsed_ns);
        hackbench_switches.push(sched_ext::switches()? - switches);
    }
    let wake_idle = latencies(session, "wake", 0)?;
    let wake_loaded = latencies(session, "wake", 2 * session.cpus)?;
    let ping_pong = latencies(session, "ping-pong", 0)?;
    let states = [before, sched_ext::state()];
    let phase =
        Phase { states, hackbench_ns, hackbench_switches, wake_idle, wake_loaded, ping_pong };
    std::fs::write(directory.join("phase.json"), serde_json::to_vec_pretty(&phase)?)?;
    eprintln!("compare {name}: {} ms", (now() - begun) / MS);
    Ok(())
}

fn latencies(session: &Session, what: &str, hogs: u32) -> anyhow::Result<Latencies> {
    let mut workload = session.start(None, &["any", what])?;
    let hogs: anyhow::Result<Vec<Workload>> =
        (0..hogs).map(|_| session.start(None, &["any", "spin"])).collect();
    let mut hogs = hogs?;
    let window = window_in(50 * MS, LENGTH);
    for one in hogs.iter_mut().chain([&mut workload]) {
        one.begin(window)?;
    }
    workload.result()
}
