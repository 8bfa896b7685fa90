// SPDX-License-Identifier: MIT OR Apache-2.0
//! From measurements to sections: one file an experiment, in the order of the paper's figures.

pub(crate) mod accuracy;
pub(crate) mod deadline;
pub(crate) mod flood;
pub(crate) mod neighbour;
pub(crate) mod share;
mod supply;

use evenkeel_lab::measurement::{Quartiles, Results, TcpInterval};

use crate::number;
use crate::section::{Section, Verdict};
use crate::stats::Spread;

/// Least idle part of the client's core that still shows that it is not the bottleneck. A saturated
/// core is idle for less than 1 % of the time; five times that leaves room for coarse accounting.
pub(crate) const CLIENT_IDLE_RATIO_MIN: f64 = 0.05;

/// The sections of the experiments that were part of the run.
pub(crate) fn sections(results: &Results) -> Vec<Section> {
    let share = results.share.as_ref().map(share::section);
    let neighbour = results.neighbour.as_ref().map(neighbour::section);
    let deadline = results.deadline.as_ref().map(deadline::section);
    let flood = results.flood.as_ref().map(flood::section);
    let accuracy = results.accuracy.as_ref().map(accuracy::section);
    [share, neighbour, deadline, flood, accuracy].into_iter().flatten().collect()
}

/// Falls short as soon as a figure does; holds only where nothing was missing.
fn verdict(holds: bool, missing: Option<String>) -> Verdict {
    match missing {
        _ if !holds => Verdict::FallsShort,
        Some(why) => Verdict::NotJudged(why),
        None => Verdict::Holds,
    }
}

/// The verdict on one figure; a figure that is not a number says nothing.
fn verdict_on(figure: f64, holds: impl Fn(f64) -> bool, missing: Option<String>) -> Verdict {
    if figure.is_finite() {
        verdict(holds(figure), missing)
    } else {
        Verdict::NotJudged("the figure is not a number".to_owned())
    }
}

/// `5 intervals of 4.00 s`, for captions; the length is the median one.
fn intervals<'a>(tcp: impl Iterator<Item = &'a TcpInterval>) -> String {
    let lengths = Spread::of(tcp.map(|t| number::nanoseconds(t.duration_ns) / 1e9));
    match lengths {
        None => "no raw intervals kept".to_owned(),
        Some(Spread { count, median, .. }) => {
            format!("{count} intervals of {} s", number::significant(median))
        }
    }
}

/// `571 to 588 Mb/s (5)`: the range of raw figures and their number.
fn range_text(spread: Option<Spread>) -> String {
    let Some(Spread { count, min, max, .. }) = spread else { return number::ABSENT.to_owned() };
    let (min, max) = (number::throughput(min), number::throughput(max));
    let same_unit = max.split_once(' ').and_then(|(_, unit)| min.strip_suffix(unit));
    format!("{} to {max} ({count})", same_unit.map_or(min.as_str(), str::trim_end))
}

/// `97.1 to 99.4 %`: the lower and the upper quartile.
fn quartiles_text(quartiles: Quartiles) -> String {
    let (lower, upper) = (number::percent(quartiles.lower), number::percent(quartiles.upper));
    format!("{} to {upper}", lower.trim_end_matches(" %"))
}

/// `95.1 to 98.9 %`: the ends of an interval of 95 %.
fn interval_text((low, high): (f64, f64)) -> String {
    let (low, high) = (number::percent(low), number::percent(high));
    format!("{} to {high}", low.trim_end_matches(" %"))
}

/// Whether two shares are the same point: they are written as ratios of whole milliseconds or as
/// whole percents, so anything closer than a millionth is rounding.
fn same_share(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-6
}
