// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reservations that change, go and come back while others run: those others keep what they were
//! promised, and a server that always has work keeps, through its own changes, a gap of at most
//! 2·max(P − Q) over what it held.

use evenkeel_model::{BenchRow, CpuIndex, Instant, Reservation, Span};

use crate::bench::adversary::Adversary;
use crate::bench::figure;
use crate::bench::judge;
use crate::bench::sets::{add_capsule, one_thread_each, random_set, whole_cpu};
use crate::config::{Tie, WakeRule};
use crate::event::Event;
use crate::ids::{CapsuleId, ThreadId};
use crate::machine::{ENDLESS, Machine, Random, Step};

const CPU: CpuIndex = CpuIndex(0);

/// Most changes of one set, and most jobs between two of them.
const CHANGES: u32 = 30;
const JOBS_MAX: u32 = 60;

/// What was seen of all sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Changes made.
    pub changes: u64,
    /// Changes that admission refused.
    pub refused: u64,
    /// Periods of unchanged saturated servers, and those with other than Q.
    pub periods: u64,
    /// See `periods`.
    pub wrong: u64,
    /// Windows of unchanged sleeping servers, and those below the supply bound.
    pub windows: u64,
    /// See `windows`.
    pub below: u64,
    /// Servers that missed a deadline, changed or not.
    pub misses: u64,
    /// The longest gap of a saturated server that changed, as a part of 2·max(P − Q).
    pub gap: f64,
}

/// What a server of the set is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Unchanged, always with work.
    Steady,
    /// Unchanged, an adversary's.
    Sleeper,
    /// Changed, never deleted, always with work.
    Changing,
    /// Changed, deleted and created again, an adversary's.
    Coming,
}

fn part(number: u32) -> Part {
    match number % 4 {
        1 => Part::Changing,
        2 => Part::Steady,
        3 => Part::Coming,
        _ => Part::Sleeper,
    }
}

/// One set under way.
struct Play {
    machine: Machine,
    random: Random,
    adversary: Adversary,
    /// What each capsule holds, if it exists.
    held: Vec<Option<Reservation>>,
    /// The largest P − Q that it held.
    slack: Vec<Span>,
    seen: Seen,
}

/// Simulates `sets` sets under changes.
pub fn simulate(rule: WakeRule, sets: u32, seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let mut seen = Seen::default();
    for number in 0..sets {
        let tie = if number & 1 == 0 { Tie::LowestId } else { Tie::Runner };
        let set = random_set(&mut random);
        let mut play = Play {
            machine: one_thread_each(whole_cpu(rule, tie), &set, CPU),
            adversary: Adversary::new(random.next()),
            random: Random::new(random.next()),
            slack: set.iter().map(|one| one.period() - one.budget()).collect(),
            held: set.iter().copied().map(Some).collect(),
            seen,
        };
        play.all(&set);
        seen = play.seen;
    }
    seen
}

impl Play {
    fn all(&mut self, set: &[Reservation]) {
        for (thread, reservation) in (1..).zip(set) {
            match part(thread) {
                Part::Steady | Part::Changing => {
                    self.machine.submit(Instant::ORIGIN, ThreadId(thread), ENDLESS);
                }
                _ => self.adversary.next_job(&mut self.machine, thread, *reservation),
            }
        }
        for _ in 0..CHANGES {
            let wait = self.random.between(1, 20_000_000);
            self.run(set, self.machine.now().saturating_add(Span::from_ns(wait)));
            self.give_up(set.len());
            self.take(set.len());
        }
        self.run(set, self.machine.now().saturating_add(Span::from_ms(40)));
        self.machine.close();
        self.judge(set);
    }

    /// Runs to `end`; adversaries follow each job by another.
    fn run(&mut self, set: &[Reservation], end: Instant) {
        let mut jobs = 0;
        loop {
            let step = self.machine.step(end).expect("the machine tells nothing unknown");
            match step {
                Step::End => break,
                Step::Finished(thread) => {
                    jobs += 1;
                    let reservation = set[thread.0 as usize - 1];
                    if jobs <= JOBS_MAX {
                        self.adversary.next_job(&mut self.machine, thread.0, reservation);
                    } else {
                        // Enough for now; later it goes on.
                        self.machine.submit(end, thread, reservation.budget());
                    }
                }
                Step::Other => {}
            }
        }
    }

    /// A number of one of the capsules that change, if there is one among a few tries.
    fn pick(&mut self, count: usize) -> Option<u32> {
        (0..4).find_map(|_| {
            let last = u64::try_from(count).unwrap_or(1);
            let number = u32::try_from(self.random.between(1, last)).unwrap_or(1);
            matches!(part(number), Part::Changing | Part::Coming).then_some(number)
        })
    }

    /// One capsule shrinks, or goes.
    fn give_up(&mut self, count: usize) {
        let Some(number) = self.pick(count) else { return };
        let index = number as usize - 1;
        let Some(held) = self.held[index] else { return };
        let capsule = CapsuleId(number);
        if part(number) == Part::Coming && self.random.up_to(1) == 0 {
            self.machine.tell(Event::DeleteCapsule { capsule }).expect("it has no children");
            self.held[index] = None;
            self.seen.changes += 1;
            return;
        }
        let period = self.random.between(1_000_000, 20_000_000);
        // Less of the bandwidth, in another period.
        let part = self.random.between(1, 99);
        let whole = u128::from(held.budget().as_ns()) * u128::from(period) * u128::from(part);
        let budget = whole / (u128::from(held.period().as_ns()) * 100);
        let budget = u64::try_from(budget).unwrap_or(1).max(1);
        self.change(number, Span::from_ns(budget), Span::from_ns(period));
    }

    /// One capsule grows, or comes back, as far as it may.
    fn take(&mut self, count: usize) {
        let Some(number) = self.pick(count) else { return };
        let period = self.random.between(1_000_000, 20_000_000);
        for eighths in (1..=8).rev() {
            let budget = Span::from_ns(period * eighths / 8);
            if self.change(number, budget, Span::from_ns(period)) {
                return;
            }
        }
    }

    /// Changes or creates a capsule; whether it was admitted.
    fn change(&mut self, number: u32, budget: Span, period: Span) -> bool {
        let index = number as usize - 1;
        let Ok(reservation) = Reservation::new(budget, period) else { return false };
        let told = match self.held[index] {
            Some(_) => {
                let capsule = CapsuleId(number);
                self.machine.tell(Event::ChangeCapsule { capsule, reservation })
            }
            None => add_capsule(&mut self.machine, number, reservation, CPU),
        };
        match told {
            Ok(()) => {
                self.held[index] = Some(reservation);
                self.slack[index] = self.slack[index].max(period - budget);
                self.seen.changes += 1;
                true
            }
            Err(error) => {
                assert!(error.is_refusal(), "{error}");
                self.seen.refused += 1;
                false
            }
        }
    }

    fn judge(&mut self, set: &[Reservation]) {
        let whole = (Instant::ORIGIN, self.machine.now());
        for (number, reservation) in (1..).zip(set) {
            let thread = ThreadId(number);
            let service = judge::service(&self.machine, thread);
            match part(number) {
                Part::Steady => {
                    let (wrong, periods) = judge::wrong_periods(&service, *reservation, whole);
                    self.seen.wrong += wrong;
                    self.seen.periods += periods;
                }
                Part::Sleeper => {
                    for window in judge::wanted(&self.machine, thread) {
                        let (below, windows) = judge::below_supply(&service, *reservation, window);
                        self.seen.below += below;
                        self.seen.windows += windows;
                    }
                }
                Part::Changing => {
                    let gap = judge::longest_gap(&service, whole);
                    let most = 2 * self.slack[number as usize - 1].as_ns();
                    let part = figure(gap.as_ns()) / figure(most.max(1));
                    self.seen.gap = self.seen.gap.max(part);
                }
                Part::Coming => {}
            }
        }
        self.seen.misses += self.machine.counts.misses;
    }
}

/// The rows, over `sets` sets for each variant.
pub fn rows(sets: u32, seed: u64) -> Vec<BenchRow> {
    let mut rows = Vec::new();
    for (variant, rule) in [("E1", WakeRule::Renewal), ("W2", WakeRule::ZeroLag)] {
        let seen = simulate(rule, sets, seed);
        let looked = seen.periods > 0 && seen.windows > 0;
        let what = format!("policy: {} changes of live servers ({variant})", seen.changes);
        let count = |name: &str, count: u64, unit: &str| {
            BenchRow::at_most(format!("{what}: {name}"), figure(count), unit, 0.0).and(looked)
        };
        rows.push(count("others' periods with other than Q", seen.wrong, "periods"));
        rows.push(count("others below the supply bound", seen.below, "windows"));
        rows.push(count("deadlines missed", seen.misses, "misses"));
        let name = format!("{what}: own longest gap");
        rows.push(BenchRow::at_most(name, seen.gap, "of 2 max(P - Q)", 1.0).and(looked));
    }
    rows
}
