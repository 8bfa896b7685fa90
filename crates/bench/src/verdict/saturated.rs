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
//! A sum adds up what the measure itself errs by at each switch. The bench's CPUs take turns, and where
//! the turn changes between the scheduler's look at the clock and the trace's, a few hundred
//! instructions later, the two are apart by a turn. So the sum begins anew with each wake-up: the
//! spinners sleep, long enough for a whole budget and no debt, after every fifty periods.

use evenkeel_model::BenchRow;

use crate::recording::{Recorded, Recording};
use crate::trace::{Run, Timeline};

/// What one server got.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// Relative error of its share over all whole periods: (S - n Q) / (n Q).
    pub share_error: f64,
    /// Overrun at the end of each period.
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
                let woken = wakeups(timelines, pinned.pid, recording.start_ns);
                served(capsule, timeline.runs.get(&pinned.pid)?, &woken, recording.end_ns)
            });
            all.push(served.ok_or_else(|| {
                let (case, name, cpu) = (&recording.case, &capsule.name, pinned.cpu);
                anyhow::anyhow!("{case}: capsule {name} on CPU {cpu} left too little to judge")
            })?);
        }
    }
    Ok(all)
}

/// The wake-ups since the load began, whichever CPU they were seen on, in order.
pub fn wakeups(timelines: &[Timeline], pid: u32, start: u64) -> Vec<u64> {
    let all = timelines.iter().filter_map(|timeline| timeline.wakeups.get(&pid)).flatten();
    let mut since: Vec<u64> = all.copied().filter(|woken| *woken >= start).collect();
    since.sort_unstable();
    since
}

fn served(capsule: &Recorded, runs: &[Run], woken: &[u64], end: u64) -> Option<Served> {
    let (budget, period) = (capsule.budget_ns, capsule.period_ns);
    let (mut had, mut owed) = (0, 0);
    let mut overruns_ns = Vec::new();
    let mut longest = 0;
    for (index, &from) in woken.iter().enumerate() {
        let next = woken.get(index + 1);
        // It went to sleep where its last run before the next wake-up ended.
        let asleep = |next: &u64| runs.iter().rev().find(|run| run.end <= *next).map(|run| run.end);
        let until = next.map_or(Some(end), asleep)?;
        let periods = until.saturating_sub(from) / period;
        let (mut total, mut due) = (0, 0);
        for nth in 0..periods {
            total += service_within(runs, from + nth * period, from + (nth + 1) * period);
            due += budget;
            overruns_ns.push(total.saturating_sub(due));
        }
        had += total;
        owed += due;
        longest = longest.max(longest_gap(runs, from, from + periods * period));
    }
    if overruns_ns.len() < 2 {
        return None;
    }
    let error = i64::try_from(had).ok()? - i64::try_from(owed).ok()?;
    Some(Served {
        share_error: as_f64(error) / as_f64(i64::try_from(owed).ok()?),
        overruns_ns,
        gap_excess_ns: i64::try_from(longest).ok()? - i64::try_from(2 * (period - budget)).ok()?,
    })
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
        let served = served(&capsule(), &runs, &[0], 30 * MS).unwrap();
        assert_eq!(served.share_error, 0.0);
        assert_eq!(served.overruns_ns, [0, 0, 0]);
        // 16 ms from 2 to 18 are exactly 2 (P - Q).
        assert_eq!(served.gap_excess_ns, 0);
    }

    #[test]
    fn an_overrun_that_is_repaid_shows_once() {
        let runs = [run(0, 2050), run(10_000, 11_950)];
        let served = served(&capsule(), &runs, &[0], 20 * MS).unwrap();
        assert_eq!(served.overruns_ns, [50_000, 0]);
        assert_eq!(served.share_error, 0.0);
    }

    #[test]
    fn too_little_service_is_an_error_too() {
        let runs = [run(0, 1000), run(10_000, 12_000)];
        let served = served(&capsule(), &runs, &[0], 20 * MS).unwrap();
        assert_eq!(served.share_error, -0.25);
        assert!(!rows(&[served])[0].holds);
    }

    #[test]
    fn a_gap_beyond_the_bound_shows() {
        let runs = [run(0, 2000), run(18_200, 20_200)];
        let served = served(&capsule(), &runs, &[0], 20 * MS).unwrap();
        assert_eq!(served.gap_excess_ns, 200_000);
        assert!(!rows(&[served])[2].holds);
    }

    #[test]
    fn sums_begin_anew_with_each_wake_up() {
        // Two periods with 50 us too much, asleep from 12.05 ms, and one exact period from 40 ms.
        let runs = [run(0, 2050), run(10_000, 12_050), run(40_000, 42_000)];
        let served = served(&capsule(), &runs, &[0, 40 * MS], 50 * MS).unwrap();
        assert_eq!(served.overruns_ns, [50_000, 0]);
        let all = [run(0, 2050), run(10_000, 12_050), run(20_000, 22_000), run(40_000, 42_000)];
        let served = super::served(&capsule(), &all, &[0, 40 * MS], 50 * MS).unwrap();
        assert_eq!(served.overruns_ns, [50_000, 100_000, 0]);
    }

    #[test]
    fn nothing_measured_never_holds() {
        assert!(rows(&[]).iter().all(|row| !row.holds));
        assert_eq!(served(&capsule(), &[], &[0], 19 * MS), None);
    }

    #[test]
    fn percentiles_round_up() {
        let mut values: Vec<u64> = (1..=1000).rev().collect();
        assert_eq!(percentile(&mut values, 999), Some(999));
        assert_eq!(percentile(&mut [5, 7], 999), Some(7));
        assert_eq!(percentile(&mut [], 999), None);
    }
}
