// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two recordings of the same capsules, compared moment by moment: how much service each server had
//! received since the beginning of the period. Where a run begins, or ends, later by some time, the
//! two differ by that time for a while; so the largest difference says by how much anything moved.

use evenkeel_model::BenchRow;

use super::saturated::{as_f64, service_within, wakeups};
use crate::recording::Recording;
use crate::trace::{Run, Timeline};

/// A recording with its traces.
pub type Traced = (Recording, Vec<Timeline>);

/// The runs of one server, counted from the wake-up that began its first period.
#[derive(Debug, PartialEq, Eq)]
struct Lane {
    runs: Vec<Run>,
    period: u64,
    periods: u64,
}

fn lanes(traced: &Traced) -> anyhow::Result<Vec<Lane>> {
    let (recording, timelines) = traced;
    anyhow::ensure!(recording.lost == 0, "{}: {} events lost", recording.case, recording.lost);
    let mut all = Vec::new();
    for capsule in &recording.capsules {
        for pinned in &capsule.pinned {
            let found = usize::try_from(pinned.cpu).ok().and_then(|cpu| {
                let runs = timelines.get(cpu)?.runs.get(&pinned.pid)?;
                let woken = *wakeups(timelines, pinned.pid, recording.start_ns).first()?;
                let after = runs.iter().filter(|run| run.start >= woken);
                let relative = |run: &Run| Run { start: run.start - woken, end: run.end - woken };
                let periods = recording.end_ns.saturating_sub(woken) / capsule.period_ns;
                let runs = after.map(relative).collect();
                Some(Lane { runs, period: capsule.period_ns, periods })
            });
            all.push(found.ok_or_else(|| {
                let (case, name, cpu) = (&recording.case, &capsule.name, pinned.cpu);
                anyhow::anyhow!("{case}: capsule {name} on CPU {cpu} was never woken")
            })?);
        }
    }
    Ok(all)
}

/// The largest difference between what `a` and `b` had received since the beginning of the same
/// period. Both grow in straight lines between the moments where a run begins or ends, so these
/// moments are all that need be looked at.
fn largest_difference(a: &Lane, b: &Lane) -> u64 {
    let mut largest = 0;
    for index in 0..a.periods.min(b.periods) {
        let (from, to) = (index * a.period, (index + 1) * a.period);
        let inside = |lane: &Lane| {
            let touching = lane.runs.iter().filter(|run| run.end > from && run.start < to);
            touching.copied().collect::<Vec<Run>>()
        };
        let (runs_a, runs_b) = (inside(a), inside(b));
        let edges = runs_a.iter().chain(&runs_b).flat_map(|run| [run.start, run.end]);
        for moment in edges.filter(|moment| (from..to).contains(moment)).chain([to]) {
            let received_a = service_within(&runs_a, from, moment);
            let received_b = service_within(&runs_b, from, moment);
            largest = largest.max(received_a.abs_diff(received_b));
        }
    }
    largest
}

/// One row per recording after the first, which the others are compared with.
pub fn rows(recordings: &[Traced]) -> anyhow::Result<Vec<BenchRow>> {
    let Some((alone, rest)) = recordings.split_first() else { return Ok(Vec::new()) };
    let alone = lanes(alone)?;
    let row = |beside: &Traced| {
        let case = &beside.0.case;
        let lanes = lanes(beside)?;
        anyhow::ensure!(
            !alone.is_empty() && alone.len() == lanes.len() && alone.iter().all(|l| l.periods > 0),
            "{case}: not the same capsules"
        );
        let differences = alone.iter().zip(&lanes).map(|(a, b)| largest_difference(a, b));
        let largest = i64::try_from(differences.max().unwrap_or(u64::MAX))?;
        let name = format!("other capsules' traces unchanged: {case}");
        Ok(BenchRow::at_most(name, as_f64(largest) / 1e3, "us", 100.0))
    };
    rest.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(runs: &[(u64, u64)]) -> Lane {
        let run = |&(start, end): &(u64, u64)| Run { start, end };
        Lane { runs: runs.iter().map(run).collect(), period: 100, periods: 3 }
    }

    #[test]
    fn a_run_that_moves_differs_by_how_far() {
        let a = lane(&[(0, 20), (100, 120), (200, 220)]);
        assert_eq!(largest_difference(&a, &a), 0);
        let moved = lane(&[(0, 20), (107, 127), (200, 220)]);
        assert_eq!(largest_difference(&a, &moved), 7);
        let longer = lane(&[(0, 20), (100, 120), (200, 231)]);
        assert_eq!(largest_difference(&a, &longer), 11);
        let elsewhere = lane(&[(0, 20), (100, 120), (250, 270)]);
        assert_eq!(largest_difference(&a, &elsewhere), 20);
    }

    #[test]
    fn a_run_across_a_boundary_counts_on_both_sides() {
        let a = lane(&[(0, 20), (95, 115), (200, 220)]);
        let b = lane(&[(0, 20), (97, 117), (200, 220)]);
        assert_eq!(largest_difference(&a, &b), 2);
    }
}
