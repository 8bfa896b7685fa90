// SPDX-License-Identifier: MIT OR Apache-2.0
//! From batches to figures with confidence intervals.
//!
//! Every figure is a ratio of sums (requests over time, waiting over requests). Its interval is
//! that of the ratio estimator over batches (Law, "Simulation Modeling and Analysis", section
//! 9.5.3, batch means): residuals `a - r b` are taken as independent and normal.

use super::tally::{PhaseTally, Tally};
use crate::model::{Model, TaskDiscipline, TaskId};
use crate::results::{
    CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results, TaskResult,
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

struct Indices {
    phases: Vec<usize>,
    slots: Vec<usize>,
}

/// Where each entry's phases and slots stand in a tally: the order in which `Code` numbers them.
fn indices(model: &Model) -> Indices {
    let (mut phases, mut slots) = (Vec::new(), Vec::new());
    let (mut phase, mut slot) = (0, 0);
    for e in model.entries() {
        phases.push(phase);
        slots.push(slot);
        phase += e.phases.len();
        slot += e.phases.iter().map(|p| p.calls.len()).sum::<usize>() + e.forwards.len() + 1;
    }
    Indices { phases, slots }
}

/// Whether every throughput, service time and open response is known well enough.
pub(super) fn precise(model: &Model, batches: &[Tally], part: f64) -> bool {
    let at = indices(model);
    let good = |e: Estimate| e.half_width_95.unwrap_or(0.0) <= part * e.mean.abs();
    (0..model.entries().len()).all(|e| {
        let entry = &model.entries()[e];
        let open = at.slots[e]
            + entry.phases.iter().map(|p| p.calls.len()).sum::<usize>()
            + entry.forwards.len();
        good(ratio(batches, |t| t.entries[e].ended, |t| t.time))
            && good(ratio(batches, |t| t.entries[e].service, |t| t.entries[e].ended))
            && (entry.arrival_rate.is_none()
                || good(ratio(batches, |t| t.slots[open].response, |t| t.slots[open].answered)))
    })
}

pub(super) fn results(model: &Model, batches: &[Tally], events: u64) -> Results {
    let at = indices(model);
    // Sum of a quantity over all phases of some entries, per unit of time.
    let rate = |entries: &[usize], of: fn(&PhaseTally) -> f64| {
        let sum = |t: &Tally| {
            let phases = entries.iter().flat_map(|&e| {
                let from = at.phases[e];
                &t.phases[from..from + model.entries()[e].phases.len()]
            });
            phases.map(of).sum::<f64>()
        };
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
    let processors = by_processor
        .iter()
        .map(|es| ProcessorResult { utilization: rate(es, |p| p.executed) })
        .collect();
    let groups = (0..model.groups().len())
        .map(|g| {
            let inside =
                |t: TaskId| model.tasks()[t.index()].group.is_some_and(|group| group.index() == g);
            rate(&entries_of(&inside), |p| p.executed)
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
            utilization: rate(es, |p| p.busy),
            processor_utilization: rate(es, |p| p.executed),
        })
        .collect();
    let entries = (0..model.entries().len()).map(|e| entry(model, batches, &at, e)).collect();
    Results { solver: "sim", steps: events, processors, groups, tasks, entries }
}

fn slot(batches: &[Tally], at: usize) -> CallResult {
    CallResult {
        waiting: ratio(batches, |t| t.slots[at].waiting, |t| t.slots[at].accepted),
        response: ratio(batches, |t| t.slots[at].response, |t| t.slots[at].answered),
    }
}

fn entry(model: &Model, batches: &[Tally], at: &Indices, e: usize) -> EntryResult {
    let entry = &model.entries()[e];
    let mut next_slot = at.slots[e];
    let mut phases = Vec::new();
    for (i, phase) in entry.phases.iter().enumerate() {
        let p = at.phases[e] + i;
        let calls = phase.calls.iter().map(|_| {
            next_slot += 1;
            slot(batches, next_slot - 1)
        });
        let calls = calls.collect();
        // Phases that are skipped because they are empty still count as one of the entry's.
        let ended = |t: &Tally| t.entries[e].ended;
        phases.push(PhaseResult {
            service: ratio(batches, |t| t.phases[p].service, ended),
            service_variance: variance(
                batches,
                ended,
                |t| t.phases[p].service,
                |t| t.phases[p].service_squared,
            ),
            utilization: ratio(batches, |t| t.phases[p].busy, |t| t.time),
            processor_waiting: ratio(batches, |t| t.phases[p].processor_waiting, ended),
            calls,
        });
    }
    let forwards = entry.forwards.iter().map(|_| {
        next_slot += 1;
        slot(batches, next_slot - 1)
    });
    let forwards = forwards.collect();
    let all = at.phases[e]..at.phases[e] + entry.phases.len();
    let sum = |of: fn(&PhaseTally) -> f64| {
        let all = all.clone();
        ratio(batches, move |t| t.phases[all.clone()].iter().map(of).sum(), |t| t.time)
    };
    debug_assert!(
        model.tasks()[entry.task.index()].discipline != TaskDiscipline::Reference
            || entry.arrival_rate.is_none()
    );
    EntryResult {
        throughput: ratio(batches, |t| t.entries[e].ended, |t| t.time),
        utilization: sum(|p| p.busy),
        processor_utilization: sum(|p| p.executed),
        service: ratio(batches, |t| t.entries[e].service, |t| t.entries[e].ended),
        service_variance: variance(
            batches,
            |t| t.entries[e].ended,
            |t| t.entries[e].service,
            |t| t.entries[e].service_squared,
        ),
        phases,
        open_response: entry.arrival_rate.map(|_| slot(batches, next_slot).response),
        forwards,
    }
}
