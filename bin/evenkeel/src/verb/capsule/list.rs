// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule list`: one line a capsule.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::CapsuleSummary;
use serde::Serialize;

use crate::error::CliError;
use crate::manual::{Section, after_help, environment, files, only_reads};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};
use crate::verb::plan_answer::open;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.capsule-list.v1";

/// List the capsules of this host
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Print one JSON object (evenkeel.capsule-list.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.capsule-list.v1`.
#[derive(Serialize)]
struct ListAnswer {
    capsules: Vec<CapsuleSummary>,
}

/// Lists them.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let capsules = open(output)?.list()?;
    if words.json {
        output.json(SCHEMA, &ListAnswer { capsules })?;
    } else if capsules.is_empty() {
        output.talk("no capsules; make one with `evenkeel capsule create`");
    } else {
        output.answer(&in_words(&capsules, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

fn in_words(capsules: &[CapsuleSummary], colour: bool) -> String {
    let header = [
        ("NAME", Align::Left),
        ("BUDGET", Align::Right),
        ("PERIOD", Align::Right),
        ("SHARE", Align::Right),
        ("CPUS", Align::Left),
        ("ENFORCER", Align::Left),
        ("NETWORK", Align::Left),
        ("THREADS", Align::Right),
        ("PARENT", Align::Left),
        ("STATUS", Align::Left),
        ("VMS", Align::Left),
    ];
    let rows: Vec<Vec<String>> = capsules.iter().map(row).collect();
    table(&header, &rows, colour)
}

fn row(capsule: &CapsuleSummary) -> Vec<String> {
    let vms: Vec<String> = capsule
        .vms
        .iter()
        .map(|vm| format!("{}{}", vm.label, if vm.gone { " (gone)" } else { "" }))
        .collect();
    vec![
        capsule.name.to_string(),
        or_dash(capsule.reservation.map(|reservation| reservation.budget())),
        or_dash(capsule.reservation.map(|reservation| reservation.period())),
        or_dash(capsule.bandwidth_ppb),
        or_dash(Some(&capsule.cpus).filter(|cpus| !cpus.is_empty())),
        or_dash(capsule.enforcer),
        capsule.context.to_string(),
        capsule.thread_count.to_string(),
        or_dash(capsule.parent.as_ref()),
        capsule.status.as_str().to_owned(),
        or_dash(Some(vms.join(", ")).filter(|text| !text.is_empty())),
    ]
}

/// A dash keeps a column where there is nothing to say.
fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule list
evenkeel capsule list --json | jq -r '.capsules[].name'
",
        ),
        Section::new(
            "STATUS",
            "
in force       The kernel keeps the reservation.
half done      An operation was interrupted; the next change clears it up, and so does
               `evenkeel capsule delete`.
group missing  Somebody removed the group: nothing is guaranteed.
orphan         A group of ours that no state file describes; `evenkeel capsule delete`
               removes it.
",
        ),
        only_reads(),
        environment(),
        files(),
    ]
}
