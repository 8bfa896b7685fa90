// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model calibrate`: costs measured by the native lab, and what the model predicts from
//! them of everything else that the lab measured.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use evenkeel_lqn::architecture::calibration::{Costs, predict};
use serde::Serialize;

use super::failure::ModelFailure;
use super::lab_costs::{self, Measured, Task};
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.model-calibrate.v1";

/// Take costs from measurements of this host, and check what the model predicts from them
///
/// Reads what `evenkeel lab all --out DIR` (or flood, share and neighbour) measured. From a few of
/// the intervals come the costs: CPU time of a VM for a packet in each network context, for a frame
/// of a flood, and for a byte that the application digests. All other intervals are predicted and
/// compared. `evenkeel model compare --costs DIR` uses the same costs.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Results of the lab, or their data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print one JSON object (evenkeel.model-calibrate.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.model-calibrate.v1`.
#[derive(Serialize)]
struct CalibrateAnswer {
    host: String,
    costs: Costs,
    /// Which intervals the costs are from.
    used: Vec<String>,
    predictions: Vec<Prediction>,
}

/// One figure, predicted and measured. Throughputs are bits per second, parts are around one.
#[derive(Serialize)]
struct Prediction {
    experiment: &'static str,
    what: String,
    predicted: f64,
    measured: f64,
    /// `predicted / measured - 1`; of parts, `predicted - measured`.
    error_ratio: f64,
}

/// Calibrates.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let measured = lab_costs::read(&words.directory)?;
    let predictions = measured.tasks.iter().map(prediction);
    let predictions = predictions.collect::<Result<Vec<_>, _>>()?;
    let Measured { costs, host, used, .. } = measured;
    let answer = CalibrateAnswer { host, costs, used, predictions };
    if words.json {
        output.json(SCHEMA, &answer)?;
    } else {
        output.answer(&in_words(&answer, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

fn prediction(task: &Task) -> Result<Prediction, ModelFailure> {
    let mut predicted = predict(&task.question)?;
    if let Some(alone) = &task.relative_to {
        predicted /= predict(alone)?;
    }
    let error_ratio = match task.relative_to {
        Some(_) => predicted - task.measured,
        None => predicted / task.measured - 1.0,
    };
    let (experiment, what) = (task.experiment, task.what.clone());
    Ok(Prediction { experiment, what, predicted, measured: task.measured, error_ratio })
}

fn in_words(a: &CalibrateAnswer, colour: bool) -> String {
    let right = Align::Right;
    let header = [("COST", Align::Left), ("NANOSECONDS OF A CORE", right)];
    let rows = [
        ("packet, context shared", a.costs.shared_packet_ns),
        ("packet, context dedicated", a.costs.dedicated_packet_ns),
        ("frame of a flood, own context", a.costs.frame_ns),
        ("byte that is digested", a.costs.digest_byte_ns),
    ];
    let rows: Vec<Vec<String>> =
        rows.iter().map(|(name, ns)| vec![(*name).to_owned(), ns_text(*ns)]).collect();
    let mut text =
        format!("Host: {}\n\n{}\n\nUsed for the costs:\n", a.host, table(&header, &rows, colour));
    for used in &a.used {
        text.push_str(&format!("  {used}\n"));
    }
    let header = [
        ("EXPERIMENT", Align::Left),
        ("PREDICTED, NOT USED", Align::Left),
        ("PREDICTED", right),
        ("MEASURED", right),
        ("OFF", right),
    ];
    let rows: Vec<Vec<String>> = a.predictions.iter().map(prediction_row).collect();
    text.push_str(&format!("\n{}", table(&header, &rows, colour)));
    text
}

fn ns_text(ns: f64) -> String {
    if ns < 10.0 { format!("{ns:.3}") } else { format!("{ns:.0}") }
}

fn prediction_row(p: &Prediction) -> Vec<String> {
    let figure = |value: f64| {
        if value < 10.0 { format!("{value:.3}") } else { format!("{:.0} Mb/s", value / 1e6) }
    };
    let off = if p.measured < 10.0 {
        format!("{:+.3}", p.error_ratio)
    } else {
        format!("{:+.1} %", 100.0 * p.error_ratio)
    };
    vec![p.experiment.to_owned(), p.what.clone(), figure(p.predicted), figure(p.measured), off]
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel lab all --out today && evenkeel model calibrate today
evenkeel model calibrate today --json | jq '.predictions[] | select(.error_ratio > 0.1)'
evenkeel model compare --costs today --arch linux-vhost,linux-dedicated,sr-iov
",
        ),
        Section::exit_status(&[
            (Status::Done, "the costs and predictions were printed, however far off they are"),
            (Status::Failed, "the results cannot be read"),
            (Status::Usage, "wrong usage, or the results lack what the costs are made of"),
        ]),
    ]
}
