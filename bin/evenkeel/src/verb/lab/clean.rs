// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel lab clean`: the host as it was before the lab.

use std::process::ExitCode;

use evenkeel_lab::CleanReport;
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;
use crate::status::Status;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.lab-clean.v1";

/// `evenkeel.lab-clean.v1`. In a dry run `remaining` is what would be removed.
#[derive(Serialize)]
struct CleanAnswer {
    applied: bool,
    remaining: Vec<String>,
    #[serde(flatten)]
    report: CleanReport,
}

/// Clears up, or in a dry run says what would be removed.
pub fn run(dry_run: bool, json: bool, output: Output) -> Result<ExitCode, CliError> {
    let answer = match dry_run {
        true => CleanAnswer {
            applied: false,
            remaining: evenkeel_lab::remaining()?,
            report: CleanReport::default(),
        },
        false => CleanAnswer {
            applied: true,
            remaining: Vec::new(),
            report: evenkeel_lab::clean(&mut |line| talk(line, json, output))?,
        },
    };
    if json {
        output.json(SCHEMA, &answer)?;
        return Ok(Status::Done.into());
    }
    for note in &answer.report.notes {
        output.talk(&format!("note: {note}"));
    }
    if dry_run {
        output.talk("dry run: nothing was changed");
    }
    output.answer(&in_words(&answer))?;
    Ok(Status::Done.into())
}

/// Each thing as it is removed; with --json they are in the answer.
fn talk(line: &str, json: bool, output: Output) {
    if !json {
        output.talk(line);
    }
}

fn in_words(answer: &CleanAnswer) -> String {
    if !answer.remaining.is_empty() {
        return answer.remaining.join("\n");
    }
    match answer.report.removed.len() {
        0 => "nothing of a lab is left".to_owned(),
        1 => "1 thing of a lab removed".to_owned(),
        n => format!("{n} things of a lab removed"),
    }
}
