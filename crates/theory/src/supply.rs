// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bounds on what a server gives and takes: the least supply in a window, the most consumption.

use evenkeel_model::{Reservation, Span};

/// Least time that a capsule with work gets in any window of length `window`: the supply bound
/// function of the periodic resource model. With s = P − Q: nothing for t < s, else with
/// n = ⌊(t − s)/P⌋, n·Q + max(0, t − 2s − n·P).
///
/// Shin and Lee, "Periodic resource model for compositional real-time guarantees", RTSS 2003: the
/// longest gap is 2(P − Q), budget first at the start of a period, last at the end of the next.
/// Assumes a server that gets Q in every period from the period's start while it has work, which is
/// what admission establishes.
/// Linux breaks it by ticks: an overrun of up to one tick is repaid in the next period, so the
/// supply of a single period may be one tick short; and by interrupts, whose time is charged to
/// whoever they interrupt.
pub fn supply_bound(reservation: Reservation, window: Span) -> Span {
    let (q, p, t) = parts(reservation, window);
    let gap = p - q;
    if t < gap {
        return Span::ZERO;
    }
    let periods = (t - gap) / p;
    // n·Q <= n·P <= t and t + s stays below 2^65: 128 bits show every step.
    let rest = t.saturating_sub(2 * gap + periods * p);
    narrow(periods * q + rest)
}

/// Most time that a deferrable server takes in any window of length `window`:
/// ⌈(W + P − Q)/P⌉·Q, one whole budget at the end of a period and then one at the start of each
/// following period. The last budget is counted whole even where the window ends within it.
///
/// Strosnider, Lehoczky and Sha, "The deferrable server algorithm for enhanced aperiodic
/// responsiveness in hard real-time environments", IEEE Trans. Computers 44(1), 1995 (the
/// back-to-back effect); in this form, jitter P − Q, Davis and Burns, "Hierarchical fixed priority
/// pre-emptive scheduling", RTSS 2005.
/// Linux breaks it by ticks: add one tick per server and window
/// ([`crate::deferrable_response_time_with_overrun`]).
pub fn consumption_bound(reservation: Reservation, window: Span) -> Span {
    if window == Span::ZERO {
        return Span::ZERO;
    }
    let (q, p, w) = parts(reservation, window);
    narrow((w + p - q).div_ceil(p) * q)
}

/// Budget, period and window in 128 bits, where no sum or product below can overflow.
fn parts(reservation: Reservation, window: Span) -> (u128, u128, u128) {
    (
        u128::from(reservation.budget().as_ns()),
        u128::from(reservation.period().as_ns()),
        u128::from(window.as_ns()),
    )
}

/// Back to 64 bits. Bounds are at most window + 2 periods; beyond 2^64 ns they saturate, which
/// only a window of 584 years reaches.
fn narrow(ns: u128) -> Span {
    Span::from_ns(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(budget: u64, period: u64) -> Reservation {
        Reservation::new(Span::from_ms(budget), Span::from_ms(period)).unwrap()
    }

    #[test]
    fn supply_of_the_reference_example() {
        let supply = |t| supply_bound(ms(3, 5), Span::from_ms(t));
        for (t, expected) in [(0, 0), (4, 0), (5, 1), (7, 3), (8, 3), (10, 4), (12, 6)] {
            assert_eq!(supply(t), Span::from_ms(expected), "t = {t} ms");
        }
    }

    #[test]
    fn a_whole_cpu_supplies_all_of_it() {
        let whole = ms(7, 7);
        assert_eq!(supply_bound(whole, Span::from_ms(123)), Span::from_ms(123));
    }

    #[test]
    fn windows_of_centuries_do_not_overflow() {
        let long = Span::from_ns(u64::MAX);
        assert!(supply_bound(ms(1, 10_000), long) > Span::ZERO);
        assert_eq!(consumption_bound(ms(10_000, 10_000), long), long);
    }

    #[test]
    fn two_budgets_back_to_back() {
        let taken = |w| consumption_bound(ms(4, 10), Span::from_ms(w));
        for (w, expected) in [(0, 0), (1, 4), (4, 4), (5, 8), (14, 8), (15, 12)] {
            assert_eq!(taken(w), Span::from_ms(expected), "w = {w} ms");
        }
    }
}
