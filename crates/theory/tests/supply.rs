// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supply against every placement of small budgets, against simulated deferrable servers that idle
//! and overrun, and the inverse and the bounded-delay form against the supply.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod simulator;

use evenkeel_model::{Reservation, Span};
use evenkeel_theory::{
    BoundedDelay, MultiSupply, Supply, deferrable_response_time_with_overrun, parallel_supply,
    supply_bound,
};
use proptest::prelude::*;

use simulator::{Server, Work, simulate};

fn ns(ns: u64) -> Span {
    Span::from_ns(ns)
}

fn supply(budget: u64, period: u64, within: u64) -> Supply {
    Supply::new(ns(budget), ns(period), ns(within)).unwrap()
}

/// All ways to supply `total` over `slots` slots, at most `most` a slot.
fn placements(total: u64, slots: u64, most: u64) -> Vec<Vec<u64>> {
    if slots == 0 {
        return if total == 0 { vec![Vec::new()] } else { Vec::new() };
    }
    let mut all = Vec::new();
    for first in 0..=most.min(total) {
        for mut rest in placements(total - first, slots - 1, most) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

/// The least of any window of each length up to two periods, over all patterns of three.
fn least_by_trial(budget: u64, period: u64, within: u64, most: u64) -> Vec<u64> {
    let one: Vec<Vec<u64>> = placements(budget, within, most)
        .into_iter()
        .map(|mut slots| {
            slots.resize(usize::try_from(period).unwrap(), 0);
            slots
        })
        .collect();
    let length = usize::try_from(2 * period).unwrap();
    let mut least = vec![u64::MAX; length + 1];
    for a in &one {
        for b in &one {
            for c in &one {
                let slots: Vec<u64> = [a, b, c].into_iter().flatten().copied().collect();
                for start in 0..a.len() {
                    let mut sum = 0;
                    least[0] = 0;
                    for window in 1..=length {
                        sum += slots[start + window - 1];
                        least[window] = least[window].min(sum);
                    }
                }
            }
        }
    }
    least
}

#[test]
fn the_bound_is_the_least_of_all_patterns() {
    for period in 1..=5 {
        for within in 1..=period {
            for budget in 1..=within {
                let by_trial = least_by_trial(budget, period, within, 1);
                let supply = supply(budget, period, within);
                for (window, least) in (0..).zip(by_trial) {
                    let bound = supply.bound(ns(window)).as_ns();
                    assert_eq!(bound, least, "({budget}, {period}, {within}) at {window}");
                }
            }
        }
    }
}

#[test]
fn the_multiprocessor_bound_is_the_least_of_all_patterns() {
    for (cpus, period_max) in [(1, 4), (2, 4), (3, 3)] {
        for period in 1..=period_max {
            for budget in 1..=cpus * period {
                let by_trial = least_by_trial(budget, period, period, cpus);
                let cpus = u32::try_from(cpus).unwrap();
                let multi = MultiSupply::new(ns(period), ns(budget), cpus).unwrap();
                for (window, least) in (0..).zip(by_trial) {
                    let bound = multi.bound(ns(window)).as_ns();
                    assert_eq!(bound, least, "<{period}, {budget}, {cpus}> at {window}");
                }
            }
        }
    }
}

#[test]
fn what_is_no_supply_is_refused() {
    for (budget, period, within) in [(0, 5, 5), (3, 5, 2), (3, 5, 6), (1, u64::MAX, 1)] {
        assert!(Supply::new(ns(budget), ns(period), ns(within)).is_err());
    }
    assert!(supply(1, 5, 5).with_debt(ns(u64::MAX)).is_none());
    assert!(MultiSupply::new(ns(5), ns(11), 2).is_none());
    assert!(MultiSupply::new(ns(5), ns(0), 2).is_none());
    let reservation = Reservation::new(Span::from_ms(2), Span::from_ms(5)).unwrap();
    assert!(Supply::within(reservation, Span::from_ms(1)).is_none());
    assert!(Supply::within(reservation, Span::from_ms(6)).is_none());
    let json = serde_json::to_string(&supply(2, 5, 4)).unwrap();
    assert_eq!(json, r#"{"budget_ns":2,"period_ns":5,"within_ns":4,"debt_ns":0}"#);
    assert!(serde_json::from_str::<Supply>(&json.replace(":5", ":3")).is_err());
}

#[test]
fn servers_of_a_multiprocessor_resource_supply_no_less() {
    let ms = Span::from_ms;
    for budget in [1, 7, 12, 13, 20, 30] {
        let multi = MultiSupply::new(ms(10), ms(budget), 3).unwrap();
        let server = multi.server().unwrap();
        let supplies = [Supply::of_hard_cbs(server); 3];
        for window in 0..60 {
            let window = ms(window);
            assert!(parallel_supply(&supplies, window) >= multi.bound(window), "{budget}");
        }
    }
}

/// Any supply, its numbers up to 2^63.
fn supplies() -> impl Strategy<Value = Supply> {
    let any_period = prop_oneof![1..=20_u64, 1..=10_000_000_000_u64, 1..=i64::MAX.unsigned_abs()];
    any_period.prop_flat_map(|period| {
        (1..=period, Just(period)).prop_flat_map(|(budget, period)| {
            let debt = prop_oneof![Just(0), 0..=4 * budget.min(1 << 60), 0..=(1_u64 << 63) - 1];
            (budget..=period, debt).prop_map(move |(within, debt)| {
                supply(budget, period, within).with_debt(ns(debt)).unwrap()
            })
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The inverse is the first window with enough supply, exactly; nothing overflows.
    #[test]
    fn time_for_is_the_inverse(supply in supplies(), demand in any::<u64>(), part in 0..=64_u32) {
        let demand = ns(demand.checked_shr(part).unwrap_or(0));
        let Some(time) = supply.time_for(demand) else {
            // Beyond 2^64: then all of time is not enough, or just so.
            prop_assert!(supply.bound(ns(u64::MAX)) <= demand);
            return Ok(());
        };
        prop_assert!(supply.bound(time) >= demand);
        if time > Span::ZERO {
            prop_assert!(supply.bound(time - ns(1)) < demand);
        }
    }

    /// The bounded-delay form never promises more than the supply, and is reached.
    #[test]
    fn the_line_lies_below(supply in supplies(), window in any::<u64>(), part in 0..=64_u32) {
        let window = ns(window.checked_shr(part).unwrap_or(0));
        let line = supply.bounded_delay();
        prop_assert!(line.bound(window) <= supply.bound(window));
        prop_assert!(supply.bound(window) <= window);
        prop_assert!(supply.bound(line.delay()) == Span::ZERO || line.delay() == Span::ZERO
            || supply.bound(line.delay()) <= supply.budget());
    }

    /// A server made from a line supplies no less than the line.
    #[test]
    fn a_server_made_from_a_line_lies_above(
        part in 1..=99_u64,
        delay_us in 2_000..200_000_u64,
        windows in prop::collection::vec(0..1_000_000_000_u64, 20),
    ) {
        let delay = Span::from_us(delay_us);
        let line = BoundedDelay::new(ns(part), ns(100), delay).unwrap();
        if let Some(server) = line.server() {
            let supply = Supply::of_hard_cbs(server);
            for window in windows {
                prop_assert!(supply.bound(ns(window)) >= line.bound(ns(window)), "{server}");
            }
        }
    }

    /// The same function as that of the periodic server alone.
    #[test]
    fn both_forms_of_the_periodic_supply_agree(
        budget_us in 1..=1_000_000_u64,
        more_us in 0..=1_000_000_u64,
        window in 0..100_000_000_000_u64,
    ) {
        let period = Span::from_us((budget_us + more_us).max(1_000));
        let reservation = Reservation::new(Span::from_us(budget_us), period).unwrap();
        let supply = Supply::of_periodic_server(reservation);
        prop_assert_eq!(supply.bound(ns(window)), supply_bound(reservation, ns(window)));
    }
}

/// Milliseconds as the steps of the simulator, the shortest period that a reservation may have.
fn reservation(budget: i64, period: i64) -> Reservation {
    let ms = |steps: i64| Span::from_ms(steps.unsigned_abs());
    Reservation::new(ms(budget), ms(period)).unwrap()
}

/// Checks every window of a server's last backlog, which begins at `from`, against its supply with
/// the response time that analysis finds, ticks of `grain` steps counted.
fn check_windows(
    pairs: &[(i64, i64)],
    phases: &[i64],
    work: &[Work],
    index: usize,
    from: i64,
    grain: i64,
) -> Result<bool, TestCaseError> {
    let reservations: Vec<Reservation> = pairs.iter().map(|&(q, p)| reservation(q, p)).collect();
    let own = reservations[index];
    let overrun = Span::from_ms(if grain > 1 { grain.unsigned_abs() } else { 0 });
    let higher = &reservations[..index];
    let bound = deferrable_response_time_with_overrun(higher, own, own.period(), overrun);
    let Some(supply) = bound.and_then(|bound| Supply::within(own, bound)) else {
        return Ok(false);
    };
    let supply = supply.with_debt(overrun).unwrap();
    let servers: Vec<Server> = (0..pairs.len())
        .map(|i| Server {
            budget: pairs[i].0,
            period: pairs[i].1,
            phase: phases[i],
            work: work[i].clone(),
        })
        .collect();
    let history = simulate(&servers, 90, grain);
    // Until its first period begins, a server is owed nothing.
    let first = usize::try_from(from.max(phases[index])).unwrap();
    for start in first..history.ran.len() {
        let mut had = Span::ZERO;
        for (end, ran) in history.ran.iter().enumerate().skip(start) {
            had = had + Span::from_ms(u64::from(*ran == Some(index)));
            let window = Span::from_ms((end + 1 - start) as u64);
            prop_assert!(
                had >= supply.bound(window),
                "{pairs:?} {phases:?} {work:?}: {had} in {window} from {start}"
            );
        }
    }
    Ok(true)
}

/// Work that begins in the middle of a period, for each of two servers, under every phase.
#[test]
fn work_that_begins_anywhere_is_supplied_within_the_response_time() {
    let mut checked = 0;
    for pairs in [[(1, 3), (1, 4)], [(1, 3), (2, 5)], [(2, 4), (1, 6)], [(1, 2), (1, 5)]] {
        for index in 0..2 {
            for phases in (0..pairs[0].1).flat_map(|a| (0..pairs[1].1).map(move |b| [a, b])) {
                for from in 0..=2 * pairs[index].1 {
                    for other in 0..=pairs[1 - index].1 {
                        let mut work = [Work::From(other), Work::From(other)];
                        work[index] = Work::From(from);
                        checked += u32::from(
                            check_windows(&pairs, &phases, &work, index, from, 1).unwrap(),
                        );
                    }
                }
            }
        }
    }
    assert!(checked > 5_000, "{checked}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    /// Servers that idle and return as they please, budgets charged exactly or at ticks.
    #[test]
    fn supply_within_the_response_time_holds_after_any_history(
        set in prop::collection::vec((1..=3_i64, 0..=8_i64), 1..=3),
        phases in prop::collection::vec(0..11_i64, 3),
        bits in prop::collection::vec(any::<u64>(), 3),
        index in any::<prop::sample::Index>(),
        grain in 1..=2_i64,
    ) {
        let mut pairs: Vec<(i64, i64)> = set.into_iter().map(|(q, more)| (q, (q + more).max(2))).collect();
        pairs.sort_by_key(|pair| pair.1);
        let phases: Vec<i64> = (0..pairs.len()).map(|i| phases[i] % pairs[i].1).collect();
        let work: Vec<Work> =
            (0..pairs.len()).map(|i| Work::Bits { bits: bits[i], length: 30 }).collect();
        check_windows(&pairs, &phases, &work, index.index(pairs.len()), 30, grain)?;
    }
}
