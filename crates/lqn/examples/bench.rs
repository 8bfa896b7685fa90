// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prints the rows of [`evenkeel_lqn::bench`] as one JSON object; exit status 1 if one does not
//! hold.

#![expect(clippy::disallowed_types, reason = "an example is outside the pure ring: it has a clock")]

use std::process::ExitCode;
use std::time::Instant;

use evenkeel_lqn::bench::{Report, rows};

fn main() -> ExitCode {
    let start = Instant::now();
    let rows = rows(Some(&|| start.elapsed().as_secs_f64()));
    let holds = rows.iter().all(|r| r.holds);
    let report = Report { schema: "evenkeel.bench-lqn/1", rows };
    match serde_json::to_string_pretty(&report) {
        Ok(text) => println!("{text}"),
        Err(error) => {
            eprintln!("cannot write the report: {error}");
            return ExitCode::FAILURE;
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
