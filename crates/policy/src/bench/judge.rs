// SPDX-License-Identifier: MIT OR Apache-2.0
//! Judges a schedule by what servers promise: service in each period, gaps, supply in every window
//! in which there was work, use in every window.

use evenkeel_model::{Instant, Reservation, Span};
use evenkeel_theory::supply_bound;

use crate::ids::ThreadId;
use crate::machine::{Busy, Machine, Segment};

/// From one instant to another.
pub type Interval = (Instant, Instant);

/// When a thread ran, in order, touching intervals joined.
pub fn service(machine: &Machine, thread: ThreadId) -> Vec<Interval> {
    let mut joined: Vec<Interval> = Vec::new();
    let mine = machine.segments.iter().filter(|segment: &&Segment| segment.thread == thread);
    for segment in mine {
        match joined.last_mut() {
            Some((_, to)) if *to == segment.from => *to = segment.to,
            _ => joined.push((segment.from, segment.to)),
        }
    }
    joined
}

/// When a thread wanted a CPU, in order.
pub fn wanted(machine: &Machine, thread: ThreadId) -> Vec<Interval> {
    let mine = machine.busy.iter().filter(|busy: &&Busy| busy.thread == thread);
    let mut all: Vec<Interval> = mine.map(|busy| (busy.from, busy.to)).collect();
    all.sort_unstable();
    all
}

/// In how many of the whole periods from `start` to `end` the service is not exactly the budget.
/// Returns the number of periods as well.
pub fn wrong_periods(
    service: &[Interval],
    reservation: Reservation,
    (start, end): Interval,
) -> (u64, u64) {
    let period = reservation.period();
    let (mut wrong, mut periods, mut at, mut next) = (0, 0, start, 0);
    while at.saturating_add(period) <= end {
        let stop = at.saturating_add(period);
        let mut got = Span::ZERO;
        while next < service.len() && service[next].0 < stop {
            let (from, to) = service[next];
            got = got + to.min(stop).saturating_since(from.max(at));
            if to > stop {
                break;
            }
            next += 1;
        }
        wrong += u64::from(got != reservation.budget());
        periods += 1;
        at = stop;
    }
    (wrong, periods)
}

/// The longest time without service between `start` and `end`. A gap still open at the end counts.
pub fn longest_gap(service: &[Interval], (start, end): Interval) -> Span {
    let mut longest = Span::ZERO;
    let mut since = start;
    for (from, to) in service.iter().filter(|(_, to)| *to > start) {
        longest = longest.max(from.saturating_since(since));
        since = *to;
    }
    longest.max(end.saturating_since(since))
}

/// Windows inside `wanted` in which the service is below the supply bound of the server, and how
/// many were looked at.
///
/// The difference between service and bound, as a function of the window's two ends, is least where
/// the window begins with an end of service and ends with a beginning of it (or at the ends of
/// `wanted`), since both functions have slopes 0 and 1 only. So those windows are all.
pub fn below_supply(
    service: &[Interval],
    reservation: Reservation,
    (start, end): Interval,
) -> (u64, u64) {
    let first = service.partition_point(|(_, to)| *to <= start);
    let inside: Vec<Interval> = service[first..]
        .iter()
        .take_while(|(from, _)| *from < end)
        .map(|(from, to)| ((*from).max(start), (*to).min(end)))
        .collect();
    let (mut below, mut looked) = (0, 0);
    for begin in 0..=inside.len() {
        let from = begin.checked_sub(1).map_or(start, |before| inside[before].1);
        let mut got = Span::ZERO;
        for stop in begin..=inside.len() {
            let to = inside.get(stop).map_or(end, |(from, _)| *from);
            let window = to.saturating_since(from);
            below += u64::from(got < supply_bound(reservation, window));
            looked += 1;
            if let Some((from, to)) = inside.get(stop) {
                got = got + to.saturating_since(*from);
            }
        }
    }
    (below, looked)
}

/// Windows in which the use is above `most(window)`, and how many were looked at. The use is
/// greatest in windows that begin with a beginning of service and end with an end of it.
pub fn above_use(service: &[Interval], most: impl Fn(Span) -> Span) -> (u64, u64) {
    let (mut above, mut looked) = (0, 0);
    for (begin, (from, _)) in service.iter().enumerate() {
        let mut used = Span::ZERO;
        for (start, to) in &service[begin..] {
            used = used + to.saturating_since(*start);
            above += u64::from(used > most(to.saturating_since(*from)));
            looked += 1;
        }
    }
    (above, looked)
}

/// ⌊Q·w/P⌋ + `budgets`·Q: holds with 2 whatever threads do.
///
/// The stepwise form Q·(⌊w/P⌋ + 2) is no bound, although it takes long to see: a budget that EDF
/// serves just before its deadline, all but ε of the next at once, and a wake-up at the instant at
/// which ε is too much to keep (E1c) make 3Q − ε in a window of P + 2Q − ε·P/Q, which for ε a
/// little above 2Q²/P is shorter than P. Of windows with random wake-ups one in 200,000 is above it.
pub fn linear_use(reservation: Reservation, budgets: u64, window: Span) -> Span {
    let (q, p) = (reservation.budget().as_ns(), reservation.period().as_ns());
    let share = u128::from(q) * u128::from(window.as_ns()) / u128::from(p);
    Span::from_ns(u64::try_from(share).unwrap_or(u64::MAX)) + Span::from_ns(q * budgets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(q: u64, p: u64) -> Reservation {
        Reservation::new(Span::from_ms(q), Span::from_ms(p)).unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_ns(ms * 1_000_000)
    }

    fn intervals(ms: &[(u64, u64)]) -> Vec<Interval> {
        ms.iter().map(|(from, to)| (at(*from), at(*to))).collect()
    }

    #[test]
    fn periods_are_counted_across_segments() {
        let service = intervals(&[(0, 3), (8, 12), (19, 21)]);
        assert_eq!(wrong_periods(&service, ms(3, 10), (at(0), at(30))), (2, 3));
        let service = intervals(&[(0, 3), (8, 10), (10, 12), (20, 23)]);
        assert_eq!(wrong_periods(&service, ms(3, 10), (at(0), at(30))), (2, 3));
        assert_eq!(wrong_periods(&service, ms(3, 10), (at(20), at(39))), (0, 1));
    }

    #[test]
    fn gaps_include_both_ends() {
        let service = intervals(&[(2, 3), (8, 9)]);
        assert_eq!(longest_gap(&service, (at(0), at(10))), Span::from_ms(5));
        assert_eq!(longest_gap(&service, (at(0), at(20))), Span::from_ms(11));
    }

    #[test]
    fn the_worst_supply_just_passes_and_less_is_found() {
        // (3, 5): first budget at once, second at the end of the next period.
        let worst = intervals(&[(0, 3), (7, 10), (10, 13)]);
        assert_eq!(below_supply(&worst, ms(3, 5), (at(0), at(13))).0, 0);
        let late = intervals(&[(0, 3), (8, 11)]);
        assert!(below_supply(&late, ms(3, 5), (at(0), at(11))).0 > 0);
        assert!(below_supply(&[], ms(3, 5), (at(0), at(5))).0 > 0);
        assert_eq!(below_supply(&[], ms(3, 5), (at(0), at(4))).0, 0);
    }

    #[test]
    fn too_much_use_is_found() {
        let twice = intervals(&[(0, 6)]);
        let above = |r, budgets| above_use(&twice, |w| linear_use(r, budgets, w)).0;
        assert_eq!(above(ms(3, 5), 2), 0);
        assert_eq!(above(ms(3, 7), 1), 1);
        // 6 ms in 6 ms, of 3/6 · 6 + 3.
        assert_eq!(above(ms(3, 6), 1), 0);
    }
}
