// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel sim cluster`: places virtual machines on many hosts, lets them come and go, and
//! compares policies.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_model::Span;
use evenkeel_report::plot::{Line, Plot};
use evenkeel_sim::cluster::{Cluster, Count, FlavourOutcome, Outcome, read, simulate};
use serde::Serialize;

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};
use crate::verb::text_file;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.sim-cluster.v1";

/// Place virtual machines on many hosts, let them come and go, and compare policies
///
/// Every machine is admitted by the test that is valid for the enforcer: EDF utilisation for scx,
/// response times and the kernel's own sum for rtgroup. Says how many found a place, and how much
/// of what is free at the end is of no use to each size. The same file gives the same answer.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Description of the cluster, TOML (evenkeel.cluster/1); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Seed, instead of the file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write a figure of the arrivals that were refused, by policy, to this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object (evenkeel.sim-cluster.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.sim-cluster.v1`.
#[derive(Serialize)]
struct ClusterAnswer<'a> {
    about: &'a str,
    seed: u64,
    duration_ns: Span,
    hosts: u32,
    cpus_per_host: u16,
    outcomes: &'a [Outcome],
}

/// Simulates it under every policy of the file.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let text = text_file::read(&words.file)?;
    let mut cluster =
        read(&text).map_err(|source| CliError::Malformed { path: words.file.clone(), source })?;
    cluster.seed = words.seed.unwrap_or(cluster.seed);
    let outcomes: Vec<Outcome> =
        cluster.policies.iter().map(|&policy| simulate(&cluster, policy)).collect();
    if let Some(path) = &words.svg {
        text_file::write(path, &plot(&cluster, &outcomes).figure().svg)?;
        output.talk(&format!("figure: {}", path.display()));
    }
    if words.json {
        let answer = ClusterAnswer {
            about: &cluster.about,
            seed: cluster.seed,
            duration_ns: cluster.duration,
            hosts: cluster.hosts.count,
            cpus_per_host: cluster.hosts.cpus,
            outcomes: &outcomes,
        };
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(&cluster, &outcomes, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

fn in_words(cluster: &Cluster, outcomes: &[Outcome], colour: bool) -> String {
    let about = if cluster.about.is_empty() { "cluster" } else { cluster.about.as_str() };
    let mut parts = vec![
        format!(
            "{about}\n{} hosts of {} CPUs, {} machines first, then {}, seed {}",
            cluster.hosts.count,
            cluster.hosts.cpus,
            cluster.churn.initial,
            cluster.duration,
            cluster.seed
        ),
        policies(outcomes, colour),
    ];
    type Column = fn(&FlavourOutcome) -> String;
    let columns: [(&str, Column); 3] = [
        ("ADMITTED LATER", |flavour| percent(flavour.admission_ratio)),
        ("ROOM FOR MORE AT THE END", |flavour| flavour.room_end.to_string()),
        ("FREE AND OF NO USE AT THE END", |flavour| percent(flavour.unusable_ratio_end)),
    ];
    parts.extend(columns.map(|(title, column)| flavours(title, cluster, outcomes, column, colour)));
    parts.join("\n\n")
}

/// A row a policy.
fn policies(outcomes: &[Outcome], colour: bool) -> String {
    let header = [
        ("POLICY", Align::Left),
        ("PLACED FIRST", Align::Right),
        ("ADMITTED LATER", Align::Right),
        ("RESIZED", Align::Right),
        ("MACHINES", Align::Right),
        ("HOSTS", Align::Right),
        ("HELD, MEAN", Align::Right),
        ("HELD, END", Align::Right),
    ];
    let row = |outcome: &Outcome| {
        let resizes = outcome.resizes;
        let done = resizes.in_place + resizes.other_cpus + resizes.other_host;
        let asked = done + resizes.refused;
        vec![
            outcome.policy.to_string(),
            outcome.initial.admitted.to_string(),
            percent(outcome.arrivals.ratio()),
            percent(Count { asked, admitted: done }.ratio()),
            outcome.vms_end.to_string(),
            outcome.hosts_in_use_end.to_string(),
            percent(Some(outcome.held_ratio_mean)),
            percent(Some(outcome.held_ratio_end)),
        ]
    };
    table(&header, &outcomes.iter().map(row).collect::<Vec<_>>(), colour)
}

/// A row a flavour, a column a policy.
fn flavours(
    title: &str,
    cluster: &Cluster,
    outcomes: &[Outcome],
    column: fn(&FlavourOutcome) -> String,
    colour: bool,
) -> String {
    let names: Vec<String> = outcomes.iter().map(|outcome| outcome.policy.to_string()).collect();
    let mut header = vec![(title, Align::Left), ("SIZE", Align::Left)];
    header.extend(names.iter().map(|name| (name.as_str(), Align::Right)));
    let row = |(index, flavour): (usize, &evenkeel_sim::cluster::Flavour)| {
        let cpus = if flavour.cpus == 1 { "CPU" } else { "CPUs" };
        let size = format!("{} on {} {cpus}", flavour.reservation, flavour.cpus);
        let mut row = vec![flavour.name.clone(), size];
        row.extend(outcomes.iter().map(|outcome| column(&outcome.flavours[index])));
        row
    };
    table(&header, &cluster.flavours.iter().enumerate().map(row).collect::<Vec<_>>(), colour)
}

/// Per cent with one decimal; a dash where there is nothing to take a part of.
fn percent(ratio: Option<f64>) -> String {
    ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{:.1} %", ratio * 100.0))
}

/// Refused arrivals over time.
fn plot(cluster: &Cluster, outcomes: &[Outcome]) -> Plot {
    // Times and counts are far below 2^53, where f64 is exact.
    let line = |outcome: &Outcome| Line {
        name: outcome.policy.to_string(),
        points: outcome
            .samples
            .iter()
            .map(|sample| (sample.at_ns.as_ns() as f64 / 1e9, sample.refused as f64))
            .collect(),
        marks: false,
    };
    let best = outcomes.iter().max_by_key(|outcome| outcome.arrivals.admitted);
    let title = best.map_or_else(String::new, |best| {
        format!("{} admits most: {} of those that came later", best.policy, {
            percent(best.arrivals.ratio())
        })
    });
    Plot {
        name: "cluster".to_owned(),
        title,
        caption: format!(
            "{} hosts of {} CPUs, {} machines first, seed {}; simulated, the same arrivals for \
             every policy.",
            cluster.hosts.count, cluster.hosts.cpus, cluster.churn.initial, cluster.seed
        ),
        x_label: "Time, s".to_owned(),
        y_label: "Arrivals refused so far".to_owned(),
        lines: outcomes.iter().map(line).collect(),
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel sim cluster docs/scenarios/ten-thousand-hosts.toml
    A million machines on ten thousand hosts, under four policies.
evenkeel sim cluster cluster.toml --json | jq '.outcomes[] | {policy, held_ratio_end}'
",
        ),
        Section::new(
            "DESCRIPTION FILE",
            "
schema = \"evenkeel.cluster/1\", seed, duration, sample (time between points of the
series), about. [hosts]: count, cpus, nodes, enforcer (scx or rtgroup), limit_percent of
one CPU (95). [churn]: initial, and the means of exponential times arrival_gap_mean,
lifetime_mean, resize_gap_mean; migrate: a machine that asks for another size may move.
[[flavour]]: name, cpus, budget and period on each of them, weight, spread (node: all in
one NUMA node, or host). [[policy]]: hosts, cpus: first-fit, best-fit or worst-fit.
The JSON schema is docs/schema/cluster.v1.json.
",
        ),
        Section::exit_status(&[
            (Status::Done, "the answer was printed, or the reader closed the pipe"),
            (Status::Failed, "the figure could not be written"),
            (Status::Usage, "wrong usage, or a file that cannot be read or understood"),
        ]),
    ]
}
