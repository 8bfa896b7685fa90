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

/// Record and look at the decisions of the scheduler
///
/// Only the enforcer `scx` keeps a log of its decisions: when threads became runnable, ran and
/// stopped, and what became of budgets and deadlines.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// `record`.
    Record(record::Words),
    /// `show`.
    Show(show::Words),
    /// `export`.
    Export(export::Words),
    /// `check`.
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
    match path {
        ["record"] => record::sections(),
        ["show"] => show::sections(),
        ["export"] => export::sections(),
        ["check"] => check::sections(),
        _ => Vec::new(),
    }
}
