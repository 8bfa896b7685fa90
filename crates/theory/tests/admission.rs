// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties of admission: offers really fit and are the largest, less load never hurts, flat
//! parts add up.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod support;

use evenkeel_model::{Bandwidth, CapsuleName, Reservation, Span};
use evenkeel_theory::{
    Change, Held, Limits, Nested, NestedRequest, Reason, Verdict, admit_quota,
    admit_rtgroup_nested, flatten, in_whole_microseconds,
};
use proptest::prelude::*;

use support::{change, child, held, new_nested, rsv, stock, top};

/// What a change makes of a request: the capsules that exist then, and what is asked of them.
fn applied(
    existing: &[Nested],
    asked: &NestedRequest,
    change: &Change,
) -> (Vec<Nested>, NestedRequest) {
    let (mut existing, mut asked) = (existing.to_vec(), asked.clone());
    let mut give = |name: &CapsuleName, from: Reservation, to: Reservation| {
        let capsule = existing.iter_mut().find(|c| c.held.name == *name).unwrap();
        assert_eq!(in_whole_microseconds(capsule.held.reservation), from);
        capsule.held.reservation = to;
    };
    match change {
        Change::LowerBudget { reservation } | Change::OtherPeriod { reservation } => {
            asked.nested.held.reservation = *reservation;
        }
        Change::OtherCpus { cpus } => asked.nested.held.cpus = cpus.clone(),
        Change::GrowParent { name, from, to } | Change::Shrink { name, from, to } => {
            give(name, *from, *to);
        }
    }
    (existing, asked)
}

fn admit(existing: &[Nested], asked: &NestedRequest, limits: &Limits) -> Verdict {
    admit_rtgroup_nested(existing, asked, limits).unwrap()
}

fn microsecond_more(reservation: Reservation) -> Option<Reservation> {
    let budget = reservation.budget() + Span::from_us(1);
    Reservation::new(budget, reservation.period()).ok()
}

/// Every offer fits, and the budgets offered are the largest that do.
fn check_offers(
    existing: &[Nested],
    asked: &NestedRequest,
    limits: &Limits,
) -> Result<Vec<Change>, TestCaseError> {
    let verdict = admit(existing, asked, limits);
    prop_assert_eq!(verdict.admitted, verdict.reasons.is_empty());
    if verdict.admitted {
        prop_assert!(verdict.smallest_change.is_empty());
    }
    for change in &verdict.smallest_change {
        let (then, request) = applied(existing, asked, change);
        let again = admit(&then, &request, limits);
        prop_assert!(again.admitted, "{} does not fit: {}", change, again);
        let beyond =
            match change {
                Change::LowerBudget { reservation } => microsecond_more(*reservation)
                    .map(|reservation| Change::LowerBudget { reservation }),
                Change::Shrink { name, from, to } => microsecond_more(*to)
                    .map(|to| Change::Shrink { name: name.clone(), from: *from, to }),
                Change::OtherPeriod { reservation } => {
                    let old = asked.nested.held.reservation;
                    prop_assert!(reservation.bandwidth() >= old.bandwidth());
                    prop_assert_ne!(reservation.period(), old.period());
                    None
                }
                Change::OtherCpus { .. } | Change::GrowParent { .. } => None,
            };
        if let Some(beyond) = beyond {
            let (then, request) = applied(existing, asked, &beyond);
            prop_assert!(!admit(&then, &request, limits).admitted, "{beyond} fits as well");
        }
    }
    Ok(verdict.smallest_change)
}

/// Budgets in microseconds, periods in whole milliseconds.
fn reservation() -> impl Strategy<Value = Reservation> {
    (2..=60_u64, 1..=1_000_u64).prop_map(|(period_ms, per_mille)| {
        let period = Span::from_ms(period_ms);
        let budget = Span::from_us((period.as_us() * per_mille / 2_500).max(1));
        Reservation::new(budget, period).unwrap()
    })
}

fn capsules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Nested>> {
    let one = (reservation(), prop::sample::select(vec!["0", "1", "0-1"]));
    prop::collection::vec(one, count).prop_map(|all| {
        let name = |i: u64| format!("vm{i}");
        (0..).zip(all).map(|(i, (r, cpus))| top(&name(i), r, cpus, i)).collect()
    })
}

/// Those of `capsules` that are admitted one after the other.
fn admitted_ones(capsules: Vec<Nested>, limits: &Limits) -> Vec<Nested> {
    let mut existing: Vec<Nested> = Vec::new();
    for capsule in capsules {
        if admit(&existing, &new_nested(capsule.clone()), limits).admitted {
            existing.push(capsule);
        }
    }
    existing
}

/// A host whose sum rarely refuses, so that response times do.
fn wide() -> Limits {
    Limits { ceiling: rsv(1_000, 1_000), ..stock() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn offers_fit_and_are_the_largest(
        capsules in capsules(1..6),
        asked in reservation(),
        wide_host in any::<bool>(),
    ) {
        let limits = if wide_host { wide() } else { stock() };
        let existing = admitted_ones(capsules, &limits);
        let asked = new_nested(top("asked", asked, "0", 99));
        check_offers(&existing, &asked, &limits)?;
    }

    #[test]
    fn offers_for_changes_and_children_fit(
        capsules in capsules(2..5),
        family in prop::collection::vec(reservation(), 2),
        asked in reservation(),
        case in 0..3_u8,
    ) {
        let limits = wide();
        let mut existing = admitted_ones(capsules, &limits);
        let parent = new_nested(top("parent", rsv(12, 40), "0-1", 50));
        if admit(&existing, &parent, &limits).admitted {
            existing.push(parent.nested);
            for (i, r) in (0..).zip(family) {
                let kid = new_nested(child("parent", held(&format!("kid{i}"), r, "0", 51 + i)));
                if admit(&existing, &kid, &limits).admitted {
                    existing.push(kid.nested);
                }
            }
        }
        let nested = match (case, existing.last()) {
            (0, Some(last)) | (1, Some(last)) => {
                let mut changed = if case == 0 { last.clone() } else { existing[0].clone() };
                changed.held.reservation = asked;
                changed
            }
            _ if existing.iter().any(|c| c.held.name.as_str() == "parent") => {
                child("parent", held("asked", asked, "1", 99))
            }
            _ => top("asked", asked, "1", 99),
        };
        let replaces = existing.iter().any(|c| c.held.name == nested.held.name);
        check_offers(&existing, &NestedRequest { nested, replaces }, &limits)?;
    }

    /// Whatever is admitted stays so when somebody leaves or shrinks.
    #[test]
    fn less_load_never_hurts(capsules in capsules(2..7), which in any::<prop::sample::Index>()) {
        let limits = wide();
        let existing = admitted_ones(capsules, &limits);
        let which = which.index(existing.len());
        let gone: Vec<Nested> =
            existing.iter().enumerate().filter(|(i, _)| *i != which).map(|(_, c)| c.clone()).collect();
        let mut shrunk = existing.clone();
        let old = shrunk[which].held.reservation;
        let half = Span::from_us(old.budget().as_us().div_ceil(2));
        shrunk[which].held.reservation = Reservation::new(half, old.period()).unwrap();
        for set in [&gone, &shrunk] {
            for capsule in set {
                let unchanged = NestedRequest { nested: capsule.clone(), replaces: true };
                prop_assert!(admit(set, &unchanged, &limits).admitted, "{}", capsule.held.name);
            }
        }
    }

    /// A larger request is never admitted where a smaller one is refused.
    #[test]
    fn admission_is_monotone_in_the_budget(capsules in capsules(1..6), asked in reservation()) {
        let limits = stock();
        let existing = admitted_ones(capsules, &limits);
        let verdict = |r| admit(&existing, &new_nested(top("asked", r, "0-1", 99)), &limits);
        if let Some(larger) = microsecond_more(asked) {
            prop_assert!(verdict(asked).admitted || !verdict(larger).admitted);
        }
    }

    /// A parent's own part and its children's shares are exactly what it held.
    #[test]
    fn flattening_keeps_totals(children in prop::collection::vec(reservation(), 0..5)) {
        let whole = rsv(30, 40);
        let kids = (0..).zip(&children);
        let mut all: Vec<Nested> = kids
            .map(|(i, &r)| child("p", held(&format!("c{i}"), r, "0", i)))
            .collect();
        all.push(top("p", whole, "0", 99));
        let share = |r: Reservation| {
            let exact = u128::from(r.budget().as_ns()) * u128::from(whole.period().as_ns());
            let ns_per_us = u128::from(r.period().as_ns()) * 1_000;
            Span::from_us(u64::try_from(exact.div_ceil(ns_per_us)).unwrap())
        };
        let shares = children.iter().fold(Span::ZERO, |sum, &r| sum + share(r));
        match flatten(&all) {
            Err(_) => prop_assert!(shares > whole.budget()),
            Ok(flat) => {
                let own = flat.iter().find(|h| h.name.as_str() == "p");
                let own = own.map_or(Span::ZERO, |h| h.reservation.budget());
                prop_assert_eq!(own + shares, whole.budget());
                // In bandwidth, too, each rounding up by at most one part per billion.
                let sum: Bandwidth = flat.iter().map(|h| h.reservation.bandwidth()).sum();
                let slack = Bandwidth::from_ppb(flat.len() as u64);
                prop_assert!(sum <= whole.bandwidth() + slack);
            }
        }
    }

    /// A verdict survives its own JSON.
    #[test]
    fn verdicts_round_trip(capsules in capsules(1..5), asked in reservation()) {
        let existing = admitted_ones(capsules, &stock());
        let verdict = admit(&existing, &new_nested(top("asked", asked, "0", 99)), &stock());
        let json = serde_json::to_string(&verdict).unwrap();
        prop_assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
    }
}

#[test]
fn a_shrinking_change_is_admitted_even_on_an_overcommitted_host() {
    let limits = Limits { foreign: Bandwidth::from_ppb(900_000_000), ..stock() };
    let existing: Vec<Held> = vec![held("a", rsv(5, 10), "0", 1), held("b", rsv(9, 12), "0", 2)];
    let smaller = change(held("a", rsv(4, 10), "0", 1));
    assert!(evenkeel_theory::admit_rtgroup(&existing, &smaller, &limits).admitted);
    let same = change(held("a", rsv(5, 10), "0", 1));
    assert!(!evenkeel_theory::admit_rtgroup(&existing, &same, &limits).admitted);
}

#[test]
fn a_parent_takes_back_only_what_still_fits() {
    // Below (10,40) and (5,20), 'o' has its 8 ms after 43 ms; below (20,40), after 48 ms.
    let limits = wide();
    let parent = top("p", rsv(20, 40), "0", 1);
    let kid = child("p", held("kid", rsv(5, 20), "0", 2));
    let other = top("o", rsv(8, 45), "0", 3);
    let full = [parent.clone(), kid.clone(), other.clone()];
    let unchanged = |capsule: &Nested| NestedRequest { nested: capsule.clone(), replaces: true };
    assert!(full.iter().all(|capsule| admit(&full, &unchanged(capsule), &limits).admitted));
    let without = [parent.clone(), other];
    let back = admit(&without, &unchanged(&parent), &limits);
    assert!(matches!(back.reasons.as_slice(), [Reason::Late { asked: false, .. }]), "{back}");
}

#[test]
#[should_panic(expected = "whether capsule 'a' exists is for the caller to know")]
fn a_new_capsule_of_a_known_name_is_a_bug_of_the_caller() {
    let existing = [held("a", rsv(5, 10), "0", 1)];
    let again = support::new(held("a", rsv(1, 10), "0", 2));
    let _ = admit_quota(&existing, &again, &stock());
}
