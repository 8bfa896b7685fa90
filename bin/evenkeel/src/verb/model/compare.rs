// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model compare`: which architecture carries how much, at what cost, and what a VM loses
//! to its neighbour.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::architecture::{
    Answer, Architecture, ArchitectureError, Crosstalk, Place, Scenario, catalogue, crosstalk,
    overload_pps, solve,
};
use evenkeel_report::{Bar, Comparison, Curve};
use serde::Serialize;

use super::failure::ModelFailure;
use super::scenario_words::ScenarioWords;
use super::svg_file;
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.model-compare.v1";

/// Compare architectures of network I/O virtualization
///
/// Each architecture is a layered queueing network made of blocks with known costs (`evenkeel model
/// explain` shows them). The answer has, for each: the throughput of all VMs together, the cycles
/// of the CPU for a packet (a request, for web) and who pays them, the time of a packet, and
/// crosstalk: what VM 1 loses while VM 2 is overloaded, each holding a third of the cores.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Number of VMs: one number, or FROM..TO
    #[arg(long, value_name = "N", default_value = "1..24", value_parser = vms)]
    vms: (u32, u32),
    /// Only these architectures; may be given several times
    #[arg(long = "arch", value_name = "NAME", value_delimiter = ',')]
    architectures: Vec<String>,
    #[command(flatten)]
    scenario: ScenarioWords,
    /// Write a figure: cycles of a packet by payer, and throughput against the number of VMs
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object (evenkeel.model-compare.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.model-compare.v1`.
#[derive(Serialize)]
struct CompareAnswer {
    workload: &'static str,
    scenario: Scenario,
    /// What VM 2 is overloaded with.
    overload_pps: f64,
    architectures: Vec<Compared>,
}

/// One architecture.
#[derive(Serialize)]
struct Compared {
    id: &'static str,
    title: &'static str,
    summary: &'static str,
    /// One for each number of VMs.
    points: Vec<Point>,
    /// `null` if the question has no answer; why: `crosstalk_error`.
    crosstalk: Option<Crosstalk>,
    crosstalk_error: Option<String>,
}

#[derive(Serialize)]
struct Point {
    vms: u32,
    answer: Option<Answer>,
    error: Option<String>,
}

/// Compares.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let chosen = if words.architectures.is_empty() {
        catalogue()
    } else {
        let named = words.architectures.iter().map(|name| Architecture::named(name));
        named.collect::<Result<Vec<_>, _>>().map_err(ModelFailure::from)?
    };
    let answer = answer(words, &chosen)?;
    if let Some(path) = &words.svg {
        svg_file::write(path, &figure(words, &answer).figure().svg)?;
    }
    if words.json {
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(words, &answer, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

fn answer(words: &Words, chosen: &[Architecture]) -> Result<CompareAnswer, CliError> {
    let (first, last) = words.vms;
    let scenario = words.scenario.scenario(first)?;
    let overload_pps = overload_pps(&scenario.machine);
    let mut architectures = Vec::new();
    for architecture in chosen {
        let mut points = Vec::new();
        for vms in first..=last {
            let (answer, error) = split(solve(architecture, &words.scenario.scenario(vms)?))?;
            points.push(Point { vms, answer, error });
        }
        let (crosstalk, crosstalk_error) =
            split(crosstalk(architecture, &limitless(&scenario), overload_pps))?;
        architectures.push(Compared {
            id: architecture.id,
            title: architecture.title,
            summary: architecture.summary,
            points,
            crosstalk,
            crosstalk_error,
        });
    }
    let workload = words.scenario.workload.as_str();
    Ok(CompareAnswer { workload, scenario, overload_pps, architectures })
}

/// Crosstalk has reservations of its own and no limit.
fn limitless(scenario: &Scenario) -> Scenario {
    Scenario { rate_max_bps: None, ..scenario.clone() }
}

/// An answer, or why this one architecture has none; wrong words are nobody's answer.
fn split<T>(found: Result<T, ArchitectureError>) -> Result<(Option<T>, Option<String>), CliError> {
    match found {
        Ok(found) => Ok((Some(found), None)),
        Err(error @ ArchitectureError::Range { .. }) => Err(ModelFailure::from(error).into()),
        Err(error) => Ok((None, Some(error.to_string()))),
    }
}

/// Places of the CPU, as the columns and colours of the answer.
const PLACES: [Place; 4] = [Place::Guest, Place::Own, Place::Vmm, Place::Shared];

fn cycles_at(answer: &Answer, place: Place) -> f64 {
    answer.blocks.iter().filter(|b| b.place == place).fold(0.0, |sum, b| sum + b.cycles)
}

fn in_words(words: &Words, answer: &CompareAnswer, colour: bool) -> String {
    let (first, last) = words.vms;
    let unit = unit(answer.workload);
    let at = |vms: u32| format!("{} AT {vms}", if unit == "request" { "REQ/S" } else { "MB/S" });
    let (at_first, at_last) = (at(first), at(last));
    let cycles = format!("CYCLES/{}", unit.to_uppercase());
    let mut header = vec![("ARCHITECTURE", Align::Left), (at_first.as_str(), Align::Right)];
    if last > first {
        header.push((at_last.as_str(), Align::Right));
    }
    header.push((cycles.as_str(), Align::Right));
    header.extend(
        [("GUEST", "OWN", "VMM", "SHARED")]
            .iter()
            .flat_map(|(a, b, c, d)| [*a, *b, *c, *d])
            .map(|name| (name, Align::Right)),
    );
    header.extend([("LATENCY", Align::Right), ("CROSSTALK", Align::Right)]);
    let rows: Vec<Vec<String>> =
        answer.architectures.iter().map(|a| row(a, last > first, unit == "request")).collect();
    let mut text = table(&header, &rows, colour);
    text.push_str(&format!("\n\n{}", legend(words, answer)));
    for compared in &answer.architectures {
        let errors = compared.points.iter().filter_map(|p| Some((p.vms, p.error.as_ref()?)));
        for (vms, error) in errors.take(1) {
            text.push_str(&format!("\n{} with {vms} VMs: {error}", compared.id));
        }
    }
    text
}

fn legend(words: &Words, answer: &CompareAnswer) -> String {
    let m = &answer.scenario.machine;
    let at = if words.vms.1 > words.vms.0 {
        format!(" with {}", counted(words.vms.0))
    } else {
        String::new()
    };
    format!(
        "Machine {}: {} cores of {} GHz, {} x {} Gb/s ({}: {}).\n\
         Cycles and latency{at}. Crosstalk: what VM 1 loses with VM 2 at {} million frames a second.",
        m.name,
        m.cores,
        m.clock_hz / 1e9,
        m.links,
        m.link_bps / 1e9,
        m.source.origin.as_str(),
        m.source.note,
        (answer.overload_pps / 1e4).round() / 1e2,
    )
}

fn row(compared: &Compared, range: bool, requests: bool) -> Vec<String> {
    let absent = || "-".to_owned();
    let carried = |point: Option<&Point>| {
        let answer = point.and_then(|p| p.answer.as_ref());
        answer.map_or_else(absent, |a| {
            format!("{:.0}", if requests { a.rate_per_s } else { a.throughput_bps / 1e6 })
        })
    };
    let mut row = vec![compared.id.to_owned(), carried(compared.points.first())];
    if range {
        row.push(carried(compared.points.last()));
    }
    match compared.points.first().and_then(|p| p.answer.as_ref()) {
        Some(a) => {
            row.push(format!("{:.0}", a.cycles));
            row.extend(PLACES.map(|p| format!("{:.0}", cycles_at(a, p))));
            row.push(format!("{:.0}us", a.latency_s * 1e6));
        }
        None => row.extend((0..6).map(|_| absent())),
    }
    row.push(
        compared
            .crosstalk
            .as_ref()
            .map_or_else(absent, |c| format!("{:.1}%", 100.0 * c.worst_loss_ratio)),
    );
    row
}

fn counted(vms: u32) -> String {
    if vms == 1 { "one VM".to_owned() } else { format!("{vms} VMs") }
}

fn unit(workload: &str) -> &'static str {
    if workload == "web" { "request" } else { "packet" }
}

fn figure(words: &Words, answer: &CompareAnswer) -> Comparison {
    let unit = unit(answer.workload);
    let m = &answer.scenario.machine;
    let bar = |compared: &Compared| {
        let point = compared.points.first().and_then(|p| p.answer.as_ref());
        let loss = compared.crosstalk.as_ref().map(|c| 100.0 * c.worst_loss_ratio);
        Bar {
            name: compared.id.to_owned(),
            parts: point.map_or_else(Vec::new, |a| PLACES.map(|p| cycles_at(a, p)).to_vec()),
            note: point.map_or_else(
                || "no answer".to_owned(),
                |a| format!("{:.2} Gb/s, {:.0} us", a.throughput_bps / 1e9, a.latency_s * 1e6),
            ),
            more: loss.map_or_else(String::new, |loss| format!("crosstalk {loss:.1} %")),
        }
    };
    let curve = |compared: &Compared| Curve {
        name: compared.id.to_owned(),
        points: compared
            .points
            .iter()
            .filter_map(|p| Some((f64::from(p.vms), p.answer.as_ref()?.throughput_bps / 1e9)))
            .collect(),
    };
    let (first, last) = words.vms;
    Comparison {
        name: "compare".to_owned(),
        title: format!("Cycles of the CPU for a {unit}, by who pays: {}", answer.workload),
        caption: format!(
            "Solved layered queueing networks; bars: {}. Machine {}: {} cores of {} GHz, {} x {} \
             Gb/s; payload {} bytes. Crosstalk: what VM 1 loses while VM 2 is offered {:.2} million \
             small frames a second, each VM holding a third of the cores.",
            counted(first),
            m.name,
            m.cores,
            m.clock_hz / 1e9,
            m.links,
            m.link_bps / 1e9,
            answer.scenario.packet_bytes,
            answer.overload_pps / 1e6,
        ),
        unit: format!("Cycles per {unit}"),
        kinds: PLACES.map(|p| p.as_str().to_owned()).to_vec(),
        bars: answer.architectures.iter().map(bar).collect(),
        axes: ("VMs".to_owned(), "Throughput of all VMs, Gb/s".to_owned()),
        curves: if last > first {
            answer.architectures.iter().map(curve).collect()
        } else {
            Vec::new()
        },
    }
}

/// `1..24` or `8`.
fn vms(text: &str) -> Result<(u32, u32), String> {
    let number = |text: &str| {
        let found: Option<u32> = text.trim().parse().ok();
        let most = evenkeel_lqn::architecture::VMS_MAX;
        found.filter(|n| (1..=most).contains(n)).ok_or(format!("must be 1 to {most}, or FROM..TO"))
    };
    match text.split_once("..") {
        None => number(text).map(|n| (n, n)),
        Some((from, to)) => {
            let (from, to) = (number(from)?, number(to)?);
            if from <= to { Ok((from, to)) } else { Err("FROM must not be above TO".to_owned()) }
        }
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model compare --workload bulk-rx
evenkeel model compare --arch linux-vhost,linux-dedicated,sr-iov --vms 1..16 --svg io.svg
evenkeel model compare --workload web --machine atc06 --vms 1
evenkeel model compare --costs lab-results/today --json | jq '.architectures[0].points[0]'
",
        ),
        Section::exit_status(&[
            (Status::Done, "compared; an architecture without an answer says why"),
            (Status::Failed, "the figure cannot be written, or the lab's results not be read"),
            (Status::Usage, "wrong usage, an invalid value, or an unknown name"),
        ]),
    ]
}
