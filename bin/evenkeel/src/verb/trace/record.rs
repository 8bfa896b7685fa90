// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel trace record`: the decisions of a while, into a file.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_host::trace;
use evenkeel_model::Span;

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::verb::window::window;

/// Record the scheduler's decisions into a file
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How long to record
    #[arg(long = "for", value_name = "TIME", default_value = "1s", value_parser = window)]
    window: Span,
}

/// Records.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let file = trace::record(words.window, &|| false)?;
    file.write(&words.file)?;
    let (records, lost) = (file.log.records.len(), file.log.lost);
    let missing = if lost > 0 { format!(", {lost} were lost") } else { String::new() };
    output.answer(&format!("{records} records in {}{missing}\n", words.file.display()))?;
    Ok(Status::Done.into())
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![Section::new(
        "EXAMPLES",
        "
evenkeel trace record decisions.json --for 2s
evenkeel trace export decisions.json --form chrome --to decisions.perfetto.json
    Two seconds of decisions, to be opened in a trace viewer.
",
    )]
}
