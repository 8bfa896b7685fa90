// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every changing verb does with its plan: refuse, print, or carry out and print.
//!
//! The answer is the list of changes with the values before and after, whether they were made or
//! with --dry-run only planned; the talk says which of the two.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::{Host, HostError, HostOptions, Plan};
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;
use crate::status::Status;
use crate::wrap::wrap;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.plan.v1";

/// Below the text of a note, after `note: `.
const NOTE_INDENT: usize = 6;

/// Words that every changing verb takes.
#[derive(Clone, Copy, Debug, Args)]
pub struct ChangeWords {
    /// Print what would be done, with the values before and after, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object (evenkeel.plan.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.plan.v1`.
#[derive(Serialize)]
struct PlanAnswer<'a> {
    applied: bool,
    #[serde(flatten)]
    plan: &'a Plan,
    /// What could not be done as well as hoped; empty where nothing was applied.
    outcome_notes: &'a [String],
}

/// The host, with a note if an operation on it was interrupted.
pub fn open(output: Output) -> Result<Host, CliError> {
    let host = Host::open(HostOptions::default())?;
    if let Some(interrupted) = host.interrupted()? {
        output.talk(&format!("note: {interrupted}"));
    }
    Ok(host)
}

/// Refuses, prints, or carries out and prints `plan`.
pub fn carry_out(
    host: &Host,
    plan: &Plan,
    change: ChangeWords,
    output: Output,
) -> Result<ExitCode, CliError> {
    if let Some(verdict) = plan.verdict.as_ref().filter(|verdict| !verdict.admitted) {
        return Err(HostError::Refused(Box::new(verdict.clone())).into());
    }
    let outcome_notes = if change.dry_run { Vec::new() } else { host.apply(plan)?.notes };
    if change.json {
        let applied = !change.dry_run;
        output.json(SCHEMA, &PlanAnswer { applied, plan, outcome_notes: &outcome_notes })?;
        return Ok(Status::Done.into());
    }
    for note in notes(plan, change.dry_run, outcome_notes) {
        output.talk(&wrap(&format!("note: {note}"), 0, NOTE_INDENT));
    }
    if change.dry_run {
        output.talk("dry run: nothing was changed");
    }
    output.answer(&in_words(plan, change.dry_run))?;
    Ok(Status::Done.into())
}

/// Admission's notes, the plan's and the outcome's, each once. In a dry run admission's are part
/// of the answer.
fn notes(plan: &Plan, dry_run: bool, outcome: Vec<String>) -> Vec<String> {
    let verdict = plan.verdict.iter().filter(|_| !dry_run).flat_map(|verdict| &verdict.notes);
    let mut notes: Vec<String> = Vec::new();
    for note in verdict.map(ToString::to_string).chain(plan.notes.iter().cloned()).chain(outcome) {
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// The steps; in a dry run, admission's words before them.
fn in_words(plan: &Plan, dry_run: bool) -> String {
    match plan.verdict.as_ref().filter(|_| dry_run) {
        Some(verdict) => format!("{verdict}\n\n{plan}"),
        None => plan.to_string(),
    }
}
