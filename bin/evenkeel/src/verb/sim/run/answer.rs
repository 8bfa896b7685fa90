// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer of `sim run`: two tables, or one object.

use evenkeel_model::{Bandwidth, Span};
use evenkeel_sim::{CapsuleOutcome, Outcome, Scenario, SchedulerKind, WorkloadOutcome};
use serde::Serialize;

use super::Run;
use crate::table::{Align, table};

/// Schema of the answer.
pub(super) const SCHEMA: &str = "evenkeel.sim-run.v1";

/// `evenkeel.sim-run.v1`.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    about: &'a str,
    seed: u64,
    duration_ns: Span,
    warmup_ns: Span,
    outcomes: Vec<&'a Outcome>,
    refusals: Vec<Refusal>,
}

/// A scheduler that does not take the scenario.
#[derive(Serialize)]
struct Refusal {
    scheduler: SchedulerKind,
    message: String,
}

/// As one object.
pub(super) fn as_json<'a>(scenario: &'a Scenario, runs: &'a [Run]) -> Answer<'a> {
    Answer {
        about: &scenario.about,
        seed: scenario.seed,
        duration_ns: scenario.duration,
        warmup_ns: scenario.warmup,
        outcomes: outcomes(runs),
        refusals: runs
            .iter()
            .filter_map(|run| {
                let message = run.result.as_ref().err()?.to_string();
                Some(Refusal { scheduler: run.kind, message })
            })
            .collect(),
    }
}

/// As tables.
pub(super) fn in_words(scenario: &Scenario, runs: &[Run], colour: bool) -> String {
    let about = if scenario.about.is_empty() { "scenario" } else { scenario.about.as_str() };
    let warmup = match scenario.warmup {
        Span::ZERO => String::new(),
        warmup => format!(", the first {warmup} not measured"),
    };
    let head = format!("{about}\n{}{warmup}, seed {}", scenario.duration, scenario.seed);
    let outcomes = outcomes(runs);
    let mut parts = vec![head];
    if !scenario.workloads.is_empty() {
        parts.push(workloads(&outcomes, colour));
    }
    parts.push(capsules(&outcomes, colour));
    for run in runs {
        if let Err(error) = &run.result {
            parts.push(format!("not run under {}: {error}", run.kind));
        }
    }
    parts.join("\n\n")
}

fn outcomes(runs: &[Run]) -> Vec<&Outcome> {
    runs.iter().filter_map(|run| run.result.as_ref().ok()).collect()
}

fn workloads(outcomes: &[&Outcome], colour: bool) -> String {
    let header = [
        ("SCHEDULER", Align::Left),
        ("WORKLOAD", Align::Left),
        ("CAPSULE", Align::Left),
        ("KIND", Align::Left),
        ("JOBS", Align::Right),
        ("P50", Align::Right),
        ("P99", Align::Right),
        ("MAX", Align::Right),
        ("LATE", Align::Right),
        ("THROUGHPUT", Align::Right),
        ("DROPPED", Align::Right),
    ];
    let row = |scheduler: SchedulerKind, workload: &WorkloadOutcome| {
        let has_jobs = workload.deadline.is_some();
        let has_packets = workload.packets > 0;
        let count = |count: u64| if has_jobs { count.to_string() } else { "-".to_owned() };
        let span =
            |span: Option<Span>| span.map_or_else(|| "-".to_owned(), |s| rounded(s).to_string());
        vec![
            scheduler.to_string(),
            workload.name.clone(),
            workload.capsule.clone(),
            workload.kind.to_owned(),
            count(workload.jobs),
            span(workload.p50),
            span(workload.p99),
            span(workload.max),
            count(workload.missed),
            if has_packets { bits(workload.throughput_bps) } else { "-".to_owned() },
            dropped(workload),
        ]
    };
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .flat_map(|outcome| outcome.workloads.iter().map(|w| row(outcome.scheduler, w)))
        .collect();
    table(&header, &rows, colour)
}

/// Of packets their part, of jobs their number.
fn dropped(workload: &WorkloadOutcome) -> String {
    match (workload.packets, workload.packets_dropped, workload.dropped) {
        (0, _, 0) | (_, 0, 0) => "-".to_owned(),
        (0, _, jobs) => format!("{jobs} jobs"),
        (packets, dropped, _) => percent(dropped as f64 / packets as f64),
    }
}

fn capsules(outcomes: &[&Outcome], colour: bool) -> String {
    let header = [
        ("SCHEDULER", Align::Left),
        ("CAPSULE", Align::Left),
        ("RESERVED", Align::Left),
        ("ON CPUS", Align::Right),
        ("SHARE", Align::Right),
        ("SUPPLY", Align::Right),
        ("OVERHEAD", Align::Right),
        ("STOLEN", Align::Right),
        ("THROTTLED", Align::Right),
        ("MISSED", Align::Right),
    ];
    let row = |outcome: &Outcome, capsule: &CapsuleOutcome| {
        let part = |span: Span| match span {
            Span::ZERO => "-".to_owned(),
            span => percent(span.as_ns() as f64 / outcome.measured.as_ns().max(1) as f64),
        };
        vec![
            outcome.scheduler.to_string(),
            capsule.name.clone(),
            format!("{} every {}", capsule.budget, capsule.period),
            capsule.cpus.to_string(),
            percent(of_one_cpu(capsule)),
            percent(capsule.supply_cpus),
            part(capsule.overhead),
            part(capsule.stolen),
            capsule.throttled.to_string(),
            capsule.server_misses.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = outcomes
        .iter()
        .flat_map(|outcome| outcome.capsules.iter().map(|c| row(outcome, c)))
        .collect();
    table(&header, &rows, colour)
}

/// What it holds on all its CPUs together, as a part of one.
fn of_one_cpu(capsule: &CapsuleOutcome) -> f64 {
    Bandwidth::of(capsule.budget, capsule.period).as_fraction() * capsule.cpus as f64
}

/// A time with three decimals of its unit at most, rounded up: a bound stays one.
fn rounded(span: Span) -> Span {
    let grain_ns = match span.as_ns() {
        1_000_000_000.. => 1_000_000,
        1_000_000.. => 1_000,
        _ => 1,
    };
    Span::from_ns(span.as_ns().div_ceil(grain_ns) * grain_ns)
}

/// Per cent with one decimal.
fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}

/// Bits a second, three figures.
fn bits(bps: f64) -> String {
    let (value, unit) = match bps {
        1e9.. => (bps / 1e9, "Gb/s"),
        1e6.. => (bps / 1e6, "Mb/s"),
        1e3.. => (bps / 1e3, "kb/s"),
        _ => (bps, "b/s"),
    };
    match value {
        100.0.. => format!("{value:.0} {unit}"),
        10.0.. => format!("{value:.1} {unit}"),
        _ => format!("{value:.2} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Span;

    use super::{bits, rounded};

    #[test]
    fn times_have_three_decimals() {
        for (ns, text) in
            [(340_991, "340.991us"), (3_448_831, "3.449ms"), (2_533_359_615, "2.534s"), (7, "7ns")]
        {
            assert_eq!(rounded(Span::from_ns(ns)).to_string(), text);
        }
    }

    #[test]
    fn bits_have_three_figures() {
        for (bps, text) in [
            (0.0, "0.00 b/s"),
            (1_500.0, "1.50 kb/s"),
            (23_500_000.0, "23.5 Mb/s"),
            (580_000_000.0, "580 Mb/s"),
            (2_130_000_000.0, "2.13 Gb/s"),
        ] {
            assert_eq!(bits(bps), text);
        }
    }
}
