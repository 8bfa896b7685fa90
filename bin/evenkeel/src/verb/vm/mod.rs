// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel vm`: virtual machines as they are found, in a capsule or not.

pub mod list;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CliError;
use crate::manual::Section;
use crate::output::Output;

/// See which virtual machines run on this host
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Verb {
    List(list::Words),
}

impl Verb {
    /// Does it.
    pub fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::List(words) => list::run(&words, output),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Verb::List(words) => words.json,
        }
    }
}

/// The manual sections of `vm` (none of its own) and of its verbs.
pub fn sections(path: &[&str]) -> Vec<Section> {
    match path {
        ["list"] => list::sections(),
        _ => Vec::new(),
    }
}
