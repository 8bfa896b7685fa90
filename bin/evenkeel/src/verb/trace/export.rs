// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel trace export`: a recording for trace viewers, as lanes, or for the reference policy.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use evenkeel_host::trace::{self, TraceError, TraceFile};

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;

/// Export a recording for a trace viewer, as lanes, or for the reference policy
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The form: chrome, svg or schedule
    #[arg(long, value_enum, value_name = "FORM", default_value_t, hide_possible_values = true)]
    form: Form,
    /// The file to write; standard output without it
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

/// `--form`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Trace Event Format, for Perfetto and chrome://tracing
    #[default]
    Chrome,
    /// A lane for each CPU
    Svg,
    /// Events and decisions as the reference policy takes them
    Schedule,
}

/// Exports.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let file = TraceFile::read(&words.file)?;
    let text = match words.form {
        Form::Chrome => trace::chrome(&file),
        Form::Svg => trace::svg(&file),
        Form::Schedule => serde_json::to_string(&trace::schedule(&file)?)
            .map_err(|why| TraceError::Unplayable(why.to_string()))?,
    };
    match &words.to {
        Some(path) => std::fs::write(path, text)
            .map_err(|source| TraceError::File { path: path.clone(), source })?,
        None => output.answer(&text)?,
    }
    Ok(Status::Done.into())
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![Section::new(
        "EXAMPLES",
        "
evenkeel trace export decisions.json --to decisions.perfetto.json
evenkeel trace export decisions.json --form svg --to decisions.svg
",
    )]
}
