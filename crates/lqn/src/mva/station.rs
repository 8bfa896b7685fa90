// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wait of an arrival, from what it finds (the arrival theorem): Reiser and Lavenberg, "Mean
//! Value Analysis of Closed Multichain Queueing Networks" (JACM 27(2) 1980), with the usual
//! corrections for what is not product form.
//!
//! - First come, first served: the queue by its services, the requests in progress by their
//!   residual times (Reiser 1979); several servers work the queue off `m` times as fast, and the
//!   rest in progress counts only if all are busy.
//! - Priorities: Bryant, Krzesinski, Lakshmi and Chandy, "The MVA priority approximation" (ACM
//!   TOCS 2(4) 1984): waiting work of at least the own priority, inflated by what overtakes.
//! - Open flows meet the time average; a closed arrival meets them too (Lavenberg 1983, mixed
//!   networks).

use super::multiserver::all_busy;
use super::submodel::{Load, Order, Station, Visit};

/// Load at which an open queue is still solved: the outer iteration may pass through overload,
/// which is reported only if it stays.
const LOAD_MAX: f64 = 0.9999;

/// What an arrival finds, besides the open flows.
pub(super) struct Found<'a> {
    /// Queue and busy servers per closed visit.
    pub(super) load: &'a Load,
    /// Probability that all servers are busy, where it is known better than by a fit.
    pub(super) all_busy: Option<f64>,
}

/// Mean wait of closed visit `i`.
pub(super) fn closed(station: &Station, i: usize, found: &Found<'_>, open_waits: &[f64]) -> f64 {
    let visible = |j: usize| station.visible(i, j);
    let v = &station.closed[i];
    if let Some(known) = v.wait {
        return known;
    }
    // Whether one's own last request still keeps a server: with several servers it matters only
    // if the others are busy too.
    let own = if v.overtaking > 0.0 {
        let busy: f64 = found.load.busy.iter().sum();
        let others = (busy / station.servers).min(1.0).powf(station.servers - 1.0);
        v.overtaking * others / station.servers
    } else {
        0.0
    };
    let met = station.met.get(i * station.closed.len()..).unwrap_or_default();
    own + wait(station, v, &visible, found, open_waits, met)
}

/// Mean wait of open flow `i`.
pub(super) fn open(station: &Station, i: usize, found: &Found<'_>, open_waits: &[f64]) -> f64 {
    wait(station, &station.open[i], &|_| 1.0, found, open_waits, &[])
}

fn wait(
    station: &Station,
    v: &Visit,
    visible: &dyn Fn(usize) -> f64,
    found: &Found<'_>,
    open_waits: &[f64],
    met: &[f64],
) -> f64 {
    match station.order {
        Order::Fcfs => fcfs(station, v, visible, found, met),
        Order::Sharing => v.service * sharing(station, visible, found),
        Order::Groups => groups(station, v.service, v.bucket, visible, found),
        Order::HeadOfLine | Order::Preemptive => {
            by_priority(station, v, visible, found, open_waits)
        }
    }
}

/// Mean number of busy servers that the arrival can meet, closed flows only.
fn busy(visible: &dyn Fn(usize) -> f64, found: &Found<'_>) -> f64 {
    found.load.busy.iter().enumerate().map(|(j, b)| visible(j) * b).sum()
}

/// Threads that the arrival can meet.
fn sources(station: &Station, visible: &dyn Fn(usize) -> f64, found: &Found<'_>) -> f64 {
    let all = found.load.threads.iter().enumerate().map(|(j, n)| visible(j).min(1.0) * n);
    let all: f64 = all.sum();
    all.min(station.threads_max - 1.0)
}

fn full(station: &Station, visible: &dyn Fn(usize) -> f64, found: &Found<'_>) -> f64 {
    let open = station.open_load();
    let busy = busy(visible, found).min(station.servers);
    match found.all_busy {
        Some(known)
            if open <= 0.0 && station.interlock.is_empty() && station.stretch.is_empty() =>
        {
            known
        }
        _ => all_busy(
            station.servers,
            sources(station, visible, found),
            busy,
            open,
            &station.stretch,
        ),
    }
}

/// Servers that open flows leave.
fn left(station: &Station) -> f64 {
    let load = (station.open_load() / station.servers).min(LOAD_MAX);
    station.servers * (1.0 - load)
}

fn fcfs(
    station: &Station,
    arriving: &Visit,
    visible: &dyn Fn(usize) -> f64,
    found: &Found<'_>,
    met: &[f64],
) -> f64 {
    let (mut queue, mut busy, mut rest) = (0.0, 0.0, 0.0);
    let here = |j: usize| found.load.queued[j] + found.load.busy[j];
    for (j, v) in station.closed.iter().enumerate() {
        let most = met.get(j).map_or(1.0, |most| (most / here(j).max(1e-300)).min(1.0));
        let part = visible(j).min(most);
        queue += part * found.load.queued[j] * v.service;
        busy += part * found.load.busy[j];
        rest += part * found.load.busy[j] * next_end(station, arriving, v);
    }
    for v in &station.open {
        busy += v.visits * v.service;
        rest += v.visits * v.service * next_end(station, arriving, v);
    }
    if busy <= 0.0 {
        return 0.0;
    }
    // With all servers busy each is as slow as they are then.
    let slow = station.stretch.last().copied().unwrap_or(1.0);
    let full = if station.servers <= 1.0 { busy.min(1.0) } else { full(station, visible, found) };
    slow * (queue + full * rest / busy) / left(station)
}

/// Mean rest of a service in progress, times the servers, until one of them is free.
///
/// One server ends after the residual time, if the arrival comes at a random time. A thread that
/// was here a short time ago comes at a time that long services had no chance to fill: with one
/// other thread, an exponential time away and several distributions of service, the exact rest
/// lies between the residual (away for long) and the mean service (back at once), close to
/// `away / (away + 2 residual)` of the way. Many servers together end like a Poisson process (Palm
/// and Khintchine), after the mean service divided by their number.
fn next_end(station: &Station, arriving: &Visit, v: &Visit) -> f64 {
    let random = if arriving.away.is_finite() {
        arriving.away / (arriving.away + 2.0 * v.residual).max(1e-300)
    } else {
        1.0
    };
    v.service + random * (v.residual - v.service) / station.servers
}

/// Stretch of the service, less 1.
fn sharing(station: &Station, visible: &dyn Fn(usize) -> f64, found: &Found<'_>) -> f64 {
    let queue: f64 = found.load.queued.iter().enumerate().map(|(j, q)| visible(j) * q).sum();
    (queue + full(station, visible, found)) / left(station)
}

/// A group works alone on the cores it is sure of, or on those the others leave if that is more.
fn groups(
    station: &Station,
    service: f64,
    bucket: usize,
    visible: &dyn Fn(usize) -> f64,
    found: &Found<'_>,
) -> f64 {
    let (mut others, mut present, mut mine) = (0.0, 0.0, 0.0);
    for (j, v) in station.closed.iter().enumerate() {
        if v.bucket == bucket {
            present += visible(j) * (found.load.queued[j] + found.load.busy[j]);
            mine += visible(j) * found.load.busy[j];
        } else {
            others += visible(j) * found.load.busy[j];
        }
    }
    let mut open = 0.0;
    for v in &station.open {
        if v.bucket == bucket {
            open += v.visits * v.service
        } else {
            others += v.visits * v.service
        }
    }
    let b = station.buckets[bucket];
    let cores = (station.servers - others).max(b.guaranteed).min(b.cores_max).max(1e-3);
    if cores <= 1.0 {
        // One server of that speed.
        let load = (open / cores).min(LOAD_MAX);
        return service / cores * (1.0 + present) / (1.0 - load) - service;
    }
    let full = all_busy(cores, sources(station, visible, found), mine, open, &[]);
    let load = (open / cores).min(LOAD_MAX);
    service * ((present - mine).max(0.0) + full) / (cores * (1.0 - load))
}

fn by_priority(
    station: &Station,
    arriving: &Visit,
    visible: &dyn Fn(usize) -> f64,
    found: &Found<'_>,
    open_waits: &[f64],
) -> f64 {
    let m = station.servers;
    let (service, priority) = (arriving.service, arriving.priority);
    let preemptive = station.order == Order::Preemptive;
    let mut here = Vec::new();
    for (j, v) in station.closed.iter().enumerate() {
        let (part, load) = (visible(j), found.load);
        let (queued, busy) = (part * load.queued[j], part * load.busy[j]);
        here.push(Present { visit: v, queued, busy, threads: load.threads[j] });
    }
    for (v, w) in station.open.iter().zip(open_waits) {
        let (queued, busy) = (v.visits * w, v.visits * v.service);
        here.push(Present { visit: v, queued, busy, threads: f64::INFINITY });
    }
    let busy: f64 = here.iter().map(|p| p.busy).sum();
    if busy <= 0.0 {
        return 0.0;
    }
    let counts = |p: &Present<'_>| p.visit.priority >= priority || !preemptive;
    let in_way: f64 = here.iter().filter(|p| counts(p)).map(|p| p.busy).sum();
    let full = all_busy(m, sources(station, visible, found), in_way.min(m), 0.0, &station.stretch);
    let over: f64 = here.iter().filter(|p| p.visit.priority > priority).map(|p| p.busy).sum();
    let left = |over: f64| (1.0 - over / m).max(1.0 - LOAD_MAX);
    let mut wait = 0.0;
    for p in &here {
        let mut work = 0.0;
        if p.visit.priority >= priority {
            work += p.queued * p.visit.service;
        }
        if counts(p) && in_way > 0.0 {
            work += full * p.busy / in_way * next_end(station, arriving, p.visit);
        }
        // While a request of these is worked off, its own thread sends no other.
        let again = if p.visit.priority > priority { p.busy / p.threads.max(1.0) } else { 0.0 };
        wait += work / m / left(over - again);
    }
    // A preempted service is stretched by those who overtake it.
    if preemptive { wait + service * (1.0 / left(over) - 1.0) } else { wait }
}

/// What an arrival finds of one visit.
struct Present<'a> {
    visit: &'a Visit,
    queued: f64,
    busy: f64,
    threads: f64,
}
