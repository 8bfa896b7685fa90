// SPDX-License-Identifier: MIT OR Apache-2.0
//! From batches to figures with confidence intervals.
//!
//! Every figure is a ratio of sums (requests over time, waiting over requests). Its interval is
//! that of the ratio estimator over batches (Law, "Simulation Modeling and Analysis", section
//! 9.5.3, batch means): residuals `a - r b` are taken as independent and normal.

use std::ops::Range;

use super::tally::{PhaseTally, SlotTally, Tally};
use crate::model::{Model, TaskDiscipline, TaskId};
use crate::results::{
    ActivityResult, CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results,
    TaskResult,
};

/// Quantile 0.975 of Student's t. Exact to 3 digits to 30 degrees of freedom (table), then the
/// first term of its expansion, off by less than 0.001.
fn t_quantile(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
        2.052, 2.048, 2.045, 2.042,
    ];
    #[expect(clippy::cast_precision_loss, reason = "a count of batches")]
    let beyond = 1.959_964 + 2.372_3 / freedom.max(1) as f64;
    TABLE.get(freedom.wrapping_sub(1)).copied().unwrap_or(beyond)
}

/// Sum of `a` over sum of `b`, with its interval.
fn ratio(batches: &[Tally], a: impl Fn(&Tally) -> f64, b: impl Fn(&Tally) -> f64) -> Estimate {
    let sum_a: f64 = batches.iter().map(&a).sum();
    let sum_b: f64 = batches.iter().map(&b).sum();
    if sum_b == 0.0 {
        return Estimate { mean: 0.0, half_width_95: Some(0.0) };
    }
    let mean = sum_a / sum_b;
    #[expect(clippy::cast_precision_loss, reason = "a count of batches")]
    let k = batches.len() as f64;
    let squares: f64 = batches.iter().map(|t| (a(t) - mean * b(t)).powi(2)).sum();
    let error = (squares * k / (k - 1.0).max(1.0)).sqrt() / sum_b;
    Estimate { mean, half_width_95: Some(t_quantile(batches.len() - 1) * error) }
}

/// Variance from a count, a sum and a sum of squares.
fn variance(
    batches: &[Tally],
    n: impl Fn(&Tally) -> f64,
    sum: impl Fn(&Tally) -> f64,
    squares: impl Fn(&Tally) -> f64,
) -> Estimate {
    let mean = ratio(batches, &sum, &n).mean;
    let around = |t: &Tally| squares(t) - 2.0 * mean * sum(t) + mean * mean * n(t);
    ratio(batches, around, &n)
}

/// Where an entry's sums stand in a tally: the order in which `Code` numbers them.
struct Places {
    /// Its phases (two, if it has an activity graph).
    phases: Range<usize>,
    /// Of each node of its graph: the activity, its phase, and the slot of its first call.
    nodes: Vec<Node>,
    /// Calls of the phases, then those of nodes, forwards, open arrivals.
    calls: usize,
    forwards: usize,
    open: usize,
}

struct Node {
    activity: usize,
    phase: usize,
    calls: usize,
}

impl Places {
    /// Everything that executes.
    fn works(&self) -> Range<usize> {
        self.phases.start..self.phases.end + self.nodes.len()
    }
}

fn places(model: &Model) -> Vec<Places> {
    let (mut phase, mut slot) = (0, 0);
    let mut all = Vec::with_capacity(model.entries().len());
    for (e, graph) in model.entries().iter().zip(&model.graphs) {
        let phases = phase..phase + if graph.is_some() { 2 } else { e.phases.len() };
        phase = phases.end;
        let calls = slot;
        slot += e.phases.iter().map(|p| p.calls.len()).sum::<usize>();
        let nodes = graph.iter().flat_map(|g| &g.nodes).map(|node| {
            let activity = node.activity.index();
            let here = Node { activity, phase, calls: slot };
            phase += 1;
            slot += model.activities()[activity].work.calls.len();
            here
        });
        let nodes = nodes.collect();
        let (forwards, open) = (slot, slot + e.forwards.len());
        slot = open + 1;
        all.push(Places { phases, nodes, calls, forwards, open });
    }
    all
}

/// Whether every throughput, service time and open response is known well enough.
pub(super) fn precise(model: &Model, batches: &[Tally], part: f64) -> bool {
    let good = |e: Estimate| e.half_width_95.unwrap_or(0.0) <= part * e.mean.abs();
    places(model).iter().zip(model.entries()).enumerate().all(|(e, (at, entry))| {
        good(ratio(batches, |t| t.entries[e].ended, |t| t.time))
            && good(ratio(batches, |t| t.entries[e].service, |t| t.entries[e].ended))
            && (entry.arrival_rate.is_none()
                || good(ratio(
                    batches,
                    |t| t.slots[at.open].response,
                    |t| t.slots[at.open].answered,
                )))
    })
}

pub(super) fn results(model: &Model, batches: &[Tally], events: u64) -> Results {
    let at = places(model);
    // Sums over some entries, per unit of time.
    let executed = |entries: &[usize]| {
        let works = |&e: &usize| at[e].works();
        let sum =
            |t: &Tally| entries.iter().flat_map(works).map(|p| t.phases[p].executed).sum::<f64>();
        ratio(batches, sum, |t| t.time)
    };
    let busy = |entries: &[usize]| {
        let phases = |&e: &usize| at[e].phases.clone();
        let sum =
            |t: &Tally| entries.iter().flat_map(phases).map(|p| t.phases[p].busy).sum::<f64>();
        ratio(batches, sum, |t| t.time)
    };
    let entries_of = |belongs: &dyn Fn(TaskId) -> bool| -> Vec<usize> {
        (0..model.entries().len()).filter(|&e| belongs(model.entries()[e].task)).collect()
    };
    let mut by_task: Vec<Vec<usize>> = vec![Vec::new(); model.tasks().len()];
    for (e, entry) in model.entries().iter().enumerate() {
        by_task[entry.task.index()].push(e);
    }
    let mut by_processor: Vec<Vec<usize>> = vec![Vec::new(); model.processors().len()];
    for (t, entries) in by_task.iter().enumerate() {
        by_processor[model.tasks()[t].processor.index()].extend(entries);
    }
    let processors =
        by_processor.iter().map(|es| ProcessorResult { utilization: executed(es) }).collect();
    let groups = (0..model.groups().len())
        .map(|g| {
            let inside =
                |t: TaskId| model.tasks()[t.index()].group.is_some_and(|group| group.index() == g);
            executed(&entries_of(&inside))
        })
        .collect();
    let tasks = by_task
        .iter()
        .map(|es| TaskResult {
            throughput: ratio(
                batches,
                |t| es.iter().map(|&e| t.entries[e].ended).sum(),
                |t| t.time,
            ),
            utilization: busy(es),
            processor_utilization: executed(es),
        })
        .collect();
    let entries = (0..model.entries().len()).map(|e| entry(model, batches, &at[e], e)).collect();
    let activities = activities(model, batches, &at);
    Results { solver: "sim", steps: events, processors, groups, tasks, entries, activities }
}

fn slot(batches: &[Tally], at: usize) -> CallResult {
    slots(batches, &[at])
}

/// Of one call that stands in several places.
fn slots(batches: &[Tally], at: &[usize]) -> CallResult {
    let sum = |t: &Tally, of: fn(&SlotTally) -> f64| at.iter().map(|&s| of(&t.slots[s])).sum();
    CallResult {
        waiting: ratio(batches, |t| sum(t, |s| s.waiting), |t| sum(t, |s| s.accepted)),
        response: ratio(batches, |t| sum(t, |s| s.response), |t| sum(t, |s| s.answered)),
    }
}

fn entry(model: &Model, batches: &[Tally], at: &Places, e: usize) -> EntryResult {
    let entry = &model.entries()[e];
    let mut next_slot = at.calls;
    let mut phases = Vec::new();
    let shown = match &model.graphs[e] {
        Some(graph) => 1 + usize::from(graph.second_phase),
        None => entry.phases.len(),
    };
    for (i, p) in at.phases.clone().enumerate().take(shown) {
        let calls = entry.phases.get(i).map_or(0, |phase| phase.calls.len());
        let slots = next_slot..next_slot + calls;
        next_slot = slots.end;
        // Phases that are skipped because they are empty still count as one of the entry's.
        let ended = |t: &Tally| t.entries[e].ended;
        let executed = |t: &Tally| t.phases[p].processor_waiting;
        phases.push(PhaseResult {
            service: ratio(batches, |t| t.phases[p].service, ended),
            service_variance: variance(
                batches,
                ended,
                |t| t.phases[p].service,
                |t| t.phases[p].service_squared,
            ),
            utilization: ratio(batches, |t| t.phases[p].busy, |t| t.time),
            processor_waiting: ratio(batches, executed, ended),
            calls: slots.map(|s| slot(batches, s)).collect(),
        });
    }
    let forwards = at.forwards..at.forwards + entry.forwards.len();
    let sum = |range: Range<usize>, of: fn(&PhaseTally) -> f64| {
        ratio(batches, move |t| t.phases[range.clone()].iter().map(of).sum(), |t| t.time)
    };
    debug_assert!(
        model.tasks()[entry.task.index()].discipline != TaskDiscipline::Reference
            || entry.arrival_rate.is_none()
    );
    EntryResult {
        throughput: ratio(batches, |t| t.entries[e].ended, |t| t.time),
        utilization: sum(at.phases.clone(), |p| p.busy),
        processor_utilization: sum(at.works(), |p| p.executed),
        service: ratio(batches, |t| t.entries[e].service, |t| t.entries[e].ended),
        service_variance: variance(
            batches,
            |t| t.entries[e].ended,
            |t| t.entries[e].service,
            |t| t.entries[e].service_squared,
        ),
        phases,
        open_response: entry.arrival_rate.map(|_| slot(batches, at.open).response),
        forwards: forwards.map(|s| slot(batches, s)).collect(),
    }
}

/// Each activity stands in the graph of every entry that executes it.
fn activities(model: &Model, batches: &[Tally], at: &[Places]) -> Vec<ActivityResult> {
    let mut places: Vec<Vec<&Node>> = vec![Vec::new(); model.activities().len()];
    for node in at.iter().flat_map(|places| &places.nodes) {
        places[node.activity].push(node);
    }
    let activity = |(a, nodes): (&crate::model::Activity, Vec<&Node>)| {
        let sum = |t: &Tally, of: fn(&PhaseTally) -> f64| {
            nodes.iter().map(|node| of(&t.phases[node.phase])).sum::<f64>()
        };
        let per_time = |of: fn(&PhaseTally) -> f64| ratio(batches, |t| sum(t, of), |t| t.time);
        let ended = |t: &Tally| sum(t, |p| p.ended);
        let call = |k: usize| {
            let at: Vec<usize> = nodes.iter().map(|node| node.calls + k).collect();
            slots(batches, &at)
        };
        ActivityResult {
            throughput: per_time(|p| p.ended),
            utilization: per_time(|p| p.busy),
            processor_utilization: per_time(|p| p.executed),
            service: ratio(batches, |t| sum(t, |p| p.service), ended),
            service_variance: variance(
                batches,
                ended,
                |t| sum(t, |p| p.service),
                |t| sum(t, |p| p.service_squared),
            ),
            processor_waiting: ratio(batches, |t| sum(t, |p| p.processor_waiting), ended),
            calls: (0..a.work.calls.len()).map(call).collect(),
        }
    };
    model.activities().iter().zip(places).map(activity).collect()
}
