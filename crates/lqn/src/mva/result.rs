// SPDX-License-Identifier: MIT OR Apache-2.0
//! The converged state as [`Results`].

use super::network::Network;
use super::network::Target;
use super::state::{State, Wait};
use crate::model::{Model, ProcessorId};
use crate::results::{
    CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results, TaskResult,
};

pub(super) fn results(model: &Model, n: &Network, s: &State, iterations: u32) -> Results {
    let demand = |e: usize| n.entries[e].phases.iter().map(|p| p.demand).sum::<f64>();
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
    }
}

fn entry(model: &Model, n: &Network, s: &State, e: usize, executed: f64) -> EntryResult {
    let total = s.total(e);
    let rate = s.rates[e];
    let processor = ProcessorId::at(n.tasks[n.entries[e].task].processor);
    let queues = model.cores(processor).is_some();
    let phases = (0..n.entries[e].phases.len()).map(|p| {
        let plan = &n.entries[e].phases[p];
        let calls = (0..model.entries()[e].phases[p].calls.len()).map(|c| call(n, s, e, p, c));
        let slices = if plan.demand > 0.0 && queues { plan.slices } else { 0.0 };
        PhaseResult {
            service: Estimate::exact(s.service[e][p].mean),
            service_variance: Estimate::exact(s.service[e][p].variance),
            utilization: Estimate::exact(rate * s.service[e][p].mean),
            processor_waiting: Estimate::exact(
                slices * s.seen(n.entries[e].task, s.slice_waits[e][p]).mean,
            ),
            calls: calls.collect(),
        }
    });
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
        phases: phases.collect(),
        open_response: model.entries()[e]
            .arrival_rate
            .map(|_| Estimate::exact(open_response(n, s, e, waiting))),
        forwards: forwards.collect(),
    }
}

/// Of a request that nobody waits for: queue, first phase, and what forwards add.
fn open_response(n: &Network, s: &State, entry: usize, waiting: f64) -> f64 {
    let mut sum = 0.0;
    // Forwards form no cycle; parts below a billionth add nothing.
    let mut stack = vec![(entry, 1.0, waiting)];
    while let Some((e, part, wait)) = stack.pop() {
        sum += part * (wait + s.service[e][0].mean);
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
        targets
            .iter()
            .map(|(t, w)| t.mean / first.mean * (w.mean + s.service[t.entry][0].mean))
            .sum()
    } else {
        open_response(n, s, first.entry, wait.mean)
    };
    CallResult { waiting: Estimate::exact(wait.mean), response: Estimate::exact(response) }
}
