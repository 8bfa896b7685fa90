// SPDX-License-Identifier: MIT OR Apache-2.0
//! Admission for `scx`: the sum per CPU with its floor, parents CPU by CPU, offers that fit, and
//! verdicts as an operator reads them.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod support;

use evenkeel_model::{Bandwidth, Reservation, Span};
use evenkeel_theory::{
    BEST_EFFORT_MIN, Change, Limits, Nested, NestedRequest, Reason, Verdict, admit_scx,
    admit_scx_nested, flatten_per_cpu,
};
use proptest::prelude::*;
use snapbox::{assert_data_eq, str};

use support::{change, child, held, new, new_nested, on_cpu_0, rsv, stock, top};

fn admit(existing: &[Nested], asked: &NestedRequest, limits: &Limits) -> Verdict {
    admit_scx_nested(existing, asked, limits).unwrap()
}

#[test]
fn utilisation_is_enough_where_response_times_are_not() {
    // Refused for real-time groups: 0.867 by response times.
    let existing = on_cpu_0(&[(4, 10)]);
    assert!(admit_scx(&existing, &new(held("b", rsv(7, 15), "0", 1)), &stock()).admitted);
}

#[test]
fn five_per_cent_stay_whatever_the_ceiling_says() {
    let all = Limits { ceiling: rsv(1_000, 1_000), ..stock() };
    let fits = |budget, limits: &Limits| {
        admit_scx(&[], &new(held("a", rsv(budget, 100), "0", 1)), limits).admitted
    };
    assert!(fits(95, &all) && !fits(96, &all));
    let less = Limits { ceiling: rsv(800, 1_000), ..stock() };
    assert!(fits(80, &less) && !fits(81, &less));
    let outranked = Limits { foreign: Bandwidth::from_ppb(200_000_000), ..stock() };
    assert!(fits(75, &outranked) && !fits(76, &outranked));
    assert_eq!(BEST_EFFORT_MIN, Bandwidth::ONE - Bandwidth::from_ppb(950_000_000));
}

#[test]
fn what_holds_too_much_may_shrink() {
    let existing = vec![held("a", rsv(60, 100), "0", 1), held("b", rsv(50, 100), "0", 2)];
    let smaller = change(held("a", rsv(50, 100), "0", 1));
    assert!(admit_scx(&existing, &smaller, &stock()).admitted);
    // The same share over another period is no shrinking.
    let same = change(held("a", rsv(30, 50), "0", 1));
    assert!(!admit_scx(&existing, &same, &stock()).admitted);
}

#[test]
fn a_refusal_says_where_who_and_what_would_fit() {
    let existing = vec![held("web", rsv(10, 20), "0", 1), held("db", rsv(15, 50), "0", 2)];
    let verdict = admit_scx(&existing, &new(held("mail", rsv(5, 25), "0-1", 3)), &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'mail' cannot hold 5ms every 25ms (20 %) on CPUs 0-1
  CPU 0: capsules may have 95 % of a CPU, the rest stays for best effort: 'web' holds 50 %, 'db'
    holds 30 %; 15 % are left, this adds 20 %

It would fit
  - with a budget of at most 3.75ms at the same period (15 %)
  - as asked, once 'web' shrinks from 10ms to 9ms every 20ms
  - as asked, once 'db' shrinks from 15ms to 12.5ms every 50ms

CPU 0: 15 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      10ms    20ms    50 %   20ms
  mail     5ms     25ms    20 %   25ms  <- asked
  db       15ms    50ms    30 %   50ms

CPU 1: 95 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  mail     5ms     25ms    20 %   25ms  <- asked
"#]]
    );
}

#[test]
fn an_admission_says_what_it_rests_on() {
    let limits = Limits { foreign: Bandwidth::from_ppb(100_000_000), ..stock() };
    let verdict = admit_scx(&[], &new(held("web", rsv(6, 20), "0", 1)), &limits);
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'web' holds 6ms every 20ms (30 %) on CPU 0

CPU 0: 55 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      6ms     20ms    30 %   20ms  <- asked

note: interrupts and threads of the fair, real-time and deadline classes run before any capsule;
      10 % of each CPU is kept for them
"#]]
    );
}

#[test]
fn a_child_takes_from_its_parent_where_it_is() {
    let parent = top("p", rsv(40, 100), "0-1", 1);
    let kid = |budget, cpus: &str| new_nested(child("p", held("kid", rsv(budget, 100), cpus, 2)));
    let existing = [parent.clone(), top("o", rsv(55, 100), "0-1", 3)];
    // CPU 1 is full, and a child on CPU 0 changes nothing there.
    assert!(admit(&existing, &kid(40, "0"), &stock()).admitted);
    let refused = admit(&existing, &kid(41, "0"), &stock());
    assert!(matches!(
        refused.reasons.as_slice(),
        [Reason::ParentExceeded { left: Some(left), .. }] if *left == Span::from_ms(40)
    ));
    // 95 % are taken, so the parent cannot grow; a lower budget is what is left to offer.
    assert!(refused.smallest_change.iter().any(|c| matches!(c, Change::LowerBudget { .. })));
    assert!(!refused.smallest_change.iter().any(|c| matches!(c, Change::GrowParent { .. })));
    // Two children on different CPUs each have the whole parent.
    let both = [existing[0].clone(), child("p", held("a", rsv(40, 100), "0", 4))];
    let second = new_nested(child("p", held("b", rsv(40, 100), "1", 5)));
    assert!(admit(&both, &second, &stock()).admitted);
}

#[test]
fn a_parent_that_must_grow_grows_by_what_its_fullest_cpu_lacks() {
    let existing = [top("p", rsv(30, 100), "0-1", 1), child("p", held("a", rsv(20, 100), "0", 2))];
    let asked = new_nested(child("p", held("b", rsv(25, 100), "0-1", 3)));
    let verdict = admit(&existing, &asked, &stock());
    let grown = verdict.smallest_change.iter().find_map(|change| match change {
        Change::GrowParent { to, .. } => Some(*to),
        _ => None,
    });
    assert_eq!(grown, Some(rsv(45, 100)));
}

/// Reservations of at most half a CPU, in nanoseconds.
fn reservation() -> impl Strategy<Value = Reservation> {
    (1_000_000..=100_000_000_u64).prop_flat_map(|period| {
        (1..=period / 2).prop_map(move |budget| {
            Reservation::new(Span::from_ns(budget), Span::from_ns(period)).unwrap()
        })
    })
}

/// Whether ΣQ/P on a CPU exceeds the limit, with fractions of 2^60 instead of parts per billion.
fn exceeds(flat: &[evenkeel_theory::Held], cpu: u32, limit_ppb: u64) -> bool {
    let cpu = evenkeel_model::CpuIndex(cpu);
    // Rounded down in units of 2^-60: an under-estimate by less than one unit a server.
    let sum: u128 = flat
        .iter()
        .filter(|held| held.cpus.contains(cpu))
        .map(|held| {
            let r = held.reservation;
            (u128::from(r.budget().as_ns()) << 60) / u128::from(r.period().as_ns())
        })
        .sum();
    sum > (u128::from(limit_ppb) << 60) / 1_000_000_000
}

proptest! {
    /// Whatever is admitted in turn stays within the limit on every CPU, parents and children
    /// included, and every offer of a refusal fits.
    #[test]
    fn admitted_sets_stay_within_the_limit_and_offers_fit(
        asked in prop::collection::vec((reservation(), 0..6_usize, 0..4_usize), 1..10),
    ) {
        let limits = stock();
        let mut existing: Vec<Nested> = Vec::new();
        for (i, (reservation, cpus, parent)) in asked.into_iter().enumerate() {
            let cpus = ["0", "1", "0-1", "0", "1", "0-1"][cpus];
            let held = held(&format!("c{i}"), reservation, cpus, i as u64);
            let parent = existing.get(parent).filter(|p| held.cpus.is_subset(&p.held.cpus));
            let nested = match parent {
                Some(parent) => child(parent.held.name.as_str(), held),
                None => Nested::top(held),
            };
            let request = new_nested(nested);
            let verdict = admit(&existing, &request, &limits);
            if verdict.admitted {
                existing.push(request.nested);
            } else {
                prop_assert!(!verdict.reasons.is_empty());
                for change in &verdict.smallest_change {
                    check_offer(&existing, &request, change, &limits)?;
                }
            }
            let flat = flatten_per_cpu(&existing).unwrap();
            for cpu in 0..2 {
                prop_assert!(!exceeds(&flat, cpu, 950_000_000));
            }
        }
    }

    /// A refusal is never for less than what is left: one part per billion and capsule at most is
    /// lost to rounding.
    #[test]
    fn rounding_costs_next_to_nothing(
        set in prop::collection::vec(reservation(), 1..12),
        asked in reservation(),
    ) {
        let limits = stock();
        let mut existing = Vec::new();
        for (i, r) in set.into_iter().enumerate() {
            let held = held(&format!("c{i}"), r, "0", i as u64);
            if admit_scx(&existing, &new(held.clone()), &limits).admitted {
                existing.push(held);
            }
        }
        let request = new(held("asked", asked, "0", 99));
        let verdict = admit_scx(&existing, &request, &limits);
        let mut all = existing.clone();
        all.push(request.held);
        let slack = all.len() as u64;
        prop_assert!(verdict.admitted || exceeds(&all, 0, 950_000_000 - slack));
        prop_assert!(!(verdict.admitted && exceeds(&all, 0, 950_000_000)));
    }
}

/// Tries an offer by the same test.
fn check_offer(
    existing: &[Nested],
    asked: &NestedRequest,
    change: &Change,
    limits: &Limits,
) -> Result<(), TestCaseError> {
    let (mut existing, mut asked) = (existing.to_vec(), asked.clone());
    match change {
        Change::LowerBudget { reservation } | Change::OtherPeriod { reservation } => {
            asked.nested.held.reservation = *reservation;
        }
        Change::OtherCpus { cpus } => asked.nested.held.cpus = cpus.clone(),
        Change::GrowParent { name, to, .. } | Change::Shrink { name, to, .. } => {
            let other = existing.iter_mut().find(|c| c.held.name == *name).unwrap();
            other.held.reservation = *to;
        }
    }
    let verdict = admit(&existing, &asked, limits);
    prop_assert!(verdict.admitted, "{change}: {verdict}");
    Ok(())
}
