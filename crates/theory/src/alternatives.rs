// SPDX-License-Identifier: MIT OR Apache-2.0
//! The smallest changes that would make a refused request fit.
//!
//! Every offer is tried by the test that refused, on the whole set with the offer in it; nothing
//! is offered because a formula says so. The search is bounded: a budget is found by bisection in
//! microseconds (24 steps for the longest period), periods come from a list.

use std::cmp::Ordering;

use evenkeel_model::{Bandwidth, CpuIndex, CpuSet, PERIOD_MAX, PERIOD_MIN, Reservation, Span};

use crate::granularity::Grain;
use crate::rtgroup::{touched, with};
use crate::search::largest;
use crate::verdict::Change;
use crate::{Limits, Nested};

/// Smallest budget offered. A switch into a server and out of it costs some ten microseconds with
/// its cache misses; below ten times that a budget is mostly overhead, and an offer a mockery.
const BUDGET_OFFER_MIN: Span = Span::from_us(100);

/// No capsule is asked to keep less than one part in this many of what it holds: that would not
/// be a shrinking but an eviction, and an operator decides on those without our advice.
const SHRINK_KEEPS_PART: u64 = 10;

/// How many capsules are named as candidates for shrinking. A list longer than this is not read.
const SHRINK_OFFERS_MAX: usize = 3;

/// Offered periods lie within this factor of the asked one: a capsule that wants 20 ms is not
/// helped by 1 s.
const PERIOD_FACTOR_MAX: u64 = 10;

/// Offered periods are at least this many ticks, unless shorter ones are asked for anyway: the
/// same grain as the note on coarse ticks.
const PERIOD_TICKS_MIN: u64 = 5;

/// Round periods, in milliseconds, tried besides simple multiples and parts of those in use.
const ROUND_PERIODS_MS: [u64; 13] = [5, 10, 20, 25, 40, 50, 80, 100, 200, 250, 400, 500, 1_000];

/// Factors by which periods in use are multiplied and divided: harmonic periods waste least.
const FACTORS: [u64; 8] = [1, 2, 3, 4, 5, 6, 8, 10];

/// The test: whether this set of capsules fits, as far as these CPUs and the host's sums go.
pub(crate) type Test<'a> = &'a dyn Fn(&[Nested], &CpuSet) -> bool;

/// What was asked of what, and the test that refused.
pub(crate) struct Search<'a> {
    /// The capsules that exist.
    pub existing: &'a [Nested],
    /// The capsule that was refused.
    pub asked: &'a Nested,
    /// The host.
    pub limits: &'a Limits,
    /// How finely the enforcer is told times.
    pub grain: Grain,
    /// The test.
    pub fits: Test<'a>,
}

/// Offers, those that change only the request first.
pub(crate) fn smallest_changes(search: &Search<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    changes.extend(search.lower_budget());
    changes.extend(search.other_period());
    changes.extend(search.other_cpus());
    changes.extend(search.grow_parent());
    changes.extend(search.shrink_others());
    changes
}

impl Search<'_> {
    /// Whether the set fits with `changed` in it, on every CPU that they touch.
    fn tried(&self, changed: &[&Nested]) -> bool {
        (self.fits)(&with(self.existing, changed), &touched(self.existing, changed))
    }

    /// The request with another reservation.
    fn asked_with(&self, reservation: Reservation) -> Nested {
        with_reservation(self.asked, reservation)
    }

    /// The largest budget that fits at the same period. A larger budget never helps anybody, so
    /// bisection finds it. (Only a child's smaller budget leaves its parent more; what is found
    /// then fits all the same, and may not be the largest.)
    fn lower_budget(&self) -> Option<Change> {
        let asked = self.asked.held.reservation;
        let with_us = |us| Reservation::new(Span::from_us(us), asked.period()).ok();
        let fits = |us| with_us(us).is_some_and(|r| self.tried(&[&self.asked_with(r)]));
        let below = asked.budget().as_ns().saturating_sub(1) / 1_000;
        let us = largest(BUDGET_OFFER_MIN.as_us(), below, fits)?;
        with_us(us).map(|reservation| Change::LowerBudget { reservation })
    }

    /// The same bandwidth over another period: the nearest that fits among those over which it is
    /// a whole number of microseconds, else the nearest of all, budget rounded up.
    fn other_period(&self) -> Option<Change> {
        let asked = self.asked.held.reservation;
        let same_share = |period: Span| {
            let numerator = u128::from(asked.budget().as_ns()) * u128::from(period.as_ns());
            let denominator = u128::from(asked.period().as_ns()) * 1_000;
            let us = u64::try_from(numerator.div_ceil(denominator)).ok()?;
            let exact = numerator.is_multiple_of(denominator);
            Some((exact, Reservation::new(Span::from_us(us), period).ok()?))
        };
        let offers: Vec<_> = self.periods().into_iter().filter_map(same_share).collect();
        let (exact, rounded): (Vec<_>, Vec<_>) = offers.into_iter().partition(|(exact, _)| *exact);
        let mut offers = exact.into_iter().chain(rounded).map(|(_, reservation)| reservation);
        offers
            .find(|&offer| self.tried(&[&self.asked_with(offer)]))
            .map(|reservation| Change::OtherPeriod { reservation })
    }

    /// Periods worth trying, nearest to the asked one first; whole milliseconds.
    fn periods(&self) -> Vec<Span> {
        let asked = self.asked.held.reservation.period();
        let tick = self.limits.tick.unwrap_or(Span::ZERO);
        let floor = tick.checked_mul(PERIOD_TICKS_MIN).unwrap_or(PERIOD_MAX).min(asked);
        let in_use = self
            .existing
            .iter()
            .filter(|capsule| !capsule.held.cpus.intersection(&self.asked.held.cpus).is_empty());
        let bases = in_use.map(|capsule| capsule.held.reservation.period()).chain([asked]);
        let derived = bases.flat_map(|base| {
            FACTORS.into_iter().flat_map(move |factor| {
                [base.as_ns().saturating_mul(factor), base.as_ns() / factor]
            })
        });
        let round = ROUND_PERIODS_MS.into_iter().map(|ms| Span::from_ms(ms).as_ns());
        let mut periods: Vec<Span> = derived
            .chain(round)
            .filter(|ns| ns.is_multiple_of(1_000_000))
            .map(Span::from_ns)
            .filter(|&period| {
                (floor.max(PERIOD_MIN)..=PERIOD_MAX).contains(&period)
                    && period != asked
                    && within_factor(period, asked)
            })
            .collect();
        periods.sort_by(|&a, &b| nearer(asked, a, b));
        periods.dedup();
        periods
    }

    /// As asked, on as many other CPUs of the host as do not fit.
    fn other_cpus(&self) -> Option<Change> {
        let alone = |cpu: CpuIndex| {
            let mut moved = self.asked.clone();
            moved.held.cpus = CpuSet::single(cpu);
            self.tried(&[&moved])
        };
        let wanted = self.asked.held.cpus.len();
        let others = self.limits.online.difference(&self.asked.held.cpus);
        let good = self.asked.held.cpus.iter().chain(others.iter()).filter(|&cpu| alone(cpu));
        let cpus: CpuSet = good.take(wanted).collect();
        let mut moved = self.asked.clone();
        moved.held.cpus = cpus.clone();
        let differs = cpus.len() == wanted && cpus != self.asked.held.cpus;
        (differs && self.tried(&[&moved])).then_some(Change::OtherCpus { cpus })
    }

    /// As asked, in a parent that holds as much more as the request lacks.
    fn grow_parent(&self) -> Option<Change> {
        let parent_name = self.asked.parent.as_ref()?;
        let parent = self.existing.iter().find(|capsule| capsule.held.name == *parent_name)?;
        let from = self.grain.written(parent.held.reservation);
        let after = with(self.existing, &[self.asked]);
        let children: Vec<&Nested> =
            after.iter().filter(|capsule| capsule.parent.as_ref() == Some(parent_name)).collect();
        let needed = self.needed(&children, from);
        if needed <= from.budget() {
            return None;
        }
        let to = Reservation::new(needed, from.period()).ok()?;
        let grown = with_reservation(parent, to);
        self.tried(&[self.asked, &grown]).then(|| Change::GrowParent {
            name: parent_name.clone(),
            from,
            to,
        })
    }

    /// What `children` need of each period of `parent`: all together where one budget serves all
    /// CPUs, else those of the CPU that needs most.
    fn needed(&self, children: &[&Nested], parent: Reservation) -> Span {
        let share = |child: &&Nested| self.grain.share(child.held.reservation, parent);
        let sum = |cpu: Option<CpuIndex>| {
            let there = |child: &&&Nested| cpu.is_none_or(|cpu| child.held.cpus.contains(cpu));
            children.iter().filter(there).map(share).fold(Span::ZERO, |sum, part| sum + part)
        };
        match self.grain {
            Grain::Microsecond => sum(None),
            Grain::Nanosecond => {
                let cpus = children.iter().flat_map(|child| child.held.cpus.iter());
                cpus.map(|cpu| sum(Some(cpu))).max().unwrap_or(Span::ZERO)
            }
        }
    }

    /// As asked, once one other capsule holds less; those that give up least first.
    fn shrink_others(&self) -> Vec<Change> {
        let others = self.existing.iter().filter(|c| c.held.name != self.asked.held.name);
        let mut offers: Vec<(Bandwidth, Change)> =
            others.filter_map(|other| self.shrink(other)).collect();
        offers.sort_by_key(|(given_up, _)| *given_up);
        offers.truncate(SHRINK_OFFERS_MAX);
        offers.into_iter().map(|(_, change)| change).collect()
    }

    /// The most that `other` could keep, and what it gives up.
    fn shrink(&self, other: &Nested) -> Option<(Bandwidth, Change)> {
        let from = self.grain.written(other.held.reservation);
        let with_us = |us| Reservation::new(Span::from_us(us), from.period()).ok();
        let fits = |us| {
            let shrunk = with_us(us).map(|reservation| with_reservation(other, reservation));
            shrunk.is_some_and(|shrunk| self.tried(&[self.asked, &shrunk]))
        };
        let all = from.budget().as_us();
        let us = largest((all / SHRINK_KEEPS_PART).max(1), all.saturating_sub(1), fits)?;
        let to = with_us(us)?;
        let given_up = Bandwidth::of(from.budget() - to.budget(), from.period());
        Some((given_up, Change::Shrink { name: other.held.name.clone(), from, to }))
    }
}

/// `capsule`, holding `reservation`.
fn with_reservation(capsule: &Nested, reservation: Reservation) -> Nested {
    let mut changed = capsule.clone();
    changed.held.reservation = reservation;
    changed
}

/// Whether `period` lies within the factor that is worth offering.
fn within_factor(period: Span, asked: Span) -> bool {
    let (short, long) = (period.min(asked).as_ns(), period.max(asked).as_ns());
    long <= short.saturating_mul(PERIOD_FACTOR_MAX)
}

/// Orders `a` and `b` by their ratio to `asked`, nearest first, the shorter first among equals.
fn nearer(asked: Span, a: Span, b: Span) -> Ordering {
    let parts = |period: Span| {
        let (short, long) = (period.min(asked).as_ns(), period.max(asked).as_ns());
        (u128::from(long), u128::from(short))
    };
    let ((a_long, a_short), (b_long, b_short)) = (parts(a), parts(b));
    (a_long * b_short).cmp(&(b_long * a_short)).then(a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearness_is_a_ratio() {
        let ms = Span::from_ms;
        let mut periods = [ms(100), ms(10), ms(25), ms(40), ms(19)];
        periods.sort_by(|&a, &b| nearer(ms(20), a, b));
        assert_eq!(periods, [ms(19), ms(25), ms(10), ms(40), ms(100)]);
    }
}
