// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every small set, under every phase, delay and supply: what is promised, what happens.

use evenkeel_model::Span;

use super::simulator::{Arrival, Order, Pattern, SimServer, SimTask, responses};
use crate::{Scheduler, Supply, Task, fits_inside, global_misfits, response_time};

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// A part, for tests without optimisation.
    Part,
    /// All of it.
    Whole,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Sets of tasks, each on one supply.
    pub sets: u64,
    /// Simulations.
    pub runs: u64,
    /// Sets said to be in time always.
    pub promises: u64,
    /// Sets that were late although they were said not to be, or took longer than their bound.
    pub optimistic: u64,
    /// Bounds on response times that were compared.
    pub bounds: u64,
    /// Bounds that no run reached, and sets said to be late that never were.
    pub loose: u64,
}

/// Pairs of tasks, under both schedulers, on every server of up to four steps.
pub fn one_server(effort: Effort) -> Findings {
    let mut findings = Findings::default();
    for (i, pair) in pairs().into_iter().enumerate() {
        // A prime, so that a part sees all kinds of pairs.
        if effort == Effort::Part && i % 67 != 0 {
            continue;
        }
        for server in servers() {
            for scheduler in [Scheduler::FixedPriority, Scheduler::Edf] {
                judge(&pair, server, scheduler, &mut findings);
            }
        }
    }
    findings
}

/// The same pairs where one task, or both, cannot be preempted once it has begun. Analysis counts a
/// section whole, one step more than it can hold anybody up, so here it is safe and not tight.
pub fn sections(effort: Effort) -> Findings {
    let mut findings = Findings::default();
    let whole = |task: SimTask| SimTask { section: task.wcet, ..task };
    let without_jitter = pairs().into_iter().filter(|pair| pair.iter().all(|t| t.jitter == 0));
    for (i, [a, b]) in without_jitter.enumerate() {
        if effort == Effort::Part && i % 29 != 0 {
            continue;
        }
        for pair in [[a, whole(b)], [whole(a), b], [whole(a), whole(b)]] {
            for server in servers() {
                for scheduler in [Scheduler::FixedPriority, Scheduler::Edf] {
                    judge(&pair, server, scheduler, &mut findings);
                }
            }
        }
    }
    findings
}

/// C1 <= 2, T1 <= 4; C2 <= 3, T2 <= 5; deadlines up to beyond the period, jitter 0 or 1.
fn pairs() -> Vec<[SimTask; 2]> {
    let tasks = |wcets: u32, periods: std::ops::RangeInclusive<u32>| {
        let mut tasks = Vec::new();
        for wcet in 1..=wcets {
            for period in periods.clone() {
                for deadline in wcet..=period + 2 {
                    for jitter in 0..=1 {
                        tasks.push(SimTask { wcet, period, deadline, jitter, section: 0 });
                    }
                }
            }
        }
        tasks
    };
    let second = tasks(3, 3..=5);
    let first = tasks(2, 2..=4);
    first.iter().flat_map(|a| second.iter().map(|b| [*a, *b])).collect()
}

/// Q <= W <= P <= 4.
fn servers() -> Vec<SimServer> {
    let mut servers = Vec::new();
    for period in 1..=4 {
        for within in 1..=period {
            // A whole CPU is a whole CPU, whatever its period.
            let budgets = (1..=within).filter(|&q| q < period || period == 1);
            servers.extend(budgets.map(|budget| SimServer { budget, period, within }));
        }
    }
    servers
}

/// The same in the analysis's terms, one step a nanosecond; the first task is the most urgent.
fn as_analysed(tasks: &[SimTask]) -> Vec<Task> {
    let ns = |steps: u32| Span::from_ns(u64::from(steps));
    let task = |(i, t): (usize, &SimTask)| {
        Task::new(i.to_string(), ns(t.wcet), ns(t.period), ns(t.deadline))
            .and_then(|task| task.with_jitter(ns(t.jitter)))
            .and_then(|task| task.with_section(ns(t.section)))
            .ok()
            .map(|task| task.with_priority(100 - u32::try_from(i).unwrap_or(100)))
    };
    tasks.iter().enumerate().filter_map(task).collect()
}

fn supply_of(server: SimServer) -> Option<Supply> {
    let ns = |steps: u32| Span::from_ns(u64::from(steps));
    Supply::new(ns(server.budget), ns(server.period), ns(server.within)).ok()
}

/// Whether the long-run load is above the rate: then nothing is bounded, and a run of any length
/// shows only so much.
fn overloaded(tasks: &[SimTask], server: SimServer) -> bool {
    let all: u32 = tasks.iter().map(|t| t.period).product::<u32>() * server.period;
    let needed: u32 = tasks.iter().map(|t| t.wcet * (all / t.period)).sum();
    needed > server.budget * (all / server.period)
}

/// One set on one server: all phases and delays, all supplies.
fn judge(tasks: &[SimTask], server: SimServer, scheduler: Scheduler, findings: &mut Findings) {
    let Some(supply) = supply_of(server) else { return };
    let analysed = as_analysed(tasks);
    let promised = fits_inside(scheduler, &analysed, supply);
    findings.sets += 1;
    findings.promises += u64::from(promised);
    if !promised && overloaded(tasks, server) {
        // Late sooner or later for certain; how late is unbounded.
        return;
    }
    let worst = worst_responses(tasks, server, scheduler, findings);
    let late = worst.iter().zip(tasks).any(|(&response, task)| response > task.deadline);
    let mut broken = promised && late;
    // Both tests are exact on one server.
    findings.loose += u64::from(!promised && !late);
    for (i, &simulated) in worst.iter().enumerate() {
        let Ok(bound) = response_time(scheduler, &analysed, i, supply) else { continue };
        findings.bounds += 1;
        broken |= u64::from(simulated) > bound.as_ns();
        findings.loose += u64::from(u64::from(simulated) < bound.as_ns());
    }
    findings.optimistic += u64::from(broken);
}

/// The longest response of each task over all runs.
fn worst_responses(
    tasks: &[SimTask],
    server: SimServer,
    scheduler: Scheduler,
    findings: &mut Findings,
) -> Vec<u32> {
    let mut worst = vec![0; tasks.len()];
    let longest = tasks.iter().map(|t| t.deadline + t.period).max().unwrap_or(0);
    // Periods of the small numbers here have common multiples of at most 60; one, and the longest
    // wait before and after it.
    let multiple = tasks.iter().fold(server.period, |m, t| common_multiple(m, t.period));
    let steps = multiple + 3 * longest + 3 * server.period;
    let orders: &[bool] = if scheduler == Scheduler::Edf { &[false, true] } else { &[false] };
    for arrivals in arrivals(tasks) {
        for pattern in worst_patterns(server) {
            for &last_first in orders {
                let order = Order { scheduler, last_first };
                let cpus = |step| usize::from(pattern.supplied(step));
                findings.runs += 1;
                let seen = responses(tasks, &arrivals, order, steps, cpus);
                for (worst, seen) in worst.iter_mut().zip(seen) {
                    *worst = seen.max(*worst);
                }
            }
        }
    }
    worst
}

fn common_multiple(a: u32, b: u32) -> u32 {
    (a..).step_by(a as usize).find(|multiple| multiple.is_multiple_of(b)).unwrap_or(a)
}

/// Every phase and delay of two tasks. Only differences of phases matter to each other, but the
/// supply's pattern is absolute.
fn arrivals(tasks: &[SimTask]) -> Vec<Vec<Arrival>> {
    let one = |task: &SimTask| -> Vec<Arrival> {
        let phases = 0..task.period;
        let delays = 0..=task.jitter;
        phases.flat_map(|phase| delays.clone().map(move |delay| Arrival { phase, delay })).collect()
    };
    let mut all: Vec<Vec<Arrival>> = vec![Vec::new()];
    for task in tasks {
        let choices = one(task);
        let with = |chosen: &Vec<Arrival>| -> Vec<Vec<Arrival>> {
            choices.iter().map(|c| chosen.iter().copied().chain([*c]).collect()).collect()
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// The first budget early and all later ones late, seen from every offset; the first in every other
/// place; and all early.
fn worst_patterns(server: SimServer) -> Vec<Pattern> {
    let (early, late) = (server.early(), server.late());
    let mut patterns: Vec<Pattern> = (0..server.period)
        .map(|offset| Pattern { server, first: vec![early], rest: late, offset })
        .collect();
    let others = server.placements().into_iter().filter(|&placement| placement != early);
    patterns.extend(others.map(|placement| Pattern {
        server,
        first: vec![placement],
        rest: late,
        offset: 0,
    }));
    patterns.push(Pattern { server, first: Vec::new(), rest: early, offset: 0 });
    patterns
}

/// Triples of tasks that move between two CPUs, each with a server of its own.
pub fn several_cpus(effort: Effort) -> Findings {
    let mut findings = Findings::default();
    let servers = [
        SimServer { budget: 1, period: 1, within: 1 },
        SimServer { budget: 2, period: 3, within: 3 },
        SimServer { budget: 3, period: 4, within: 4 },
    ];
    for (i, tasks) in triples().into_iter().enumerate() {
        if effort == Effort::Part && i % 7 != 0 {
            continue;
        }
        for server in servers {
            for scheduler in [Scheduler::FixedPriority, Scheduler::Edf] {
                judge_global(&tasks, server, scheduler, &mut findings);
            }
        }
    }
    findings
}

/// C <= 2 (4 for the last), T from 3 to 8, D up to T.
fn triples() -> Vec<[SimTask; 3]> {
    let task = |wcet, period, deadline| SimTask { wcet, period, deadline, jitter: 0, section: 0 };
    let mut triples = Vec::new();
    for (c1, t1) in [(1, 3), (2, 4), (1, 4), (2, 5)] {
        for (c2, t2) in [(1, 4), (2, 5), (3, 6)] {
            for (c3, t3) in [(1, 5), (2, 6), (3, 8), (4, 8)] {
                for short in 0..=2 {
                    let last = task(c3, t3, t3 - short);
                    triples.push([task(c1, t1, t1), task(c2, t2, t2 - short.min(1)), last]);
                }
            }
        }
    }
    triples
}

/// What the global test promises holds under all phases, both servers' patterns against each other.
fn judge_global(
    tasks: &[SimTask],
    server: SimServer,
    scheduler: Scheduler,
    findings: &mut Findings,
) {
    let Some(supply) = supply_of(server) else { return };
    findings.sets += 1;
    if !global_misfits(scheduler, &as_analysed(tasks), &[supply; 2]).is_empty() {
        return;
    }
    findings.promises += 1;
    let late = |offset| Pattern {
        server,
        first: vec![server.early()],
        rest: server.late(),
        offset: offset % server.period,
    };
    let mut broken = false;
    for arrivals in arrivals(tasks) {
        for (a, b) in [(0, 0), (server.budget, server.budget), (server.budget, 0), (1, 2)] {
            let (a, b) = (late(a), late(b));
            let cpus = |step| usize::from(a.supplied(step)) + usize::from(b.supplied(step));
            let order = Order { scheduler, last_first: true };
            findings.runs += 1;
            let seen = responses(tasks, &arrivals, order, 80, cpus);
            broken |= seen.iter().zip(tasks).any(|(&seen, task)| seen > task.deadline);
        }
    }
    findings.optimistic += u64::from(broken);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_promise_is_broken_and_every_bound_is_reached() {
        let found = one_server(Effort::Part);
        assert_eq!((found.optimistic, found.loose), (0, 0), "{found:?}");
        assert!(found.promises > 100 && found.bounds > 400, "{found:?}");
    }

    #[test]
    fn promises_hold_where_sections_hold_others_up() {
        let found = sections(Effort::Part);
        assert_eq!(found.optimistic, 0, "{found:?}");
        // Safe and not tight, as said.
        assert!(found.promises > 50 && found.loose > 0, "{found:?}");
    }

    #[test]
    fn promises_on_several_cpus_hold() {
        let found = several_cpus(Effort::Part);
        assert_eq!(found.optimistic, 0, "{found:?}");
        assert!(found.promises > 20 && found.promises < found.sets, "{found:?}");
    }
}
