// SPDX-License-Identifier: MIT OR Apache-2.0
//! The arithmetic of a hard constant bandwidth server: what waking, executing and replenishing do to
//! what is left of its budget and to its deadline.
//!
//! Q is the budget, P the period, c what is left (negative: debt), d the deadline, t now. All values
//! may be as large as 2^63 ns; products are formed in 128 bits, where none of them overflows.
//! Instants saturate at [`Instant::NEVER`]. The one division that is not exact rounds against the
//! server ([`zero_lag`] rounds up: later).
//!
//! Biondi, Melani and Bertogna, "Hard constant bandwidth server: comprehensive formulation and
//! critical scenarios", SIES 2014. Assumption that Linux breaks: that execution is charged the
//! instant it ends. It is charged late, hence debt, which E1a and E5 carry.

use std::fmt;

use evenkeel_model::{Instant, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::config::WakeRule;

/// What is left of a budget, nanoseconds; negative after an overrun.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Budget(i64);

impl Budget {
    /// Nothing left, nothing owed.
    pub const ZERO: Budget = Budget(0);

    /// `ns` nanoseconds, negative for debt.
    pub const fn from_ns(ns: i64) -> Budget {
        Budget(ns)
    }

    /// Nanoseconds, negative for debt.
    pub const fn as_ns(self) -> i64 {
        self.0
    }

    /// A whole budget. Saturates at 2^63 ns, beyond any period.
    pub fn whole(budget: Span) -> Budget {
        Budget(i64::try_from(budget.as_ns()).unwrap_or(i64::MAX))
    }

    /// Whether there is nothing to run with.
    pub const fn is_spent(self) -> bool {
        self.0 <= 0
    }

    /// What there is to run with; none in debt.
    pub const fn remaining(self) -> Span {
        if self.0 > 0 { Span::from_ns(self.0.unsigned_abs()) } else { Span::ZERO }
    }

    /// E3: what is left after executing. Saturates at a debt of 2^63 ns.
    pub fn charged(self, executed: Span) -> Budget {
        Budget(self.0.saturating_sub(i64::try_from(executed.as_ns()).unwrap_or(i64::MAX)))
    }

    /// The value in the 128 bits in which all products are formed.
    fn wide(self) -> i128 {
        i128::from(self.0)
    }

    /// min(whole budget, value): the smaller of the two fits, because a whole budget does, and no
    /// value here is below the debt it came from.
    fn capped(value: i128, params: Params) -> Budget {
        let capped = value.min(Budget::whole(params.budget).wide());
        Budget(i64::try_from(capped).unwrap_or(i64::MIN))
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        f.pad(&format!("{sign}{}", Span::from_ns(self.0.unsigned_abs())))
    }
}

/// Q and P of one server: the own part of a capsule, so that Q may be nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Q.
    pub budget: Span,
    /// P, at least 1 ns.
    pub period: Span,
}

impl Params {
    /// Q/P of `self` against that of `other`, exactly: two products of 64 bits in 128.
    pub fn is_at_most(self, other: Params) -> bool {
        let product = |a: Span, b: Span| u128::from(a.as_ns()) * u128::from(b.as_ns());
        product(self.budget, other.period) <= product(other.budget, self.period)
    }
}

impl From<Reservation> for Params {
    fn from(reservation: Reservation) -> Params {
        Params { budget: reservation.budget(), period: reservation.period() }
    }
}

/// c and d of one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// c.
    pub left: Budget,
    /// d.
    pub deadline: Instant,
}

/// What waking up does to a server (rule E1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// E1d: budget and deadline stay, and it may run.
    Keep,
    /// E1b: both stay, and it waits for its deadline.
    Wait(Instant),
    /// E1a, E1c: both are new. It may run if any budget is left after its debt, or else waits for
    /// the new deadline.
    Renew(Account),
    /// W2: it waits until then, and begins anew with a full budget.
    Anew(Instant),
}

/// A full budget from `now` on.
pub fn begin(params: Params, now: Instant) -> Account {
    Account { left: Budget::whole(params.budget), deadline: now.saturating_add(params.period) }
}

/// E1: a server that was idle wakes at `now`; it has run before.
pub fn wake(rule: WakeRule, params: Params, account: Account, now: Instant) -> Wake {
    match rule {
        WakeRule::Renewal => wake_renewal(params, account, now),
        WakeRule::ZeroLag => {
            let no_lag = zero_lag(params, account);
            if now < no_lag { Wake::Anew(no_lag) } else { Wake::Renew(begin(params, now)) }
        }
    }
}

fn wake_renewal(params: Params, account: Account, now: Instant) -> Wake {
    let Account { left, deadline } = account;
    if now >= deadline {
        return Wake::Renew(Account {
            left: repaid(params, left, now.saturating_since(deadline)),
            deadline: now.saturating_add(params.period),
        });
    }
    if left.is_spent() {
        return Wake::Wait(deadline);
    }
    // E1c, equality renews: c·P >= (d − t)·Q, each at most 2^63 · 2^64.
    let ahead = i128::from(deadline.saturating_since(now).as_ns());
    let budget = i128::from(params.budget.as_ns());
    if left.wide() * i128::from(params.period.as_ns()) >= ahead * budget {
        return Wake::Renew(begin(params, now));
    }
    Wake::Keep
}

/// E1a: debt is paid by the budgets of the n = ⌊(t − d)/P⌋ + 1 periods that passed without use:
/// min(Q, min(c, 0) + n·Q).
fn repaid(params: Params, left: Budget, late: Span) -> Budget {
    let periods = i128::from(late.as_ns() / params.period.as_ns().max(1)) + 1;
    // n <= 2^64 and Q <= 2^63, so the product stays below 2^127.
    let budgets = periods * Budget::whole(params.budget).wide();
    Budget::capped(left.wide().min(0) + budgets, params)
}

/// E5 and E6: the replenishment of a throttled server at its deadline. The second value tells
/// whether it came so late that the server begins anew.
pub fn replenish(params: Params, account: Account, now: Instant) -> (Account, bool) {
    let deadline = account.deadline.saturating_add(params.period);
    if deadline <= now {
        return (begin(params, now), true);
    }
    let left = account.left.wide() + Budget::whole(params.budget).wide();
    (Account { left: Budget::capped(left, params), deadline }, false)
}

/// d − c·P/Q, rounded up: when the server's execution has caught up with what its bandwidth would
/// have given it. From then on its bandwidth is free for others. In debt that is after d.
pub fn zero_lag(params: Params, account: Account) -> Instant {
    let budget = i128::from(params.budget.as_ns());
    if budget == 0 {
        return account.deadline;
    }
    // |c|·P <= 2^63 · 2^64; flooring c·P/Q moves the instant later, against the server.
    let lead = (account.left.wide() * i128::from(params.period.as_ns())).div_euclid(budget);
    let instant = i128::from(account.deadline.as_ns()) - lead;
    Instant::from_ns(u64::try_from(instant.max(0)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT_NS: u64 = 1_000_000;

    fn ms(q: u64, p: u64) -> Params {
        Params { budget: Span::from_ms(q), period: Span::from_ms(p) }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * UNIT_NS)
    }

    fn account(left_ns: i64, deadline: Instant) -> Account {
        Account { left: Budget::from_ns(left_ns), deadline }
    }

    #[test]
    fn equality_renews_and_one_nanosecond_decides() {
        // (2, 6) at t = 3 with d = 6: c·P = (d − t)·Q at c = 1 ms exactly.
        let wake = |left| wake(WakeRule::Renewal, ms(2, 6), account(left, at(6)), at(3));
        let renewed = Wake::Renew(account(2_000_000, at(9)));
        assert_eq!(wake(1_000_000), renewed);
        assert_eq!(wake(1_000_001), renewed);
        assert_eq!(wake(999_999), Wake::Keep);
        assert_eq!(wake(0), Wake::Wait(at(6)));
        assert_eq!(wake(-1), Wake::Wait(at(6)));
        // The same edge in time: with c = 1 ms, one nanosecond earlier is too much to ask.
        let wake_at = |ns: u64| {
            let now = Instant::from_ns(ns);
            super::wake(WakeRule::Renewal, ms(2, 6), account(1_000_000, at(6)), now)
        };
        assert_eq!(wake_at(2_999_999), Wake::Keep);
        assert_eq!(wake_at(3_000_000), renewed);
        assert_eq!(
            wake_at(3_000_001),
            Wake::Renew(account(2_000_000, Instant::from_ns(9_000_001)))
        );
    }

    #[test]
    fn debt_is_paid_by_the_periods_that_pass() {
        let wake = |left, now| wake(WakeRule::Renewal, ms(2, 10), account(left, at(10)), at(now));
        let owed = -5 * 1_000_000;
        assert_eq!(wake(owed, 10), Wake::Renew(account(-3_000_000, at(20))));
        assert_eq!(wake(owed, 25), Wake::Renew(account(-1_000_000, at(35))));
        assert_eq!(wake(owed, 30), Wake::Renew(account(1_000_000, at(40))));
        assert_eq!(wake(owed, 400), Wake::Renew(account(2_000_000, at(410))));
        assert_eq!(wake(1_500_000, 10), Wake::Renew(account(2_000_000, at(20))));
    }

    #[test]
    fn replenishing_carries_debt_and_resets_when_late() {
        let replenish = |left, now| replenish(ms(2, 10), account(left, at(10)), at(now));
        assert_eq!(replenish(0, 10), (account(2_000_000, at(20)), false));
        assert_eq!(replenish(-5_000_000, 10), (account(-3_000_000, at(20)), false));
        assert_eq!(replenish(-1, 19), (account(1_999_999, at(20)), false));
        assert_eq!(replenish(-1, 20), (account(2_000_000, at(30)), true));
    }

    #[test]
    fn zero_lag_rounds_up() {
        let three = Params { budget: Span::from_ns(9), period: Span::from_ns(24) };
        let zero = |left| zero_lag(three, account(left, Instant::from_ns(57))).as_ns();
        // Example W2 of the reference in thirds: 19 − 2·8/3 = 13 2/3.
        assert_eq!(zero(6), 41);
        // 57 − 1·24/9 = 54.33: up.
        assert_eq!(zero(1), 55);
        // In debt: 57 + 2.67, up.
        assert_eq!(zero(-1), 60);
        assert_eq!(zero(0), 57);
    }
}
