// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model explain`: where the cycles of a packet go in one architecture, and how each
//! figure came to be known.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::architecture::{
    Answer, Architecture, Block, BlockShare, Direction, Place, Scenario, model, solve,
};
use evenkeel_report::{Bar, Comparison};
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
const SCHEMA: &str = "evenkeel.model-explain.v1";

/// Show the blocks of an architecture and where the cycles of a packet go
///
/// Every cost is shown with what it is counted by and where it comes from: read in a study,
/// remembered from one, fitted to a published figure, assumed, or measured.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Which one: `evenkeel model compare` lists them
    #[arg(value_name = "ARCHITECTURE")]
    architecture: String,
    /// Number of VMs
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=64))]
    vms: u32,
    #[command(flatten)]
    scenario: ScenarioWords,
    /// Write a figure of the blocks
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print the model itself in the text format, for `evenkeel model solve`
    #[arg(long, conflicts_with = "json")]
    lqn: bool,
    /// Print one JSON object (evenkeel.model-explain.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.model-explain.v1`.
#[derive(Serialize)]
struct ExplainAnswer {
    architecture: Architecture,
    scenario: Scenario,
    answer: Answer,
}

/// Explains.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let architecture = Architecture::named(&words.architecture).map_err(ModelFailure::from)?;
    let scenario = words.scenario.scenario(words.vms)?;
    if words.lqn {
        let model = model(&architecture, &scenario).map_err(ModelFailure::from)?;
        output.answer(&evenkeel_lqn::text::write(&model))?;
        return Ok(Status::Done.into());
    }
    let answer = solve(&architecture, &scenario).map_err(ModelFailure::from)?;
    let answer = ExplainAnswer { architecture, scenario, answer };
    if let Some(path) = &words.svg {
        svg_file::write(path, &figure(&answer).figure().svg)?;
    }
    if words.json {
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(&answer, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

fn block_of<'a>(architecture: &'a Architecture, share: &BlockShare) -> Option<&'a Block> {
    let path = match share.direction? {
        Direction::Receive => &architecture.receive,
        Direction::Send => &architecture.send,
    };
    path.iter().find(|b| b.name == share.block)
}

fn in_words(a: &ExplainAnswer, colour: bool) -> String {
    let unit = match a.scenario.load {
        evenkeel_lqn::architecture::Load::Web(_) => "request",
        _ => "packet",
    };
    let mut text = format!(
        "{}: {}\n{}.\n\n{:.0} cycles a {unit} on machine {}; {:.0} Mb/s with {} VMs; CPU {:.0} % \
         busy; {:.1} packets a poll.\n\n",
        a.architecture.id,
        a.architecture.title,
        a.architecture.summary,
        a.answer.cycles,
        a.scenario.machine.name,
        a.answer.throughput_bps / 1e6,
        a.answer.vms,
        100.0 * a.answer.cpu_busy,
        a.answer.poll,
    );
    let header = [
        ("BLOCK", Align::Left),
        ("WHO PAYS", Align::Left),
        ("CYCLES", Align::Right),
        ("PART", Align::Right),
        ("", Align::Left),
    ];
    let rows: Vec<Vec<String>> = a.answer.blocks.iter().map(|b| share_row(b, &a.answer)).collect();
    text.push_str(&table(&header, &rows, colour));
    text.push_str("\n\n");
    text.push_str(&costs(a, colour));
    text
}

fn share_row(b: &BlockShare, answer: &Answer) -> Vec<String> {
    let name = match b.direction {
        Some(direction) => format!("{} ({})", b.block, direction.as_str()),
        None => b.block.to_owned(),
    };
    let part = b.cycles / answer.cycles.max(1e-300);
    let (amount, share) = if b.place.is_cpu() {
        (format!("{:.0}", b.cycles), format!("{:.1}%", 100.0 * part))
    } else {
        (format!("{:.0}ns", b.hardware_s * 1e9), String::new())
    };
    vec![name, b.place.as_str().to_owned(), amount, share, stripe(part)]
}

/// A bar of characters, 40 for everything.
fn stripe(part: f64) -> String {
    let mut text = String::new();
    let mut left = part * 40.0;
    while left >= 0.5 && text.len() < 40 {
        text.push('#');
        left -= 1.0;
    }
    text
}

/// Every cost with its source, in the machine it was counted on.
fn costs(a: &ExplainAnswer, colour: bool) -> String {
    let header = [
        ("BLOCK", Align::Left),
        ("COST", Align::Left),
        ("CYCLES", Align::Right),
        ("PER", Align::Left),
        ("SOURCE", Align::Left),
    ];
    let mut rows = Vec::new();
    for share in &a.answer.blocks {
        let Some(block) = block_of(&a.architecture, share) else { continue };
        for cost in &block.costs {
            let amount = if block.place == Place::Nic {
                format!("{:.0}ns", cost.cycles)
            } else if cost.cycles < 10.0 {
                format!("{:.2}", cost.cycles)
            } else {
                format!("{:.0}", cost.cycles)
            };
            rows.push(vec![
                block.name.to_owned(),
                cost.what.to_owned(),
                amount,
                cost.per.as_str().to_owned(),
                format!("{}: {}", cost.source.origin.as_str(), cost.source.note),
            ]);
        }
    }
    let machine = &a.scenario.machine;
    format!(
        "{}\n\nA cycle of this list is {:.3} cycles of machine {} ({}: {}).",
        table(&header, &rows, colour),
        machine.factor(a.architecture.era),
        machine.name,
        machine.source.origin.as_str(),
        machine.source.note,
    )
}

fn figure(a: &ExplainAnswer) -> Comparison {
    let places: Vec<Place> = Place::ALL.into_iter().filter(|p| p.is_cpu()).collect();
    let bars = a.answer.blocks.iter().filter(|b| b.place.is_cpu()).map(|b| Bar {
        name: match b.direction {
            Some(direction) => format!("{} ({})", b.block, direction.as_str()),
            None => b.block.to_owned(),
        },
        parts: places.iter().map(|p| if *p == b.place { b.cycles } else { 0.0 }).collect(),
        note: format!("{:.0} cycles", b.cycles),
        more: block_of(&a.architecture, b)
            .and_then(|block| block.costs.first())
            .map_or_else(String::new, |cost| cost.source.origin.as_str().to_owned()),
    });
    Comparison {
        name: a.architecture.id.to_owned(),
        title: format!("{}: {:.0} cycles", a.architecture.title, a.answer.cycles),
        caption: format!(
            "{}. Machine {}, {} VMs, {:.0} Mb/s. In the order of the path; right: cycles and where \
             the first of its costs comes from.",
            a.architecture.summary,
            a.scenario.machine.name,
            a.answer.vms,
            a.answer.throughput_bps / 1e6,
        ),
        unit: "Cycles per packet".to_owned(),
        kinds: places.iter().map(|p| p.as_str().to_owned()).collect(),
        bars: bars.collect(),
        axes: (String::new(), String::new()),
        curves: Vec::new(),
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model explain driver-domain --machine atc06
evenkeel model explain linux-vhost --workload bulk-tx --svg vhost.svg
evenkeel model explain sr-iov --vms 8 --lqn > sr-iov.lqn
",
        ),
        Section::exit_status(&[
            (Status::Done, "explained"),
            (Status::Failed, "the model has no answer, or the figure cannot be written"),
            (Status::Usage, "wrong usage, an invalid value, or an unknown name"),
        ]),
    ]
}
