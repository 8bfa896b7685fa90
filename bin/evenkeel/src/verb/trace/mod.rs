// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel trace`: the scheduler's decisions, recorded, shown, exported, and checked against the
//! reference policy.

mod check;
mod export;
mod record;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CliError;
use crate::manual::Section;
use crate::output::Output;
use crate::status::Status;

/// Record and look at the decisions of the scheduler
///
/// Only the enforcer `scx` keeps a log of its decisions: when threads became runnable, ran and
/// stopped, and what became of budgets and deadlines.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Verb {
    Record(record::Words),
    Show(show::Words),
    Export(export::Words),
    Check(check::Words),
}

impl Verb {
    /// Does it.
    pub fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::Record(words) => record::run(&words, output),
            Verb::Show(words) => show::run(&words, output),
            Verb::Export(words) => export::run(&words, output),
            Verb::Check(words) => check::run(&words, output),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Verb::Show(words) => words.json,
            Verb::Check(words) => words.json,
            Verb::Record(_) | Verb::Export(_) => false,
        }
    }
}

/// The manual sections of one verb.
pub fn sections(path: &[&str]) -> Vec<Section> {
    let (mut sections, violated) = match path {
        ["record"] => (record::sections(), None),
        ["show"] => (show::sections(), None),
        ["export"] => (export::sections(), None),
        ["check"] => (check::sections(), Some((Status::Violated, "the two disagree"))),
        _ => return Vec::new(),
    };
    let mut statuses = vec![
        (Status::Done, "done"),
        (Status::Failed, "no scheduler of ours runs, or a file cannot be read or written"),
        (Status::Usage, "wrong usage or an invalid value"),
    ];
    statuses.extend(violated);
    sections.push(Section::exit_status(&statuses));
    sections
}
