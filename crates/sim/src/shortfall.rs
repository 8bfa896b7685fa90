// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a capsule ever had less than it was promised, judged on a recorded run.
//!
//! The promise is the supply bound of [`evenkeel_theory::Supply`]: in every window in which the
//! capsule always has work, it runs for at least the bound of the window's length. Of all windows
//! only those need be looked at that begin where work comes or the capsule stops running, and end
//! where it runs again or its work ends: in between, running raises what it had at least as fast
//! as what it is owed, and waiting only shortens the window.

use evenkeel_model::{Instant, Span};
use evenkeel_theory::Supply;

use crate::trace::Trace;

/// A window in which a capsule had too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// Begin of the window.
    pub from: Instant,
    /// Its end.
    pub to: Instant,
    /// What the capsule had in it.
    pub had: Span,
    /// What it was owed.
    pub owed: Span,
}

/// The worst window of `capsule`, by its place in the scenario, on a machine with one CPU: the one
/// that lacks most against `supply`; `None` if none lacks anything. Takes time in proportion to the
/// square of the times that the capsule ran.
pub fn worst(trace: &Trace, capsule: usize, supply: Supply) -> Option<Shortfall> {
    let own = |lane: usize| trace.lanes[lane].capsule_index == capsule;
    let runs: Vec<(Instant, Instant)> = trace
        .stretches
        .iter()
        .filter(|stretch| own(stretch.lane) && !stretch.stolen)
        .map(|stretch| (stretch.from, stretch.to))
        .collect();
    let lacking = busy(trace, own).into_iter().filter_map(|busy| worst_within(busy, &runs, supply));
    lacking.max_by_key(|shortfall| shortfall.owed.saturating_sub(shortfall.had))
}

/// Times in which any thread of the capsule had work, joined where they touch, in order.
fn busy(trace: &Trace, own: impl Fn(usize) -> bool) -> Vec<(Instant, Instant)> {
    let mut all: Vec<(Instant, Instant)> = trace
        .backlogs
        .iter()
        .filter(|backlog| own(backlog.lane))
        .map(|backlog| (backlog.from, backlog.to))
        .collect();
    all.sort_unstable();
    let mut joined: Vec<(Instant, Instant)> = Vec::with_capacity(all.len());
    for (from, to) in all {
        match joined.last_mut() {
            // Work that comes at the very instant at which the last was done does not go on: the
            // server was idle in between, and its rules for waking up apply.
            Some((_, last)) if from < *last => *last = (*last).max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

fn worst_within(
    (begin, end): (Instant, Instant),
    runs: &[(Instant, Instant)],
    supply: Supply,
) -> Option<Shortfall> {
    let first = runs.partition_point(|(_, to)| *to <= begin);
    let last = runs.partition_point(|(from, _)| *from < end);
    let inside = runs.get(first..last).unwrap_or_default();
    let starts = std::iter::once(begin).chain(inside.iter().map(|(_, to)| *to));
    let mut worst: Option<Shortfall> = None;
    for (index, from) in starts.enumerate() {
        let mut had = Span::ZERO;
        let ends = inside[index..].iter().map(Some).chain(std::iter::once(None));
        for run in ends {
            let to = run.map_or(end, |(start, _)| *start);
            let owed = supply.bound(to.saturating_since(from));
            let lacks = owed.saturating_sub(had);
            if lacks > worst.map_or(Span::ZERO, |w| w.owed.saturating_sub(w.had)) {
                worst = Some(Shortfall { from, to, had, owed });
            }
            if let Some((start, stop)) = run {
                had = had + (*stop - *start);
            }
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Reservation;

    use super::*;
    use crate::SchedulerKind;
    use crate::trace::{Backlog, Lane, Stretch};

    /// A capsule with work from 0 to `end_ms` that ran in `runs_ms`.
    fn trace(runs_ms: &[(u64, u64)], end_ms: u64) -> Trace {
        let at = |ms: u64| Instant::from_ns(ms * 1_000_000);
        let stretch = |&(from, to): &(u64, u64)| Stretch {
            lane: 0,
            cpu: 0,
            from: at(from),
            to: at(to),
            stolen: false,
        };
        Trace {
            scheduler: SchedulerKind::Capsule,
            lanes: vec![Lane { thread: "t".into(), capsule: "c".into(), capsule_index: 0 }],
            cpus: 1,
            end: at(end_ms),
            stretches: runs_ms.iter().map(stretch).collect(),
            backlogs: vec![Backlog { lane: 0, from: at(0), to: at(end_ms) }],
            events: Vec::new(),
            is_cut: false,
        }
    }

    #[test]
    fn the_worst_case_of_the_bound_passes_and_a_nanosecond_more_does_not() {
        let reservation = Reservation::new(Span::from_ms(3), Span::from_ms(5)).unwrap();
        let supply = Supply::of_hard_cbs(reservation);
        // First in one period, last in the next: the longest gap, 2 (P - Q).
        assert_eq!(worst(&trace(&[(0, 3), (7, 10)], 10), 0, supply), None);
        let late = worst(&trace(&[(0, 3), (8, 10)], 10), 0, supply).unwrap();
        assert_eq!(late.from, Instant::from_ns(3_000_000));
        assert_eq!(late.to, Instant::from_ns(8_000_000));
        assert_eq!((late.had, late.owed), (Span::ZERO, Span::from_ms(1)));
        assert!(worst(&trace(&[], 10), 0, supply).is_some());
    }
}
