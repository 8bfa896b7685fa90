// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel's files can hold: whole microseconds.

use evenkeel_model::{Reservation, Span};

/// One microsecond, the unit of `cpu.rt_runtime_us`, `cpu.rt_period_us` and `cpu.max`.
pub(crate) const MICROSECOND_NS: u64 = 1_000;

/// `span`, rounded up to whole microseconds.
pub(crate) fn up_to_microsecond(span: Span) -> Span {
    // At most 2^64 / 1000 after the division, so the multiplication is exact except within the
    // last microsecond of 584 years, where it saturates.
    Span::from_us(span.as_ns().div_ceil(MICROSECOND_NS))
}

/// The reservation that an enforcer writes for `asked`: the budget rounded up and the period
/// rounded down to whole microseconds, so that what is enforced is never less than what was asked,
/// and admission, which tests this form, rounds against the asker.
///
/// The kernel reads `cpu.rt_runtime_us`, `cpu.rt_period_us` (kernel/sched/rt.c,
/// `sched_group_set_rt_runtime`) and `cpu.max` as microseconds.
pub fn in_whole_microseconds(asked: Reservation) -> Reservation {
    // The shortest period is a whole number of microseconds, so rounding down stays in range; a
    // budget of the whole period stays one.
    let period = Span::from_us(asked.period().as_us());
    let budget = up_to_microsecond(asked.budget()).min(period);
    Reservation::new(budget, period).expect("rounding to microseconds keeps a reservation valid")
}

/// The grain in which an enforcer is told times, and whether each CPU is told its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Whole microseconds, one budget for all CPUs of a capsule: the kernel's files.
    Microsecond,
    /// Nanoseconds, a budget for each CPU: the maps of a sched_ext scheduler.
    Nanosecond,
}

impl Grain {
    /// What is written for `asked`.
    pub fn written(self, asked: Reservation) -> Reservation {
        match self {
            Grain::Microsecond => in_whole_microseconds(asked),
            Grain::Nanosecond => asked,
        }
    }

    /// What a child takes out of each period of its parent: ⌈q·P/p⌉ in whole units of the grain,
    /// rounded against the parent's own part, since child and parent are the same asker.
    pub fn share(self, child: Reservation, parent: Reservation) -> Span {
        let (child, unit) = match self {
            Grain::Microsecond => (in_whole_microseconds(child), MICROSECOND_NS),
            Grain::Nanosecond => (child, 1),
        };
        let numerator = u128::from(child.budget().as_ns()) * u128::from(parent.period().as_ns());
        let denominator = u128::from(child.period().as_ns()) * u128::from(unit);
        // q <= p, so the share is at most the parent's period plus one unit: it fits 64 bits.
        let units = u64::try_from(numerator.div_ceil(denominator)).expect("q/p <= 1 of a period");
        Span::from_ns(units.saturating_mul(unit))
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::PERIOD_MIN;

    use super::*;

    #[test]
    fn rounds_against_the_asker_and_stays_valid() {
        let asked = Reservation::new(Span::from_ns(1_000_001), Span::from_ns(1_999_999)).unwrap();
        let written = in_whole_microseconds(asked);
        assert_eq!(written.budget(), Span::from_us(1_001));
        assert_eq!(written.period(), Span::from_us(1_999));
        let whole = Reservation::new(Span::from_ns(1_000_500), Span::from_ns(1_000_500)).unwrap();
        let written = in_whole_microseconds(whole);
        assert_eq!((written.budget(), written.period()), (PERIOD_MIN, PERIOD_MIN));
    }
}
