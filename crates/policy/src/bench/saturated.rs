// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random sets of servers that always have work: each gets exactly its budget in each period from
//! its start, with gaps of at most 2(P − Q).

use evenkeel_model::{BenchRow, CpuIndex, Instant, Span};

use crate::bench::figure;
use crate::bench::judge;
use crate::bench::sets::{one_thread_each, random_set, whole_cpu};
use crate::config::{Tie, WakeRule};
use crate::ids::ThreadId;
use crate::machine::{ENDLESS, Random};

/// What was seen of all sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    /// Server periods looked at.
    pub periods: u64,
    /// Those in which the service was not exactly the budget.
    pub wrong: u64,
    /// The longest gap as a part of 2(P − Q).
    pub gap: f64,
    /// Servers with a gap although they hold the whole CPU.
    pub gaps_of_whole: u64,
}

/// Simulates `sets` random sets, each for three of its longest periods, with all variants in turn.
pub fn simulate(sets: u32, seed: u64) -> Seen {
    let mut random = Random::new(seed);
    let mut seen = Seen::default();
    for number in 0..sets {
        one_set(&mut random, number, &mut seen);
    }
    seen
}

fn one_set(random: &mut Random, number: u32, seen: &mut Seen) {
    let rule = if number & 1 == 0 { WakeRule::Renewal } else { WakeRule::ZeroLag };
    let tie = if number & 2 == 0 { Tie::LowestId } else { Tie::Runner };
    let set = random_set(random);
    let mut machine = one_thread_each(whole_cpu(rule, tie), &set, CpuIndex(0));
    let longest = set.iter().map(|one| one.period()).max().unwrap_or(Span::from_ms(1));
    let end = Instant::ORIGIN.saturating_add(longest).saturating_add(longest);
    let end = end.saturating_add(longest);
    let mut starts = Vec::new();
    for (thread, reservation) in (1..).zip(&set) {
        // All at once, the critical instant, or spread over a period.
        let spread = if number & 4 == 0 { 0 } else { reservation.period().as_ns() };
        let start = Instant::from_ns(random.up_to(spread));
        machine.submit(start, ThreadId(thread), ENDLESS);
        starts.push(start);
    }
    machine.run(end).expect("the machine tells nothing unknown");
    for ((thread, reservation), start) in (1..).zip(&set).zip(starts) {
        let service = judge::service(&machine, ThreadId(thread));
        let (wrong, periods) = judge::wrong_periods(&service, *reservation, (start, end));
        seen.wrong += wrong;
        seen.periods += periods;
        let gap = judge::longest_gap(&service, (start, end));
        let most = 2 * (reservation.period() - reservation.budget()).as_ns();
        if most == 0 {
            seen.gaps_of_whole += u64::from(gap > Span::ZERO);
        } else {
            seen.gap = seen.gap.max(figure(gap.as_ns()) / figure(most));
        }
    }
}

/// The rows of `sets` sets.
pub fn rows(sets: u32, seed: u64) -> Vec<BenchRow> {
    let seen = simulate(sets, seed);
    let looked = seen.periods > u64::from(sets);
    let name = format!(
        "policy: {sets} random server sets, always backlogged: of {} periods, with other than Q",
        seen.periods
    );
    vec![
        BenchRow::at_most(name, figure(seen.wrong), "periods", 0.0).and(looked),
        BenchRow::at_most("policy: the same, longest gap", seen.gap, "of 2(P - Q)", 1.0)
            .and(looked && seen.gaps_of_whole == 0),
    ]
}
