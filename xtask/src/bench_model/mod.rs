// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rows of `cargo xtask bench-model`: what the scheduler, its theory and its simulator promise.

mod cluster;
mod theory;

use evenkeel_model::BenchRow;

/// All rows, those of one crate after another. `now` is a clock in seconds.
pub fn rows(now: &dyn Fn() -> f64) -> Vec<BenchRow> {
    let mut rows = evenkeel_policy::bench::rows(Some(now));
    rows.extend(theory::rows());
    rows.extend(evenkeel_sim::bench::rows(Some(now)));
    rows.extend(evenkeel_sim::calibration::bench_rows());
    rows.extend(cluster::rows());
    rows
}
