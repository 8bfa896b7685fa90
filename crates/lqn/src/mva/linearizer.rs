// SPDX-License-Identifier: MIT OR Apache-2.0
//! Approximate mean value analysis for submodels too large for the recursion.
//!
//! Schweitzer's estimate: with one request of chain `c` fewer, every other chain's load is
//! unchanged and `c`'s own shrinks in proportion. Linearizer (Chandy and Neuse, CACM 25(2) 1982)
//! solves the network with one fewer as well and carries the difference of the fractions over;
//! the cost is a factor of the number of chains.

use super::exact::open_waits;
use super::station::{self, Found};
use super::submodel::{Load, Submodel, Waits};

/// Chains times visits squared up to which Linearizer's cores cost a few milliseconds.
const WORK_MAX: usize = 12_000;
/// The same for all submodels of a model together.
const WORK_ALL_MAX: usize = 20 * WORK_MAX;
/// Rounds of corrections; Chandy and Neuse saw no gain beyond three.
const ROUNDS: usize = 3;
/// Fixed-point steps of one core, and the change of a load at which it ends.
const STEPS_MAX: usize = 300;
const CHANGE_MAX: f64 = 1e-9;

/// Loads per thread of the chain: queued and busy, per station and visit.
type Fractions = Vec<Load>;

pub(super) fn solve(
    submodel: &Submodel,
    submodels: usize,
    start: Option<&[Load]>,
) -> (Waits, Vec<Load>) {
    let full: Vec<f64> = submodel.chains.iter().map(|c| c.population).collect();
    let visits: usize = submodel.stations.iter().map(|s| s.closed.len() * s.closed.len()).sum();
    let mut corrections = Corrections::none(submodel);
    let mut at_full = core(submodel, &full, &corrections, start.map(<[Load]>::to_vec));
    let worth = WORK_MAX.min(WORK_ALL_MAX / submodels.max(1));
    if submodel.chains.len().saturating_mul(visits) > worth {
        return finish(submodel, at_full);
    }
    let mut fewer: Vec<Option<Vec<Load>>> = vec![None; full.len()];
    for _ in 0..ROUNDS {
        for c in 0..full.len() {
            let mut population = full.clone();
            population[c] = (population[c] - 1.0).max(0.0);
            let start = fewer[c].take().unwrap_or_else(|| at_full.1.clone());
            let solved = core(submodel, &population, &corrections, Some(start));
            fewer[c] = Some(solved.1);
        }
        corrections.update(submodel, &full, &at_full.1, &fewer);
        at_full = core(submodel, &full, &corrections, Some(at_full.1));
    }
    finish(submodel, at_full)
}

fn finish(submodel: &Submodel, (mut waits, loads): (Waits, Vec<Load>)) -> (Waits, Vec<Load>) {
    waits.open =
        submodel.stations.iter().zip(&loads).map(|(s, load)| open_waits(s, load, None)).collect();
    (waits, loads)
}

/// By station, then arriving visit `i`, then met visit `j`: change of `j`'s fraction when a request
/// of `i`'s chain is taken out.
struct Corrections {
    by_station: Vec<Vec<(f64, f64)>>,
}

impl Corrections {
    fn none(submodel: &Submodel) -> Self {
        let none = |s: &super::submodel::Station| vec![(0.0, 0.0); s.closed.len() * s.closed.len()];
        Self { by_station: submodel.stations.iter().map(none).collect() }
    }

    fn update(
        &mut self,
        submodel: &Submodel,
        full: &[f64],
        at_full: &Fractions,
        fewer: &[Option<Vec<Load>>],
    ) {
        for (k, s) in submodel.stations.iter().enumerate() {
            let n = s.closed.len();
            for (i, arriving) in s.closed.iter().enumerate() {
                let Some(without) = &fewer[arriving.chain] else { continue };
                for (j, met) in s.closed.iter().enumerate() {
                    let all = full[met.chain];
                    let rest = if met.chain == arriving.chain { all - 1.0 } else { all };
                    if rest <= 0.0 {
                        continue;
                    }
                    let per = |x: &[f64], n: f64| x[j] / n;
                    self.by_station[k][i * n + j] = (
                        per(&without[k].queued, rest) - per(&at_full[k].queued, all),
                        per(&without[k].busy, rest) - per(&at_full[k].busy, all),
                    );
                }
            }
        }
    }
}

/// Solves one population by substitution.
fn core(
    submodel: &Submodel,
    population: &[f64],
    corrections: &Corrections,
    start: Option<Vec<Load>>,
) -> (Waits, Vec<Load>) {
    let mut loads = start.unwrap_or_else(|| first_guess(submodel, population));
    let mut waits = Waits::default();
    let mut damping = 1.0;
    let mut last_change = f64::INFINITY;
    for _ in 0..STEPS_MAX {
        let (next_waits, next) = substitute(submodel, population, corrections, &loads);
        let mut change: f64 = 0.0;
        for (old, new) in loads.iter_mut().zip(&next) {
            let all =
                old.queued.iter_mut().zip(&new.queued).chain(old.busy.iter_mut().zip(&new.busy));
            for (a, b) in all {
                change = change.max((*a - b).abs());
                *a += damping * (b - *a);
            }
        }
        waits = next_waits;
        if change < CHANGE_MAX {
            break;
        }
        // Substitution that does not shrink swings around the solution.
        if change > 0.95 * last_change && damping > 0.1 {
            damping *= 0.8;
        }
        last_change = change;
    }
    (waits, loads)
}

/// Everybody's threads in equal parts at its stations, none queued: near enough to start.
fn first_guess(submodel: &Submodel, population: &[f64]) -> Vec<Load> {
    let mut cycle: Vec<f64> = submodel.chains.iter().map(|c| c.think).collect();
    for s in &submodel.stations {
        for v in &s.closed {
            cycle[v.chain] += v.visits * v.service;
        }
    }
    let load = |s: &super::submodel::Station| {
        let rate = |v: &super::submodel::Visit| {
            let c = cycle[v.chain];
            if c > 0.0 { population[v.chain] * v.visits / c } else { 0.0 }
        };
        let busy: Vec<f64> = s.closed.iter().map(|v| rate(v) * v.service).collect();
        let total: f64 = busy.iter().sum();
        // No more busy than there are servers; the rest queues.
        let scale = (s.servers / total.max(1e-30)).min(1.0);
        Load {
            queued: busy.iter().map(|b| b * (1.0 - scale)).collect(),
            busy: busy.iter().map(|b| b * scale).collect(),
            threads: s.closed.iter().map(|v| population[v.chain]).collect(),
        }
    };
    submodel.stations.iter().map(load).collect()
}

fn substitute(
    submodel: &Submodel,
    population: &[f64],
    corrections: &Corrections,
    loads: &[Load],
) -> (Waits, Vec<Load>) {
    let mut cycle: Vec<f64> = submodel.chains.iter().map(|c| c.think).collect();
    let mut waits = Waits::default();
    let mut seen = Load::default();
    for (k, s) in submodel.stations.iter().enumerate() {
        let n = s.closed.len();
        let mut row = Vec::with_capacity(n);
        let mixed = matches!(
            s.order,
            super::submodel::Order::HeadOfLine | super::submodel::Order::Preemptive
        ) && !s.open.is_empty();
        for (i, v) in s.closed.iter().enumerate() {
            if population[v.chain] <= 0.0 {
                row.push(0.0);
                continue;
            }
            seen.queued.clear();
            seen.busy.clear();
            seen.threads.clear();
            for (j, met) in s.closed.iter().enumerate() {
                let all = population[met.chain];
                let rest = if met.chain == v.chain { (all - 1.0).max(0.0) } else { all };
                let (dq, db) = corrections.by_station[k][i * n + j];
                let per = if all > 0.0 { 1.0 / all } else { 0.0 };
                let queued = (rest * (loads[k].queued[j] * per + dq)).max(0.0);
                let busy = (rest * (loads[k].busy[j] * per + db)).max(0.0);
                seen.push(s.servers, queued, busy, rest);
            }
            let open = if mixed { open_waits(s, &seen, None) } else { Vec::new() };
            let found = Found { load: &seen, all_busy: None };
            let wait = station::closed(s, i, &found, &open);
            cycle[v.chain] += v.visits * (wait + v.reply);
            row.push(wait);
        }
        waits.closed.push(row);
    }
    let next = submodel.stations.iter().enumerate().map(|(k, s)| {
        let mut load = Load::default();
        for (i, v) in s.closed.iter().enumerate() {
            let rate =
                if cycle[v.chain] > 0.0 { population[v.chain] / cycle[v.chain] } else { 0.0 };
            load.queued.push(rate * v.visits * waits.closed[k][i]);
            load.busy.push(rate * v.visits * v.service);
            load.threads.push(population[v.chain]);
        }
        load
    });
    let next = next.collect();
    (waits, next)
}
