// SPDX-License-Identifier: MIT OR Apache-2.0
//! The results of a model with the names of its elements, as tables and as JSON.

use evenkeel_lqn::{
    Activity, ActivityResult, Call, CallKind, CallResult, Entry, EntryId, EntryResult, Estimate,
    Model, Results,
};
use serde::Serialize;

use super::figure_words::estimate;
use crate::table::{Align, table};

/// Schema of the answer.
pub const SCHEMA: &str = "evenkeel.model-solve.v1";

/// `evenkeel.model-solve.v1`. A figure is `{"mean": ..}`, from the simulator with
/// `"half_width_95"`.
#[derive(Serialize)]
pub struct SolveAnswer<'a> {
    model: &'a str,
    solver: &'static str,
    /// Iterations of the analytic solver, or events of the simulator.
    steps: u64,
    processors: Vec<ProcessorAnswer<'a>>,
    groups: Vec<ProcessorAnswer<'a>>,
    tasks: Vec<TaskAnswer<'a>>,
    entries: Vec<EntryAnswer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    activities: Vec<ActivityAnswer<'a>>,
}

#[derive(Serialize)]
struct ProcessorAnswer<'a> {
    name: &'a str,
    utilization: Estimate,
}

#[derive(Serialize)]
struct TaskAnswer<'a> {
    name: &'a str,
    throughput: Estimate,
    utilization: Estimate,
    processor_utilization: Estimate,
}

#[derive(Serialize)]
struct EntryAnswer<'a> {
    name: &'a str,
    task: &'a str,
    throughput: Estimate,
    utilization: Estimate,
    processor_utilization: Estimate,
    service: Estimate,
    service_variance: Estimate,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_response: Option<Estimate>,
    phases: Vec<PhaseAnswer<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forwards: Vec<CallAnswer<'a>>,
}

#[derive(Serialize)]
struct PhaseAnswer<'a> {
    phase: usize,
    service: Estimate,
    service_variance: Estimate,
    utilization: Estimate,
    processor_waiting: Estimate,
    calls: Vec<CallAnswer<'a>>,
}

#[derive(Serialize)]
struct ActivityAnswer<'a> {
    name: &'a str,
    task: &'a str,
    throughput: Estimate,
    utilization: Estimate,
    processor_utilization: Estimate,
    service: Estimate,
    service_variance: Estimate,
    processor_waiting: Estimate,
    calls: Vec<CallAnswer<'a>>,
}

#[derive(Serialize)]
struct CallAnswer<'a> {
    to: &'a str,
    kind: &'static str,
    /// Mean number per execution, or the probability of a forward.
    mean: f64,
    waiting: Estimate,
    response: Estimate,
}

impl<'a> SolveAnswer<'a> {
    /// Puts names to figures.
    pub fn new(model: &'a Model, results: &'a Results) -> SolveAnswer<'a> {
        let processors = model.processors().iter().zip(&results.processors);
        let groups = model.groups().iter().zip(&results.groups);
        let tasks = model.tasks().iter().zip(&results.tasks);
        let entries = model.entries().iter().zip(&results.entries);
        SolveAnswer {
            model: model.name(),
            solver: results.solver,
            steps: results.steps,
            processors: processors
                .map(|(p, r)| ProcessorAnswer { name: &p.name, utilization: r.utilization })
                .collect(),
            groups: groups
                .map(|(g, &utilization)| ProcessorAnswer { name: &g.name, utilization })
                .collect(),
            tasks: tasks
                .map(|(t, r)| TaskAnswer {
                    name: &t.name,
                    throughput: r.throughput,
                    utilization: r.utilization,
                    processor_utilization: r.processor_utilization,
                })
                .collect(),
            entries: entries.map(|(e, r)| EntryAnswer::new(model, e, r)).collect(),
            activities: model
                .activities()
                .iter()
                .zip(&results.activities)
                .map(|(a, r)| ActivityAnswer::new(model, a, r))
                .collect(),
        }
    }
}

impl<'a> EntryAnswer<'a> {
    fn new(model: &'a Model, e: &'a Entry, r: &'a EntryResult) -> EntryAnswer<'a> {
        let phases =
            e.phases.iter().zip(&r.phases).enumerate().map(|(at, (phase, result))| PhaseAnswer {
                phase: at + 1,
                service: result.service,
                service_variance: result.service_variance,
                utilization: result.utilization,
                processor_waiting: result.processor_waiting,
                calls: call_answers(model, &phase.calls, &result.calls),
            });
        let forwards = e.forwards.iter().zip(&r.forwards).map(|(f, result)| CallAnswer {
            to: name(model, f.to),
            kind: "forward",
            mean: f.probability,
            waiting: result.waiting,
            response: result.response,
        });
        EntryAnswer {
            name: &e.name,
            task: &model.tasks()[e.task.index()].name,
            throughput: r.throughput,
            utilization: r.utilization,
            processor_utilization: r.processor_utilization,
            service: r.service,
            service_variance: r.service_variance,
            open_response: r.open_response,
            phases: phases.collect(),
            forwards: forwards.collect(),
        }
    }
}

impl<'a> ActivityAnswer<'a> {
    fn new(model: &'a Model, a: &'a Activity, r: &'a ActivityResult) -> ActivityAnswer<'a> {
        ActivityAnswer {
            name: &a.name,
            task: &model.tasks()[a.task.index()].name,
            throughput: r.throughput,
            utilization: r.utilization,
            processor_utilization: r.processor_utilization,
            service: r.service,
            service_variance: r.service_variance,
            processor_waiting: r.processor_waiting,
            calls: call_answers(model, &a.work.calls, &r.calls),
        }
    }
}

fn call_answers<'a>(
    model: &'a Model,
    calls: &[Call],
    results: &[CallResult],
) -> Vec<CallAnswer<'a>> {
    let answer = |(call, result): (&Call, &CallResult)| CallAnswer {
        to: name(model, call.to),
        kind: kind(call.kind),
        mean: call.mean,
        waiting: result.waiting,
        response: result.response,
    };
    calls.iter().zip(results).map(answer).collect()
}

fn name(model: &Model, entry: EntryId) -> &str {
    &model.entries()[entry.index()].name
}

fn kind(kind: CallKind) -> &'static str {
    match kind {
        CallKind::Synchronous => "synchronous",
        CallKind::Asynchronous => "asynchronous",
    }
}

/// Tables of processors, tasks, entries and calls.
pub fn in_words(model: &Model, results: &Results, colour: bool) -> String {
    let steps = match results.solver {
        "mva" => format!("mva, {} iterations", results.steps),
        solver => format!("{solver}, {} events", results.steps),
    };
    let mut text = format!("Solved by {steps}\n");
    let mut part = |header: &[(&str, Align)], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            text.push_str(&format!("\n{}\n", table(header, &rows, colour)));
        }
    };
    part(&PROCESSORS, processors(model, results));
    part(&TASKS, tasks(model, results));
    part(&ENTRIES, entries(model, results));
    part(&ACTIVITIES, activities(model, results));
    part(&CALLS, calls(model, results));
    text
}

const PROCESSORS: [(&str, Align); 2] = [("PROCESSOR", Align::Left), ("UTILISATION", Align::Right)];
const TASKS: [(&str, Align); 4] = [
    ("TASK", Align::Left),
    ("THROUGHPUT", Align::Right),
    ("UTILISATION", Align::Right),
    ("PROCESSOR", Align::Right),
];
const ENTRIES: [(&str, Align); 7] = [
    ("ENTRY", Align::Left),
    ("THROUGHPUT", Align::Right),
    ("PHASE 1", Align::Right),
    ("PHASE 2", Align::Right),
    ("SERVICE", Align::Right),
    ("VARIANCE", Align::Right),
    ("OPEN RESPONSE", Align::Right),
];
const ACTIVITIES: [(&str, Align); 5] = [
    ("TASK", Align::Left),
    ("ACTIVITY", Align::Left),
    ("THROUGHPUT", Align::Right),
    ("SERVICE", Align::Right),
    ("VARIANCE", Align::Right),
];
const CALLS: [(&str, Align); 6] = [
    ("FROM", Align::Left),
    ("KIND", Align::Left),
    ("TO", Align::Left),
    ("NUMBER", Align::Right),
    ("WAITING", Align::Right),
    ("RESPONSE", Align::Right),
];

fn processors(model: &Model, results: &Results) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (at, (p, r)) in model.processors().iter().zip(&results.processors).enumerate() {
        rows.push(vec![p.name.clone(), estimate(r.utilization)]);
        let groups = model.groups().iter().zip(&results.groups);
        for (g, r) in groups.filter(|(g, _)| g.processor.index() == at) {
            rows.push(vec![format!("  group {}", g.name), estimate(*r)]);
        }
    }
    rows
}

fn tasks(model: &Model, results: &Results) -> Vec<Vec<String>> {
    let row = |(t, r): (&evenkeel_lqn::Task, &evenkeel_lqn::TaskResult)| {
        let figures = [r.throughput, r.utilization, r.processor_utilization].map(estimate);
        [vec![t.name.clone()], figures.to_vec()].concat()
    };
    model.tasks().iter().zip(&results.tasks).map(row).collect()
}

fn entries(model: &Model, results: &Results) -> Vec<Vec<String>> {
    let row = |(e, r): (&Entry, &EntryResult)| {
        let phase = |at: usize| r.phases.get(at).map_or_else(dash, |p| estimate(p.service));
        vec![
            e.name.clone(),
            estimate(r.throughput),
            phase(0),
            phase(1),
            estimate(r.service),
            estimate(r.service_variance),
            r.open_response.map_or_else(dash, estimate),
        ]
    };
    model.entries().iter().zip(&results.entries).map(row).collect()
}

fn activities(model: &Model, results: &Results) -> Vec<Vec<String>> {
    let row = |(a, r): (&Activity, &ActivityResult)| {
        let task = model.tasks()[a.task.index()].name.clone();
        let figures = [r.throughput, r.service, r.service_variance].map(estimate);
        [vec![task, a.name.clone()], figures.to_vec()].concat()
    };
    model.activities().iter().zip(&results.activities).map(row).collect()
}

fn calls(model: &Model, results: &Results) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (e, r) in model.entries().iter().zip(&results.entries) {
        for (phase, result) in e.phases.iter().zip(&r.phases) {
            for (call, result) in phase.calls.iter().zip(&result.calls) {
                let words = [e.name.as_str(), kind(call.kind), name(model, call.to)];
                rows.push(call_row(words, call.mean, result));
            }
        }
        for (f, result) in e.forwards.iter().zip(&r.forwards) {
            let words = [e.name.as_str(), "forward", name(model, f.to)];
            rows.push(call_row(words, f.probability, result));
        }
    }
    for (a, r) in model.activities().iter().zip(&results.activities) {
        for (call, result) in a.work.calls.iter().zip(&r.calls) {
            let words = [a.name.as_str(), kind(call.kind), name(model, call.to)];
            rows.push(call_row(words, call.mean, result));
        }
    }
    rows
}

fn call_row(words: [&str; 3], mean: f64, r: &CallResult) -> Vec<String> {
    let figures = [super::figure_words::number(mean), estimate(r.waiting), estimate(r.response)];
    [words.map(str::to_owned).to_vec(), figures.to_vec()].concat()
}

/// Keeps a column where there is nothing to say.
fn dash() -> String {
    "-".to_owned()
}
