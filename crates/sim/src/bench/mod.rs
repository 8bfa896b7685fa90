// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the simulator must show, as rows of `cargo xtask bench-model`: that it is fast, repeats
//! itself, and that what theory promises holds in it.

mod bounds;
mod random_scenario;
mod speed;

use evenkeel_model::BenchRow;

pub use bounds::{Violations, response_violations, supply_violations};
pub use random_scenario::{
    network_scenario, random_scenario, scenario_with_tasks, thirty_two_capsules,
};
pub use speed::{Speed, speed};

use crate::{SchedulerKind, TraceLimit, run_traced};

/// Random scenarios of each check. A few seconds of computing in a release build.
const SCENARIOS: u64 = 2_000;
/// Events a second that one core must manage.
const SPEED_MIN: f64 = 5e6;

/// The rows. `now` tells seconds of a clock; without one, speed is not measured and has no row.
pub fn rows(now: Option<&dyn Fn() -> f64>) -> Vec<BenchRow> {
    let supply = supply_violations(0..SCENARIOS);
    let response = response_violations(0..SCENARIOS);
    let repeats = (0..50).filter(|&seed| !repeats_itself(seed)).count();
    let mut rows = vec![
        BenchRow::at_most(
            format!(
                "simulator: capsules below their supply bound, of {} in {SCENARIOS} random \
                 scenarios",
                supply.judged
            ),
            supply.count as f64,
            "capsules",
            0.0,
        )
        .and(supply.judged > SCENARIOS),
        BenchRow::at_most(
            format!(
                "simulator: response times above theory's bound, of {} tasks (closest {:.3} of it)",
                response.judged, response.closest
            ),
            response.count as f64,
            "tasks",
            0.0,
        )
        .and(response.judged > SCENARIOS),
        BenchRow::at_most(
            "simulator: scenarios whose second run differs, of 50 under five schedulers",
            repeats as f64,
            "scenarios",
            0.0,
        ),
    ];
    if let Some(now) = now {
        let speed = speed(now);
        rows.push(BenchRow::at_least(
            format!(
                "simulator: events a second, one core, 32 capsules, no trace ({:.0} % arrivals, \
                 {:.0} % completions, {:.0} % timers, {:.0} % switches)",
                speed.part(speed.events.arrivals),
                speed.part(speed.events.completions),
                speed.part(speed.events.timers),
                speed.part(speed.events.switches),
            ),
            speed.per_second,
            "1/s",
            SPEED_MIN,
        ));
    }
    rows
}

/// Whether a scenario gives the same outcome and trace again, under every scheduler.
pub fn repeats_itself(seed: u64) -> bool {
    [random_scenario(seed), network_scenario(seed)].iter().all(|scenario| {
        SchedulerKind::ALL.into_iter().all(|kind| {
            let once = || run_traced(scenario, kind, TraceLimit::default());
            once() == once()
        })
    })
}
