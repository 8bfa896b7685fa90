// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel sim run`: a scenario under one scheduler or several, compared.

mod answer;
mod picture;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use evenkeel_model::{Instant, Span};
use evenkeel_sim::{Outcome, Scenario, SchedulerKind, SimError, TraceLimit};

use crate::error::CliError;
use crate::manual::{Section, after_help};
use crate::output::Output;
use crate::status::Status;
use crate::verb::text_file;

/// Simulate one machine: capsules, what works in them, packets, interrupts
///
/// Runs the scenario under the scheduler of capsules itself, or under models of what Linux has, and
/// prints response times, supply and throughput. The same file and seed give the same answer.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Description of the scenario, TOML (evenkeel.scenario/1); - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// capsule, rtgroup, eevdf, fifo, cpu-max or all; several with commas between
    ///
    /// capsule: hard reservations, earliest deadline first. rtgroup: real-time groups of the
    /// kernel. eevdf: its fair scheduler by weight. fifo: fixed priorities without limits. cpu-max:
    /// the fair scheduler with a cap.
    #[arg(
        long,
        value_enum,
        value_name = "NAME",
        value_delimiter = ',',
        hide_possible_values = true
    )]
    #[arg(default_value = "capsule")]
    scheduler: Vec<SchedulerWord>,
    /// Seed, instead of the file's
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draw who ran when, as lanes, into this file; with one scheduler
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write who ran when, as Chrome trace JSON for Perfetto, into this file; with one scheduler
    #[arg(long, value_name = "FILE")]
    chrome_trace: Option<PathBuf>,
    /// Draw and write only so much from the start; at most a million stretches and marks
    #[arg(long, value_name = "TIME")]
    until: Option<Span>,
    /// Print one JSON object (evenkeel.sim-run.v1)
    #[arg(long)]
    pub json: bool,
}

/// `--scheduler`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchedulerWord {
    /// Ours
    Capsule,
    /// Legacy RT throttling
    Rtgroup,
    /// The fair scheduler
    Eevdf,
    /// Fixed priorities
    Fifo,
    /// The fair scheduler with `cpu.max`
    CpuMax,
    /// Each of them
    All,
}

/// What one scheduler made of the scenario, or why it did not.
struct Run {
    kind: SchedulerKind,
    result: Result<Outcome, SimError>,
}

impl SchedulerWord {
    fn kinds(self) -> Vec<SchedulerKind> {
        match self {
            SchedulerWord::Capsule => vec![SchedulerKind::Capsule],
            SchedulerWord::Rtgroup => vec![SchedulerKind::Rtgroup],
            SchedulerWord::Eevdf => vec![SchedulerKind::Eevdf],
            SchedulerWord::Fifo => vec![SchedulerKind::Fifo],
            SchedulerWord::CpuMax => vec![SchedulerKind::CpuMax],
            SchedulerWord::All => SchedulerKind::ALL.to_vec(),
        }
    }
}

/// Simulates it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let kinds = kinds(&words.scheduler);
    let traced = words.svg.is_some() || words.chrome_trace.is_some();
    if traced && kinds.len() > 1 {
        let message = "one run is drawn or written at a time, and several schedulers were named";
        return Err(CliError::usage(message, "name one with --scheduler"));
    }
    let text = text_file::read(&words.file)?;
    let mut scenario = evenkeel_sim::scenario::parse(&text)
        .map_err(|source| CliError::Malformed { path: words.file.clone(), source })?;
    scenario.seed = words.seed.unwrap_or(scenario.seed);
    let failed = |source: SimError| CliError::Sim { path: words.file.clone(), source };
    let runs = if traced {
        let outcome = traced_run(words, &scenario, kinds[0], output)?;
        vec![Run { kind: kinds[0], result: Ok(outcome) }]
    } else {
        let run = |&kind: &SchedulerKind| Run { kind, result: evenkeel_sim::run(&scenario, kind) };
        kinds.iter().map(run).collect()
    };
    // Among several, one that does not take the scenario is part of the answer; alone it is all.
    if let [Run { result: Err(error), .. }] = runs.as_slice() {
        return Err(failed(error.clone()));
    }
    if words.json {
        output.json(answer::SCHEMA, &answer::as_json(&scenario, &runs))?;
    } else {
        output.answer(&answer::in_words(&scenario, &runs, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

/// Each scheduler once, in the order of the words.
fn kinds(words: &[SchedulerWord]) -> Vec<SchedulerKind> {
    let mut kinds = Vec::new();
    for kind in words.iter().flat_map(|word| word.kinds()) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
}

fn traced_run(
    words: &Words,
    scenario: &Scenario,
    kind: SchedulerKind,
    output: Output,
) -> Result<Outcome, CliError> {
    let until = words.until.map_or(Instant::NEVER, |span| Instant::ORIGIN.saturating_add(span));
    let limit = TraceLimit { until, ..TraceLimit::default() };
    let (outcome, trace) = evenkeel_sim::run_traced(scenario, kind, limit)
        .map_err(|source| CliError::Sim { path: words.file.clone(), source })?;
    let picture = picture::of(scenario, &trace);
    if let Some(path) = &words.svg {
        text_file::write(path, &picture.figure().svg)?;
        output.talk(&format!("figure: {}", path.display()));
    }
    if let Some(path) = &words.chrome_trace {
        let json = picture.to_chrome().map_err(|source| CliError::Encode { source })?;
        text_file::write(path, &json)?;
        output.talk(&format!("trace: {}", path.display()));
    }
    if trace.is_cut {
        let end = trace.end;
        output.talk(&format!("the trace ends at {end}; its limit of entries was reached"));
    }
    Ok(outcome)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel sim run docs/scenarios/flood.toml --scheduler all
    What a flood does to the neighbour, under every scheduler.
evenkeel sim run docs/scenarios/three-saturated.toml --svg lanes.svg --until 60ms
evenkeel sim run docs/scenarios/web.toml --chrome-trace trace.json
    Open trace.json in ui.perfetto.dev.
",
        ),
        Section::new(
            "JSON",
            "
One object: `schema`, `version`, `about`, `seed`, `duration_ns`, `warmup_ns`,
`outcomes` (an element a scheduler that took the scenario: `scheduler`,
`measured_ns`, `capsules`, `workloads`, `stolen_ns`, `events`) and `refusals`
(`scheduler`, `message`). Quantiles are at most 0.4 % above the true ones, max_ns is
exact; both are null where no job was done.
",
        ),
        Section::new(
            "NOTES",
            "
docs/schema/scenario.v1.json says what a file may hold. All schedulers but capsule keep
a thread on the first CPU that it may use, look at budgets at ticks, and do not balance
load. `late` counts jobs that were late and done, and those still waiting at the end.
",
        ),
        Section::exit_status(&[
            (Status::Done, "simulated"),
            (Status::Failed, "too many events, or a file could not be written"),
            (Status::Usage, "wrong usage, or a scenario that makes no sense"),
            (Status::Refused, "the scheduler of capsules does not admit the scenario"),
        ]),
    ]
}
