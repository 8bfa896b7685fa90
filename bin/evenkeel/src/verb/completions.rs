// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel completions`: the completion script of a shell, from the definition that parses.

use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::cli;
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;

/// Print the completion script for a shell
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_enum, hide_possible_values = true)]
    shell: Shell,
}

/// Prints it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let mut command = cli::command();
    let mut script = Vec::new();
    clap_complete::generate(words.shell, &mut command, "evenkeel", &mut script);
    output.answer(&String::from_utf8_lossy(&script))?;
    Ok(Status::Done.into())
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel completions bash > /usr/share/bash-completion/completions/evenkeel
evenkeel completions zsh > /usr/share/zsh/vendor-completions/_evenkeel
",
        ),
        Section::exit_status(&[
            (Status::Done, "the script was printed"),
            (Status::Usage, "no such shell"),
        ]),
    ]
}
