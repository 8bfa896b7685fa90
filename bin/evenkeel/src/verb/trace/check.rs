// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel trace check`: do the kernel's decisions agree with the reference policy's?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_host::trace::{self, TraceFile};
use evenkeel_model::Span;
use serde::Serialize;

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::verb::window::window;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.trace-check.v1";

/// Check a recording against the reference policy
///
/// Replays what arrived and what was executed, and compares who ran and what the servers were given.
/// The recording must have begun before the first thread of its capsules ran.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How long the two may differ each time
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = window)]
    tolerance: Span,
    /// Print one JSON object (evenkeel.trace-check.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.trace-check.v1`.
#[derive(Serialize)]
struct CheckAnswer {
    agrees: bool,
    events: u64,
    decisions: u64,
    longest_ns: Span,
    overrun_ns: Span,
    disagreement: Option<String>,
}

/// Checks.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let result = trace::verify(&TraceFile::read(&words.file)?, words.tolerance)?;
    let agreement = result.as_ref().copied().unwrap_or_default();
    let answer = CheckAnswer {
        agrees: result.is_ok(),
        events: agreement.events,
        decisions: agreement.decisions,
        longest_ns: agreement.longest,
        overrun_ns: agreement.overrun,
        disagreement: result.err(),
    };
    if words.json {
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(&answer))?;
    }
    Ok(if answer.agrees { Status::Done } else { Status::Violated }.into())
}

fn in_words(answer: &CheckAnswer) -> String {
    match &answer.disagreement {
        Some(words) => format!("the recording disagrees with the reference policy: {words}\n"),
        None => format!(
            "{} events, {} decisions: they agree; the longest difference is {}, the largest overrun \
             {}\n",
            answer.events, answer.decisions, answer.longest_ns, answer.overrun_ns
        ),
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![Section::new(
        "EXAMPLES",
        "
evenkeel trace check decisions.json --tolerance 200us
    Exit status 5 where the two disagree.
",
    )]
}
