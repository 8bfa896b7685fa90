// SPDX-License-Identifier: MIT OR Apache-2.0
//! How fast the policy decides: 32 capsules on one CPU, half of them saturated (throttled and
//! replenished all the while), half with short jobs (waking and blocking), on the bare machine.

use evenkeel_model::{BenchRow, CpuIndex, Instant, Reservation, Span};

use crate::bench::figure;
use crate::bench::sets::{one_thread_each, whole_cpu};
use crate::config::{Tie, WakeRule};
use crate::ids::ThreadId;
use crate::machine::{ENDLESS, Machine, Step};

/// Events of one run, about 50 ms of computing, and how many runs: the fastest counts, since
/// whatever else the host does only makes a run slower.
const EVENTS: u64 = 500_000;
const RUNS: u32 = 20;

/// The machine: capsule `i` has a 40th of the CPU, in a period of 10 ms + i · 0.3 ms.
fn machine() -> Machine {
    let set: Vec<Reservation> = (0..32)
        .filter_map(|number| {
            let period_us = 10_000 + 300 * number;
            Reservation::new(Span::from_us(period_us / 40), Span::from_us(period_us)).ok()
        })
        .collect();
    let config = whole_cpu(WakeRule::Renewal, Tie::LowestId);
    let mut machine = one_thread_each(config, &set, CpuIndex(0));
    for thread in (1..=32).map(ThreadId) {
        let length = if is_saturated(thread) { ENDLESS } else { Span::from_us(30) };
        machine.submit(Instant::ORIGIN, thread, length);
    }
    machine
}

fn is_saturated(thread: ThreadId) -> bool {
    thread.0.is_multiple_of(2)
}

/// Lets `events` events happen. Returns how many did.
pub fn run(events: u64) -> u64 {
    let mut machine = machine();
    while machine.counts.events < events {
        if let Ok(Step::Finished(thread)) = machine.step(Instant::NEVER) {
            let pause = Span::from_us(170 + 10 * u64::from(thread.0));
            machine.submit(machine.now().saturating_add(pause), thread, Span::from_us(30));
            machine.busy.clear();
            machine.segments.clear();
        }
    }
    machine.counts.events
}

/// The row.
pub fn row(now: &dyn Fn() -> f64) -> BenchRow {
    let rate = |_| {
        let start = now();
        let events = run(EVENTS);
        figure(events) / (now() - start)
    };
    let fastest = (0..RUNS).map(rate).fold(0.0, f64::max);
    let name = format!("policy: 32 capsules on one CPU, one core, fastest of {RUNS} runs");
    BenchRow::at_least(name, fastest, "events/s", 5e6)
}
