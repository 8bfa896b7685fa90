// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model`: queueing models, solved on paper. Nothing here touches a host.

pub mod calibrate;
pub mod check;
pub mod claims;
pub mod compare;
pub mod explain;
pub mod failure;
pub mod figure_words;
pub mod file;
pub mod lab_costs;
pub mod range;
pub mod scenario_words;
pub mod setting;
pub mod show;
pub mod solve;
pub mod solve_answer;
pub mod svg_file;
pub mod sweep;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CliError;
use crate::manual::Section;
use crate::output::Output;

/// Solve queueing models: what would a host carry, and where would it wait
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Verb {
    Solve(solve::Words),
    Check(check::Words),
    Sweep(sweep::Words),
    Compare(compare::Words),
    Explain(explain::Words),
    Calibrate(calibrate::Words),
    Claims(claims::Words),
}

impl Verb {
    /// Does it.
    pub fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::Solve(words) => solve::run(&words, output),
            Verb::Check(words) => check::run(&words, output),
            Verb::Sweep(words) => sweep::run(&words, output),
            Verb::Compare(words) => compare::run(&words, output),
            Verb::Explain(words) => explain::run(&words, output),
            Verb::Calibrate(words) => calibrate::run(&words, output),
            Verb::Claims(words) => claims::run(&words, output),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Verb::Solve(words) => words.json,
            Verb::Check(words) => words.json,
            Verb::Sweep(words) => words.json,
            Verb::Compare(words) => words.json,
            Verb::Explain(words) => words.json,
            Verb::Calibrate(words) => words.json,
            Verb::Claims(words) => words.json,
        }
    }
}

/// The manual sections of `model` (none of its own) and of its verbs.
pub fn sections(path: &[&str]) -> Vec<Section> {
    match path {
        ["solve"] => solve::sections(),
        ["check"] => check::sections(),
        ["sweep"] => sweep::sections(),
        ["compare"] => compare::sections(),
        ["explain"] => explain::sections(),
        ["calibrate"] => calibrate::sections(),
        ["claims"] => claims::sections(),
        _ => Vec::new(),
    }
}
