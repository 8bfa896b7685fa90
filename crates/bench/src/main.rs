// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel-bench`: measures inside the virtual machine (`measure`), is each of the processes that
//! load it (`workload`), and concludes from raw data (`rows`).

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use evenkeel_bench::experiment::measure;
use evenkeel_bench::{verdict, workload};
use evenkeel_host::EnforcerChoice;

const USAGE: &str = "\
usage: evenkeel-bench measure OUT ENFORCER full|short MEASUREMENT...
       evenkeel-bench workload CPU|any WHAT...
       evenkeel-bench rows RAW";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> anyhow::Result<()> {
    match words {
        ["measure", out, enforcer, length @ ("full" | "short"), only @ ..] => {
            measure(Path::new(out), choice(enforcer)?, *length == "short", only)
        }
        ["workload", rest @ ..] => workload::main(rest),
        ["rows", out] => {
            let rows = verdict::rows(Path::new(out))?;
            println!("{}", serde_json::to_string_pretty(&rows).context("encoding the rows")?);
            Ok(())
        }
        _ => bail!("{USAGE}"),
    }
}

/// The word as the command line of `evenkeel` has it.
fn choice(word: &str) -> anyhow::Result<EnforcerChoice> {
    let json = serde_json::Value::String(word.to_owned());
    serde_json::from_value(json).with_context(|| format!("no enforcer '{word}'"))
}
