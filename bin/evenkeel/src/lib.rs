// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of Evenkeel: parse -> resolve -> one library call -> print.
//!
//! Every verb is one file in `verb`: the words it takes, how they become a request, the call, and
//! how the answer looks. Nothing here decides anything about a host; [`evenkeel_host`] does.
//!
//! The contract that every verb keeps: standard output is the answer, standard error the talk;
//! `--json` prints one object that begins with `schema` and `version`; human quantities need a
//! unit; verbs that change something have `--dry-run`; exit statuses are [`status::Status`].

pub mod cli;
mod colour;
mod error;
pub mod manual;
mod output;
pub mod status;
mod table;
mod verb;
mod wrap;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use crate::cli::Cli;
use crate::colour::Colour;
use crate::error::CliError;
use crate::output::Output;
use crate::status::Status;

/// Runs the program with `arguments`, the first of which is its own name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let output = Output::new(Colour::among(&arguments));
    let json_wanted = cli::asks_for_json(&arguments);
    let parsed = cli::command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return print_usage(&error, json_wanted, output),
    };
    let json = cli.verb.wants_json();
    match cli.verb.run(output) {
        Ok(status) => status,
        Err(error) => {
            error.report(output, json);
            error.status().into()
        }
    }
}

/// Prints what clap has to say: help and version are answers, everything else is an error.
fn print_usage(error: &clap::Error, json: bool, output: Output) -> ExitCode {
    let text = error.render();
    if error.use_stderr() && json {
        let error = CliError::Words { message: cli::message_of(&text.to_string()) };
        error.report(output, json);
        return error.status().into();
    }
    if error.use_stderr() {
        let text = if output.colours_talk() { text.ansi().to_string() } else { text.to_string() };
        output.talk(&text);
        return Status::Usage.into();
    }
    let text = if output.colours_answer() { text.ansi().to_string() } else { text.to_string() };
    match output.answer(&text) {
        Ok(()) | Err(CliError::ReaderGone) => Status::Done.into(),
        Err(error) => {
            error.report(output, false);
            error.status().into()
        }
    }
}
