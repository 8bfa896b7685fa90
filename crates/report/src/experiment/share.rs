// SPDX-License-Identifier: MIT OR Apache-2.0
//! `share`: throughput of one VM against its own budget, after Fig. 1b of the paper.

use evenkeel_lab::measurement::{Share, SharePoint, ShareRun};

use super::{intervals, range_text, verdict_on};
use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Fill, Layer, Mark, Point, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;
use crate::number::{ABSENT, chosen_percent, chosen_time, nanoseconds, ratio, throughput};
use crate::section::{Published, Section};
use crate::stats::Spread;
use crate::table::Table;

/// The figure asked for: how well a straight line must explain the points.
const R_SQUARED_MIN: f64 = 0.98;
/// Two points always lie on a line; a third one is the first that can object.
const POINTS_MIN: usize = 3;
/// The range asked for, 10 to 90 % of the CPU.
const SHARES: (f64, f64) = (0.10, 0.90);

const PUBLISHED: Published = Published {
    source: "VHPC 2010, Fig. 1b",
    statement: "The throughput of a VM is linear in its budget.",
    comparison: "The question is reproduced, not the bits per second: the host of 2010 is gone. \
                 What can be compared is the straight line.",
};

/// The section of a run.
pub(crate) fn section(share: &Share) -> Section {
    let summary = &share.summary;
    let mut section = Section {
        name: "share",
        question: "Does a VM get throughput in proportion to its own budget?",
        method: method(share),
        figures: vec![figure(share)],
        table: table(share),
        checks: Vec::new(),
        remarks: Vec::new(),
        published: PUBLISHED,
        host: share.host.clone(),
    };
    let missing = missing(&summary.points);
    section.check(
        format!("r² of at least {R_SQUARED_MIN} over 10..90 % of the CPU"),
        r_squared_text(summary.r_squared),
        verdict_on(summary.r_squared, |r| (R_SQUARED_MIN..=1.0).contains(&r), missing),
    );
    section
}

fn method(share: &Share) -> Vec<String> {
    vec![format!(
        "One VM in a capsule receives TCP from a client on another core while its budget is set to \
         one value after the other. {} in all; a point is the median of its repetitions.",
        capitalised(&intervals(share.runs.iter().map(|run| &run.tcp)))
    )]
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Why the points do not cover the question, if they do not.
fn missing(points: &[SharePoint]) -> Option<String> {
    if points.len() < POINTS_MIN {
        return Some(format!("{} of at least {POINTS_MIN} points", points.len()));
    }
    let (low, high) = extent(points.iter().map(part_of_cpu))?;
    // Half a percent of slack: budgets are whole numbers of microseconds.
    let covered = low <= SHARES.0 + 0.005 && high >= SHARES.1 - 0.005;
    (!covered).then(|| {
        format!("the points cover {} to {} only", chosen_percent(low), chosen_percent(high))
    })
}

/// `r² = 0.997`, cut rather than rounded: 0.9796 must not read like the limit it misses.
pub(crate) fn r_squared_text(r_squared: f64) -> String {
    // A coefficient of determination is never outside; a foreign file can hold anything.
    if (0.0..=1.0).contains(&r_squared) {
        format!("r² = {:.3}", (r_squared * 1e3).floor() / 1e3)
    } else {
        format!("r² = {ABSENT}")
    }
}

fn part_of_cpu(point: &SharePoint) -> f64 {
    ratio(nanoseconds(point.budget_ns), nanoseconds(point.period_ns))
}

fn runs_of<'a>(share: &'a Share, point: &'a SharePoint) -> impl Iterator<Item = &'a ShareRun> {
    let same =
        |run: &&ShareRun| (run.budget_ns, run.period_ns) == (point.budget_ns, point.period_ns);
    share.runs.iter().filter(same)
}

fn spread_of(share: &Share, point: &SharePoint) -> Option<Spread> {
    Spread::of(runs_of(share, point).map(|run| run.tcp.throughput_bps))
}

fn fitted(share: &Share, part: f64) -> f64 {
    share.summary.intercept_bps + share.summary.slope_bps * part
}

fn table(share: &Share) -> Table {
    let mut table = Table::new(&[
        ">budget",
        ">period",
        ">of one CPU",
        ">throughput",
        ">on the line",
        "?smallest to largest (n)",
    ]);
    for point in &share.summary.points {
        let part = part_of_cpu(point);
        table.row([
            chosen_time(point.budget_ns),
            chosen_time(point.period_ns),
            chosen_percent(part),
            throughput(point.throughput_bps),
            throughput(fitted(share, part)),
            range_text(spread_of(share, point)),
        ]);
    }
    table
}

fn figure(share: &Share) -> Figure {
    let summary = &share.summary;
    let straight = (R_SQUARED_MIN..=1.0).contains(&summary.r_squared);
    let title = format!(
        "Throughput {} the budget in a straight line ({})",
        if straight { "follows" } else { "does not follow" },
        r_squared_text(summary.r_squared)
    );
    let mut periods: Vec<_> = summary.points.iter().map(|p| p.period_ns).collect();
    periods.sort();
    periods.dedup();
    let periods: Vec<String> = periods.into_iter().map(chosen_time).collect();
    let caption = format!(
        "{}; {}; period {}. Mark: median; bar: smallest to largest; small marks: single intervals. \
         Line: least squares, {} + {} for a whole CPU. Published (VHPC 2010, Fig. 1b): linear.",
        crate::number::counted(summary.points.len() as u64, "budget"),
        intervals(share.runs.iter().map(|run| &run.tcp)),
        if periods.is_empty() { ABSENT.to_owned() } else { periods.join(", ") },
        throughput(summary.intercept_bps),
        throughput(summary.slope_bps),
    );
    Figure::new("share", title, caption, &chart(share).draw())
}

fn chart(share: &Share) -> Chart {
    let points = &share.summary.points;
    let raw = share.runs.iter().map(|run| run.tcp.throughput_bps);
    let all = raw.chain(points.iter().map(|p| p.throughput_bps));
    let (_, top_bps) = extent(all).unwrap_or((0.0, 1e9));
    let (unit_bps, unit) = if top_bps >= 1e9 { (1e9, "Gb/s") } else { (1e6, "Mb/s") };
    let parts = extent(points.iter().map(part_of_cpu));
    let (low, high) = parts.unwrap_or(SHARES);
    let line = [low, high].map(|part| (part * 100.0, fitted(share, part) / unit_bps));
    let mut layers = vec![Layer::Line {
        points: line.to_vec(),
        stroke: Stroke { ink: Ink::Text, dash: Dash::Long, width: 1.4 },
        key: Some("straight line through the points".to_owned()),
    }];
    for point in points {
        layers.extend(spread_layers(share, point, unit_bps));
    }
    layers.push(Layer::Marks {
        points: points.iter().map(|point| marked(point, unit_bps)).collect(),
        ink: Ink::Ours,
        mark: Mark::Circle,
        fill: Fill::Solid,
        key: Some("measured".to_owned()),
    });
    Chart {
        x: Axis::exactly("Budget, % of one CPU", 0.0, (high * 100.0).max(100.0)),
        y: Axis::linear(&format!("TCP throughput, {unit}"), 0.0, top_bps / unit_bps),
        layers,
        plot_height: 330.0,
        right_margin: 24.0,
    }
}

fn marked(point: &SharePoint, unit_bps: f64) -> Point {
    let tip = format!(
        "{} of one CPU: {}",
        chosen_percent(part_of_cpu(point)),
        throughput(point.throughput_bps)
    );
    Point { x: part_of_cpu(point) * 100.0, y: point.throughput_bps / unit_bps, tip }
}

fn spread_layers(share: &Share, point: &SharePoint, unit_bps: f64) -> Vec<Layer> {
    let x = part_of_cpu(point) * 100.0;
    let single = |run: &ShareRun| Point {
        x,
        y: run.tcp.throughput_bps / unit_bps,
        tip: format!("repetition {}: {}", run.repetition, throughput(run.tcp.throughput_bps)),
    };
    let mut layers = vec![Layer::Marks {
        points: runs_of(share, point).map(single).collect(),
        ink: Ink::Ours,
        mark: Mark::Circle,
        fill: Fill::Faint,
        key: None,
    }];
    if let Some(spread) = spread_of(share, point) {
        let (from, to) = ((x, spread.min / unit_bps), (x, spread.max / unit_bps));
        layers.push(Layer::Whisker { from, to, ink: Ink::Ours });
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_never_looks_better_than_it_is() {
        assert_eq!(r_squared_text(0.979_99), "r² = 0.979");
        assert_eq!(r_squared_text(0.9985), "r² = 0.998");
        assert_eq!(r_squared_text(f64::NAN), "r² = n/a");
    }
}
