// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler's tick: how sharp the edge of a budget is.

use evenkeel_model::Span;

use super::Finding;

const ID: &str = "tick";

/// A period of fewer ticks than this suffers: the kernel compares a group's use with its budget at
/// each tick, so a period of n ticks can run over by 1/n of itself; at five that is 20 %.
pub(super) const TICKS_IN_PERIOD_MIN: u64 = 5;

/// From this tick on there is nothing to advise: periods from 5 ms on are good, shorter than any
/// that a VM with packets to serve asks for, and no common kernel ticks faster.
const TICK_SHORT: Span = Span::from_ms(1);

/// What the tick means for budgets.
pub(super) fn check(tick: Option<Span>) -> Finding {
    let Some(tick) = tick else {
        return Finding::info(
            ID,
            "the tick is unknown: the kernel's configuration cannot be read",
            "A capsule may overrun its budget by up to one tick (1 to 10 ms) within a period and \
             repays it in the next.",
        );
    };
    let shortest = Span::from_ns(tick.as_ns().saturating_mul(TICKS_IN_PERIOD_MIN));
    let what = format!("the tick is {tick} (HZ={})", 1_000_000_000 / tick.as_ns().max(1));
    let why = format!(
        "Within a period a capsule overruns its budget by at most one tick, {tick}, repaid in the \
         next period; periods under {shortest} suffer from it."
    );
    if tick <= TICK_SHORT {
        return Finding { why, ..Finding::ok(ID, what) };
    }
    Finding::info(ID, what, why).with_fix(format!(
        "use periods of {shortest} or more; a kernel built with CONFIG_HZ=1000 has a tick of 1ms"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn at_250_hz_periods_under_20_ms_suffer() {
        let finding = check(Some(Span::from_ms(4)));
        assert_eq!(finding.severity, Severity::Info);
        assert_eq!(finding.what, "the tick is 4ms (HZ=250)");
        assert!(finding.why.contains("at most one tick, 4ms"), "{}", finding.why);
        assert!(finding.why.contains("periods under 20ms suffer"), "{}", finding.why);
    }

    #[test]
    fn at_1000_hz_there_is_nothing_to_fix() {
        let finding = check(Some(Span::from_ms(1)));
        assert_eq!((finding.severity, finding.fix), (Severity::Ok, None));
        assert!(finding.why.contains("under 5ms"));
    }

    #[test]
    fn an_unknown_tick_is_said_to_be_unknown() {
        assert!(check(None).what.contains("unknown"));
    }
}
