// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model check`: whether a file is a model, and whether it has an answer.

use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::Model;
use evenkeel_lqn::mva::{self, MvaError};
use serde::Serialize;

use super::file::FileWords;
use super::setting::{Setting, keys, setting};
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.model-check.v1";

/// Say whether a file is a valid model that has an answer
///
/// Reads the file, checks every element and the rules between them (names, ranges, cycles of calls,
/// activity graphs that never end or never reply), and looks for load that grows without end.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    #[command(flatten)]
    file: FileWords,
    /// Set a variable or a number of the model: $NAME=VALUE, demand:ENTRY=VALUE, ...
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<Setting>,
    /// Print one JSON object (evenkeel.model-check.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.model-check.v1`.
#[derive(Serialize)]
struct CheckAnswer {
    /// Whether there is an answer.
    stable: bool,
    processors: usize,
    groups: usize,
    tasks: usize,
    entries: usize,
    activities: usize,
    calls: usize,
    /// What is wrong or worth knowing.
    findings: Vec<String>,
}

/// Checks it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let model = words.file.read(&words.settings)?;
    let answer = examine(&model);
    if words.json {
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(&answer))?;
    }
    Ok(if answer.stable { Status::Done } else { Status::Violated }.into())
}

fn examine(model: &Model) -> CheckAnswer {
    let mut findings = Vec::new();
    let mut stable = true;
    match mva::solve(model, &mva::Options::default()) {
        Ok(results) => {
            let unused = results.entries.iter().zip(model.entries());
            let unused = unused.filter(|(r, _)| r.throughput.mean == 0.0);
            findings.extend(unused.map(|(_, e)| format!("nobody calls entry \"{}\"", e.name)));
        }
        Err(error @ (MvaError::Unstable { .. } | MvaError::Instant(_))) => {
            stable = false;
            findings.push(error.to_string());
        }
        // The model may well have an answer that the analytic solver does not find.
        Err(error) => findings.push(error.to_string()),
    }
    let calls = model
        .entries()
        .iter()
        .map(|e| e.forwards.len() + e.phases.iter().map(|phase| phase.calls.len()).sum::<usize>());
    let of_activities = model.activities().iter().map(|a| a.work.calls.len());
    CheckAnswer {
        stable,
        processors: model.processors().len(),
        groups: model.groups().len(),
        tasks: model.tasks().len(),
        entries: model.entries().len(),
        activities: model.activities().len(),
        calls: calls.sum::<usize>() + of_activities.sum::<usize>(),
        findings,
    }
}

fn in_words(answer: &CheckAnswer) -> String {
    let counted = [
        (answer.processors, "processor", "processors"),
        (answer.groups, "group", "groups"),
        (answer.tasks, "task", "tasks"),
        (answer.entries, "entry", "entries"),
        (answer.activities, "activity", "activities"),
        (answer.calls, "call", "calls"),
    ];
    let counted = counted.iter().filter(|(count, ..)| *count > 0);
    let counted: Vec<String> = counted
        .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
        .collect();
    let mut text = format!("valid: {}\n", counted.join(", "));
    for finding in &answer.findings {
        text.push_str(finding);
        text.push('\n');
    }
    text
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model check web.lqn
evenkeel model check web.lqnx --json | jq -r '.findings[]'
",
        ),
        Section::new("KEYS", &keys()),
        Section::exit_status(&[
            (Status::Done, "the file is a model and it has an answer"),
            (Status::Failed, "the file cannot be read"),
            (Status::Usage, "wrong usage, or the file is no model: element and line are named"),
            (Status::Violated, "the model is valid and its load grows without end"),
        ]),
    ]
}
