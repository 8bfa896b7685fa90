// SPDX-License-Identifier: MIT OR Apache-2.0
//! What changes while a model is solved: waits, and what follows from them - service times with
//! variances from the bottom up, flows from the top down.

use super::network::{Network, PhasePlan, Population};
use crate::graph::reduce::{Flow, Reduction};

/// A mean wait, and the probability that there is any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wait {
    pub(super) mean: f64,
    pub(super) probability: f64,
    /// Part of it that other threads of the same task cause.
    pub(super) own: f64,
    /// Longest queue that there can be, in time, and the time between two departures from it.
    pub(super) longest: f64,
    pub(super) step: f64,
}

impl Wait {
    /// Variance if a wait, when there is one, is exponential; but a full queue of few customers
    /// varies less: its length by the bound of Bhatia and Davis (2000) for a bounded variable, the
    /// departures as exponentials.
    pub(super) fn variance(self) -> f64 {
        if self.probability <= 0.0 {
            return 0.0;
        }
        let w = self.mean;
        let exponential = (2.0 * w * w / self.probability.min(1.0) - w * w).max(0.0);
        exponential.min(w * (self.longest - w).max(0.0) + w * self.step)
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moments {
    pub(super) mean: f64,
    pub(super) variance: f64,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    /// Per entry, phase and target.
    pub(super) waits: Vec<Vec<Vec<Wait>>>,
    /// Per entry and phase: wait for the processor, each slice.
    pub(super) slice_waits: Vec<Vec<Wait>>,
    /// Per entry: wait of requests from outside.
    pub(super) arrival_waits: Vec<Wait>,
    /// Per entry and phase, each execution.
    pub(super) service: Vec<Vec<Moments>>,
    /// Per entry: until the reply, and all of it.
    pub(super) reply: Vec<Moments>,
    pub(super) total: Vec<Moments>,
    /// Per entry: pairs of strands, and for how long both run for one request.
    pub(super) overlaps: Vec<Vec<(usize, usize, f64)>>,
    /// Per entry of a task that requests go through: parts of them by the task whose threads they
    /// are.
    pub(super) shares: Vec<Vec<(usize, f64)>>,
    /// Per task: waits caused by its own threads, relative to what the layers below say.
    pub(super) bunching: Vec<f64>,
    /// Per entry: requests per unit of time.
    pub(super) rates: Vec<f64>,
    /// Of them, those that nobody waits for.
    pub(super) open_rates: Vec<f64>,
}

impl State {
    pub(super) fn new(network: &Network) -> Self {
        let n = network.entries.len();
        let phases = |e: &super::network::EntryPlan| e.phases.len();
        let mut state = Self {
            waits: network
                .entries
                .iter()
                .map(|e| e.phases.iter().map(|p| vec![Wait::default(); p.targets.len()]).collect())
                .collect(),
            slice_waits: network.entries.iter().map(|e| vec![Wait::default(); phases(e)]).collect(),
            arrival_waits: vec![Wait::default(); n],
            service: network.entries.iter().map(|e| vec![Moments::default(); phases(e)]).collect(),
            reply: vec![Moments::default(); n],
            total: vec![Moments::default(); n],
            overlaps: vec![Vec::new(); n],
            shares: vec![Vec::new(); n],
            bunching: vec![1.0; network.tasks.len()],
            rates: vec![0.0; n],
            open_rates: vec![0.0; n],
        };
        state.update(network);
        state
    }

    /// Service times, then flows.
    pub(super) fn update(&mut self, network: &Network) {
        for &e in network.order.iter().rev() {
            for p in 0..network.entries[e].phases.len() {
                self.service[e][p] = self.phase(network, e, p);
            }
            self.whole(network, e);
        }
        self.flows(network);
        self.share(network);
    }

    /// Part of an entry's requests that threads of this task make or wait for.
    pub(super) fn part(&self, network: &Network, entry: usize, task: usize) -> f64 {
        if network.entries[entry].task == task {
            return 1.0;
        }
        self.shares[entry].iter().find(|s| s.0 == task).map_or(0.0, |s| s.1)
    }

    /// Follows flows from the top: callers come before the called.
    fn share(&mut self, network: &Network) {
        for shares in &mut self.shares {
            shares.clear();
        }
        for &e in &network.order {
            let plan = &network.entries[e];
            let through = network.tasks[plan.task].through;
            let mut own = std::mem::take(&mut self.shares[e]);
            let total: f64 = own.iter().map(|s| s.1).sum();
            if total > 0.0 {
                own.iter_mut().for_each(|s| s.1 /= total);
            }
            for phase in &plan.phases {
                for target in phase.targets.iter().filter(|t| t.waits) {
                    if !network.tasks[network.entries[target.entry].task].through {
                        continue;
                    }
                    let flow = self.rates[e] * phase.visits * target.mean;
                    let whole = [(plan.task, 1.0)];
                    for &(task, part) in if through { own.as_slice() } else { &whole } {
                        let shares = &mut self.shares[target.entry];
                        match shares.iter_mut().find(|s| s.0 == task) {
                            Some(share) => share.1 += flow * part,
                            None => shares.push((task, flow * part)),
                        }
                    }
                }
            }
            self.shares[e] = own;
        }
    }

    /// Whole service of an entry.
    pub(super) fn total(&self, entry: usize) -> Moments {
        self.total[entry]
    }

    /// Of an entry, what follows the reply.
    pub(super) fn later(&self, entry: usize) -> Moments {
        let (total, reply) = (self.total[entry], self.reply[entry]);
        Moments {
            mean: (total.mean - reply.mean).max(0.0),
            variance: (total.variance - reply.variance).max(0.0),
        }
    }

    /// Phases of an entry one after the other, or as its graph says.
    fn whole(&mut self, network: &Network, e: usize) {
        let service = &self.service[e];
        let Some(graph) = &network.entries[e].graph else {
            let sum = |of: fn(&Moments) -> f64| service.iter().map(of).sum();
            self.reply[e] = service.first().copied().unwrap_or_default();
            self.total[e] = Moments { mean: sum(|m| m.mean), variance: sum(|m| m.variance) };
            return;
        };
        let time = |node: usize| Flow::of(service[node].mean, service[node].variance);
        // The graph was checked when the model was made.
        let found = Reduction::of(graph, &time).unwrap_or_default();
        let moments = |flow: Flow| Moments { mean: flow.mean, variance: flow.variance };
        self.total[e] = moments(found.end);
        self.reply[e] = moments(if found.reply.weight > 0.0 { found.reply } else { found.end });
        self.overlaps[e] = found.overlaps;
    }

    /// Mean time for which two strands of a thread run at once, per request to the task.
    pub(super) fn overlap(&self, network: &Network, task: usize, a: usize, b: usize) -> f64 {
        let rate = self.task_rate(network, task);
        let both = |&&(x, y, _): &&(usize, usize, f64)| (x, y) == (a, b) || (y, x) == (a, b);
        let of = |e: &usize| {
            self.rates[*e] * self.overlaps[*e].iter().filter(both).map(|o| o.2).sum::<f64>()
        };
        let sum: f64 = network.tasks[task].entries.iter().map(of).sum();
        if rate > 0.0 { sum / rate } else { 0.0 }
    }

    /// Mean time for which a strand of a thread runs, per request to the task.
    pub(super) fn strand(&self, network: &Network, task: usize, strand: usize) -> f64 {
        let rate = self.task_rate(network, task);
        let mut sum = 0.0;
        for &e in &network.tasks[task].entries {
            let phases = network.entries[e].phases.iter().zip(&self.service[e]);
            let own = phases.filter(|(plan, _)| plan.strand == strand);
            sum += self.rates[e] * own.map(|(plan, m)| plan.visits * m.mean).sum::<f64>();
        }
        if rate > 0.0 { sum / rate } else { 0.0 }
    }

    /// Requests to all entries of a task.
    pub(super) fn task_rate(&self, network: &Network, task: usize) -> f64 {
        network.tasks[task].entries.iter().map(|&e| self.rates[e]).sum()
    }

    /// Busy threads of a task.
    pub(super) fn utilization(&self, network: &Network, task: usize) -> f64 {
        network.tasks[task].entries.iter().map(|&e| self.rates[e] * self.total(e).mean).sum()
    }

    /// Mean time per request of a task that its own threads wait for each other, as the layers
    /// below have it.
    pub(super) fn competition(&self, network: &Network, task: usize) -> f64 {
        let mut sum = 0.0;
        for &e in &network.tasks[task].entries {
            for (p, plan) in network.entries[e].phases.iter().enumerate() {
                let slices = self.slice_waits[e][p];
                let rate = self.rates[e] * plan.visits;
                if plan.demand > 0.0 {
                    sum += rate * plan.slices * slices.mean * slices.own;
                }
                for (target, wait) in plan.targets.iter().zip(&self.waits[e][p]) {
                    if target.waits {
                        sum += rate * target.mean * wait.mean * wait.own;
                    }
                }
            }
        }
        let rate = self.task_rate(network, task);
        if rate > 0.0 { sum / rate } else { 0.0 }
    }

    /// A wait of a task as its callers see it: their requests keep its threads busy together.
    pub(super) fn seen(&self, task: usize, wait: Wait) -> Wait {
        let mean = wait.mean * (1.0 + wait.own * (self.bunching[task] - 1.0));
        Wait { mean, ..wait }
    }

    /// Of a thread, between two requests.
    pub(super) fn idle(&self, network: &Network, task: usize) -> f64 {
        let plan = &network.tasks[task];
        if plan.reference {
            return plan.think;
        }
        let Population::Closed(threads) = plan.population else { return 0.0 };
        let rate = self.task_rate(network, task);
        if rate <= 0.0 {
            return f64::INFINITY;
        }
        ((threads - self.utilization(network, task)) / rate).max(0.0)
    }

    fn flows(&mut self, network: &Network) {
        self.rates.fill(0.0);
        self.open_rates.fill(0.0);
        for task in network.tasks.iter().filter(|t| t.reference) {
            #[expect(clippy::cast_precision_loss, reason = "few entries")]
            let part = 1.0 / task.entries.len() as f64;
            let service: f64 = task.entries.iter().map(|&e| self.total(e).mean * part).sum();
            let cycle = task.think + service;
            for &e in &task.entries {
                let threads = f64::from(task.threads.unwrap_or(1));
                self.rates[e] = if cycle > 0.0 { threads / cycle * part } else { 0.0 };
            }
        }
        for &e in &network.order {
            let plan = &network.entries[e];
            self.rates[e] += plan.arrivals;
            self.open_rates[e] += plan.arrivals;
            let (rate, open) = (self.rates[e], self.open_rates[e]);
            for (phase, target) in
                plan.phases.iter().flat_map(|p| p.targets.iter().map(move |t| (p, t)))
            {
                let calls = rate * phase.visits * target.mean;
                self.rates[target.entry] += calls;
                if !target.waits {
                    self.open_rates[target.entry] += calls;
                }
            }
            for &(to, probability) in &plan.forwards {
                self.rates[to] += open * probability;
                self.open_rates[to] += open * probability;
            }
        }
    }

    /// Mean and variance of a phase: a slice, then as often as calls are made a call and a slice
    /// more. With a geometric number N of mean Y, and B the time of one call and slice, the
    /// variance is that of a random sum: Y var B + (Y + Y^2) (E B)^2. Slices, calls and N are taken
    /// for independent.
    fn phase(&self, network: &Network, e: usize, p: usize) -> Moments {
        let plan = &network.entries[e].phases[p];
        let task = network.entries[e].task;
        let slice = slice(plan, self.seen(task, self.slice_waits[e][p]));
        let think = Moments { mean: plan.think, variance: plan.think * plan.think };
        let calls = plan.slices - 1.0;
        // Moments of what one call takes; calls that nobody waits for take nothing.
        let (mut sum, mut squares, mut variances) = (0.0, 0.0, 0.0);
        for (target, &wait) in plan.targets.iter().zip(&self.waits[e][p]).filter(|(t, _)| t.waits) {
            let wait = self.seen(task, wait);
            let reply = self.reply[target.entry];
            let mean = wait.mean + reply.mean;
            let variance = wait.variance() + reply.variance;
            sum += target.mean * mean;
            squares += target.mean * (variance + mean * mean);
            variances += target.mean * variance;
        }
        let mean = think.mean + (1.0 + calls) * slice.mean + sum;
        if plan.deterministic || calls <= 0.0 {
            let variance = think.variance + (1.0 + calls) * slice.variance + variances;
            return Moments { mean, variance };
        }
        let call = Moments {
            mean: sum / calls,
            variance: (squares / calls - (sum / calls).powi(2)).max(0.0),
        };
        let both = slice.mean + call.mean;
        let variance = think.variance
            + slice.variance
            + calls * (slice.variance + call.variance)
            + (calls + calls * calls) * both * both;
        Moments { mean, variance }
    }
}

/// One slice, from the request to the processor to its end.
pub(super) fn slice(plan: &PhasePlan, wait: Wait) -> Moments {
    if plan.demand <= 0.0 {
        return Moments::default();
    }
    let work = plan.demand / plan.slices;
    Moments { mean: work + wait.mean, variance: plan.cv_squared * work * work + wait.variance() }
}
