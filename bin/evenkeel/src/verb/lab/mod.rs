// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel lab`: measure on this host, with real guests and real packets, and write the report.

mod answer;
mod clean;
mod dry_run;
pub mod guest_program;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use evenkeel_lab::fingerprint::rfc3339;
use evenkeel_lab::guest::{GuestKind, GuestProgram};
use evenkeel_lab::run::{self, Experiment, LabRequest, random_seed};

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::verb::lab::dry_run::Intent;
use crate::verb::lab::progress::Display;

/// Directory of all results, below the current one.
const RESULTS: &str = "lab-results";

/// Measure what capsules do on this host, with real guests and real packets
///
/// Builds a testbed (guests that are real Linux kernels, an emulated NIC with virtual functions, a
/// client), runs the experiments, prints what was measured beside what is promised, and writes
/// the raw figures and a self-contained report.html. Takes the testbed down again; what it has not
/// made it does not touch.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// What to run: demo, share, neighbour, deadline, flood, accuracy, all, or clean
    ///
    /// demo: all experiments, small, in at most 4 minutes. share: throughput of a VM against its
    /// budget. neighbour: throughput of a VM while its neighbour works. deadline: a download every
    /// 20 ms while neighbours load the CPU. flood: throughput of a VM while its neighbour is
    /// flooded with small packets. accuracy: what a spinning capsule really gets. all: everything,
    /// in at most 25 minutes. clean: takes down what a lab that was killed has left behind.
    #[arg(value_enum, value_name = "EXPERIMENT", hide_possible_values = true)]
    experiment: ExperimentWord,
    /// Directory of the results, in which an earlier report is replaced; ./lab-results/TIME if left
    /// out
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What boots the guests: uml or qemu
    ///
    /// uml is user-mode-linux, near native speed and everywhere. qemu boots a Debian kernel under
    /// KVM where that really works, and emulates it otherwise.
    #[arg(long, value_enum, value_name = "KIND", default_value_t, hide_possible_values = true)]
    guest: GuestWord,
    /// Order of the measured points; the same seed measures in the same order
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A tenth of the measurements: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Print what would be run or removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object (evenkeel.lab.EXPERIMENT.v1; demo and all: evenkeel.lab.results.v1)
    #[arg(long)]
    pub json: bool,
}

/// `lab EXPERIMENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExperimentWord {
    /// All of them, small
    Demo,
    /// Throughput against the own budget
    Share,
    /// Throughput against the neighbour's share
    Neighbour,
    /// The 20 ms download
    Deadline,
    /// Small packets for the neighbour
    Flood,
    /// A spinner in a reservation
    Accuracy,
    /// All of them
    All,
    /// Take down what is left of a lab
    Clean,
}

impl ExperimentWord {
    /// What to measure; `None` for `clean`, which measures nothing.
    const fn experiment(self) -> Option<Experiment> {
        match self {
            ExperimentWord::Demo => Some(Experiment::Demo),
            ExperimentWord::Share => Some(Experiment::Share),
            ExperimentWord::Neighbour => Some(Experiment::Neighbour),
            ExperimentWord::Deadline => Some(Experiment::Deadline),
            ExperimentWord::Flood => Some(Experiment::Flood),
            ExperimentWord::Accuracy => Some(Experiment::Accuracy),
            ExperimentWord::All => Some(Experiment::All),
            ExperimentWord::Clean => None,
        }
    }
}

/// `--guest`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum GuestWord {
    /// user-mode-linux
    #[default]
    Uml,
    /// QEMU
    Qemu,
}

impl From<GuestWord> for GuestKind {
    fn from(word: GuestWord) -> GuestKind {
        match word {
            GuestWord::Uml => GuestKind::Uml,
            GuestWord::Qemu => GuestKind::Qemu,
        }
    }
}

/// Measures, or clears up.
pub fn run(words: Words, output: Output) -> Result<ExitCode, CliError> {
    let Some(experiment) = words.experiment.experiment() else {
        return clean::run(words.dry_run, words.json, output);
    };
    let out_dir = words.out.unwrap_or_else(default_out_dir);
    let seed = words.seed.unwrap_or_else(random_seed);
    if words.dry_run {
        let intent = Intent { experiment, quick: words.quick, guest: words.guest.into(), seed };
        dry_run::print(&intent, &out_dir, words.json, output)?;
        return Ok(Status::Done.into());
    }
    evenkeel_report::check_place(&out_dir)?;
    let program = GuestProgram::current().map_err(|source| CliError::OwnProgram { source })?;
    let mut display = Display::new(output);
    let results = run::run(&mut LabRequest {
        experiment,
        quick: words.quick,
        guest: words.guest.into(),
        program,
        seed,
        out_dir: Some(out_dir.clone()),
        command_line: std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect(),
        on_progress: &mut |progress| display.show(progress),
    })?;
    display.finish();
    let written = evenkeel_report::write(&results, &out_dir)?;
    output.talk(&format!("report: {}", written.html.display()));
    answer::print(experiment, &results, words.json, output)?;
    Ok(Status::Done.into())
}

/// `./lab-results/20261120T071530Z`: sorts by time, needs no quoting.
fn default_out_dir() -> PathBuf {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = rfc3339(since_epoch.as_secs()).replace(['-', ':'], "");
    PathBuf::from(RESULTS).join(time)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel lab demo
    Four minutes, one table.
evenkeel lab flood --out /tmp/flood --json | jq '.summary.rows'
evenkeel lab all --seed 7
    Everything, in the same order as every run with seed 7.
evenkeel lab clean
    After a lab was killed.
",
        ),
        Section::new(
            "JSON",
            "
One object: `schema`, `version`, `host` (where and when), `runs` (raw figures) and
`summary`, whose members are
share      r_squared, points[]: budget_ns, period_ns, throughput_bps
neighbour  worst_drop_ratio, points[]: kind (tcp, compute), neighbour_share,
           throughput_bps, alone_bps
deadline   rows[]: reservation, load, neighbours, requests, late, mean_ns, stddev_ns,
           p50_ns, p99_ns, max_ns
flood      rows[]: context, flood_pps, control, throughput_bps, alone_bps, kept_ratio
demo and all print one object with a member for each experiment.
",
        ),
        Section::exit_status(&[
            (Status::Done, "measured and reported, or cleared up"),
            (Status::Failed, "the operation failed, or was interrupted; the testbed is down"),
            (Status::Usage, "wrong usage or an invalid value"),
            (Status::Refused, "a capsule of the lab does not fit beside those of this host"),
        ]),
        Section::new(
            "FILES",
            "
lab-results/TIME/report.html
    The report: figures, tables, verdicts; needs nothing else.
lab-results/TIME/data/EXPERIMENT.json
    The raw figures, written as soon as an experiment has ended.
lab-results/TIME/figures/, lab-results/TIME/manifest.json
    The figures apart, and what was run where and how.
",
        ),
        Section::new(
            "NOTES",
            "
Needs root and two CPUs: the first online CPU is for the guests, the second for
everything else. Everything that a lab makes has a name that begins with ek-.
",
        ),
    ]
}
