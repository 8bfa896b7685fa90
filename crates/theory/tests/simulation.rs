// SPDX-License-Identifier: MIT OR Apache-2.0
//! The response-time test against a simulation of every phase and pattern of small sets: what it
//! admits is never late, and for two servers what it refuses can really be late.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod simulator;

use evenkeel_model::{Reservation, Span};
use evenkeel_theory::{
    consumption_bound, deferrable_response_time_with_overrun, deferrable_response_times,
    supply_bound,
};
use proptest::prelude::*;

use simulator::{Server, Work, simulate};

/// A simulation step stands for one millisecond, the shortest period that a reservation may have.
fn reservation(budget: i64, period: i64) -> Reservation {
    let ms = |steps: i64| Span::from_ms(steps.unsigned_abs());
    Reservation::new(ms(budget), ms(period)).unwrap()
}

fn admitted(pairs: &[(i64, i64)]) -> bool {
    let servers: Vec<Reservation> = pairs.iter().map(|&(q, p)| reservation(q, p)).collect();
    deferrable_response_times(&servers).iter().all(Option::is_some)
}

fn servers(pairs: &[(i64, i64)], phases: &[i64], work: &[Work]) -> Vec<Server> {
    let server = |i: usize| Server {
        budget: pairs[i].0,
        period: pairs[i].1,
        phase: phases[i],
        work: work[i].clone(),
    };
    (0..pairs.len()).map(server).collect()
}

/// The worst that a set does over every phase of every server but the last and every release of
/// work within the first period: a miss, if there is one.
fn exhaustive_release_miss(pairs: &[(i64, i64)], grain: i64) -> Option<String> {
    let longest = pairs.iter().map(|pair| pair.1).max()?;
    let steps = 6 * longest;
    let last = pairs.len() - 1;
    // The last server's phase varies with `last_phase`; only differences of phases matter, but the
    // grid of ticks is absolute.
    let mut choice = vec![0; 2 * last + 1];
    loop {
        let phases: Vec<i64> = choice[..=last].to_vec();
        let mut work: Vec<Work> = choice[last + 1..].iter().map(|&from| Work::From(from)).collect();
        work.push(Work::From(0));
        if let Some(miss) = simulate(&servers(pairs, &phases, &work), steps, grain).miss {
            return Some(format!("{pairs:?}, phases {phases:?}, work {work:?}: {miss:?}"));
        }
        let limit = |i: usize| if i <= last { pairs[i].1 } else { pairs[i - last - 1].1 + 1 };
        let next = (0..choice.len()).find(|&i| choice[i] + 1 < limit(i))?;
        choice[..next].fill(0);
        choice[next] += 1;
    }
}

#[test]
fn every_pair_of_servers_is_judged_exactly() {
    let mut judged = (0, 0);
    for period_high in 2..=6 {
        for period_low in period_high..=8 {
            for budget_high in 1..=period_high {
                for budget_low in 1..=period_low {
                    let pairs = [(budget_high, period_high), (budget_low, period_low)];
                    let miss = exhaustive_release_miss(&pairs, 1);
                    let fits = admitted(&pairs);
                    assert_eq!(fits, miss.is_none(), "{pairs:?}: {miss:?}");
                    if fits { judged.0 += 1 } else { judged.1 += 1 }
                }
            }
        }
    }
    assert!(judged.0 > 100 && judged.1 > 100, "both verdicts are exercised: {judged:?}");
}

#[test]
fn the_references_examples_are_late_where_it_says_so() {
    assert!(exhaustive_release_miss(&[(4, 10), (7, 15)], 1).is_some());
    assert!(exhaustive_release_miss(&[(5, 10), (7, 15)], 1).is_some());
    assert!(exhaustive_release_miss(&[(4, 10), (6, 15)], 1).is_none());
}

#[test]
fn every_pattern_of_work_of_an_admitted_pair_is_harmless() {
    // The lower server's bound is its whole period: 2^12 patterns of the higher one's work, every
    // phase of both.
    let pairs = [(2, 5), (3, 7)];
    assert!(admitted(&pairs));
    for bits in 0..1_u64 << 12 {
        for phase_high in 0..5 {
            for phase_low in 0..7 {
                let work = [Work::Bits { bits, length: 12 }, Work::From(0)];
                let set = servers(&pairs, &[phase_high, phase_low], &work);
                assert_eq!(simulate(&set, 40, 1).miss, None, "{bits:b} {phase_high} {phase_low}");
            }
        }
    }
}

/// Rate-monotonic pairs of budget and period, shorter periods first.
fn pairs(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<(i64, i64)>> {
    let pair = (2..=9_i64).prop_flat_map(|period| (1..=period, Just(period)));
    prop::collection::vec(pair, count).prop_map(|mut pairs| {
        pairs.sort_by_key(|pair| pair.1);
        pairs
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Three servers, every phase and release.
    #[test]
    fn admitted_triples_are_never_late(mut triple in pairs(3..=3)) {
        for pair in &mut triple {
            // Keeps the number of phases times releases below a hundred thousand.
            pair.1 = pair.1.min(5);
            pair.0 = pair.0.min(pair.1).min(2);
        }
        triple.sort_by_key(|pair| pair.1);
        if admitted(&triple) {
            prop_assert_eq!(exhaustive_release_miss(&triple, 1), None);
        }
    }

    /// Up to five servers, any phases, any patterns of work.
    #[test]
    fn admitted_sets_are_never_late_whatever_the_work(
        set in pairs(2..=5),
        phases in prop::collection::vec(0..9_i64, 5),
        bits in prop::collection::vec(any::<u64>(), 5),
    ) {
        let budgets: Vec<(i64, i64)> = set.iter().map(|&(q, p)| (1 + q / 4, p)).collect();
        for pairs in [&set, &budgets] {
            if !admitted(pairs) {
                continue;
            }
            let phases: Vec<i64> = (0..pairs.len()).map(|i| phases[i] % pairs[i].1).collect();
            let work: Vec<Work> =
                (0..pairs.len()).map(|i| Work::Bits { bits: bits[i], length: 60 }).collect();
            prop_assert_eq!(simulate(&servers(pairs, &phases, &work), 200, 1).miss, None);
        }
    }

    /// In every window, an admitted server that always has work gets at least its supply bound,
    /// and no server takes more than its consumption bound, admitted or not.
    #[test]
    fn supply_and_consumption_stay_within_their_bounds(
        set in pairs(2..=4),
        phases in prop::collection::vec(0..9_i64, 4),
        bits in prop::collection::vec(any::<u64>(), 4),
        busy in any::<prop::sample::Index>(),
    ) {
        let busy = busy.index(set.len());
        let work = |i: usize| match i == busy {
            true => Work::From(0),
            false => Work::Bits { bits: bits[i], length: 60 },
        };
        let phases: Vec<i64> = (0..set.len()).map(|i| phases[i] % set[i].1).collect();
        let work: Vec<Work> = (0..set.len()).map(work).collect();
        let history = simulate(&servers(&set, &phases, &work), 120, 1);
        // Until its first period begins, a server is owed nothing.
        let first = usize::try_from(phases[busy]).unwrap();
        let guaranteed = admitted(&set);
        for (i, &(q, p)) in set.iter().enumerate() {
            let reservation = reservation(q, p);
            for start in 0..history.ran.len() {
                let mut had = Span::ZERO;
                for (end, ran) in history.ran.iter().enumerate().skip(start) {
                    let window = Span::from_ms((end + 1 - start) as u64);
                    had = had + Span::from_ms(u64::from(*ran == Some(i)));
                    prop_assert!(had <= consumption_bound(reservation, window));
                    if i == busy && start >= first && guaranteed {
                        prop_assert!(had >= supply_bound(reservation, window));
                    }
                }
            }
        }
    }

    /// Budgets looked at only every few steps, as the kernel's tick does: the bound with one
    /// overrun per server above holds.
    #[test]
    fn the_bound_with_overruns_holds_under_ticks(
        set in pairs(2..=2),
        grain in 1..=3_i64,
    ) {
        let reservations: Vec<Reservation> =
            set.iter().map(|&(q, p)| reservation(q, p)).collect();
        let overrun = Span::from_ms(grain.unsigned_abs());
        let low = reservations[1];
        let bound = deferrable_response_time_with_overrun(
            &reservations[..1], low, low.period(), overrun,
        );
        if bound.is_some() {
            // The higher server keeps its own budget trivially; a miss is the lower one's.
            prop_assert_eq!(exhaustive_release_miss(&set, grain), None);
        }
    }
}
