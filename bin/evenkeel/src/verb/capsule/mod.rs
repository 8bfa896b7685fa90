// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule`: the verbs that make, fill, change, show and end capsules.

pub mod attach;
pub mod create;
pub mod delete;
pub mod detach;
pub mod list;
pub mod set;
pub mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::error::CliError;
use crate::manual::Section;
use crate::output::Output;

/// Make, fill, change, show and end capsules
///
/// A capsule is a reservation (a CPU budget every period on each CPU of a set) together with all
/// threads that work for one virtual machine and, if asked, its network processing.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub enum Verb {
    Create(create::Words),
    Attach(attach::Words),
    Detach(detach::Words),
    Set(set::Words),
    Show(show::Words),
    List(list::Words),
    Delete(delete::Words),
}

impl Verb {
    /// Does it.
    pub fn run(self, output: Output) -> Result<ExitCode, CliError> {
        match self {
            Verb::Create(words) => create::run(words, output),
            Verb::Attach(words) => attach::run(words, output),
            Verb::Detach(words) => detach::run(&words, output),
            Verb::Set(words) => set::run(words, output),
            Verb::Show(words) => show::run(&words, output),
            Verb::List(words) => list::run(&words, output),
            Verb::Delete(words) => delete::run(&words, output),
        }
    }

    /// Whether errors, too, are wanted as JSON.
    pub fn wants_json(&self) -> bool {
        match self {
            Verb::Create(words) => words.change.json,
            Verb::Attach(words) => words.change.json,
            Verb::Detach(words) => words.change.json,
            Verb::Set(words) => words.change.json,
            Verb::Show(words) => words.json,
            Verb::List(words) => words.json,
            Verb::Delete(words) => words.change.json,
        }
    }
}

/// The manual sections of `capsule` (none of its own) and of its verbs.
pub fn sections(path: &[&str]) -> Vec<Section> {
    match path {
        ["create"] => create::sections(),
        ["attach"] => attach::sections(),
        ["detach"] => detach::sections(),
        ["set"] => set::sections(),
        ["show"] => show::sections(),
        ["list"] => list::sections(),
        ["delete"] => delete::sections(),
        _ => Vec::new(),
    }
}
