// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints the simulator's rows of the benchmark: `cargo run --release -p evenkeel-sim --example
//! bench`. With a number as argument, runs the scenario of the speed row that often and nothing
//! else, for a profiler.

#![allow(clippy::disallowed_types, reason = "an example runs where there is a clock")]

use std::time::Instant;

use evenkeel_sim::bench::{rows, speed};

fn main() {
    let begin = Instant::now();
    let now = || begin.elapsed().as_secs_f64();
    if let Some(runs) = std::env::args().nth(1).and_then(|word| word.parse::<u32>().ok()) {
        (0..runs)
            .for_each(|_| println!("{:.3} million events a second", speed(&now).per_second / 1e6));
        return;
    }
    for row in rows(Some(&now)) {
        println!(
            "{:5} {:>14.3} {:8} (limit {}) {}",
            row.holds, row.figure, row.unit, row.limit, row.name
        );
    }
}
