// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the benchmark: a million machines on ten thousand hosts, and a minute of churn.

use evenkeel_model::BenchRow;

use super::outcome::Outcome;
use super::{read, simulate};

/// The cluster of the benchmark, also an example: 10,000 hosts of 64 CPUs.
const CLUSTER: &str = include_str!("../../../../docs/scenarios/ten-thousand-hosts.toml");

/// What was asked: machines placed before the minute begins, and the wall clock for all of it.
const PLACED_MIN: f64 = 1_000_000.0;
const WALL_S_MAX: f64 = 60.0;

/// Machines placed under each policy and, where a clock is given, the wall time of the slowest.
/// `now` returns seconds from any origin.
pub fn rows(now: Option<&dyn Fn() -> f64>) -> Vec<BenchRow> {
    let name = |what: &str| format!("sim cluster, 10,000 hosts: {what}");
    let Ok(cluster) = read(CLUSTER) else {
        return vec![BenchRow::at_least(name("a description that reads"), 0.0, "files", 1.0)];
    };
    let timed = |policy| {
        let begin = now.map(|now| now());
        let outcome = simulate(&cluster, policy);
        let wall_s = now.zip(begin).map(|(now, begin)| now() - begin);
        (outcome, wall_s)
    };
    let runs: Vec<(Outcome, Option<f64>)> =
        cluster.policies.iter().map(|&policy| timed(policy)).collect();
    let placed = runs.iter().map(|(outcome, _)| outcome.initial.admitted).min().unwrap_or(0);
    // Counts stay far below 2^53, where f64 is exact.
    let mut rows = vec![BenchRow::at_least(
        name("machines placed, fewest of the policies"),
        placed as f64,
        "machines",
        PLACED_MIN,
    )];
    let slowest = runs.iter().filter_map(|(_, wall_s)| *wall_s).reduce(f64::max);
    rows.extend(slowest.map(|wall_s| {
        BenchRow::at_most(
            name("placed and one minute of churn, slowest of the policies"),
            wall_s,
            "s",
            WALL_S_MAX,
        )
    }));
    rows
}
