// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model solve`: throughput, utilisation, waits and service times of a model.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::{Args, ValueEnum};
use evenkeel_lqn::sim::{Job, Replication, SimError};
use evenkeel_lqn::{Model, Results, mva, sim, xml};

use super::failure::ModelFailure;
use super::file::FileWords;
use super::setting::{Setting, keys, setting};
use super::solve_answer::{SCHEMA, SolveAnswer, in_words};
use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;

/// Solve a layered queueing network
///
/// Reads the LQN text and XML formats of LQNS and its tools. Times are in the unit of the model,
/// rates per that unit; utilisation counts busy threads and busy cores.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    #[command(flatten)]
    file: FileWords,
    #[command(flatten)]
    solver: SolverWords,
    /// Set a variable or a number of the model: $NAME=VALUE, demand:ENTRY=VALUE, ...
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<Setting>,
    /// Also write the model with its results in place, as LQN XML
    #[arg(long, value_name = "FILE")]
    xml_out: Option<PathBuf>,
    /// Print one JSON object (evenkeel.model-solve.v1)
    #[arg(long)]
    pub json: bool,
}

/// Which solver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Solver {
    /// Layered mean value analysis: milliseconds, approximate
    Mva,
    /// Discrete-event simulation: seconds, with 95 % confidence intervals
    Sim,
}

/// The words that choose and adjust a solver.
#[derive(Debug, Args)]
pub struct SolverWords {
    /// How to solve it: mva or sim
    ///
    /// mva is layered mean value analysis: milliseconds, approximate. sim is discrete-event
    /// simulation: seconds, exact but for its 95 % confidence intervals.
    #[arg(long, value_enum, value_name = "SOLVER", default_value = "mva")]
    #[arg(hide_possible_values = true)]
    pub solver: Solver,
    /// Seed of the simulator; the same seed gives the same answer
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Independent replications of the simulator; they run in parallel
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=10_000))]
    replications: u32,
    /// Events of each replication, its warm-up (a tenth) included
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1_000..=1_000_000_000_000))]
    events: u64,
    /// Simulate on until throughputs, service times and open responses are known within this
    ///
    /// Half the width of their 95 % confidence intervals, as a part of the mean: 1% or 0.01.
    /// Gives up, and says so, after 100 times --events.
    #[arg(long, value_name = "PART", value_parser = part)]
    precision: Option<f64>,
}

/// How many times `--events` a precision may cost.
const EVENTS_FACTOR: u64 = 100;

/// `1%` or `0.01`.
fn part(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.strip_suffix('%') {
        Some(digits) => (digits, 0.01),
        None => (text, 1.0),
    };
    match digits.trim().parse::<f64>() {
        Ok(value) if value > 0.0 && value * scale <= 1.0 => Ok(value * scale),
        _ => Err("must be a part above 0 and at most 1, such as 1% or 0.01".to_owned()),
    }
}

impl SolverWords {
    /// Solves `model`, which came from `file`.
    pub fn solve(&self, model: &Model, file: &FileWords) -> Result<Results, ModelFailure> {
        let path = || file.path.clone();
        match self.solver {
            Solver::Mva => mva::solve(model, &mva::Options::default())
                .map_err(|source| ModelFailure::Mva { path: path(), source }),
            Solver::Sim => sim::simulate_with(model, &self.options(), in_parallel)
                .map_err(|source| ModelFailure::Sim { path: path(), source }),
        }
    }

    fn options(&self) -> sim::Options {
        sim::Options {
            seed: self.seed,
            replications: self.replications,
            events: self.events,
            events_max: self.events.saturating_mul(EVENTS_FACTOR),
            // Each replication judges for itself; together they are better by the root of their
            // number.
            precision: self.precision.map(|part| part * f64::from(self.replications).sqrt()),
        }
    }

    /// The precision that was wanted and not reached, as a remark.
    pub fn shortfall(&self, results: &Results) -> Option<String> {
        let wanted = self.precision.filter(|_| self.solver == Solver::Sim)?;
        let reached = results.precision()?;
        (reached > wanted).then(|| {
            format!(
                "note: the intervals are within {:.2}% of their means, not {:.2}%; \
                 give more --events",
                100.0 * reached,
                100.0 * wanted
            )
        })
    }
}

/// A worker for each core takes one replication after the other; their order does not matter to
/// the answer, for each has its own stream of random numbers.
fn in_parallel(jobs: &[Job<'_>]) -> Result<Vec<Replication>, SimError> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let mut outcomes: Vec<Option<Result<Replication, SimError>>> = Vec::new();
    outcomes.resize_with(jobs.len(), || None);
    let part = jobs.len().div_ceil(workers.max(1)).max(1);
    thread::scope(|scope| {
        for (jobs, outcomes) in jobs.chunks(part).zip(outcomes.chunks_mut(part)) {
            scope.spawn(move || {
                for (job, outcome) in jobs.iter().zip(outcomes) {
                    *outcome = Some(job.run());
                }
            });
        }
    });
    outcomes.into_iter().flatten().collect()
}

/// Solves it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let model = words.file.read(&words.settings)?;
    let results = words.solver.solve(&model, &words.file)?;
    if let Some(path) = &words.xml_out {
        std::fs::write(path, xml::write_solved(&model, &results))
            .map_err(|source| ModelFailure::Write { path: path.clone(), source })?;
    }
    if words.json {
        output.json(SCHEMA, &SolveAnswer::new(&model, &results))?;
    } else {
        output.answer(&in_words(&model, &results, output.colours_answer()))?;
    }
    if let Some(remark) = words.solver.shortfall(&results) {
        output.talk(&remark);
    }
    Ok(Status::Done.into())
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel model solve web.lqn
evenkeel model solve web.lqnx --solver sim --precision 1%
evenkeel model solve web.lqn --set customers:users=50 --xml-out web-50.lqxo
evenkeel model solve web.lqn --json | jq '.tasks[] | {name, throughput}'
",
        ),
        Section::new(
            "FIGURES",
            "
throughput    Requests completed per unit of time; cycles of a reference task.
utilisation   Busy threads of a task, blocked ones included; busy cores of a processor.
service       From the start of a request's execution to its end: demand, processor
              queue, nested calls.
waiting       Time in the queue of the called task, per request.
response      Time from the request to the end of its phase 1: waiting and service.
+-            Half the width of the 95 % confidence interval (simulator only).
",
        ),
        Section::new("KEYS", &keys()),
        Section::exit_status(&[
            (Status::Done, "solved"),
            (Status::Failed, "the file cannot be read, or the model has no answer"),
            (Status::Usage, "wrong usage, or the file is no model: element and line are named"),
        ]),
    ]
}
