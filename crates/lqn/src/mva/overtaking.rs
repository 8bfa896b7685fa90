// SPDX-License-Identifier: MIT OR Apache-2.0
//! A caller that comes back before the second phase of its last request has ended waits for
//! itself. The time until it comes back is followed through its phases, slices and calls as a
//! Markov chain (Franks and Woodside, "Effectiveness of early replies in client-server systems",
//! Performance Evaluation 36-37, 1999), all of them and the second phase taken for exponential:
//! then the probability is the Laplace transform of that time at the rate of the second phase.

use super::network::{Client, Network, Use};
use super::state::{self, State};

/// Probability that the second phase, of mean `later`, is still under way.
pub(super) fn probability(network: &Network, state: &State, client: &Client, later: f64) -> f64 {
    let rate = 1.0 / later;
    let of = |mean: f64| 1.0 / (1.0 + rate * mean.max(0.0));
    let task = &network.tasks[client.task];
    let total = state.task_rate(network, client.task);
    if total <= 0.0 {
        return 0.0;
    }
    // From the start of phase p of entry e: after[e][p] = a + b g, where g is the transform from
    // the start of a new request of the client itself.
    let idle = of(state.idle(network, client.task));
    let (mut sum_a, mut sum_b) = (0.0, 0.0);
    let mut lines = Vec::new();
    for &e in &task.entries {
        let mut next = (0.0, idle);
        let mut phases = Vec::new();
        for p in (0..network.entries[e].phases.len()).rev() {
            let (here, through) = phase(network, state, client, e, p, &of);
            let plan = &network.entries[e].phases[p];
            let think = of(plan.think);
            // From a slice of this phase; and from its start, a pause before. An activity may be
            // passed over.
            let line = (here + through * next.0, through * next.1);
            phases.push((p, line, next));
            let comes = plan.visits.min(1.0);
            next = (
                comes * think * line.0 + (1.0 - comes) * next.0,
                comes * think * line.1 + (1.0 - comes) * next.1,
            );
        }
        let share = state.rates[e] / total;
        sum_a += share * next.0;
        sum_b += share * next.1;
        lines.push((e, phases));
    }
    let g = if sum_b < 1.0 { sum_a / (1.0 - sum_b) } else { 1.0 };
    let (mut weights, mut weighted) = (0.0, 0.0);
    for (e, phases) in lines {
        for (p, line, next) in phases {
            let calls = calls_here(network, client, e, p);
            let weight = state.rates[e] * calls;
            let plan = &network.entries[e].phases[p];
            let line = if plan.deterministic && calls > 0.0 {
                // Exactly `calls` in a row: the last one is followed by the next phase.
                let slice = of(state::slice(plan, state.slice_waits[e][p]).mean);
                let last = 1.0 / calls;
                let again = (1.0 - last) * slice;
                (again + last * slice * next.0, last * slice * next.1)
            } else {
                line
            };
            weights += weight;
            weighted += weight * (line.0 + line.1 * g);
        }
    }
    if weights > 0.0 { (weighted / weights).clamp(0.0, 1.0) } else { 0.0 }
}

/// Mean number of requests from a phase to the station.
fn calls_here(network: &Network, client: &Client, e: usize, p: usize) -> f64 {
    let here = |u: &&Use| u.entry == e && u.phase == p;
    let plan = &network.entries[e].phases[p];
    let mean = |u: &Use| u.target.map_or(0.0, |k| plan.visits * plan.targets[k].mean);
    client.uses.iter().filter(here).map(mean).sum()
}

/// From a slice of the phase: transform until the next request to the station within the phase,
/// and until the end of the phase without one.
fn phase(
    network: &Network,
    state: &State,
    client: &Client,
    e: usize,
    p: usize,
    of: &dyn Fn(f64) -> f64,
) -> (f64, f64) {
    let plan = &network.entries[e].phases[p];
    let slice = of(state::slice(plan, state.slice_waits[e][p]).mean);
    let ours =
        |k: usize| client.uses.iter().any(|u| u.entry == e && u.phase == p && u.target == Some(k));
    let (mut here, mut elsewhere, mut all) = (0.0, 0.0, 0.0);
    for (k, target) in plan.targets.iter().enumerate() {
        all += target.mean;
        if ours(k) {
            here += target.mean;
        } else if target.waits {
            let response = state.waits[e][p][k].mean + state.reply[target.entry].mean;
            elsewhere += target.mean * of(response);
        } else {
            elsewhere += target.mean;
        }
    }
    // An activity in a loop comes again, with or without what is between.
    let times = plan.visits.max(1.0);
    let again = (times - 1.0) / (times * (1.0 + all));
    let stay = 1.0 - slice * (elsewhere / (1.0 + all) + again);
    if stay <= 0.0 {
        return (0.0, 1.0);
    }
    (slice * here / (1.0 + all) / stay, slice / (times * (1.0 + all)) / stay)
}
