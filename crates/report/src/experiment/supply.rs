// SPDX-License-Identifier: MIT OR Apache-2.0
//! Supply period by period, from the stretches of execution that a spinner saw.
//!
//! The spinner does not know when the kernel's period begins, but it sees it: a throttled capsule
//! runs again when its budget is replenished, which is at a boundary. The boundaries are therefore
//! taken from the beginnings that follow a real gap, the earliest of them modulo the period: a late
//! wake-up is possible, an early one is not.

use evenkeel_lab::measurement::{AccuracyRun, Stretch};

/// More periods than this are not split (a run of 10 s has 10 000 at the shortest period): a
/// foreign file must not make the report run for hours.
const PERIODS_MAX: u64 = 20_000;

/// A run cut at its period boundaries, nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Periods {
    /// The first boundary seen, since the start of the run.
    pub begin_ns: u64,
    /// Supply of each whole period from there on.
    pub supply_ns: Vec<u64>,
}

/// Cuts a run. `None` without a gap in it, without a whole period, or without a period at all.
pub(crate) fn periods(run: &AccuracyRun) -> Option<Periods> {
    let period_ns = run.period_ns.as_ns();
    if period_ns == 0 {
        return None;
    }
    let stretches = sorted(&run.stretches);
    let begin_ns = first_boundary(&stretches, run)?;
    let end_ns = stretches.last().map(|(_, end)| *end)?;
    let count = (end_ns.saturating_sub(begin_ns) / period_ns).min(PERIODS_MAX);
    if count == 0 {
        return None;
    }
    let mut supply_ns = vec![0_u64; usize::try_from(count).ok()?];
    for (from, to) in stretches {
        let mut from = from.max(begin_ns);
        while from < to {
            let index = (from - begin_ns) / period_ns;
            let Some(slot) = usize::try_from(index).ok().and_then(|i| supply_ns.get_mut(i)) else {
                break;
            };
            let boundary = begin_ns.saturating_add((index + 1).saturating_mul(period_ns));
            let until = to.min(boundary);
            *slot = slot.saturating_add(until - from);
            from = until;
        }
    }
    Some(Periods { begin_ns, supply_ns })
}

/// Begin and end of each stretch, in order.
pub(crate) fn sorted(stretches: &[Stretch]) -> Vec<(u64, u64)> {
    let mut sorted: Vec<(u64, u64)> = stretches
        .iter()
        .map(|s| (s.begin_ns.as_ns(), s.begin_ns.as_ns().saturating_add(s.length_ns.as_ns())))
        .collect();
    sorted.sort_unstable();
    sorted
}

/// The first boundary at or after the start, nanoseconds.
fn first_boundary(stretches: &[(u64, u64)], run: &AccuracyRun) -> Option<u64> {
    let period_ns = i128::from(run.period_ns.as_ns());
    let rest_ns = run.period_ns.saturating_sub(run.budget_ns).as_ns();
    // Half the rest of the period: an interrupt is shorter, the end of a budget is longer.
    let replenished = |pair: &&[(u64, u64)]| {
        let gap_ns = pair[1].0.saturating_sub(pair[0].1);
        gap_ns > 0 && gap_ns >= rest_ns / 2
    };
    let mut begins = stretches.windows(2).filter(replenished).map(|pair| i128::from(pair[1].0));
    let first = begins.next()?;
    let earliest = begins
        .map(|begin| {
            let offset = (begin - first).rem_euclid(period_ns);
            if offset > period_ns / 2 { offset - period_ns } else { offset }
        })
        .fold(0, i128::min);
    u64::try_from((first + earliest).rem_euclid(period_ns)).ok()
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Span;

    use super::*;

    fn run(budget_ms: u64, period_ms: u64, stretches_us: &[(u64, u64)]) -> AccuracyRun {
        let stretch = |(begin, length): &(u64, u64)| Stretch {
            begin_ns: Span::from_us(*begin),
            length_ns: Span::from_us(*length),
        };
        AccuracyRun {
            budget_ns: Span::from_ms(budget_ms),
            period_ns: Span::from_ms(period_ms),
            elapsed_ns: Span::from_s(1),
            supply_ns: Span::ZERO,
            stretches: stretches_us.iter().map(stretch).collect(),
            truncated: false,
            steal_ratio: 0.0,
        }
    }

    #[test]
    fn supply_is_counted_from_the_earliest_replenishment() {
        // Boundaries at 5, 25, 45, 65 ms; the second wake-up is 100 us late; an interrupt cuts the
        // stretch at 45 ms; the one at 25 ms overruns by 4 ms, which is repaid.
        let run = run(
            6,
            20,
            &[
                (0, 1000),
                (5_000, 6_000),
                (25_100, 10_000),
                (45_000, 1_000),
                (46_010, 990),
                (65_000, 6_000),
                (85_000, 100),
            ],
        );
        let periods = periods(&run).unwrap();
        assert_eq!(periods.begin_ns, 5_000_000);
        assert_eq!(periods.supply_ns, [6_000_000, 10_000_000, 1_990_000, 6_000_000]);
    }

    #[test]
    fn a_late_first_wake_up_does_not_shift_the_boundaries() {
        let run = run(
            6,
            20,
            &[(0, 1_000), (25_300, 6_000), (45_000, 6_000), (65_100, 6_000), (85_000, 1)],
        );
        assert_eq!(periods(&run).unwrap().begin_ns, 5_000_000);
    }

    #[test]
    fn a_run_without_gaps_or_period_is_not_cut() {
        assert_eq!(periods(&run(6, 20, &[])), None);
        assert_eq!(periods(&run(6, 20, &[(0, 1_000_000)])), None);
        assert_eq!(periods(&run(6, 0, &[(0, 1), (5, 1)])), None);
    }

    #[test]
    fn a_foreign_file_cannot_make_it_run_for_hours() {
        let mut run = run(0, 1, &[(0, 1), (1_000, 1), (2_000, 1)]);
        run.period_ns = Span::from_ns(1);
        run.stretches
            .push(Stretch { begin_ns: Span::from_ns(2), length_ns: Span::from_ns(u64::MAX) });
        let periods = periods(&run).unwrap();
        assert!(periods.supply_ns.len() <= 20_000);
    }
}
