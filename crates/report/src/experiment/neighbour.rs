// SPDX-License-Identifier: MIT OR Apache-2.0
//! `neighbour`: throughput of A against its neighbour's share, after Figs. 2 and 3 of the paper.

use std::collections::BTreeMap;

use evenkeel_lab::measurement::{
    Neighbour, NeighbourKind, NeighbourPoint, NeighbourRun, NeighbourTrend,
};

use super::{
    CLIENT_IDLE_RATIO_MIN, interval_text, intervals, quartiles_text, same_share, verdict_on,
};
use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Fill, Layer, Mark, Point, Side, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;
use crate::number::{ABSENT, chosen_percent, percent, percent_beside, ratio, throughput};
use crate::section::{Published, Section};
use crate::stats::Spread;
use crate::table::Table;

/// The figure asked for: what A may lose.
const DROP_RATIO_MAX: f64 = 0.03;
/// What was published, and the shares of B between which it was lost.
const PUBLISHED_DROPS: (f64, f64) = (0.20, 0.30);
const PUBLISHED_SHARES: (f64, f64) = (0.10, 0.60);

const PUBLISHED: Published = Published {
    source: "VHPC 2010, Figs. 2 and 3",
    statement: "VM A loses 20 to 30 % of its throughput when its neighbour's share goes from 10 to \
                60 %.",
    comparison: "Ratios are compared, not bits per second. Here A's network processing runs in its \
                 own capsule, by the network context `dedicated`.",
};

/// The section of a run.
pub(crate) fn section(neighbour: &Neighbour) -> Section {
    let mut section = Section {
        name: "neighbour",
        question: "Does a VM keep its throughput when its neighbour's share grows?",
        method: method(neighbour),
        figures: vec![figure(neighbour)],
        table: table(neighbour),
        checks: Vec::new(),
        remarks: vec![
            "Quartiles: of what A keeps, visit by visit. Client idle: the least idle part of the \
             client's core in any interval."
                .to_owned(),
            "What A loses from 10 to 60 %: by the line of Theil and Sen through all visits of a \
             kind; in brackets its 95 % interval."
                .to_owned(),
            format!(
                "Null comparison: with B idle both times A would seem to lose {} at worst. A loss \
                 of this size is noise of the host.",
                percent(neighbour.summary.worst_null_drop_ratio)
            ),
        ],
        published: PUBLISHED,
        host: neighbour.host.clone(),
    };
    checks(neighbour, &mut section);
    section
}

fn checks(neighbour: &Neighbour, section: &mut Section) {
    let summary = &neighbour.summary;
    let limit = chosen_percent(DROP_RATIO_MAX);
    let missing = missing(&summary.points);
    for (asked, drop, measured) in [
        (
            format!("A loses at most {limit} when B's share goes from 10 to 60 %"),
            summary.worst_drop_over_shares_ratio,
            trends_text(&summary.trends),
        ),
        (
            format!("A loses at most {limit} against B idle, at every share"),
            summary.worst_drop_ratio,
            format!("{} at worst", loss_text(summary.worst_drop_ratio)),
        ),
    ] {
        section.check(asked, measured, verdict_on(drop, |d| d <= DROP_RATIO_MAX, missing.clone()));
    }
    let idle = summary.points.iter().map(|p| p.client_core_idle_ratio_min);
    let idle = Spread::of(idle).map_or(f64::NAN, |spread| spread.min);
    section.check(
        format!(
            "the client's core is not the bottleneck: idle for at least {}",
            chosen_percent(CLIENT_IDLE_RATIO_MIN)
        ),
        format!("idle for {} at least", percent_beside(idle, CLIENT_IDLE_RATIO_MIN)),
        verdict_on(idle, |idle| idle >= CLIENT_IDLE_RATIO_MIN, None),
    );
}

/// Why the points do not cover the question, if they do not.
fn missing(points: &[NeighbourPoint]) -> Option<String> {
    for kind in [NeighbourKind::Tcp, NeighbourKind::Compute] {
        for share in [PUBLISHED_SHARES.0, PUBLISHED_SHARES.1] {
            let found =
                points.iter().any(|p| p.kind == kind && same_share(p.neighbour_share, share));
            if !found {
                return Some(format!("no point for {} at {}", word(kind), chosen_percent(share)));
            }
        }
    }
    None
}

fn method(neighbour: &Neighbour) -> Vec<String> {
    vec![format!(
        "VM A receives TCP in 1500-byte frames, with its reservation and a network context of its \
         own. On the same core VM B does network or compute work with a growing share. Each visit \
         to a point has three intervals in random order, one with B at work and two with B idle, so \
         slow changes of the host cancel out. {} in all. The null comparison sets the two idle \
         intervals of a visit against each other: what it loses is noise.",
        intervals(neighbour.runs.iter().map(|run| &run.tcp))
    )]
}

/// A loss beside its limit; a gain is no loss.
/// What A loses by the line through all visits, a kind after the other, each with its uncertainty.
fn trends_text(trends: &[NeighbourTrend]) -> String {
    let of = |trend: &NeighbourTrend| {
        let interval = interval_text(trend.drop_ratio_95);
        format!("{}: {} ({interval})", word(trend.kind), loss_text(trend.drop_ratio))
    };
    if trends.is_empty() {
        ABSENT.to_owned()
    } else {
        trends.iter().map(of).collect::<Vec<_>>().join("; ")
    }
}

fn loss_text(drop: f64) -> String {
    if drop <= 0.0 { "nothing".to_owned() } else { percent_beside(drop, DROP_RATIO_MAX) }
}

const fn word(kind: NeighbourKind) -> &'static str {
    match kind {
        NeighbourKind::Tcp => "tcp",
        NeighbourKind::Compute => "compute",
    }
}

const fn key(kind: NeighbourKind) -> &'static str {
    match kind {
        NeighbourKind::Tcp => "B receives TCP",
        NeighbourKind::Compute => "B computes",
    }
}

fn kept(point: &NeighbourPoint) -> f64 {
    ratio(point.throughput_bps, point.alone_bps)
}

/// A beside B over the mean of the intervals with B idle, visit by visit.
fn visits(neighbour: &Neighbour, point: &NeighbourPoint) -> Vec<f64> {
    let mut visits: BTreeMap<u32, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for run in neighbour.runs.iter().filter(|run| of_point(run, point)) {
        let (beside, idle) = visits.entry(run.repetition).or_default();
        if run.neighbour_active { beside } else { idle }.push(run.tcp.throughput_bps);
    }
    let mean = |figures: &[f64]| ratio(figures.iter().sum(), figures.len() as f64);
    visits.values().map(|(beside, idle)| ratio(mean(beside), mean(idle))).collect()
}

fn of_point(run: &NeighbourRun, point: &NeighbourPoint) -> bool {
    run.kind == point.kind && same_share(run.neighbour_share, point.neighbour_share)
}

fn table(neighbour: &Neighbour) -> Table {
    let mut table = Table::new(&[
        "B's work",
        ">B's share",
        ">A beside B",
        ">B idle",
        ">A keeps",
        "quartiles",
        "?>null",
        "?>client idle",
    ]);
    for point in &neighbour.summary.points {
        table.row([
            word(point.kind).to_owned(),
            chosen_percent(point.neighbour_share),
            throughput(point.throughput_bps),
            throughput(point.alone_bps),
            percent(kept(point)),
            quartiles_text(point.visit_ratio),
            percent(point.null_ratio),
            percent(point.client_core_idle_ratio_min),
        ]);
    }
    table
}

fn figure(neighbour: &Neighbour) -> Figure {
    let drop = neighbour.summary.worst_drop_ratio;
    let title = format!(
        "Beside a busy neighbour A loses {} at worst (published in 2010: 20 to 30 %)",
        loss_text(drop)
    );
    let caption = format!(
        "{}. Large mark: A's median throughput beside B over its median with B idle; bar: quartiles \
         of the visits; small marks: single visits. The axis does not begin at 0. \
         Published (VHPC 2010, Figs. 2 and 3): a loss of 20 to 30 % as B's share goes from 10 to \
         60 %, drawn at 60 %.",
        intervals(neighbour.runs.iter().map(|run| &run.tcp))
    );
    Figure::new("neighbour", title, caption, &chart(neighbour).draw())
}

fn chart(neighbour: &Neighbour) -> Chart {
    let points = &neighbour.summary.points;
    let single = points.iter().flat_map(|point| visits(neighbour, point));
    let all = single.chain(points.iter().map(kept)).chain([1.0 - PUBLISHED_DROPS.1, 1.0]);
    let (low, high) = extent(all).unwrap_or((0.7, 1.0));
    let shares = points.iter().map(|p| p.neighbour_share).chain([0.1, 0.6]);
    let (left, right) = extent(shares).unwrap_or(PUBLISHED_SHARES);
    let (left, right) = (left - 0.05, right + 0.05);
    let limit = 100.0 * (1.0 - DROP_RATIO_MAX);
    let mut layers = published_layers();
    layers.push(null_layer(points));
    for (kind, ink, mark, dash, shift) in [
        // Side by side by half a percent, so that neither hides the other.
        (NeighbourKind::Tcp, Ink::Ours, Mark::Circle, Dash::Solid, -0.4),
        (NeighbourKind::Compute, Ink::Second, Mark::Square, Dash::Short, 0.4),
    ] {
        layers.extend(kind_layers(neighbour, kind, (ink, mark, dash), shift));
    }
    layers.push(Layer::Line {
        points: [left, right].map(|share| (share * 100.0, limit)).to_vec(),
        stroke: Stroke { ink: Ink::Limit, dash: Dash::Short, width: 1.4 },
        key: Some("asked for: at most 3 % lost".to_owned()),
    });
    let (floor, ceiling) = ((low * 100.0 - 2.0).min(68.0), (high * 100.0 + 1.0).max(103.0));
    Chart {
        x: Axis::exactly("Share of neighbour B, % of the CPU", left * 100.0, right * 100.0),
        y: Axis::exactly("A's throughput, % of A beside an idle B", floor, ceiling),
        layers,
        plot_height: 380.0,
        right_margin: 24.0,
    }
}

fn published_layers() -> Vec<Layer> {
    let at = PUBLISHED_SHARES.1 * 100.0;
    let (top, bottom) = (100.0 * (1.0 - PUBLISHED_DROPS.0), 100.0 * (1.0 - PUBLISHED_DROPS.1));
    vec![
        Layer::Area {
            from: (at - 1.2, bottom),
            to: (at + 1.2, top),
            ink: Ink::Published,
            opacity: 0.55,
            tip: Some("published in 2010: 20 to 30 % lost".to_owned()),
            key: None,
        },
        Layer::Note {
            at: (at - 1.2, f64::midpoint(top, bottom)),
            side: Side::Left,
            text: "published 2010: 20 to 30 % lost at 60 %".to_owned(),
            ink: Ink::Published,
        },
    ]
}

/// B idle against B idle: how much of every distance from 100 % is noise.
fn null_layer(points: &[NeighbourPoint]) -> Layer {
    let marked = |point: &NeighbourPoint| Point {
        x: point.neighbour_share * 100.0,
        y: point.null_ratio * 100.0,
        tip: format!("null comparison ({}): {}", word(point.kind), percent(point.null_ratio)),
    };
    Layer::Marks {
        points: points.iter().map(marked).collect(),
        ink: Ink::Muted,
        mark: Mark::Circle,
        fill: Fill::Hollow,
        key: Some("null comparison: B idle both times".to_owned()),
    }
}

fn kind_layers(
    neighbour: &Neighbour,
    kind: NeighbourKind,
    (ink, mark, dash): (Ink, Mark, Dash),
    shift: f64,
) -> Vec<Layer> {
    let points: Vec<&NeighbourPoint> =
        neighbour.summary.points.iter().filter(|p| p.kind == kind).collect();
    if points.is_empty() {
        return Vec::new();
    }
    let x = |point: &NeighbourPoint| point.neighbour_share * 100.0 + shift;
    let mut layers = vec![Layer::Line {
        points: points.iter().map(|p| (x(p), kept(p) * 100.0)).collect(),
        stroke: Stroke { ink, dash, width: 1.8 },
        key: None,
    }];
    for point in &points {
        layers.extend(spread_layers(neighbour, point, x(point), (ink, mark)));
    }
    let marked = |p: &&NeighbourPoint| Point {
        x: x(p),
        y: kept(p) * 100.0,
        tip: format!(
            "{}, {}: A keeps {}",
            key(kind),
            chosen_percent(p.neighbour_share),
            percent(kept(p))
        ),
    };
    layers.push(Layer::Marks {
        points: points.iter().map(marked).collect(),
        ink,
        mark,
        fill: Fill::Solid,
        key: Some(key(kind).to_owned()),
    });
    layers
}

/// The single visits of one point, and their quartiles.
fn spread_layers(
    neighbour: &Neighbour,
    point: &NeighbourPoint,
    x: f64,
    (ink, mark): (Ink, Mark),
) -> Vec<Layer> {
    let marked = |part: f64, what: &str| Point {
        x,
        y: part * 100.0,
        tip: format!("{what}: {}", percent(part)),
    };
    let single = visits(neighbour, point).into_iter().map(|kept| marked(kept, "one visit"));
    let quartiles = point.visit_ratio;
    vec![
        Layer::Marks { points: single.collect(), ink, mark, fill: Fill::Faint, key: None },
        Layer::Whisker {
            from: (x, quartiles.lower * 100.0),
            to: (x, quartiles.upper * 100.0),
            ink,
        },
    ]
}
