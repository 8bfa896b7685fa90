// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events a second.
//!
//! What counts as an event: an arrival of work, a completion, a timer of the scheduler that fires
//! (exhaustion, replenishment, end of a turn), and a switch to a thread. A replenishment that a
//! timer brings is not counted beside its timer. Each of these goes through the scheduler.

use crate::bench::thirty_two_capsules;
use crate::outcome::Events;
use crate::{SchedulerKind, run};

/// Runs that are timed, some 10 ms each. The fastest counts: other work on the machine only ever
/// slows, and a run this short fits between its turns.
const RUNS: usize = 200;

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
    let mut per_second = f64::NAN;
    let mut events = Events::default();
    for _ in 0..RUNS {
        let begin = now();
        let Ok(outcome) = run(&scenario, SchedulerKind::Capsule) else { continue };
        // Of a number and none, the number.
        per_second = per_second.max(counted(outcome.events) as f64 / (now() - begin));
        events = outcome.events;
    }
    Speed { per_second, events }
}

fn counted(events: Events) -> u64 {
    events.arrivals + events.completions + events.timers + events.switches
}
