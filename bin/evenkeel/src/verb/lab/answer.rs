// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run of the lab answers: tables, or the measurement itself.

use std::io::{IsTerminal, stdout};

use evenkeel_lab::measurement::Results;
use evenkeel_lab::run::Experiment;
use evenkeel_report::{Width, demo_table, tables};
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;

/// Prints the results of `experiment`.
pub fn print(
    experiment: Experiment,
    results: &Results,
    json: bool,
    output: Output,
) -> Result<(), CliError> {
    if json {
        return output.answer(&in_json(experiment, results)?);
    }
    let width = width();
    output.answer(&match experiment {
        Experiment::Demo => demo_table(results, width),
        _ => tables(results, width),
    })
}

/// One measurement as it is, or all of them. They carry schema and version themselves: the same
/// object is on disk.
fn in_json(experiment: Experiment, results: &Results) -> Result<String, CliError> {
    match experiment {
        Experiment::Accuracy => encode(&results.accuracy),
        Experiment::Share => encode(&results.share),
        Experiment::Neighbour => encode(&results.neighbour),
        Experiment::Deadline => encode(&results.deadline),
        Experiment::Flood => encode(&results.flood),
        Experiment::Demo | Experiment::All => encode(results),
    }
}

fn encode(value: &impl Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(value).map_err(|source| CliError::Encode { source })
}

/// As wide as the terminal; in a pipe as wide as it takes.
fn width() -> Width {
    let columns = rustix::termios::tcgetwinsize(stdout()).map_or(0, |size| size.ws_col);
    // A terminal that says nothing of its size says 0.
    match stdout().is_terminal() && columns > 0 {
        true => Width::Columns(columns),
        false => Width::Unlimited,
    }
}
