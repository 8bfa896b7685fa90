// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measured points, from the raw intervals that the lab kept.
//!
//! A visit to a point is three intervals, one with B at work and two with B idle. A point's
//! throughput is that beside an idle B, the median over all visits, times the median over the
//! visits of what A kept, as in the lab (`evenkeel-lab`, `experiment::neighbour`): intervals of one
//! visit are seconds apart, those of different visits minutes, in which the host's speed drifts.

use std::collections::BTreeSet;

use evenkeel_model::Reservation;
use serde::{Deserialize, Serialize};

/// A full run of the native lab: raw intervals and the host's fingerprint.
const NATIVE_LAB: &str = include_str!("../../../../docs/measurements/neighbour.json");

/// What B does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It receives TCP.
    Tcp,
    /// It computes.
    Compute,
}

/// One interval in the order of the file's `columns`: kind, B's share in per cent, whether B is at
/// work, visit, position in it, length, A's throughput, A's and B's supply, B's throughput.
type Row = (Kind, u64, bool, u32, u32, u64, f64, u64, u64, Option<f64>);

/// One interval.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "Row")]
struct Interval {
    kind: Kind,
    share_percent: u64,
    active: bool,
    visit: u32,
    a_bps: f64,
    a_supply_ratio: f64,
    b_supply_ratio: f64,
    b_bps: Option<f64>,
}

impl From<Row> for Interval {
    fn from(row: Row) -> Interval {
        let (kind, share_percent, active, visit, _, length_ns, a_bps, a_ns, b_ns, b_bps) = row;
        // Times are below 2^53 ns, where f64 is exact.
        let ratio = |ns: u64| ns as f64 / length_ns as f64;
        Interval {
            kind,
            share_percent,
            active,
            visit,
            a_bps,
            a_supply_ratio: ratio(a_ns),
            b_supply_ratio: ratio(b_ns),
            b_bps,
        }
    }
}

/// The file.
#[derive(Clone, Debug, Deserialize)]
struct File {
    reservation: Reservation,
    neighbour_period_ns: u64,
    runs: Vec<Interval>,
}

/// All points of one run of the lab.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// A's reservation.
    pub reservation: Reservation,
    /// B's period, nanoseconds.
    pub neighbour_period_ns: u64,
    /// The points, B receiving first, by share.
    pub points: Vec<Point>,
}

/// One point: medians.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// What B does.
    pub kind: Kind,
    /// B's share of the CPU.
    pub share_percent: u64,
    /// A's throughput beside an idle B.
    pub alone_bps: f64,
    /// What A keeps beside B at work, of that.
    pub kept_ratio: f64,
    /// CPU time that A got beside B, as a fraction of the time.
    pub supply_ratio: f64,
    /// CPU time that B got.
    pub neighbour_supply_ratio: f64,
    /// B's throughput, where it receives.
    pub neighbour_bps: Option<f64>,
}

impl Point {
    /// A's throughput beside B.
    pub fn throughput_bps(&self) -> f64 {
        self.alone_bps * self.kept_ratio
    }
}

/// Why a file holds no points.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Not the form that is expected.
    #[error("the measurements of neighbour cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// A point without complete visits.
    #[error("the measurements of neighbour have no complete visit with B at {share_percent} %")]
    NoVisit {
        /// B's share.
        share_percent: u64,
    },
    /// The points that are fitted are not there.
    #[error("the measurements of neighbour lack the points with B at {share_percent} %")]
    NoPoint {
        /// B's share.
        share_percent: u64,
    },
}

impl Measured {
    /// The run of the native lab that is kept with the code.
    pub fn native_lab() -> Result<Measured, MeasureError> {
        Measured::read(NATIVE_LAB)
    }

    /// Points of a file of that form.
    pub fn read(json: &str) -> Result<Measured, MeasureError> {
        let file: File = serde_json::from_str(json)?;
        let places: BTreeSet<(Kind, u64)> =
            file.runs.iter().map(|run| (run.kind, run.share_percent)).collect();
        let point = |(kind, share)| {
            let here = |run: &&Interval| run.kind == kind && run.share_percent == share;
            let own: Vec<&Interval> = file.runs.iter().filter(here).collect();
            point(kind, share, &own).ok_or(MeasureError::NoVisit { share_percent: share })
        };
        let points = places.into_iter().map(point).collect::<Result<_, _>>()?;
        let File { reservation, neighbour_period_ns, .. } = file;
        Ok(Measured { reservation, neighbour_period_ns, points })
    }

    /// The point of `kind` at `share_percent`.
    pub fn point(&self, kind: Kind, share_percent: u64) -> Result<Point, MeasureError> {
        let found = self.points.iter().find(|p| p.kind == kind && p.share_percent == share_percent);
        found.copied().ok_or(MeasureError::NoPoint { share_percent })
    }
}

fn point(kind: Kind, share_percent: u64, runs: &[&Interval]) -> Option<Point> {
    let visits: BTreeSet<u32> = runs.iter().map(|run| run.visit).collect();
    let kept = visits.into_iter().filter_map(|visit| {
        let of = |active: bool| -> Vec<f64> {
            let own = runs.iter().filter(|run| run.visit == visit && run.active == active);
            own.map(|run| run.a_bps).collect()
        };
        match (of(true).as_slice(), of(false).as_slice()) {
            ([beside], [first, second]) => Some(2.0 * beside / (first + second)),
            _ => None,
        }
    });
    let over = |active: bool, figure: fn(&Interval) -> Option<f64>| {
        let own = runs.iter().filter(|run| run.active == active);
        median(own.filter_map(|run| figure(run)).collect())
    };
    Some(Point {
        kind,
        share_percent,
        alone_bps: over(false, |run| Some(run.a_bps))?,
        kept_ratio: median(kept.collect())?,
        supply_ratio: over(true, |run| Some(run.a_supply_ratio))?,
        neighbour_supply_ratio: over(true, |run| Some(run.b_supply_ratio))?,
        neighbour_bps: over(true, |run| run.b_bps),
    })
}

/// The middle figure, or the mean of the two in the middle.
fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    let upper = *figures.get(figures.len() / 2)?;
    let lower = figures[(figures.len() - 1) / 2];
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lab's own summary, kept in the file.
    #[derive(Deserialize)]
    struct Summary {
        points: Vec<LabPoint>,
    }

    #[derive(Deserialize)]
    struct LabPoint {
        kind: Kind,
        neighbour_share_percent: u64,
        throughput_bps: f64,
        alone_bps: f64,
        kept_ratio: f64,
    }

    #[test]
    fn the_points_are_those_of_the_lab() {
        let measured = Measured::native_lab().unwrap();
        let summary: Summary = serde_json::from_str(NATIVE_LAB).unwrap();
        assert_eq!(summary.points.len(), 12);
        assert_eq!(measured.points.len(), 12);
        for theirs in summary.points {
            let ours = measured.point(theirs.kind, theirs.neighbour_share_percent).unwrap();
            for (a, b) in [
                (ours.throughput_bps(), theirs.throughput_bps),
                (ours.alone_bps, theirs.alone_bps),
                (ours.kept_ratio, theirs.kept_ratio),
            ] {
                // Raw figures are kept in whole bits per second.
                assert!((a / b - 1.0).abs() < 1e-6, "{ours:?}: {a} against {b}");
            }
            assert_eq!(ours.neighbour_bps.is_some(), ours.kind == Kind::Tcp);
        }
    }

    #[test]
    fn what_is_no_measurement_is_an_error() {
        assert!(matches!(Measured::read("{}"), Err(MeasureError::Form(_))));
        let text = r#"{"reservation": {"budget_ns": 6000000, "period_ns": 20000000},
            "neighbour_period_ns": 100000000,
            "runs": [["tcp", 10, true, 0, 0, 500000000, 1e9, 1, 1, 1e9]]}"#;
        let error = Measured::read(text).unwrap_err();
        assert!(matches!(error, MeasureError::NoVisit { share_percent: 10 }), "{error}");
        assert!(Measured::native_lab().unwrap().point(Kind::Tcp, 55).is_err());
    }
}
