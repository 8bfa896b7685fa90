// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether servers fit on one CPU under EDF, and from when bandwidth that one gave up is free.
//!
//! Servers with hard budgets and deadlines at their period ends are scheduled by EDF exactly if the
//! sum of Q/P is at most one (Liu and Layland, JACM 20(1), 1973, theorem 7; for servers Abeni and
//! Buttazzo, RTSS 1998, theorem 1). Assumption that Linux breaks: switching costs nothing and
//! nothing runs above the servers; the limit below one (95 %) is for both.

use evenkeel_model::{Bandwidth, Instant};

use crate::budget::Params;

/// One CPU in the fixed point of [`upper`]: 2^64.
const ONE: u128 = 1 << 64;

/// Q/P in units of 2^-64, rounded up. Q <= P < 2^64, so the shifted budget fits in 128 bits.
pub(crate) fn upper(params: Params) -> u128 {
    (u128::from(params.budget.as_ns()) << 64).div_ceil(u128::from(params.period.as_ns().max(1)))
}

fn lower(params: Params) -> u128 {
    (u128::from(params.budget.as_ns()) << 64) / u128::from(params.period.as_ns().max(1))
}

/// The limit in units of 2^-64, rounded down. A limit is at most a CPU, so the product fits.
fn limit_lower(limit: Bandwidth) -> u128 {
    u128::from(limit.as_ppb()) * ONE / u128::from(Bandwidth::ONE.as_ppb())
}

/// Whether Σ Q/P <= limit, exactly. Where the exact sum needs fractions beyond 128 bits *and* the
/// sum is within 2^-57 of the limit, the answer is no, against the asker.
pub(crate) fn fits(parts: &[Params], limit: Bandwidth) -> bool {
    let sum = |f: fn(Params) -> u128| parts.iter().map(|part| f(*part)).sum::<u128>();
    if sum(upper) <= limit_lower(limit) {
        return true;
    }
    if sum(lower) > limit_lower(limit) + 1 {
        return false;
    }
    let ppb = u128::from(limit.as_ppb());
    exact_sum(parts).is_some_and(|(numerator, denominator)| {
        let least = ppb.checked_mul(denominator);
        let most = numerator.checked_mul(u128::from(Bandwidth::ONE.as_ppb()));
        most.zip(least).is_some_and(|(most, least)| most <= least)
    })
}

/// Σ Q/P as a fraction in lowest terms; `None` where it needs more than 128 bits.
fn exact_sum(parts: &[Params]) -> Option<(u128, u128)> {
    parts.iter().try_fold((0_u128, 1_u128), |(numerator, denominator), part| {
        let (q, p) = (u128::from(part.budget.as_ns()), u128::from(part.period.as_ns().max(1)));
        let common = gcd(denominator, p);
        let (scale, other) = (p / common, denominator / common);
        let sum = numerator.checked_mul(scale)?.checked_add(q.checked_mul(other)?)?;
        let denominator = denominator.checked_mul(scale)?;
        let shared = gcd(sum, denominator).max(1);
        Some((sum / shared, denominator / shared))
    })
}

/// Euclid; ends after at most 186 steps for 128 bits.
fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Σ Q/P rounded up, for messages.
pub(crate) fn held(parts: &[Params]) -> Bandwidth {
    parts.iter().map(|part| Bandwidth::of(part.budget, part.period)).sum()
}

/// Bandwidth that servers of one CPU gave up and that is not yet free: each had used more of its
/// period than its bandwidth's share. One instant stands for all of it, the latest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Freed {
    until: Instant,
    amount: u128,
}

impl Freed {
    /// Adds bandwidth that is free from `from` on.
    pub fn hold(&mut self, amount: u128, from: Instant, now: Instant) {
        if from <= now || amount == 0 {
            return;
        }
        if self.until <= now {
            *self = Freed::default();
        }
        self.until = self.until.max(from);
        self.amount = self.amount.saturating_add(amount);
    }

    /// From when servers may use bandwidth, if all of them together (what they will hold) are
    /// `parts`: at once if they fit beside what is not yet free.
    pub fn usable_from(&self, parts: &[Params], limit: Bandwidth, now: Instant) -> Instant {
        let sum: u128 = parts.iter().map(|part| upper(*part)).sum();
        let fits = sum.saturating_add(self.amount) <= limit_lower(limit);
        if self.until <= now || fits { now } else { self.until }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Span;

    use super::*;

    fn ns(budget: u64, period: u64) -> Params {
        Params { budget: Span::from_ns(budget), period: Span::from_ns(period) }
    }

    #[test]
    fn sums_are_exact_to_the_last_nanosecond() {
        let third = ns(1_000_000, 3_000_000);
        assert!(fits(&[third; 3], Bandwidth::ONE));
        assert!(!fits(&[third, third, ns(1_000_001, 3_000_000)], Bandwidth::ONE));
        assert!(fits(&[], Bandwidth::ZERO));
        let tenth = ns(1_000_000, 10_000_000);
        assert!(fits(&[tenth; 9], Bandwidth::from_ppb(900_000_000)));
        assert!(!fits(&[tenth; 9], Bandwidth::from_ppb(899_999_999)));
    }

    #[test]
    fn what_cannot_be_summed_exactly_is_refused_at_the_limit_only() {
        // Large primes as periods: the common denominator needs more than 128 bits.
        let primes = [9_999_999_967, 9_999_999_943, 9_999_999_929, 9_999_999_881, 9_999_999_851];
        let parts: Vec<Params> = primes.iter().map(|p| ns(p / 5, *p)).collect();
        assert!(fits(&parts, Bandwidth::ONE));
        let above: Vec<Params> = primes.iter().map(|p| ns(p / 5 + 1, *p)).collect();
        assert!(!fits(&above, Bandwidth::ONE));
    }

    #[test]
    fn freed_bandwidth_waits_unless_there_is_room() {
        let (now, later) = (Instant::from_ns(10), Instant::from_ns(20));
        let half = ns(5, 10);
        let mut freed = Freed::default();
        freed.hold(upper(half), later, now);
        assert_eq!(freed.usable_from(&[half], Bandwidth::ONE, now), now);
        assert_eq!(freed.usable_from(&[half, ns(1, 10)], Bandwidth::ONE, now), later);
        assert_eq!(freed.usable_from(&[half, half], Bandwidth::ONE, later), later);
        freed.hold(upper(half), Instant::from_ns(5), now);
        assert_eq!(freed.usable_from(&[half], Bandwidth::ONE, now), now);
    }
}
