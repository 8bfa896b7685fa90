// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events a second.
//!
//! What counts as an event: an arrival of work, a completion, a timer of the scheduler that fires
//! (exhaustion, replenishment, end of a turn), and a switch to a thread. A replenishment that a
//! timer brings is not counted beside its timer. Each of these goes through the scheduler.

use crate::bench::thirty_two_capsules;
use crate::outcome::Events;
use crate::{SchedulerKind, run};

/// Runs that are timed; the median counts, so that one disturbance does not.
const RUNS: usize = 5;

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Events a second of clock time.
    pub per_second: f64,
    /// The events of one run.
    pub events: Events,
}

impl Speed {
    /// Of all counted events, in per cent.
    pub fn part(&self, events: u64) -> f64 {
        100.0 * events as f64 / counted(self.events).max(1) as f64
    }
}

/// Times the capsule scheduler on 32 capsules; not a number if it cannot be run.
pub fn speed(now: &dyn Fn() -> f64) -> Speed {
    let scenario = thirty_two_capsules();
    let mut rates = Vec::with_capacity(RUNS);
    let mut events = Events::default();
    for _ in 0..RUNS {
        let begin = now();
        let Ok(outcome) = run(&scenario, SchedulerKind::Capsule) else { continue };
        rates.push(counted(outcome.events) as f64 / (now() - begin));
        events = outcome.events;
    }
    rates.sort_by(f64::total_cmp);
    Speed { per_second: rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN), events }
}

fn counted(events: Events) -> u64 {
    events.arrivals + events.completions + events.timers + events.switches
}
