// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules that always have work: each server must get its budget in every period, no more and
//! no less, and must not wait longer than the theory of hard servers allows.
//!
//! A server that wakes from idleness at t has the deadlines t + P, t + 2P, ... (rule E1a and E5):
//! periods are counted from the wake-up of its only thread, as the kernel's trace shows it. How long
//! that thread has been on the CPU by the end of period j beyond (j + 1) Q is its overrun; it is repaid
//! from the next budget, so the sum says what the last one was. What the kernel charged is no measure:
//! where it leaves its clock as it is, whole runs are charged to others. A saturated server is without
//! service for 2(P - Q) at most (Shin and Lee, RTSS 2003).
//!
//! A sum over hundreds of periods adds up what the measure itself errs by at each switch. The bench's
//! CPUs take turns, and where the turn changes between the scheduler's look at the clock and the
//! trace's, a few hundred instructions later, the two are apart by a turn. So the straight line
//! through the sums is taken off, as far as it is no steeper than [`DRIFT_PER_RUN`] can make it; what
//! it may hide is within the row of the share.

use evenkeel_model::BenchRow;

use crate::recording::{Recorded, Recording};
use crate::trace::{Run, Timeline};

/// Nanoseconds by which the measure may err at the two ends of a run, on average: a tenth of what
/// CPUs of counted time get apart.
const DRIFT_PER_RUN: f64 = 1000.0;

/// Fewer periods add up nothing that would matter, and a line through them would be chance.
const DRIFT_FROM: usize = 16;

/// What one server got.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Relative error of its share over all whole periods: (S - n Q) / (n Q).
    pub share_error: f64,
    /// Overrun at the end of each period, without the measure's drift.
    pub overruns_ns: Vec<u64>,
    /// The longest time without service beyond 2 (P - Q); negative where it was shorter.
    pub gap_excess_ns: i64,
}

/// Time of `runs` within [from, to).
pub fn service_within(runs: &[Run], from: u64, to: u64) -> u64 {
    runs.iter().map(|run| run.end.min(to).saturating_sub(run.start.max(from))).sum()
}

/// Judges every pinned server of `recording`. A server without a wake-up or without two whole
/// periods cannot be judged: that is an error, not a pass.
pub fn judge(recording: &Recording, timelines: &[Timeline]) -> anyhow::Result<Vec<Served>> {
    anyhow::ensure!(recording.lost == 0, "{}: {} events lost", recording.case, recording.lost);
    let mut all = Vec::new();
    for capsule in &recording.capsules {
        for pinned in &capsule.pinned {
            let timeline = usize::try_from(pinned.cpu).ok().and_then(|cpu| timelines.get(cpu));
            let served = timeline.and_then(|timeline| {
                let woken = first_wakeup(timelines, pinned.pid, recording.start_ns)?;
                let runs = timeline.runs.get(&pinned.pid)?;
                served(capsule, runs, woken, recording.end_ns)
            });
            all.push(served.ok_or_else(|| {
                let (case, name, cpu) = (&recording.case, &capsule.name, pinned.cpu);
                anyhow::anyhow!("{case}: capsule {name} on CPU {cpu} left too little to judge")
            })?);
        }
    }
    Ok(all)
}

/// The wake-up that began the load, whichever CPU it was seen on.
pub fn first_wakeup(timelines: &[Timeline], pid: u32, start: u64) -> Option<u64> {
    let after = |timeline: &Timeline| {
        timeline.wakeups.get(&pid)?.iter().copied().find(|woken| *woken >= start)
    };
    timelines.iter().filter_map(after).min()
}

fn served(capsule: &Recorded, runs: &[Run], woken: u64, end: u64) -> Option<Served> {
    let (budget, period) = (capsule.budget_ns, capsule.period_ns);
    let periods = end.checked_sub(woken)? / period;
    if periods < 2 {
        return None;
    }
    let mut total = 0;
    let mut beyond = Vec::new();
    for index in 0..periods {
        let from = woken + index * period;
        total += service_within(runs, from, from + period);
        let due = (index + 1) * budget;
        beyond.push(as_f64(i64::try_from(total).ok()? - i64::try_from(due).ok()?));
    }
    let all = woken..woken + periods * period;
    let switched = runs.iter().filter(|run| all.contains(&run.start)).count();
    let steepest = DRIFT_PER_RUN * as_f64(i64::try_from(switched).ok()?)
        / as_f64(i64::try_from(periods).ok()?);
    let owed = periods * budget;
    let error = i64::try_from(total).ok()? - i64::try_from(owed).ok()?;
    let longest = longest_gap(runs, woken, woken + periods * period);
    let bound = 2 * (period - budget);
    Some(Served {
        share_error: as_f64(error) / as_f64(i64::try_from(owed).ok()?),
        overruns_ns: without_drift(&beyond, steepest),
        gap_excess_ns: i64::try_from(longest).ok()? - i64::try_from(bound).ok()?,
    })
}

/// What is above zero of `values` without the line through them (least squares), as far as it is no
/// steeper than `steepest` a step.
fn without_drift(values: &[f64], steepest: f64) -> Vec<u64> {
    let steps = || (0i32..).map(f64::from);
    let count: f64 = values.iter().map(|_| 1.0).sum();
    let mean = values.iter().sum::<f64>() / count;
    let middle = (count - 1.0) / 2.0;
    let rises = values.iter().zip(steps()).map(|(value, step)| (value - mean) * (step - middle));
    let spread: f64 = values.iter().zip(steps()).map(|(_, step)| (step - middle).powi(2)).sum();
    let slope = if values.len() < DRIFT_FROM { 0.0 } else { rises.sum::<f64>() / spread };
    let slope = slope.clamp(-steepest, steepest);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= ns < 2^53")]
    let whole = |value: f64| value.max(0.0).round() as u64;
    values.iter().zip(steps()).map(|(value, step)| whole(value - slope * step)).collect()
}

/// The longest stretch of [from, to) without any of `runs`.
pub fn longest_gap(runs: &[Run], from: u64, to: u64) -> u64 {
    let mut longest = 0;
    let mut idle_since = from;
    for run in runs.iter().filter(|run| run.end > from && run.start < to) {
        longest = longest.max(run.start.saturating_sub(idle_since));
        idle_since = idle_since.max(run.end);
    }
    longest.max(to.saturating_sub(idle_since))
}

/// The rows over everything that was judged.
pub fn rows(served: &[Served]) -> Vec<BenchRow> {
    let worst_share = served.iter().map(|one| one.share_error.abs()).fold(0.0, f64::max);
    let mut overruns: Vec<u64> = served.iter().flat_map(|one| one.overruns_ns.clone()).collect();
    let tail = percentile(&mut overruns, 999);
    let gap = served.iter().map(|one| one.gap_excess_ns).max();
    let in_us = |ns: Option<i64>| ns.map_or(f64::NAN, |ns| as_f64(ns) / 1e3);
    vec![
        BenchRow::at_most(
            "share error of saturated capsules, worst server",
            worst_share * 100.0,
            "% of Q/P",
            0.2,
        )
        .and(!served.is_empty()),
        BenchRow::at_most(
            "overrun beyond budget per period, p99.9",
            in_us(tail.and_then(|ns| i64::try_from(ns).ok())),
            "us",
            60.0,
        ),
        BenchRow::at_most("longest time without service, beyond 2(P - Q)", in_us(gap), "us", 100.0),
    ]
}

/// The value below or at which `permille` of a thousand lie, the next one up where none is exact.
pub fn percentile(values: &mut [u64], permille: usize) -> Option<u64> {
    values.sort_unstable();
    let rank = (values.len() * permille).div_ceil(1000);
    values.get(rank.max(1) - 1).copied()
}

/// Nanosecond counts of minutes are far below 2^53, where every integer is exact.
#[allow(clippy::cast_precision_loss, reason = "the caller's numbers are far below 2^53")]
pub fn as_f64(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn capsule() -> Recorded {
        Recorded { name: "a".into(), budget_ns: 2 * MS, period_ns: 10 * MS, pinned: Vec::new() }
    }

    fn run(start_us: u64, end_us: u64) -> Run {
        Run { start: start_us * 1000, end: end_us * 1000 }
    }

    #[test]
    fn an_exact_server_has_no_error() {
        let runs = [run(0, 2000), run(18_000, 20_000), run(20_000, 22_000)];
        let served = served(&capsule(), &runs, 0, 30 * MS).unwrap();
        assert_eq!(served.share_error, 0.0);
        assert_eq!(served.overruns_ns, [0, 0, 0]);
        // 16 ms from 2 to 18 are exactly 2 (P - Q).
        assert_eq!(served.gap_excess_ns, 0);
    }

    #[test]
    fn an_overrun_that_is_repaid_shows_once() {
        let runs = [run(0, 2050), run(10_000, 11_950)];
        let served = served(&capsule(), &runs, 0, 20 * MS).unwrap();
        assert_eq!(served.overruns_ns, [50_000, 0]);
        assert_eq!(served.share_error, 0.0);
    }

    #[test]
    fn too_little_service_is_an_error_too() {
        let runs = [run(0, 1000), run(10_000, 12_000)];
        let served = served(&capsule(), &runs, 0, 20 * MS).unwrap();
        assert_eq!(served.share_error, -0.25);
        assert!(!rows(&[served])[0].holds);
    }

    #[test]
    fn a_gap_beyond_the_bound_shows() {
        let runs = [run(0, 2000), run(18_200, 20_200)];
        let served = served(&capsule(), &runs, 0, 20 * MS).unwrap();
        assert_eq!(served.gap_excess_ns, 200_000);
        assert!(!rows(&[served])[2].holds);
    }

    #[test]
    fn a_slow_drift_is_the_measures_and_a_fast_one_is_not() {
        let ramp =
            |step: f64| (0..100).map(|at| 30_000.0 + step * f64::from(at)).collect::<Vec<_>>();
        assert!(without_drift(&ramp(800.0), 1000.0).iter().all(|&ns| ns == 30_000));
        assert_eq!(without_drift(&ramp(3000.0), 1000.0).last(), Some(&(30_000 + 2000 * 99)));
        assert_eq!(without_drift(&[5.0], 1000.0), [5]);
    }

    #[test]
    fn nothing_measured_never_holds() {
        assert!(rows(&[]).iter().all(|row| !row.holds));
        assert_eq!(served(&capsule(), &[], 0, 19 * MS), None);
    }

    #[test]
    fn percentiles_round_up() {
        let mut values: Vec<u64> = (1..=1000).rev().collect();
        assert_eq!(percentile(&mut values, 999), Some(999));
        assert_eq!(percentile(&mut [5, 7], 999), Some(7));
        assert_eq!(percentile(&mut [], 999), None);
    }
}
