// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel lab-guest`, hidden: the part that this program plays inside a guest of the lab. Guests
//! see the host's files, so the lab needs no program of its own there.

use std::process::ExitCode;

use clap::Args;

use crate::error::CliError;
use crate::status::Status;

/// Play a part inside a guest of the lab
#[derive(Debug, Args)]
pub struct Words {
    /// The part and its parameters, as the lab decides
    #[arg(value_name = "PART", trailing_var_arg = true, allow_hyphen_values = true)]
    part: Vec<String>,
}

/// Plays it.
pub fn run(words: &Words) -> Result<ExitCode, CliError> {
    evenkeel_lab::guest::program::main(&words.part)
        .map_err(|source| CliError::GuestProgram { source })?;
    Ok(Status::Done.into())
}
