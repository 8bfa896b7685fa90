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
