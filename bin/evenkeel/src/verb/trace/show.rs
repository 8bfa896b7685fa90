// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel trace show`: a recording as a table.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_host::trace::{TraceFile, slot_name};
use evenkeel_model::Span;

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.trace-show.v1";

/// Show a recording as a table
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Most lines to show
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    lines: usize,
    /// Only this CPU
    #[arg(long, value_name = "CPU")]
    cpu: Option<u32>,
    /// Print one JSON object (evenkeel.trace-show.v1)
    #[arg(long)]
    pub json: bool,
}

/// Shows.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let mut file = TraceFile::read(&words.file)?;
    file.log.records.retain(|record| words.cpu.is_none_or(|cpu| record.cpu.0 == cpu));
    let all = file.log.records.len();
    file.log.records.truncate(words.lines);
    if words.json {
        output.json(SCHEMA, &serde_json::json!({"trace": file, "records_total": all}))?;
    } else {
        output.answer(&in_words(&file, output.colours_answer()))?;
        if all > words.lines {
            output.talk(&format!("{} more records: --lines {all} shows all", all - words.lines));
        }
    }
    Ok(Status::Done.into())
}

fn in_words(file: &TraceFile, colour: bool) -> String {
    let header = [
        ("TIME", Align::Right),
        ("CPU", Align::Right),
        ("CAPSULE", Align::Left),
        ("EVENT", Align::Left),
        ("THREAD", Align::Left),
        ("EXECUTED", Align::Right),
        ("BUDGET LEFT", Align::Right),
        ("DEADLINE", Align::Right),
    ];
    let start = file.log.records.first().map_or(0, |record| record.at_ns);
    let since = |at: u64| Span::from_ns(at.saturating_sub(start)).to_string();
    let rows: Vec<Vec<String>> = file
        .log
        .records
        .iter()
        .map(|record| {
            let event = serde_json::to_value(record.event).unwrap_or_default();
            let name = file.threads.get(&record.tid).map_or("", String::as_str);
            let left = Span::from_ns(record.budget_left_ns.unsigned_abs());
            vec![
                since(record.at_ns),
                record.cpu.to_string(),
                slot_name(file, record.slot),
                event.as_str().unwrap_or_default().to_owned(),
                if record.tid == 0 { "-".to_owned() } else { format!("{} {name}", record.tid) },
                if record.executed_ns == 0 {
                    "-".to_owned()
                } else {
                    Span::from_ns(record.executed_ns).to_string()
                },
                if record.budget_left_ns < 0 { format!("-{left}") } else { left.to_string() },
                since(record.deadline_ns),
            ]
        })
        .collect();
    table(&header, &rows, colour)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![Section::new(
        "EXAMPLES",
        "
evenkeel trace show decisions.json --cpu 0 --lines 50
",
    )]
}
