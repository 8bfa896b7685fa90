// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the policy promises, measured: worked examples, random sets of servers, wake-ups placed by
//! an adversary, overruns, neighbours that misbehave, changes of live servers, speed.
//!
//! The same functions serve the tests, with fewer sets; all are functions of a seed.

pub mod adversary;
pub mod changes;
pub mod examples;
pub mod judge;
pub mod saturated;
pub mod sets;
pub mod speed;

use evenkeel_model::BenchRow;

/// Seed of all rows: the first digits of pi.
const SEED: u64 = 31_415_926_535;

/// The rows. `now` is a clock in seconds; without it nothing about speed is said.
pub fn rows(now: Option<&dyn Fn() -> f64>) -> Vec<BenchRow> {
    let mut rows = vec![worked_examples()];
    rows.extend(saturated::rows(100_000, SEED));
    rows.extend(adversary::rows(20_000, SEED));
    rows.extend(changes::rows(5_000, SEED));
    rows.extend(now.map(speed::row));
    rows
}

fn worked_examples() -> BenchRow {
    let outcomes: Vec<examples::Outcome> = examples::EXAMPLES.iter().map(examples::run).collect();
    let wrong: u32 = outcomes.iter().map(examples::Outcome::differences).sum();
    let compared: u32 = outcomes.iter().map(|outcome| outcome.compared).sum();
    let name = format!(
        "policy: worked examples ({}), differences in {compared} events and times",
        outcomes.len()
    );
    BenchRow::at_most(name, f64::from(wrong), "differences", 0.0).and(compared > 0)
}

/// Counts become figures: exact below 2^53.
fn figure(count: u64) -> f64 {
    count as f64
}
