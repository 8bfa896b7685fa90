// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedules worked out by hand, every event and time: who runs when, and when servers are throttled
//! and replenished, with which budgets and deadlines. Each names its variant of the wake rule and of
//! the tie.

use evenkeel_model::{Bandwidth, CpuIndex, Instant, Reservation, Span};

use crate::bench::sets::one_thread_each;
use crate::config::{Config, Tie, WakeRule};
use crate::decision::Decision;
use crate::ids::ThreadId;
use crate::machine::{ENDLESS, Machine};
use crate::trace::{Entry, Record, Trace};

/// One unit of the examples: a third of it is a whole number of nanoseconds, and all periods are
/// long enough to be reservations.
const UNIT_NS: u64 = 3_000_000;

/// What became of a server at a time (in grains of the example).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Throttled at, until.
    T(u64, u64),
    /// Replenished at, new deadline, budget.
    R(u64, u64, u64),
    /// A miss or a lag reset at: no example has one.
    Wrong(u64),
}

use Fate::{R, T};

/// An example: servers, jobs, and what must follow.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// Its name in the reference, and the variants.
    pub name: &'static str,
    /// Variant of rule E1.
    pub wake_rule: WakeRule,
    /// Variant of rule E2.
    pub tie: Tie,
    /// (Q, P) in units; server, capsule and thread `i` are number `i + 1`.
    pub servers: &'static [(u64, u64)],
    /// (thread, length, arrival) in units; length zero: it never ends.
    pub jobs: &'static [(u32, u64, u64)],
    /// How long it lasts, in units.
    pub units: u64,
    /// In how many grains a unit of the expectations is divided.
    pub grains: u64,
    /// (from, to, thread), in grains.
    pub ran: &'static [(u64, u64, u32)],
    /// Fates of servers, by number, in grains.
    pub fates: &'static [(u32, &'static [Fate])],
}

const A: Example = Example {
    name: "A: a hard server beside a periodic task, E1, ties to the lowest id",
    wake_rule: WakeRule::Renewal,
    tie: Tie::LowestId,
    servers: &[(4, 7), (3, 8)],
    jobs: &[(1, 4, 0), (1, 4, 7), (1, 4, 14), (2, 4, 3), (2, 3, 13)],
    units: 21,
    grains: 1,
    ran: &[(0, 4, 1), (4, 7, 2), (7, 11, 1), (11, 12, 2), (13, 15, 2), (15, 19, 1), (19, 20, 2)],
    fates: &[
        (1, &[R(0, 7, 4), R(7, 14, 4), R(14, 21, 4)]),
        (2, &[R(3, 11, 3), T(7, 11), R(11, 19, 3), T(15, 19), R(19, 27, 3)]),
    ],
};

const A_W2: Example = Example {
    name: "A: a hard server beside a periodic task, W2, ties to the lowest id",
    wake_rule: WakeRule::ZeroLag,
    // Thirds: 13 2/3 is 41.
    grains: 3,
    ran: &[
        (0, 12, 1),
        (12, 21, 2),
        (21, 33, 1),
        (33, 36, 2),
        (41, 42, 2),
        (42, 54, 1),
        (54, 62, 2),
    ],
    fates: &[
        (1, &[R(0, 21, 12), R(21, 42, 12), R(42, 63, 12)]),
        (2, &[R(9, 33, 9), T(21, 33), R(33, 57, 9), T(39, 41), R(41, 65, 9)]),
    ],
    ..A
};

const B: Example = Example {
    name: "B: three saturated groups, E1, ties to the lowest id",
    wake_rule: WakeRule::Renewal,
    tie: Tie::LowestId,
    servers: &[(2, 10), (3, 15), (5, 20)],
    jobs: &[(1, 0, 0), (2, 0, 0), (3, 0, 0)],
    units: 52,
    grains: 1,
    ran: &[
        (0, 2, 1),
        (2, 5, 2),
        (5, 10, 3),
        (10, 12, 1),
        (15, 18, 2),
        (20, 22, 1),
        (22, 27, 3),
        (30, 32, 1),
        (32, 35, 2),
        (40, 42, 1),
        (42, 45, 3),
        (45, 48, 2),
        (48, 50, 3),
        (50, 52, 1),
    ],
    fates: &[
        (1, B_FIRST),
        (2, B_SECOND),
        (3, &[R(0, 20, 5), T(10, 20), R(20, 40, 5), T(27, 40), R(40, 60, 5), T(50, 60)]),
    ],
};

const B_FIRST: &[Fate] = &[
    R(0, 10, 2),
    T(2, 10),
    R(10, 20, 2),
    T(12, 20),
    R(20, 30, 2),
    T(22, 30),
    R(30, 40, 2),
    T(32, 40),
    R(40, 50, 2),
    T(42, 50),
    R(50, 60, 2),
];
const B_SECOND: &[Fate] = &[
    R(0, 15, 3),
    T(5, 15),
    R(15, 30, 3),
    T(18, 30),
    R(30, 45, 3),
    T(35, 45),
    R(45, 60, 3),
    T(48, 60),
];

const B_W2: Example = Example { name: "B: the same, W2", wake_rule: WakeRule::ZeroLag, ..B };

const B_RUNNER: Example = Example {
    name: "B: three saturated groups, E1, ties to the runner",
    tie: Tie::Runner,
    ran: &[
        (0, 2, 1),
        (2, 5, 2),
        (5, 10, 3),
        (10, 12, 1),
        (15, 18, 2),
        (20, 22, 1),
        (22, 27, 3),
        (30, 32, 1),
        (32, 35, 2),
        (40, 42, 1),
        (42, 47, 3),
        (47, 50, 2),
        (50, 52, 1),
    ],
    fates: &[
        (1, B_FIRST),
        (
            2,
            &[
                R(0, 15, 3),
                T(5, 15),
                R(15, 30, 3),
                T(18, 30),
                R(30, 45, 3),
                T(35, 45),
                R(45, 60, 3),
                T(50, 60),
            ],
        ),
        (3, &[R(0, 20, 5), T(10, 20), R(20, 40, 5), T(27, 40), R(40, 60, 5), T(47, 60)]),
    ],
    ..B
};

const B_RUNNER_W2: Example = Example {
    name: "B: three saturated groups, W2, ties to the runner",
    wake_rule: WakeRule::ZeroLag,
    ..B_RUNNER
};

const C: Example = Example {
    name: "C: a server that suspends itself, E1, ties to the lowest id",
    wake_rule: WakeRule::Renewal,
    tie: Tie::LowestId,
    servers: &[(2, 6), (3, 6)],
    jobs: &[(1, 1, 0), (1, 1, 3), (1, 3, 7), (2, 0, 0)],
    units: 21,
    grains: 1,
    ran: &[
        (0, 1, 1),
        (1, 4, 2),
        (4, 5, 1),
        (6, 9, 2),
        (9, 11, 1),
        (12, 15, 2),
        (15, 16, 1),
        (18, 21, 2),
    ],
    fates: &[
        (1, &[R(0, 6, 2), R(3, 9, 2), R(7, 13, 2), T(11, 13), R(13, 19, 2)]),
        (2, &[R(0, 6, 3), T(4, 6), R(6, 12, 3), T(9, 12), R(12, 18, 3), T(15, 18), R(18, 24, 3)]),
    ],
};

const C_RUNNER: Example = Example {
    name: "C: a server that suspends itself, E1, ties to the runner",
    tie: Tie::Runner,
    ..C
};

/// The worked examples of the reference page, in all variants that it gives.
pub const EXAMPLES: [Example; 9] = [
    A,
    Example { name: "A: the same, ties to the runner", tie: Tie::Runner, ..A },
    A_W2,
    B,
    B_W2,
    B_RUNNER,
    B_RUNNER_W2,
    C,
    C_RUNNER,
];

/// What an example gave, beside what it must give.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Who ran when: (from, to, thread).
    pub ran: Vec<(u64, u64, u32)>,
    /// What became of the servers.
    pub fates: Vec<(u32, Vec<Fate>)>,
    /// How many events the expectation has.
    pub compared: u32,
    expected: Example,
}

impl Outcome {
    /// In how many lists of events the outcome differs from the expectation.
    pub fn differences(&self) -> u32 {
        let fates = self.expected.fates.iter().zip(&self.fates);
        let wrong = fates.filter(|((_, expected), (_, got))| expected != &got.as_slice()).count();
        let wrong = wrong + usize::from(self.expected.ran != self.ran.as_slice());
        u32::try_from(wrong).unwrap_or(u32::MAX)
    }
}

/// Runs an example.
pub fn run(example: &Example) -> Outcome {
    let grain_ns = UNIT_NS / example.grains;
    let mut machine = machine(example);
    for (thread, length, at) in example.jobs {
        let length = if *length == 0 { ENDLESS } else { Span::from_ns(length * UNIT_NS) };
        machine.submit(Instant::from_ns(at * UNIT_NS), ThreadId(*thread), length);
    }
    let end = example.units * UNIT_NS;
    let done = machine.run(Instant::from_ns(end));
    let ran = machine
        .segments
        .iter()
        .map(|s| (exact(s.from.as_ns(), grain_ns), exact(s.to.as_ns(), grain_ns), s.thread.0))
        .collect();
    let records = machine.trace.as_ref().map_or(&[][..], |trace| &trace.records);
    let fates = example.fates.iter().map(|(server, _)| (*server, fate(records, *server, grain_ns)));
    let compared = example.ran.len() + example.fates.iter().map(|(_, f)| f.len()).sum::<usize>();
    Outcome {
        ran: if done.is_ok() { ran } else { Vec::new() },
        fates: fates.collect(),
        compared: u32::try_from(compared).unwrap_or(0),
        expected: *example,
    }
}

fn machine(example: &Example) -> Machine {
    let limit = Bandwidth::ONE;
    let (wake_rule, tie) = (example.wake_rule, example.tie);
    let config = Config { wake_rule, tie, limit, best_effort: None, ..Config::default() };
    let span = |units: u64| Span::from_ns(units * UNIT_NS);
    let reservations: Vec<Reservation> = example
        .servers
        .iter()
        .filter_map(|(q, p)| Reservation::new(span(*q), span(*p)).ok())
        .collect();
    let mut machine = one_thread_each(config, &reservations, CpuIndex(0));
    machine.trace = Some(Trace::new(config));
    machine
}

/// A time in grains; one off the grid is as wrong as can be.
fn exact(ns: u64, grain_ns: u64) -> u64 {
    if ns.is_multiple_of(grain_ns) { ns / grain_ns } else { u64::MAX }
}

fn fate(records: &[Record], server: u32, grain_ns: u64) -> Vec<Fate> {
    let grains = |at: Instant| exact(at.as_ns(), grain_ns);
    let one = |record: &Record| {
        let Entry::Decision(decision) = record.entry else { return None };
        let (of, fate) = match decision {
            Decision::Throttle { server, until } => (server, T(grains(record.at), grains(until))),
            Decision::Replenish { server, budget, deadline } => {
                let budget = exact(budget.as_ns(), grain_ns);
                (server, R(grains(record.at), grains(deadline), budget))
            }
            Decision::LagReset { server, .. } | Decision::ServerMiss { server, .. } => {
                (server, Fate::Wrong(grains(record.at)))
            }
            _ => return None,
        };
        (of.capsule.0 == server).then_some(fate)
    };
    records.iter().filter_map(one).collect()
}
