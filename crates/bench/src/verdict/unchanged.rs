// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two recordings of the same capsules, compared moment by moment: when each server had received its
//! first, and when its last, time of each period.

use evenkeel_model::BenchRow;

use super::saturated::{as_f64, first_wakeup};
use crate::recording::Recording;
use crate::trace::{Run, Timeline};

/// A recording with its traces.
pub type Traced = (Recording, Vec<Timeline>);

/// Begin and end of service in each period of each server, relative to the period.
fn moments(traced: &Traced) -> anyhow::Result<Vec<Vec<(u64, u64)>>> {
    let (recording, timelines) = traced;
    anyhow::ensure!(recording.lost == 0, "{}: {} events lost", recording.case, recording.lost);
    let mut all = Vec::new();
    for capsule in &recording.capsules {
        for pinned in &capsule.pinned {
            let found = usize::try_from(pinned.cpu).ok().and_then(|cpu| {
                let runs = timelines.get(cpu)?.service(&[pinned.pid]);
                let woken = first_wakeup(timelines, pinned.pid, recording.start_ns)?;
                Some(per_period(&runs, woken, recording.end_ns, capsule.period_ns))
            });
            all.push(found.ok_or_else(|| {
                let (case, name, cpu) = (&recording.case, &capsule.name, pinned.cpu);
                anyhow::anyhow!("{case}: capsule {name} on CPU {cpu} was never woken")
            })?);
        }
    }
    Ok(all)
}

/// Whole periods only. A period without service counts as served at its very end.
fn per_period(runs: &[Run], woken: u64, end: u64, period: u64) -> Vec<(u64, u64)> {
    let count = end.saturating_sub(woken) / period;
    let one = |index: u64| {
        let (from, to) = (woken + index * period, woken + (index + 1) * period);
        let inside = || runs.iter().filter(|run| run.end > from && run.start < to);
        let first = inside().next().map_or(period, |run| run.start.saturating_sub(from));
        let last = inside().next_back().map_or(period, |run| run.end.min(to) - from);
        (first, last)
    };
    (0..count).map(one).collect()
}

/// The largest difference between the two; an error if they do not match in shape.
fn largest_difference(alone: &Traced, beside: &Traced) -> anyhow::Result<u64> {
    let (a, b) = (moments(alone)?, moments(beside)?);
    let case = &beside.0.case;
    anyhow::ensure!(!a.is_empty() && a.len() == b.len(), "{case}: not the same capsules");
    let mut largest = 0;
    for (a, b) in a.iter().zip(&b) {
        anyhow::ensure!(!a.is_empty() && a.len() == b.len(), "{case}: not the same periods");
        for ((first_a, last_a), (first_b, last_b)) in a.iter().zip(b) {
            largest = largest.max(first_a.abs_diff(*first_b)).max(last_a.abs_diff(*last_b));
        }
    }
    Ok(largest)
}

/// One row per recording after the first, which the others are compared with.
pub fn rows(recordings: &[Traced]) -> anyhow::Result<Vec<BenchRow>> {
    let Some((alone, rest)) = recordings.split_first() else { return Ok(Vec::new()) };
    let row = |beside: &Traced| {
        let difference = i64::try_from(largest_difference(alone, beside)?)?;
        let name = format!("other capsules' traces unchanged: {}", beside.0.case);
        Ok(BenchRow::at_most(name, as_f64(difference) / 1e3, "us", 100.0))
    };
    rest.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, end: u64) -> Run {
        Run { start, end }
    }

    #[test]
    fn moments_are_relative_to_the_period() {
        let runs = [run(105, 120), run(150, 160), run(190, 230)];
        // From 100: [100, 200) has 5 to 100, [200, 300) has 0 to 30, [300, 400) nothing.
        assert_eq!(per_period(&runs, 100, 400, 100), [(5, 100), (0, 30), (100, 100)]);
    }
}
