// SPDX-License-Identifier: MIT OR Apache-2.0
//! The full recursion over populations, for small submodels.

use super::station::{self, Found};
use super::submodel::{Load, Station, Submodel, Waits};

/// Population vectors times visits times chains that are worth it: about a millisecond. In a model
/// of many submodels each gets its part of twenty such.
const WORK_MAX: f64 = 40_000.0;
const WORK_ALL_MAX: f64 = 20.0 * WORK_MAX;
/// Servers for which marginal probabilities are kept.
const SERVERS_MAX: f64 = 64.0;

/// Whether the recursion is affordable for one of so many submodels.
pub(super) fn fits(submodel: &Submodel, submodels: usize) -> bool {
    let mut states = 1.0;
    for chain in &submodel.chains {
        if chain.population.fract() != 0.0 {
            return false;
        }
        states *= chain.population + 1.0;
    }
    let visits: usize = submodel.stations.iter().map(|s| s.closed.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let work = states * (visits * submodel.chains.len()) as f64;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let part = WORK_ALL_MAX / submodels as f64;
    work <= WORK_MAX.min(part)
}

/// What one population vector looks like at one station.
#[derive(Clone, Default)]
struct Point {
    load: Load,
    /// Probabilities of 0, 1, ... servers - 1 requests present; empty for one server.
    marginal: Vec<f64>,
}

/// Mean waits at the full population, and what is there then (for open flows).
pub(super) fn solve(submodel: &Submodel) -> (Waits, Vec<Load>) {
    let sizes: Vec<usize> = submodel
        .chains
        .iter()
        .map(|c| crate::text::whole(c.population).unwrap_or(0) as usize)
        .collect();
    // Mixed-radix numbering of population vectors; one fewer of chain c is stride[c] before.
    let mut strides = Vec::new();
    let mut states = 1;
    for size in &sizes {
        strides.push(states);
        states *= size + 1;
    }
    let mut table: Vec<Vec<Point>> = Vec::with_capacity(states);
    let mut waits = Waits::default();
    for state in 0..states {
        let population: Vec<usize> =
            strides.iter().zip(&sizes).map(|(stride, size)| state / stride % (size + 1)).collect();
        let (points, at) = step(submodel, &population, &strides, state, &table);
        table.push(points);
        waits = at;
    }
    let last = table.pop().unwrap_or_default();
    let loads: Vec<Load> = last.iter().map(|p| p.load.clone()).collect();
    waits.open = submodel
        .stations
        .iter()
        .zip(&last)
        .map(|(s, p)| open_waits(s, &p.load, known(&p.marginal)))
        .collect();
    (waits, loads)
}

fn known(marginal: &[f64]) -> Option<f64> {
    (!marginal.is_empty()).then(|| (1.0 - marginal.iter().sum::<f64>()).clamp(0.0, 1.0))
}

/// Waits of open flows, which depend on each other under priorities: a few rounds of substitution.
pub(super) fn open_waits(station: &Station, load: &Load, known: Option<f64>) -> Vec<f64> {
    let mut waits = vec![0.0; station.open.len()];
    for _ in 0..30 {
        let found = Found { load, all_busy: known };
        let next: Vec<f64> =
            (0..waits.len()).map(|i| station::open(station, i, &found, &waits)).collect();
        let same = next.iter().zip(&waits).all(|(a, b)| (a - b).abs() <= 1e-9 * a.abs());
        waits = next;
        if same {
            break;
        }
    }
    waits
}

fn step(
    submodel: &Submodel,
    population: &[usize],
    strides: &[usize],
    state: usize,
    table: &[Vec<Point>],
) -> (Vec<Point>, Waits) {
    let mut cycle: Vec<f64> = submodel.chains.iter().map(|c| c.think).collect();
    let mut waits = Waits::default();
    for (k, s) in submodel.stations.iter().enumerate() {
        let row = s.closed.iter().enumerate().map(|(i, v)| {
            if population[v.chain] == 0 {
                return 0.0;
            }
            let before = &table[state - strides[v.chain]][k];
            let mut seen = Load::default();
            for (j, met) in s.closed.iter().enumerate() {
                let rest = population[met.chain] - usize::from(met.chain == v.chain);
                #[expect(clippy::cast_precision_loss, reason = "small populations")]
                let rest = rest as f64;
                seen.push(s.servers, before.load.queued[j], before.load.busy[j], rest);
            }
            let known = known(&before.marginal);
            let open = open_waits(s, &seen, known);
            let found = Found { load: &seen, all_busy: known };
            let wait = station::closed(s, i, &found, &open);
            cycle[v.chain] += v.visits * (wait + v.reply);
            wait
        });
        waits.closed.push(row.collect());
    }
    let rates: Vec<f64> = cycle
        .iter()
        .zip(population)
        .map(|(&cycle, &n)| {
            #[expect(clippy::cast_precision_loss, reason = "small populations")]
            let n = n as f64;
            if cycle > 0.0 { n / cycle } else { 0.0 }
        })
        .collect();
    let points = submodel.stations.iter().enumerate().map(|(k, s)| {
        let mut load = Load::default();
        for (i, v) in s.closed.iter().enumerate() {
            let rate = rates[v.chain] * v.visits;
            load.queued.push(rate * waits.closed[k][i]);
            load.busy.push(rate * v.service);
            #[expect(clippy::cast_precision_loss, reason = "small populations")]
            load.threads.push(population[v.chain] as f64);
        }
        let marginal = marginal(s, k, &load, population, strides, state, table);
        Point { load, marginal }
    });
    (points.collect(), waits)
}

/// Probabilities of few requests at a station with several servers (Reiser and Lavenberg 1980).
fn marginal(
    s: &Station,
    k: usize,
    load: &Load,
    population: &[usize],
    strides: &[usize],
    state: usize,
    table: &[Vec<Point>],
) -> Vec<f64> {
    if s.servers < 2.0 || s.servers > SERVERS_MAX {
        return Vec::new();
    }
    let m = crate::text::whole(s.servers).unwrap_or(1) as usize;
    let mut p = vec![0.0; m];
    for (i, v) in s.closed.iter().enumerate() {
        if population[v.chain] == 0 {
            continue;
        }
        let before = &table[state - strides[v.chain]][k].marginal;
        for j in 1..m {
            #[expect(clippy::cast_precision_loss, reason = "few servers")]
            let here = load.busy[i] * before[j - 1] / j as f64;
            p[j] += here;
        }
    }
    let mut idle = s.servers - load.busy.iter().sum::<f64>();
    for (j, p) in p.iter().enumerate().skip(1) {
        #[expect(clippy::cast_precision_loss, reason = "few servers")]
        let missing = (m - j) as f64;
        idle -= missing * p;
    }
    p[0] = (idle / s.servers).clamp(0.0, 1.0);
    p
}
