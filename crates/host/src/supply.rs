// SPDX-License-Identifier: MIT OR Apache-2.0
//! How much CPU time a capsule is given, and whether that is ever more than it may have.
//!
//! **The bound.** On one CPU a real-time group is a deferrable server: at each period boundary of
//! the kernel's timer it may again use up to Q (kernel/sched/rt.c, `do_sched_rt_period_timer`). A
//! window of n·P holds exactly n boundaries, wherever it begins; up to Q may be unused when it
//! begins, and n times Q come in. So no window of n·P may hold more than Q·(n+1). What is beyond is
//! an *overrun*.
//!
//! **What the clockwork explains.** The kernel charges at its tick. A group is stopped up to one
//! tick late, and pays it back from the next budget, so an excess does not add up over periods. The
//! counter that is read here is charged at ticks, too, so that a window may see up to one tick that
//! was used before it began. An excess of up to two ticks is therefore the clockwork; beyond it the
//! backend failed. (On a kernel of unknown tick 10 ms are assumed, HZ=100, the slowest in use.)
//!
//! Windows of 1, 2, 4, ... periods are looked at, from every sample on: short ones see a burst,
//! long ones see a rate that is too high.

use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Reservation, Span};
use evenkeel_sched::{Enforcer, EnforcerError, Supply};

use crate::view::{CpuSupply, OverrunView, SupplyView};

/// Longest window of [`measure`]: someone waits for the answer.
pub const SAMPLE_MAX: Span = Span::from_s(60);
/// Samples are this far apart, if the window is short: a quarter of a tick of 4 ms, so that a
/// window of n·P is met to within a small part of it; reading costs some 10 µs.
const INTERVAL_MIN: Span = Span::from_ms(1);
/// Most samples of one measurement; a longer window has them further apart.
const SAMPLES_MAX: u64 = 20_000;
/// The tick where the kernel's configuration does not say it.
const TICK_UNKNOWN: Span = Span::from_ms(10);

/// Supply up to one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the measurement began, just before the counter was read.
    pub earliest: Span,
    /// The same, just after.
    pub latest: Span,
    /// The counter.
    pub supply: Span,
}

/// What the measurement is about.
pub struct Subject<'a> {
    /// The backend.
    pub enforcer: &'a dyn Enforcer,
    /// The capsule.
    pub name: &'a CapsuleName,
    /// Its own part.
    pub own: Option<Reservation>,
    /// Its CPUs.
    pub cpus: &'a CpuSet,
    /// The scheduler tick, if known.
    pub tick: Option<Span>,
}

/// Watches the supply of a capsule for `window` (at most [`SAMPLE_MAX`]; nothing is watched for a
/// window of zero).
pub fn measure(subject: &Subject<'_>, window: Span) -> Result<SupplyView, EnforcerError> {
    let window = window.min(SAMPLE_MAX);
    let readings = watch(subject, window)?;
    let (Some(first), Some(last)) = (readings.first(), readings.last()) else {
        return Ok(silent(subject.enforcer.usage(subject.name)?.total));
    };
    let tick = subject.tick.unwrap_or(TICK_UNKNOWN);
    let window_ns = last.latest.saturating_sub(first.earliest);
    let explained_ns = tick.checked_mul(2).unwrap_or(tick);
    let mut overruns = OverrunView { explained_ns, ..OverrunView::default() };
    for samples in series(&readings, subject.cpus) {
        if let Some(own) = subject.own {
            overruns = worse(overruns, overruns_of(&samples.1, samples.0.of(own)));
        }
    }
    Ok(SupplyView {
        lifetime_ns: last.supply.total,
        window_ns,
        supplied_ns: last.supply.total.saturating_sub(first.supply.total),
        budget_ns: budget(subject, window_ns),
        per_cpu: per_cpu(first, last),
        overruns,
    })
}

/// One reading of all counters.
struct Reading {
    earliest: Span,
    latest: Span,
    supply: Supply,
}

fn watch(subject: &Subject<'_>, window: Span) -> Result<Vec<Reading>, EnforcerError> {
    let mut readings = Vec::new();
    if window == Span::ZERO {
        return Ok(readings);
    }
    let interval = INTERVAL_MIN.max(Span::from_ns(window.as_ns() / SAMPLES_MAX));
    let start = Instant::now();
    let since_start =
        || Span::from_ns(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    loop {
        let earliest = since_start();
        let supply = subject.enforcer.usage(subject.name)?;
        readings.push(Reading { earliest, latest: since_start(), supply });
        if earliest >= window {
            return Ok(readings);
        }
        sleep(Duration::from_nanos(interval.as_ns()));
    }
}

/// The answer where nothing is watched.
pub fn silent(lifetime_ns: Span) -> SupplyView {
    SupplyView {
        lifetime_ns,
        window_ns: Span::ZERO,
        supplied_ns: Span::ZERO,
        budget_ns: Span::ZERO,
        per_cpu: Vec::new(),
        overruns: OverrunView::default(),
    }
}

/// ⌊window · Q / P⌋ on each CPU.
fn budget(subject: &Subject<'_>, window: Span) -> Span {
    let Some(own) = subject.own else { return Span::ZERO };
    let cpus = u128::try_from(subject.cpus.len()).unwrap_or(1);
    let ns = u128::from(window.as_ns()) * u128::from(own.budget().as_ns()) * cpus
        / u128::from(own.period().as_ns());
    Span::from_ns(u64::try_from(ns).unwrap_or(u64::MAX))
}

fn per_cpu(first: &Reading, last: &Reading) -> Vec<CpuSupply> {
    let before = |cpu: CpuIndex| {
        first.supply.per_cpu.iter().find(|(known, _)| *known == cpu).map_or(Span::ZERO, |(_, s)| *s)
    };
    let delta = |(cpu, supply): &(CpuIndex, Span)| CpuSupply {
        cpu: *cpu,
        supplied_ns: supply.saturating_sub(before(*cpu)),
    };
    last.supply.per_cpu.iter().map(delta).filter(|cpu| cpu.supplied_ns > Span::ZERO).collect()
}

/// How many servers a series of samples sums up.
#[derive(Clone, Copy)]
struct Servers(u64);

impl Servers {
    /// The bound of all servers together is the sum of theirs: k·Q in each P.
    fn of(self, own: Reservation) -> (Span, Span) {
        (own.budget().checked_mul(self.0).unwrap_or(own.budget()), own.period())
    }
}

/// One series of samples for each CPU where the kernel tells them apart, else one for all.
fn series(readings: &[Reading], cpus: &CpuSet) -> Vec<(Servers, Vec<Sample>)> {
    let sample = |reading: &Reading, supply| Sample {
        earliest: reading.earliest,
        latest: reading.latest,
        supply,
    };
    if readings.first().is_none_or(|reading| reading.supply.per_cpu.is_empty()) {
        let servers = Servers(u64::try_from(cpus.len()).unwrap_or(1));
        return vec![(servers, readings.iter().map(|r| sample(r, r.supply.total)).collect())];
    }
    let on = |reading: &Reading, cpu: CpuIndex| {
        let column = reading.supply.per_cpu.iter().find(|(known, _)| *known == cpu);
        column.map_or(Span::ZERO, |(_, supply)| *supply)
    };
    cpus.iter()
        .map(|cpu| (Servers(1), readings.iter().map(|r| sample(r, on(r, cpu))).collect()))
        .collect()
}

/// The overruns of one series, given Q and P.
fn overruns_of(samples: &[Sample], (budget, period): (Span, Span)) -> OverrunView {
    let mut view = OverrunView::default();
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return view };
    let length = last.latest.saturating_sub(first.earliest);
    view.periods = length.as_ns() / period.as_ns();
    // Windows that overlap one that has been counted are not counted again.
    let mut counted_up_to = Span::ZERO;
    for (i, start) in samples.iter().enumerate() {
        let excesses =
            doublings(view.periods).filter_map(|n| excess(samples, i, n, budget, period));
        let mut shortest: Option<Span> = None;
        for (end, excess) in excesses {
            view.largest_ns = view.largest_ns.max(excess);
            shortest = Some(shortest.map_or(end, |shortest| shortest.min(end)));
        }
        if let Some(end) = shortest.filter(|_| start.earliest >= counted_up_to) {
            view.count += 1;
            counted_up_to = end;
        }
    }
    view
}

/// 1, 2, 4, ... up to `most`.
fn doublings(most: u64) -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1u64), |n| n.checked_mul(2)).take_while(move |n| *n <= most)
}

/// Supply beyond Q·(n+1) in the longest window from sample `i` that surely fits into n·P, and
/// where that window ends. `None` where there is no excess.
///
/// A window begins at the earliest moment its first counter can have been read and ends at the
/// latest for its last, so that its length is never underestimated.
fn excess(
    samples: &[Sample],
    i: usize,
    n: u64,
    budget: Span,
    period: Span,
) -> Option<(Span, Span)> {
    let start = samples[i];
    let end_max = start.earliest.checked_add(period.checked_mul(n)?)?;
    let after = samples.partition_point(|sample| sample.latest <= end_max);
    let end = samples[..after].last().filter(|end| end.latest > start.latest)?;
    let supplied = end.supply.saturating_sub(start.supply);
    let allowed = budget.checked_mul(n + 1)?;
    (supplied > allowed).then(|| (end.latest, supplied - allowed))
}

fn worse(a: OverrunView, b: OverrunView) -> OverrunView {
    OverrunView {
        periods: a.periods.max(b.periods),
        count: a.count + b.count,
        largest_ns: a.largest_ns.max(b.largest_ns),
        explained_ns: a.explained_ns,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Samples every millisecond of a supply that is given as milliseconds used in each.
    fn samples(used: impl IntoIterator<Item = u64>) -> Vec<Sample> {
        let mut supply = Span::ZERO;
        let mut samples = vec![Sample { earliest: Span::ZERO, latest: Span::ZERO, supply }];
        for (i, ms) in (1u64..).zip(used) {
            supply = supply + Span::from_ms(ms);
            let at = Span::from_ms(i);
            samples.push(Sample { earliest: at, latest: at, supply });
        }
        samples
    }

    const Q6_P20: (Span, Span) = (Span::from_ms(6), Span::from_ms(20));

    #[test]
    fn a_server_that_keeps_its_budget_never_overruns() {
        // 6 of every 20 ms, and the deferrable server's worst: two budgets back to back.
        let regular = (0..400).map(|i| u64::from(i % 20 < 6));
        assert_eq!(overruns_of(&samples(regular), Q6_P20).count, 0);
        let back_to_back = (0..400)
            .map(|i| u64::from((14..20).contains(&i) || (20..400).contains(&i) && i % 20 < 6));
        assert_eq!(overruns_of(&samples(back_to_back), Q6_P20).count, 0);
    }

    #[test]
    fn a_burst_and_a_rate_that_is_too_high_are_both_seen() {
        let burst = (0..400).map(|i| u64::from((100..116).contains(&i)));
        let view = overruns_of(&samples(burst), Q6_P20);
        assert_eq!((view.count, view.largest_ns), (1, Span::from_ms(4)));
        assert_eq!(view.periods, 20);
        // 9 of every 20 ms: within 2 Q for one period, beyond Q (n + 1) over many.
        let rate = (0..400).map(|i| u64::from(i % 20 < 9));
        let view = overruns_of(&samples(rate), Q6_P20);
        assert!(view.count >= 1 && view.largest_ns >= Span::from_ms(30), "{view:?}");
    }

    #[test]
    fn uncertain_readings_are_judged_in_favour_of_the_server() {
        let mut late = samples([0, 16]);
        late[2].latest = Span::from_ms(25);
        assert_eq!(overruns_of(&late, Q6_P20).count, 0);
    }

    proptest! {
        /// Whatever a deferrable server of any phase is asked to do, it does not overrun.
        #[test]
        fn no_demand_makes_a_deferrable_server_overrun(
            phase in 0u64..20,
            demand in proptest::collection::vec(any::<bool>(), 1..600),
        ) {
            let mut left = 6;
            let used = demand.iter().enumerate().map(|(i, wants)| {
                if (i as u64 + phase).is_multiple_of(20) {
                    left = 6;
                }
                let runs = *wants && left > 0;
                left -= u64::from(runs);
                u64::from(runs)
            });
            let used: Vec<u64> = used.collect();
            prop_assert_eq!(overruns_of(&samples(used), Q6_P20).count, 0);
        }
    }
}
