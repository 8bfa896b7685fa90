// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that cannot meet: if a thread makes requests to a station along two paths, and blocks
//! on each of them, requests of one path never find those of the other (Franks, "Performance
//! Analysis of Distributed Server Systems", PhD thesis, Carleton 2000, chapter on interlocking).
//!
//! For a source task with `n` threads, an arrival that stems from one of them can meet only the
//! requests of the other `n - 1`. Sources are all tasks above both clients, the clients included.

use std::collections::{BTreeMap, HashMap};

use super::network::{Client, Network, Population, StationPlan};
use super::state::State;

/// Clients of a station up to which pairs are examined: beyond it one pair hardly matters.
const CLIENTS_MAX: usize = 48;

/// Per entry: flow that stems from each source while a thread of the source is blocked on it.
pub(super) type Sources = Vec<Vec<(usize, f64)>>;

/// Follows each task's blocking calls down: any phase of the task itself, only first phases of
/// the others, since a caller does not wait for later ones.
pub(super) fn sources(network: &Network, state: &State) -> Sources {
    let mut out: Sources = vec![Vec::new(); network.entries.len()];
    let mut position = vec![0; network.entries.len()];
    for (i, &e) in network.order.iter().enumerate() {
        position[e] = i;
    }
    for (t, task) in network.tasks.iter().enumerate() {
        // A thread that forks is blocked on several paths at once.
        if task.population == Population::Open || task.strands > 1 {
            continue;
        }
        let mut open: BTreeMap<usize, f64> =
            task.entries.iter().map(|&e| (position[e], state.rates[e])).collect();
        while let Some((at, flow)) = open.pop_first() {
            let e = network.order[at];
            let own = network.entries[e].task == t;
            out[e].push((t, flow));
            if network.tasks[network.entries[e].task].strands > 1 {
                continue;
            }
            for phase in network.entries[e].phases.iter().filter(|p| own || !p.later) {
                for target in phase.targets.iter().filter(|t| t.waits) {
                    let calls = flow * phase.visits * target.mean;
                    *open.entry(position[target.entry]).or_insert(0.0) += calls;
                }
            }
        }
    }
    out
}

/// The matrix of a station, empty if nothing is interlocked; and the most requests that can be
/// there at once, if all stem from blocked threads of reference tasks.
pub(super) fn matrix(
    network: &Network,
    state: &State,
    station: &StationPlan,
    sources: &Sources,
) -> (Vec<f64>, f64) {
    let n = station.closed.len();
    if !(2..=CLIENTS_MAX).contains(&n) {
        return (Vec::new(), f64::INFINITY);
    }
    let parts: Vec<HashMap<usize, f64>> = station
        .closed
        .iter()
        .map(|client| {
            let (mut total, mut by_source) = (0.0, HashMap::new());
            for u in &client.uses {
                let phase = &network.entries[u.entry].phases[u.phase];
                let each = u.target.map_or(phase.slices, |k| phase.targets[k].mean);
                let mean = phase.visits * each;
                total += state.rates[u.entry] * mean;
                let own = network.entries[u.entry].task == client.task;
                if network.tasks[client.task].strands > 1 || !own {
                    continue;
                }
                for &(source, flow) in &sources[u.entry] {
                    if !phase.later || source == client.task {
                        *by_source.entry(source).or_insert(0.0) += flow * mean;
                    }
                }
            }
            by_source.values_mut().for_each(|flow: &mut f64| *flow /= f64::max(total, 1e-300));
            by_source
        })
        .collect();
    let mut out = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..n {
            let (a, b) = (&station.closed[i], &station.closed[j]);
            if a.task != b.task {
                out[i * n + j] = hidden(network, &parts[i], &parts[j]);
            } else if a.strand != b.strand {
                out[i * n + j] = 1.0 - beside(network, state, a, b);
            }
        }
    }
    if out.iter().all(|&x| x == 0.0) {
        out.clear();
    }
    let open = !station.open.is_empty() || !station.arrivals.is_empty();
    (out, if open { f64::INFINITY } else { threads(network, &parts) })
}

/// Part of the mean number of `b` that an arrival of `a` meets, of another strand of the same
/// threads (Mak and Lundstrom, "Predicting performance of parallel computations", IEEE TPDS 1(3)
/// 1990): the strands of other threads as on average, those of its own thread for the part of the
/// time of `a` in which `b` runs too, and then as often as `b` is there while it runs.
fn beside(network: &Network, state: &State, a: &Client, b: &Client) -> f64 {
    let t = a.task;
    let (Population::Closed(threads), rate) =
        (network.tasks[t].population, state.task_rate(network, t))
    else {
        return 1.0;
    };
    let of = |client: &Client| state.strand(network, t, client.strand);
    let (time_a, time_b) = (of(a), of(b));
    if time_a <= 0.0 || time_b <= 0.0 || rate <= 0.0 {
        return 1.0;
    }
    let cycle = threads / rate;
    let own = cycle * state.overlap(network, t, a.strand, b.strand) / (time_a * time_b);
    ((threads - 1.0).max(0.0) + own) / threads
}

/// Threads of the reference tasks that all clients' requests stem from.
fn threads(network: &Network, parts: &[HashMap<usize, f64>]) -> f64 {
    let root = |t: &usize| network.tasks[*t].reference;
    let rooted = |part: &HashMap<usize, f64>| {
        let sum: f64 = part.iter().filter(|(t, _)| root(t)).map(|(_, part)| part).sum();
        sum > 1.0 - 1e-9
    };
    if !parts.iter().all(rooted) {
        return f64::INFINITY;
    }
    let mut roots: Vec<usize> = parts.iter().flat_map(|p| p.keys().copied()).filter(root).collect();
    roots.sort_unstable();
    roots.dedup();
    let population = |t: usize| match network.tasks[t].population {
        Population::Closed(n) => n,
        Population::Open => f64::INFINITY,
    };
    roots.into_iter().map(population).sum()
}

/// Part of `j` that an arrival of `i` cannot meet. Reference tasks are disjoint sources and add
/// up; a task in between may say more if it has fewer threads than they.
fn hidden(network: &Network, i: &HashMap<usize, f64>, j: &HashMap<usize, f64>) -> f64 {
    let (mut roots, mut best) = (0.0, 0.0_f64);
    for (source, part) in i {
        let (Some(other), Population::Closed(threads)) =
            (j.get(source), network.tasks[*source].population)
        else {
            continue;
        };
        let both = part.min(1.0) * other.min(1.0) / threads.max(1.0);
        if network.tasks[*source].reference {
            roots += both;
        }
        best = best.max(both);
    }
    best.max(roots).min(1.0)
}
