// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes the report of a results file, to look at figures after a change:
//! `cargo run -p evenkeel-report --example render -- RESULTS.json DIRECTORY`

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [results, dir] = &arguments[..] else {
        return Err("give a results file and a directory".into());
    };
    let text = std::fs::read_to_string(results)
        .map_err(|error| format!("cannot read {}: {error}", results.display()))?;
    let written = evenkeel_report::write(&serde_json::from_str(&text)?, dir)?;
    println!("{}", written.html.display());
    Ok(())
}
