// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sets of servers whose threads sleep, wake and ask for work at the worst instants that an
//! adversary who sees the servers can find: around deadlines, around the instant at which a wake-up
//! renews, with jobs that end around the end of a budget. Or just at random.

use evenkeel_model::{BenchRow, CpuIndex, Instant, Reservation, Span};

use crate::bench::figure;
use crate::bench::judge::{self, Interval};
use crate::bench::sets::{one_thread_each, random_set, whole_cpu};
use crate::budget::{Account, Params, zero_lag};
use crate::config::{Tie, WakeRule};
use crate::ids::{CapsuleId, ServerId, ThreadId};
use crate::machine::{ENDLESS, Machine, Random, Step};

const CPU: CpuIndex = CpuIndex(0);

/// Most jobs of one set: about a hundred for each server, so that windows can be compared pairwise.
const JOBS_MAX: u32 = 800;

/// What was seen of all sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Windows with work all through, and those of them with less service than the supply bound.
    pub windows: u64,
    /// See `windows`.
    pub below: u64,
    /// Windows of use, and those with more than allowed.
    pub uses: u64,
    /// See `uses`.
    pub above: u64,
    /// Servers that missed a deadline.
    pub misses: u64,
}

/// When threads wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malice {
    /// At the worst instants.
    Worst,
    /// At any instant.
    Random,
}

/// One job after another for one server, each as bad as can be.
#[derive(Clone, Copy, Debug)]
pub struct Adversary {
    random: Random,
    malice: Malice,
}

impl Adversary {
    /// One that does the same again for the same seed.
    pub const fn new(seed: u64) -> Adversary {
        Adversary { random: Random::new(seed), malice: Malice::Worst }
    }

    /// Submits the next job of `thread`, whose capsule has the same number and which sleeps now.
    pub fn next_job(&mut self, machine: &mut Machine, thread: u32, reservation: Reservation) {
        let now = machine.now();
        let at = self.wake_time(machine, thread, reservation).max(now);
        let length = self.length(machine, thread, reservation);
        machine.submit(at, ThreadId(thread), Span::from_ns(length.max(1)));
    }

    /// Around what matters to this server, or to another one.
    fn wake_time(&mut self, machine: &Machine, thread: u32, reservation: Reservation) -> Instant {
        let now = machine.now();
        let own = server(machine, thread);
        // One of the other servers, or none.
        let other = server(machine, u32::try_from(self.random.between(1, 8)).unwrap_or(1));
        let around = |instant: Instant, random: &mut Random| {
            let nearby = instant.saturating_add(Span::from_ns(random.up_to(2)));
            nearby.saturating_sub(Span::from_ns(1))
        };
        let random = &mut self.random;
        let kind = if self.malice == Malice::Worst { random.up_to(7) } else { u64::MAX };
        match (kind, own, other) {
            (0, ..) => now,
            (1, ..) => now.saturating_add(Span::from_ns(1)),
            (2 | 3, Some((params, account)), _) => around(zero_lag(params, account), random),
            (4, Some((_, account)), _) => around(account.deadline, random),
            (5, Some((params, account)), _) => {
                around(account.deadline.saturating_add(params.period), random)
            }
            (6, _, Some((_, account))) => around(account.deadline, random),
            _ => {
                let most = 2 * reservation.period().as_ns();
                now.saturating_add(Span::from_ns(random.up_to(most)))
            }
        }
    }

    /// Around what is left, around a whole budget, a nanosecond, much.
    fn length(&mut self, machine: &Machine, thread: u32, reservation: Reservation) -> u64 {
        let budget = reservation.budget().as_ns();
        let left =
            server(machine, thread).map_or(budget, |(_, account)| account.left.remaining().as_ns());
        let random = &mut self.random;
        match if self.malice == Malice::Worst { random.up_to(5) } else { 4 } {
            0 => 1,
            1 => (left + random.up_to(2)).saturating_sub(1),
            2 => (budget + random.up_to(2)).saturating_sub(1),
            3 => random.between(1, budget),
            4 => random.between(1, 3 * budget),
            _ => random.between(1, budget.div_ceil(8)),
        }
    }
}

fn server(machine: &Machine, number: u32) -> Option<(Params, Account)> {
    let name = ServerId { capsule: CapsuleId(number), cpu: CPU };
    let view = machine.policy().server(name)?;
    let account = Account { left: view.left, deadline: view.deadline? };
    Some((Params { budget: view.budget, period: view.period }, account))
}

/// Simulates `sets` sets in which all servers are adversaries. Interrupts come late by at most
/// `delay_max`.
pub fn simulate((rule, malice, delay_max): (WakeRule, Malice, Span), sets: u32, seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let mut seen = Seen::default();
    for number in 0..sets {
        let tie = if number & 1 == 0 { Tie::LowestId } else { Tie::Runner };
        let set = random_set(&mut random);
        let mut machine = one_thread_each(whole_cpu(rule, tie), &set, CPU);
        machine.set_delay(delay_max, random.next());
        let mut adversary = Adversary { random: Random::new(random.next()), malice };
        for (thread, reservation) in (1..).zip(&set) {
            adversary.next_job(&mut machine, thread, *reservation);
        }
        play(&mut machine, &mut adversary, &set, 0);
        let budgets = if delay_max == Span::ZERO { 2 } else { 3 };
        for (thread, reservation) in (1..).zip(&set) {
            let service = judge::service(&machine, ThreadId(thread));
            let wanted = judge::wanted(&machine, ThreadId(thread));
            seen.supply(&service, &wanted, *reservation);
            let (above, uses) = judge::above_use(&service, |window| {
                judge::linear_use(*reservation, budgets, window) + delay_max
            });
            seen.above += above;
            seen.uses += uses;
        }
        seen.misses += machine.counts.misses;
    }
    seen
}

impl Seen {
    fn supply(&mut self, service: &[Interval], wanted: &[Interval], reservation: Reservation) {
        for window in wanted {
            let (below, windows) = judge::below_supply(service, reservation, *window);
            self.below += below;
            self.windows += windows;
        }
    }
}

/// Lets the adversary follow each of its jobs by another, for eight of the longest periods or
/// [`JOBS_MAX`] jobs. Threads up to `others` are not the adversary's.
fn play(machine: &mut Machine, adversary: &mut Adversary, set: &[Reservation], others: u32) {
    let end = end_of(set);
    let mut jobs = 0;
    loop {
        match machine.step(end).expect("the machine tells nothing unknown") {
            Step::End => break,
            Step::Finished(thread) if thread.0 > others => {
                jobs += 1;
                if jobs > JOBS_MAX {
                    break;
                }
                adversary.next_job(machine, thread.0, set[thread.0 as usize - 1]);
            }
            _ => {}
        }
    }
    machine.close();
}

fn end_of(set: &[Reservation]) -> Instant {
    let longest = set.iter().map(|one| one.period().as_ns()).max().unwrap_or(1);
    Instant::from_ns(8 * longest)
}

/// What a misbehaving neighbour changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside {
    /// Periods of saturated servers looked at, and those whose service differs from that without
    /// the neighbour's work.
    pub periods: u64,
    /// See `periods`.
    pub changed: u64,
    /// Windows of servers with work of their own rhythm, and those below the supply bound.
    pub windows: u64,
    /// See `windows`.
    pub below: u64,
}

/// Simulates `sets` sets with and without the work of the last server, an adversary. Of the others
/// every second one is saturated, the rest have jobs at instants fixed beforehand.
pub fn beside(rule: WakeRule, sets: u32, seed: u64) -> Beside {
    let mut random = Random::new(seed);
    let mut seen = Beside::default();
    for _ in 0..sets {
        let set = random_set(&mut random);
        let Some(others) = set.len().checked_sub(1).filter(|others| *others > 0) else { continue };
        // At most eight servers.
        let others = u32::try_from(others).unwrap_or(0);
        let (rhythm, mischief) = (random.next(), random.next());
        let alone = neighbours(rule, &set, others, rhythm, None);
        let beside = neighbours(rule, &set, others, rhythm, Some(mischief));
        for (thread, reservation) in (1..=others).zip(&set) {
            compare(&mut seen, &alone, &beside, ThreadId(thread), *reservation);
        }
    }
    seen
}

fn neighbours(
    rule: WakeRule,
    set: &[Reservation],
    others: u32,
    rhythm: u64,
    mischief: Option<u64>,
) -> Machine {
    let mut machine = one_thread_each(whole_cpu(rule, Tie::LowestId), set, CPU);
    let mut random = Random::new(rhythm);
    let end = end_of(set);
    for (thread, reservation) in (1..=others).zip(set) {
        if thread % 2 == 1 {
            machine.submit(Instant::ORIGIN, ThreadId(thread), ENDLESS);
            continue;
        }
        let (budget, period) = (reservation.budget().as_ns(), reservation.period().as_ns());
        let mut at = Instant::from_ns(random.up_to(period));
        while at < end {
            let length = Span::from_ns(random.between(1, 2 * budget));
            machine.submit(at, ThreadId(thread), length);
            at = at.saturating_add(Span::from_ns(random.between(1, 3 * period)));
        }
    }
    let mut adversary = Adversary::new(mischief.unwrap_or(0));
    if mischief.is_some() {
        adversary.next_job(&mut machine, others + 1, set[others as usize]);
    }
    play(&mut machine, &mut adversary, set, others);
    machine
}

fn compare(
    seen: &mut Beside,
    alone: &Machine,
    beside: &Machine,
    thread: ThreadId,
    reservation: Reservation,
) {
    let until = alone.now().min(beside.now());
    for machine in [alone, beside] {
        let service = judge::service(machine, thread);
        if thread.0 % 2 == 1 {
            let whole = (Instant::ORIGIN, until);
            let (changed, periods) = judge::wrong_periods(&service, reservation, whole);
            seen.changed += changed;
            seen.periods += periods;
        } else {
            for window in judge::wanted(machine, thread) {
                let (below, windows) = judge::below_supply(&service, reservation, window);
                seen.below += below;
                seen.windows += windows;
            }
        }
    }
}

/// The rows, over `sets` sets each.
pub fn rows(sets: u32, seed: u64) -> Vec<BenchRow> {
    let mut rows = Vec::new();
    let mut row = |what: &str, count: u64, unit: &str, looked: u64| {
        let name = format!("policy: {what}, of {looked}");
        rows.push(BenchRow::at_most(name, figure(count), unit, 0.0).and(looked > 0));
    };
    for (variant, rule) in [("E1", WakeRule::Renewal), ("W2", WakeRule::ZeroLag)] {
        for (malice, how) in [(Malice::Worst, "adversarial"), (Malice::Random, "random")] {
            let seen = simulate((rule, malice, Span::ZERO), sets, seed);
            let what = format!("{sets} sets, {how} wake-ups ({variant})");
            row(&format!("{what}: below the supply bound"), seen.below, "windows", seen.windows);
            row(&format!("{what}: use above Qw/P + 2Q"), seen.above, "windows", seen.uses);
            row(&format!("{what}: deadlines missed"), seen.misses, "misses", seen.windows);
        }
    }
    let late = Span::from_us(500);
    let seen = simulate((WakeRule::Renewal, Malice::Worst, late), sets, seed);
    let used = format!("{sets} sets, overruns to {late}: use above Qw/P + 3Q + overrun");
    row(&used, seen.above, "windows", seen.uses);
    let seen = beside(WakeRule::Renewal, sets, seed);
    let what = "a misbehaving neighbour: service per period changed";
    row(what, seen.changed, "periods", seen.periods);
    row("the same, sleepers below the supply bound", seen.below, "windows", seen.windows);
    rows
}
