// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel sim`: what would happen, without a host to try it on.

pub mod cluster;
pub mod run;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CliError;
use crate::manual::Section;
use crate::output::Output;

/// Simulate hosts with capsules
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Verb {
    Run(run::Words),
    Cluster(cluster::Words),
}

impl Verb {
    /// Does it.
    pub fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::Run(words) => run::run(&words, output),
            Verb::Cluster(words) => cluster::run(&words, output),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Verb::Run(words) => words.json,
            Verb::Cluster(words) => words.json,
        }
    }
}

/// The manual sections of `sim` (none of its own) and of its verbs.
pub fn sections(path: &[&str]) -> Vec<Section> {
    match path {
        ["run"] => run::sections(),
        ["cluster"] => cluster::sections(),
        _ => Vec::new(),
    }
}
