// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arithmetic of budgets for values up to 2^63 ns: nothing overflows or panics, and rounding is
//! never in favour of the server that asks.

use evenkeel_model::{Instant, Span};
use evenkeel_policy::WakeRule;
use evenkeel_policy::budget::{Account, Budget, Params, Wake, begin, replenish, wake, zero_lag};
use proptest::prelude::*;

const MOST: u64 = 1 << 63;

/// Small, around powers of two, and anything up to 2^63: where mistakes are.
fn any_ns() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..100_u64,
        (0..63_u32, 0..3_u64).prop_map(|(bit, near)| ((1_u64 << bit) + near).saturating_sub(1)),
        0..=MOST,
        Just(MOST),
    ]
}

fn params() -> impl Strategy<Value = Params> {
    (any_ns(), any_ns()).prop_map(|(a, b)| {
        let period = a.max(b).max(1);
        Params { budget: Span::from_ns(a.min(b).max(1).min(period)), period: Span::from_ns(period) }
    })
}

/// What is left lies between a debt of 2^63 ns and a whole budget.
fn left(params: Params) -> impl Strategy<Value = Budget> {
    let most = Budget::whole(params.budget).as_ns();
    prop_oneof![
        any_ns().prop_map(move |ns| {
            Budget::from_ns(i64::try_from(ns).unwrap_or(i64::MAX).min(most))
        }),
        any_ns().prop_map(|ns| Budget::from_ns(-i64::try_from(ns).unwrap_or(i64::MAX))),
        Just(Budget::from_ns(i64::MIN)),
        Just(Budget::from_ns(most)),
    ]
}

fn case() -> impl Strategy<Value = (Params, Account, Instant)> {
    params().prop_flat_map(|params| {
        (Just(params), left(params), any_ns(), any_ns()).prop_map(
            |(params, left, deadline, now)| {
                let deadline = Instant::from_ns(deadline);
                (params, Account { left, deadline }, Instant::from_ns(now))
            },
        )
    })
}

/// c·P against x·Q, exactly.
fn products(params: Params, left: Budget, x: i128) -> (i128, i128) {
    let (q, p) = (i128::from(params.budget.as_ns()), i128::from(params.period.as_ns()));
    (i128::from(left.as_ns()) * p, x * q)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn a_wake_up_gives_no_more_than_is_due((params, account, now) in case()) {
        let whole = Budget::whole(params.budget);
        for rule in [WakeRule::Renewal, WakeRule::ZeroLag] {
            match wake(rule, params, account, now) {
                Wake::Keep => {
                    // With what is left it stays within its bandwidth up to its deadline.
                    prop_assert!(now < account.deadline && !account.left.is_spent());
                    let ahead = i128::from((account.deadline - now).as_ns());
                    let (used, due) = products(params, account.left, ahead);
                    prop_assert!(used < due);
                }
                Wake::Wait(until) => {
                    prop_assert!(until > now && until == account.deadline);
                    prop_assert!(account.left.is_spent());
                }
                Wake::Renew(new) => {
                    prop_assert!(new.left <= whole);
                    prop_assert_eq!(new.deadline, now.saturating_add(params.period));
                    // No debt is forgotten: what it has now was owed to it by the whole periods that
                    // began since its deadline.
                    if rule == WakeRule::Renewal && now >= account.deadline {
                        let late = (now - account.deadline).as_ns() / params.period.as_ns();
                        let given = (i128::from(late) + 1) * i128::from(whole.as_ns());
                        let most = i128::from(account.left.as_ns()).min(0) + given;
                        prop_assert!(i128::from(new.left.as_ns()) <= most);
                    }
                }
                Wake::Anew(until) => {
                    prop_assert!(rule == WakeRule::ZeroLag && until > now);
                    prop_assert_eq!(until, zero_lag(params, account));
                }
            }
        }
    }

    #[test]
    fn zero_lag_is_never_too_early((params, account, _) in case()) {
        let at = zero_lag(params, account);
        if at == Instant::ORIGIN || at == Instant::NEVER {
            // Out of the range of instants, where nothing is decided.
            return Ok(());
        }
        // c·P >= (d − t0)·Q, and not so one nanosecond earlier.
        let ahead = i128::from(account.deadline.as_ns()) - i128::from(at.as_ns());
        let (has, needs) = products(params, account.left, ahead);
        prop_assert!(has >= needs, "{at}: {has} < {needs}");
        let (has, needs) = products(params, account.left, ahead + 1);
        prop_assert!(has < needs, "{at} is later than it must be");
    }

    #[test]
    fn a_replenishment_adds_one_budget_and_keeps_debt((params, account, now) in case()) {
        let (new, late) = replenish(params, account, now);
        let whole = Budget::whole(params.budget);
        prop_assert!(new.left <= whole);
        prop_assert!(new.deadline > now || new.deadline >= Instant::from_ns(u64::MAX - 1));
        if late {
            prop_assert_eq!(new, begin(params, now));
        } else {
            let sum = i128::from(account.left.as_ns()) + i128::from(whole.as_ns());
            prop_assert!(i128::from(new.left.as_ns()) <= sum);
            prop_assert_eq!(new.deadline, account.deadline.saturating_add(params.period));
        }
    }

    #[test]
    fn charging_takes_all_that_was_executed((_, account, _) in case(), executed in any_ns()) {
        let charged = account.left.charged(Span::from_ns(executed));
        let exact = i128::from(account.left.as_ns()) - i128::from(executed);
        // Saturates at the largest debt only.
        prop_assert!(i128::from(charged.as_ns()) == exact || (charged.as_ns() == i64::MIN && exact <= i128::from(i64::MIN))
            || executed > i64::MAX.unsigned_abs());
        prop_assert!(charged <= account.left);
        prop_assert_eq!(charged.is_spent(), charged.remaining() == Span::ZERO);
    }

    #[test]
    fn the_edge_of_renewal_is_exact(
        q in 2..1_000_000_u64, more in 0..1_000_000_u64, k in 1..1_000_u64, off in -1..=1_i64,
    ) {
        // c = k·Q/g and d − t = k·P/g, so that c·P = (d − t)·Q exactly.
        let p = q + more;
        let scale = 1_000_u64;
        let params = Params { budget: Span::from_ns(q * scale), period: Span::from_ns(p * scale) };
        let left = i64::try_from(q * k).expect("small") + off;
        let now = Instant::from_ns(1 << 40);
        let account = Account {
            left: Budget::from_ns(left),
            deadline: now.saturating_add(Span::from_ns(p * k)),
        };
        let expected = if off < 0 { Wake::Keep } else { Wake::Renew(begin(params, now)) };
        prop_assert_eq!(wake(WakeRule::Renewal, params, account, now), expected);
    }
}
