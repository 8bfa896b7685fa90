// SPDX-License-Identifier: MIT OR Apache-2.0
//! The converged state as [`Results`].

use super::network::Network;
use super::network::Target;
use super::state::{Moments, State, Wait};
use crate::model::{Model, ProcessorId};
use crate::results::{
    ActivityResult, CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results,
    TaskResult,
};

pub(super) fn results(model: &Model, n: &Network, s: &State, iterations: u32) -> Results {
    let demand = |e: usize| n.entries[e].phases.iter().map(|p| p.visits * p.demand).sum::<f64>();
    let executed: Vec<f64> = (0..n.entries.len()).map(|e| s.rates[e] * demand(e)).collect();
    let of_task = |t: usize| n.tasks[t].entries.iter().map(|&e| executed[e]).sum::<f64>();
    let mut processors = vec![0.0; model.processors().len()];
    let mut groups = vec![0.0; model.groups().len()];
    for t in 0..n.tasks.len() {
        processors[n.tasks[t].processor] += of_task(t);
        if let Some(group) = model.tasks()[t].group {
            groups[group.index()] += of_task(t);
        }
    }
    let tasks = (0..n.tasks.len()).map(|t| TaskResult {
        throughput: Estimate::exact(s.task_rate(n, t)),
        utilization: Estimate::exact(s.utilization(n, t)),
        processor_utilization: Estimate::exact(of_task(t)),
    });
    Results {
        solver: "mva",
        steps: u64::from(iterations),
        processors: processors
            .into_iter()
            .map(|u| ProcessorResult { utilization: Estimate::exact(u) })
            .collect(),
        groups: groups.into_iter().map(Estimate::exact).collect(),
        tasks: tasks.collect(),
        entries: (0..n.entries.len()).map(|e| entry(model, n, s, e, executed[e])).collect(),
        activities: activities(model, n, s),
    }
}

fn entry(model: &Model, n: &Network, s: &State, e: usize, executed: f64) -> EntryResult {
    let total = s.total(e);
    let rate = s.rates[e];
    let phases = match &model.graphs[e] {
        Some(graph) => halves(s, e, rate, graph.second_phase),
        None => {
            let phases = 0..n.entries[e].phases.len();
            phases.map(|p| phase(model, n, s, e, p)).collect()
        }
    };
    let forwards = model.entries()[e].forwards.iter().map(|f| {
        let to = f.to.index();
        let waiting = s.arrival_waits[to].mean;
        CallResult {
            waiting: Estimate::exact(waiting),
            response: Estimate::exact(open_response(n, s, to, waiting)),
        }
    });
    let waiting = s.arrival_waits[e].mean;
    EntryResult {
        throughput: Estimate::exact(rate),
        utilization: Estimate::exact(rate * total.mean),
        processor_utilization: Estimate::exact(executed),
        service: Estimate::exact(total.mean),
        service_variance: Estimate::exact(total.variance),
        phases,
        open_response: model.entries()[e]
            .arrival_rate
            .map(|_| Estimate::exact(open_response(n, s, e, waiting))),
        forwards: forwards.collect(),
    }
}

fn phase(model: &Model, n: &Network, s: &State, e: usize, p: usize) -> PhaseResult {
    let calls = (0..model.entries()[e].phases[p].calls.len()).map(|c| call(n, s, e, p, c));
    PhaseResult {
        service: Estimate::exact(s.service[e][p].mean),
        service_variance: Estimate::exact(s.service[e][p].variance),
        utilization: Estimate::exact(s.rates[e] * s.service[e][p].mean),
        processor_waiting: Estimate::exact(processor_waiting(model, n, s, e, p)),
        calls: calls.collect(),
    }
}

/// Processor queue of one execution of a phase or activity, all slices.
fn processor_waiting(model: &Model, n: &Network, s: &State, e: usize, p: usize) -> f64 {
    let (plan, task) = (&n.entries[e].phases[p], n.entries[e].task);
    let queues = model.cores(ProcessorId::at(n.tasks[task].processor)).is_some();
    let slices = if plan.demand > 0.0 && queues { plan.slices } else { 0.0 };
    slices * s.seen(task, s.slice_waits[e][p]).mean
}

/// A graph before and after its reply.
fn halves(s: &State, e: usize, rate: f64, second: bool) -> Vec<PhaseResult> {
    let half = |m: Moments| PhaseResult {
        service: Estimate::exact(m.mean),
        service_variance: Estimate::exact(m.variance),
        utilization: Estimate::exact(rate * m.mean),
        ..PhaseResult::default()
    };
    if second { vec![half(s.reply[e]), half(s.later(e))] } else { vec![half(s.total[e])] }
}

/// Sums over the entries that execute each activity.
fn activities(model: &Model, n: &Network, s: &State) -> Vec<ActivityResult> {
    let mut places: Vec<Vec<(usize, usize)>> = vec![Vec::new(); model.activities().len()];
    for (e, graph) in model.graphs.iter().enumerate() {
        for (p, node) in graph.iter().flat_map(|g| &g.nodes).enumerate() {
            places[node.activity.index()].push((e, p));
        }
    }
    let activity = |(a, places): (&crate::model::Activity, Vec<(usize, usize)>)| {
        let flow = |&(e, p): &(usize, usize)| s.rates[e] * n.entries[e].phases[p].visits;
        let rate: f64 = places.iter().map(flow).sum();
        // Of each execution: the mean over those of different entries.
        let mean = |of: &dyn Fn(usize, usize) -> f64| {
            let sum: f64 = places.iter().map(|at| flow(at) * of(at.0, at.1)).sum();
            if rate > 0.0 { sum / rate } else { 0.0 }
        };
        let service = mean(&|e, p| s.service[e][p].mean);
        let square = mean(&|e, p| s.service[e][p].variance + s.service[e][p].mean.powi(2));
        let demand = mean(&|e, p| n.entries[e].phases[p].demand);
        let waiting = mean(&|e, p| processor_waiting(model, n, s, e, p));
        let calls = (0..a.work.calls.len()).map(|c| CallResult {
            waiting: Estimate::exact(mean(&|e, p| call(n, s, e, p, c).waiting.mean)),
            response: Estimate::exact(mean(&|e, p| call(n, s, e, p, c).response.mean)),
        });
        ActivityResult {
            throughput: Estimate::exact(rate),
            utilization: Estimate::exact(rate * service),
            processor_utilization: Estimate::exact(rate * demand),
            service: Estimate::exact(service),
            service_variance: Estimate::exact((square - service * service).max(0.0)),
            processor_waiting: Estimate::exact(waiting),
            calls: calls.collect(),
        }
    };
    model.activities().iter().zip(places).map(activity).collect()
}

/// Of a request that nobody waits for: queue, first phase, and what forwards add.
fn open_response(n: &Network, s: &State, entry: usize, waiting: f64) -> f64 {
    let mut sum = 0.0;
    // Forwards form no cycle; parts below a billionth add nothing.
    let mut stack = vec![(entry, 1.0, waiting)];
    while let Some((e, part, wait)) = stack.pop() {
        sum += part * (wait + s.reply[e].mean);
        for &(to, probability) in &n.entries[e].forwards {
            if part * probability > 1e-9 {
                stack.push((to, part * probability, s.arrival_waits[to].mean));
            }
        }
    }
    sum
}

fn call(n: &Network, s: &State, e: usize, p: usize, call: usize) -> CallResult {
    let plan = &n.entries[e].phases[p];
    let task = n.entries[e].task;
    let targets: Vec<(Target, Wait)> = plan
        .targets
        .iter()
        .zip(&s.waits[e][p])
        .filter(|(t, _)| t.call == call)
        .map(|(t, w)| (*t, s.seen(task, *w)))
        .collect();
    let Some(&(first, wait)) = targets.first() else { return CallResult::default() };
    let response = if first.waits {
        targets.iter().map(|(t, w)| t.mean / first.mean * (w.mean + s.reply[t.entry].mean)).sum()
    } else {
        open_response(n, s, first.entry, wait.mean)
    };
    CallResult { waiting: Estimate::exact(wait.mean), response: Estimate::exact(response) }
}
