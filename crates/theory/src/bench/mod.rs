// SPDX-License-Identifier: MIT OR Apache-2.0
//! The analysis against simulation of small cases, every one of them: it must never promise what
//! some arrival and some supply break (optimistic), and where it claims to be exact, some arrival
//! and some supply must reach its bound (tight).

mod exhaustive;
pub mod simulator;

use evenkeel_model::BenchRow;

pub use exhaustive::{Effort, Findings, one_server, sections, several_cpus};

/// The rows, with the whole effort: some ten seconds of one core, optimised.
pub fn rows() -> Vec<BenchRow> {
    let one = one_server(Effort::Whole);
    let held_up = sections(Effort::Whole);
    let several = several_cpus(Effort::Whole);
    let count = |n: u64| {
        // Far below 2^53.
        n as f64
    };
    vec![
        BenchRow::at_most(
            format!(
                "theory against exhaustive simulation, one server: promises broken, of {} sets in {} \
                 runs",
                one.sets, one.runs
            ),
            count(one.optimistic),
            "sets",
            0.0,
        ),
        BenchRow::at_most(
            format!(
                "theory against exhaustive simulation, one server: bounds not reached, of {} bounds",
                one.bounds
            ),
            count(one.loose),
            "bounds",
            0.0,
        )
        .and(one.bounds > 0),
        BenchRow::at_most(
            format!(
                "theory against exhaustive simulation, sections: promises broken, of {} promises \
                 for {} sets",
                held_up.promises, held_up.sets
            ),
            count(held_up.optimistic),
            "sets",
            0.0,
        )
        .and(held_up.promises > 0),
        BenchRow::at_most(
            format!(
                "theory against simulation, two CPUs: promises broken, of {} promises for {} sets",
                several.promises, several.sets
            ),
            count(several.optimistic),
            "sets",
            0.0,
        )
        .and(several.promises > 0),
    ]
}
