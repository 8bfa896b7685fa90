// SPDX-License-Identifier: MIT OR Apache-2.0
//! The analysis against an independent library, `response-time-analysis` (Brandenburg and others),
//! on random sets: never below its bounds (optimistic), and equal where both are exact.
//!
//! The library has dedicated CPUs, and supplies without an analysis of their own; for tasks inside
//! a server its parts are put together here: its arrival curves, its fixed points, its supplies.
//! Times are plain numbers; what they count does not matter to either side.

use std::cmp::Ordering;

use evenkeel_model::{BenchRow, Span};
use evenkeel_theory::{Scheduler, Supply, Task, edf_misfit, response_time};
use response_time_analysis::arrival::Sporadic;
use response_time_analysis::demand::{RBF, RequestBound, step_offsets};
use response_time_analysis::fixed_point::search;
use response_time_analysis::supply::{Constrained, Dedicated, Periodic, SupplyBound};
use response_time_analysis::time::{Duration, Offset, Service};
use response_time_analysis::wcet::Scalar;
use response_time_analysis::{edf, fixed_priority};

/// Random sets of the whole benchmark, each analysed in every way that both sides know.
const SETS: u64 = 100_000;

/// Windows up to which the library looks for fixed points. Loads are below the rate, so all lie far
/// below; above 100,000 it does not repeat each search by brute force.
const LIMIT: u64 = 10_000_000;

/// All rows about `theory`: against simulation, and against the library.
pub fn rows() -> Vec<BenchRow> {
    let mut rows = evenkeel_theory::bench::rows();
    let found = compare(SETS, 1);
    // Both are far below 2^53.
    let count = |n: u64| n as f64;
    let against = "theory against response-time-analysis";
    let name =
        |what: &str| format!("{against}: {what}, of {} for {} sets", found.bounds, found.sets);
    rows.push(
        BenchRow::at_most(name("bounds that promise more"), count(found.below), "bounds", 0.0)
            .and(found.bounds > found.sets),
    );
    rows.push(BenchRow::at_most(
        name("bounds that differ where both are exact"),
        count(found.unequal),
        "bounds",
        0.0,
    ));
    rows
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Sets of tasks, each with a server.
    pub sets: u64,
    /// Bounds and supplies compared.
    pub bounds: u64,
    /// Ours promise more.
    pub below: u64,
    /// Different where both are exact.
    pub unequal: u64,
}

impl Comparison {
    /// Ours against theirs, where both are exact.
    fn exact(&mut self, ours: Option<u64>, theirs: Option<u64>) {
        // That both have none is right, and shows little.
        self.bounds += u64::from(theirs.is_some());
        // No bound is more than any.
        let value = |bound: Option<u64>| bound.unwrap_or(u64::MAX);
        match value(ours).cmp(&value(theirs)) {
            Ordering::Less => {
                self.below += 1;
                self.unequal += 1;
            }
            Ordering::Greater => self.unequal += 1,
            Ordering::Equal => {}
        }
    }

    /// Ours against theirs, where ours may lie between `theirs` and `most`.
    fn between(&mut self, ours: Option<u64>, theirs: Option<u64>, most: u64) {
        let Some(theirs) = theirs else { return };
        self.bounds += 1;
        self.below += u64::from(ours.is_some_and(|ours| ours < theirs));
        self.unequal += u64::from(ours.is_none_or(|ours| ours > most));
    }
}

/// Compares `sets` random sets; the same seed makes the same sets.
pub fn compare(sets: u64, seed: u64) -> Comparison {
    let mut random = Random(seed);
    let mut found = Comparison { sets, ..Comparison::default() };
    for _ in 0..sets {
        let server = random_server(&mut random);
        supplies(server, &mut random, &mut found);
        let tasks = random_tasks(server, &mut random);
        let set = Set::of(&tasks);
        for index in 0..tasks.len() {
            fixed_priorities(&set, index, server, &mut found);
            deadlines(&set, index, server, &mut found);
        }
        verdict(&set, server, &mut found);
    }
    found
}

/// A task in numbers.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    wcet: u64,
    period: u64,
    deadline: u64,
    jitter: u64,
    section: u64,
}

/// Q every P.
#[derive(Clone, Copy, Debug)]
struct Server {
    budget: u64,
    period: u64,
}

type Curve = RBF<Sporadic, Scalar>;

/// The same set in both sides' terms.
struct Set {
    numbers: Vec<Numbers>,
    ours: Vec<Task>,
    theirs: Vec<Curve>,
}

impl Set {
    fn of(numbers: &[Numbers]) -> Set {
        let ns = Span::from_ns;
        let ours = |(i, n): (usize, &Numbers)| {
            let urgency = u32::try_from(numbers.len() - i).unwrap_or(u32::MAX);
            Task::new(i.to_string(), ns(n.wcet), ns(n.period), ns(n.deadline))
                .and_then(|task| task.with_jitter(ns(n.jitter)))
                .and_then(|task| task.with_section(ns(n.section)))
                .map(|task| task.with_priority(urgency))
                .expect("random numbers are in range")
        };
        let theirs = |n: &Numbers| {
            let arrivals = Sporadic::new(Duration::from(n.period), Duration::from(n.jitter));
            RBF::new(arrivals, Scalar::new(Service::from(n.wcet)))
        };
        Set {
            numbers: numbers.to_vec(),
            ours: numbers.iter().enumerate().map(ours).collect(),
            theirs: numbers.iter().map(theirs).collect(),
        }
    }

    /// Our bound; from arrival.
    fn ours(&self, scheduler: Scheduler, index: usize, supply: Supply) -> Option<u64> {
        response_time(scheduler, &self.ours, index, supply).ok().map(Span::as_ns)
    }

    /// The longest section of the tasks below.
    fn section_below(&self, index: usize) -> u64 {
        self.numbers[index + 1..].iter().map(|n| n.section).max().unwrap_or(0)
    }

    fn has_jitter(&self) -> bool {
        self.numbers.iter().any(|n| n.jitter > 0)
    }

    fn has_sections(&self) -> bool {
        self.numbers.iter().any(|n| n.section > 0)
    }
}

fn our_supply(server: Server) -> Supply {
    let (budget, period) = (Span::from_ns(server.budget), Span::from_ns(server.period));
    Supply::new(budget, period, period).expect("random servers are in range")
}

fn their_supply(server: Server) -> Periodic {
    Periodic::new(Service::from(server.budget), Duration::from(server.period))
}

/// Supply bounds and their inverses, with and without a time within which the budget comes.
fn supplies(server: Server, random: &mut Random, found: &mut Comparison) {
    let within = random.in_range(server.budget, server.period);
    let ns = Span::from_ns;
    let tight = Supply::new(ns(server.budget), ns(server.period), ns(within));
    let tight = tight.expect("random servers are in range");
    let constrained = Constrained::new(
        Service::from(server.budget),
        Duration::from(within),
        Duration::from(server.period),
    );
    let pairs: [(Supply, &dyn SupplyBound); 2] =
        [(our_supply(server), &their_supply(server)), (tight, &constrained)];
    for (ours, theirs) in pairs {
        for _ in 0..4 {
            let window = random.in_range(0, 5 * server.period);
            let their_bound = u64::from(theirs.provided_service(Duration::from(window)));
            // More supply is a smaller bound on everything: the order is turned round.
            found.exact(
                Some(u64::MAX / 2 - ours.bound(ns(window)).as_ns()),
                Some(u64::MAX / 2 - their_bound),
            );
            let demand = random.in_range(0, 5 * server.budget);
            let their_time = u64::from(theirs.service_time(Service::from(demand)));
            found.exact(ours.time_for(ns(demand)).map(Span::as_ns), Some(their_time));
        }
    }
}

/// Fixed priorities, on a whole CPU and inside the server.
fn fixed_priorities(set: &Set, index: usize, server: Server, found: &mut Comparison) {
    let limit = Duration::from(LIMIT);
    let above: Vec<&Curve> = set.theirs[..index].iter().collect();
    let blocking = set.section_below(index);
    let jitter = set.numbers[index].jitter;
    // Ours looks up to four deadlines only.
    let in_range = |bound: &u64| *bound <= 4 * set.numbers[index].deadline;
    let theirs = if blocking == 0 {
        fixed_priority::fully_preemptive::dedicated_uniproc_rta(&set.theirs[index], &above, limit)
    } else {
        let task = fixed_priority::floating_nonpreemptive::TaskUnderAnalysis {
            rbf: &set.theirs[index],
            blocking_bound: Service::from(blocking),
        };
        fixed_priority::floating_nonpreemptive::dedicated_uniproc_rta(&task, &above, limit)
    };
    let theirs = theirs.ok().map(u64::from);
    let inside = inside_fixed_priority(&set.theirs, index, blocking, &their_supply(server));
    for (ours, theirs) in [(Supply::WHOLE_CPU, theirs), (our_supply(server), inside)] {
        let ours = set.ours(Scheduler::FixedPriority, index, ours);
        match jitter {
            0 => found.exact(ours, theirs.filter(in_range)),
            // Theirs runs from release, which comes at most the jitter after arrival.
            _ => {
                let theirs = theirs.filter(|bound| in_range(&(bound + jitter)));
                found.between(ours, theirs, theirs.map_or(0, |bound| bound + jitter));
            }
        }
    }
}

/// The library's abstract analysis with a supply: the busy window, then each offset in it.
fn inside_fixed_priority(
    all: &[Curve],
    index: usize,
    blocking: u64,
    supply: &Periodic,
) -> Option<u64> {
    let limit = Duration::from(LIMIT);
    let blocking = Service::from(blocking);
    let above = |window: Duration| -> Service {
        all[..index].iter().map(|curve| curve.service_needed(window)).sum()
    };
    let own = &all[index];
    let busy = search(supply, limit, |w| blocking + above(w) + own.service_needed(w)).ok()?;
    let mut longest = 0;
    for offset in step_offsets(own).take_while(|offset| *offset < Offset::from_time_zero(busy)) {
        let jobs = own.service_needed(offset.closed_since_time_zero());
        let done = search(supply, limit, |w| blocking + above(w) + jobs).ok()?;
        let since = u64::from(done).saturating_sub(u64::from(offset.since_time_zero()));
        longest = longest.max(since);
    }
    Some(longest)
}

/// Earliest deadline first, on a whole CPU and inside the server. Their deadlines count from
/// release, ours from arrival, so only sets without jitter are the same.
fn deadlines(set: &Set, index: usize, server: Server, found: &mut Comparison) {
    if set.has_jitter() {
        return;
    }
    let ours = |supply| set.ours(Scheduler::Edf, index, supply);
    let deadline = |i: usize| Duration::from(set.numbers[i].deadline);
    let others = || (0..set.theirs.len()).filter(|&i| i != index);
    let limit = Duration::from(LIMIT);
    if set.has_sections() {
        use edf::floating_nonpreemptive::{
            InterferingTask, TaskUnderAnalysis, dedicated_uniproc_rta,
        };
        let task = TaskUnderAnalysis { rbf: &set.theirs[index], deadline: deadline(index) };
        let other = |i: usize| InterferingTask {
            rbf: &set.theirs[i],
            deadline: deadline(i),
            // They take off the step in which the section has begun before the job arrives; we do
            // not, against the asker.
            max_np_segment: Service::from(match set.numbers[i].section {
                0 => 0,
                section => section + 1,
            }),
        };
        let theirs = dedicated_uniproc_rta(&task, &others().map(other).collect::<Vec<_>>(), limit);
        found.exact(ours(Supply::WHOLE_CPU), theirs.ok().map(u64::from));
        return;
    }
    let task =
        |i: usize| edf::fully_preemptive::Task { rbf: &set.theirs[i], deadline: deadline(i) };
    let theirs = edf::fully_preemptive::dedicated_uniproc_rta(
        &task(index),
        &others().map(task).collect::<Vec<_>>(),
        limit,
    );
    found.exact(ours(Supply::WHOLE_CPU), theirs.ok().map(u64::from));
    found.exact(ours(our_supply(server)), inside_edf(set, index, &their_supply(server)));
}

/// As [`inside_fixed_priority`], by deadlines: the offsets are those at which any task's demand
/// changes.
fn inside_edf(set: &Set, index: usize, supply: &impl SupplyBound) -> Option<u64> {
    let limit = Duration::from(LIMIT);
    let all = &set.theirs;
    let total = |w| all.iter().map(|curve| curve.service_needed(w)).sum::<Service>();
    let busy = u64::from(search(supply, limit, total).ok()?);
    let due = set.numbers[index].deadline;
    let mut offsets: Vec<u64> = Vec::new();
    for (i, curve) in all.iter().enumerate() {
        let shifted = |offset: Offset| {
            (u64::from(offset.since_time_zero()) + set.numbers[i].deadline).saturating_sub(due)
        };
        offsets.extend(step_offsets(curve).map(shifted).take_while(|offset| *offset < busy));
    }
    offsets.sort_unstable();
    offsets.dedup();
    let mut longest = 0;
    for offset in offsets {
        let until = offset + 1 + due;
        let demand = |w: Duration| -> Service {
            let one = |(i, curve): (usize, &Curve)| {
                let urgent = Duration::from(until.saturating_sub(set.numbers[i].deadline));
                curve.service_needed(if i == index { urgent } else { urgent.min(w) })
            };
            all.iter().enumerate().map(one).sum()
        };
        let done = u64::from(search(supply, limit, demand).ok()?);
        longest = longest.max(done.saturating_sub(offset));
    }
    Some(longest)
}

/// Demand against supply says "in time" if and only if all response times are.
fn verdict(set: &Set, server: Server, found: &mut Comparison) {
    if set.has_jitter() || set.has_sections() {
        return;
    }
    let periodic = their_supply(server);
    let whole = Dedicated::new();
    let in_time = |supply: &dyn SupplyBound| {
        (0..set.numbers.len()).all(|i| {
            inside_edf(set, i, &supply).is_some_and(|bound| bound <= set.numbers[i].deadline)
        })
    };
    let pairs: [(Supply, &dyn SupplyBound); 2] =
        [(our_supply(server), &periodic), (Supply::WHOLE_CPU, &whole)];
    for (ours, theirs) in pairs {
        // A refusal is a larger bound than a promise.
        let ours = u64::from(edf_misfit(&set.ours, ours).is_some());
        found.exact(Some(ours), Some(u64::from(!in_time(theirs))));
    }
}

/// Q every P, at least a fifth of the CPU.
fn random_server(random: &mut Random) -> Server {
    let period = random.in_range(5, 60);
    Server { budget: random.in_range(period.div_ceil(5), period), period }
}

/// One to five tasks whose load is below the server's rate; jitter and sections in a quarter of the
/// sets each.
fn random_tasks(server: Server, random: &mut Random) -> Vec<Numbers> {
    let count = random.in_range(1, 5);
    let (jitter, section) = (random.in_range(0, 3) == 0, random.in_range(0, 3) == 0);
    let mut tasks: Vec<Numbers> = Vec::new();
    // The load that is left, in parts of a million, a little below the rate.
    let mut left = 990_000 * server.budget / server.period;
    for i in 0..count {
        let period = random.in_range(10, 300);
        let most = left * period / 1_000_000;
        let wcet = random.in_range(1, (most / (count - i)).max(1)).min(most);
        if wcet == 0 {
            break;
        }
        left -= (wcet * 1_000_000).div_ceil(period).min(left);
        tasks.push(Numbers {
            wcet,
            period,
            deadline: random.in_range(wcet, 2 * period),
            jitter: if jitter { random.in_range(0, period / 2) } else { 0 },
            section: if section { random.in_range(0, wcet) } else { 0 },
        });
    }
    tasks
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`.
    fn in_range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_below_an_independent_analysis_and_equal_where_both_are_exact() {
        let found = compare(300, 7);
        assert_eq!((found.below, found.unequal), (0, 0), "{found:?}");
        assert!(found.bounds > 5_000, "{found:?}");
    }
}
