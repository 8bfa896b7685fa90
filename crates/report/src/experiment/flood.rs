// SPDX-License-Identifier: MIT OR Apache-2.0
//! `flood`: throughput of A while its neighbour is flooded with small packets, after the authors'
//! LPC 2010 proposal.

use evenkeel_lab::measurement::{Flood, FloodRow, FloodRun};
use evenkeel_model::NetworkContextKind;

use super::{interval_text, intervals, quartiles_text, verdict_on};
use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Fill, Layer, Mark, Point, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;
use crate::number::{ABSENT, chosen_percent, packet_rate, percent, percent_beside, throughput};
use crate::section::{Published, Section, Verdict};
use crate::stats::Spread;
use crate::table::Table;

/// The figures asked for: what A keeps with a context of its own, under how strong a flood.
const KEPT_RATIO_MIN: f64 = 0.97;
const FLOOD_PPS_MIN: f64 = 800e3;
/// The loss that the baseline must show to be called a collapse: half is beyond any noise.
const COLLAPSE_RATIO_MAX: f64 = 0.5;

const PUBLISHED: Published = Published {
    source: "LPC 2010 proposal of the paper's authors",
    statement: "Every thread that works for a VM, the network processing included, belongs into \
                the VM's reservation.",
    comparison: "No figure was published for a flood. The `shared` rows show what a CPU \
                 reservation is worth without that; the `dedicated` rows what it is worth with it.",
};

/// The section of a run.
pub(crate) fn section(flood: &Flood) -> Section {
    let mut section = Section {
        name: "flood",
        question: "Does a VM keep its throughput when its neighbour is flooded with small packets?",
        method: method(flood),
        figures: vec![figure(flood)],
        table: table(flood),
        checks: Vec::new(),
        remarks: vec![
            "The flood to nobody is the control. A keeps: of the control in the same context; in a \
             control row, of A without the flood. Quartiles: the same, visit by visit. Null: the \
             null comparison."
                .to_owned(),
        ],
        published: PUBLISHED,
        host: flood.host.clone(),
    };
    checks(flood, &mut section);
    section
}

/// The row of a context in which the flood went to B, or to nobody.
pub(crate) fn row(flood: &Flood, context: NetworkContextKind, control: bool) -> Option<&FloodRow> {
    flood.summary.rows.iter().find(|row| row.context == context && row.control == control)
}

fn checks(flood: &Flood, section: &mut Section) {
    let absent = || Verdict::NotJudged("not part of this run".to_owned());
    let dedicated = row(flood, NetworkContextKind::Dedicated, false);
    section.check(
        format!("`dedicated`: A keeps at least {} of the control", chosen_percent(KEPT_RATIO_MIN)),
        dedicated.map_or_else(
            || ABSENT.to_owned(),
            |row| format!("{} kept", percent_beside(row.kept_ratio, KEPT_RATIO_MIN)),
        ),
        dedicated.map_or_else(absent, |row| {
            let control = row_missing(flood, NetworkContextKind::Dedicated);
            verdict_on(row.kept_ratio, |kept| kept >= KEPT_RATIO_MIN, control)
        }),
    );
    let shared = row(flood, NetworkContextKind::Shared, false);
    section.check(
        format!(
            "`shared`: the collapse is shown (less than {} kept)",
            chosen_percent(COLLAPSE_RATIO_MAX)
        ),
        shared.map_or_else(|| ABSENT.to_owned(), |row| format!("{} kept", percent(row.kept_ratio))),
        shared.map_or_else(absent, |row| {
            let control = row_missing(flood, NetworkContextKind::Shared);
            verdict_on(row.kept_ratio, |kept| kept < COLLAPSE_RATIO_MAX, control)
        }),
    );
    let slowest = Spread::of(flood.summary.rows.iter().map(|row| row.flood_pps));
    let slowest = slowest.map_or(f64::NAN, |rates| rates.min);
    section.check(
        format!("a flood of at least {} in every row", packet_rate(FLOOD_PPS_MIN)),
        format!("{} at least", packet_rate(slowest)),
        verdict_on(slowest, |pps| pps >= FLOOD_PPS_MIN, None),
    );
}

fn row_missing(flood: &Flood, context: NetworkContextKind) -> Option<String> {
    row(flood, context, true).is_none().then(|| "the control was not part of this run".to_owned())
}

fn method(flood: &Flood) -> Vec<String> {
    vec![
        format!(
            "VM A receives TCP in 1500-byte frames with a CPU reservation. One core sends 64-byte \
             frames, to neighbour B or, as the control, to nobody: the \
             difference between the two is what B's traffic costs A, not what the sender costs \
             the client. Each visit has four intervals in random order: flood to B, flood to \
             nobody, and one without a flood for each. {} in all. The null comparison sets the two \
             intervals without a flood against each other: what it loses or gains is noise.",
            intervals(flood.runs.iter().map(|run| &run.tcp))
        ),
        "`shared` is what hosts do today: packets are processed in softirq by whoever is \
         interrupted. With `dedicated` each VM has a netdev of its own, whose kernel thread runs \
         inside the VM's capsule."
            .to_owned(),
    ]
}

fn runs_of<'a>(
    flood: &'a Flood,
    row: &'a FloodRow,
    flooding: bool,
) -> impl Iterator<Item = &'a FloodRun> {
    flood.runs.iter().filter(move |run| {
        (run.context, run.control, run.flooding) == (row.context, row.control, flooding)
    })
}

fn destination(row: &FloodRow) -> &'static str {
    if row.control { "nobody" } else { "B" }
}

fn table(flood: &Flood) -> Table {
    let mut table = Table::new(&[
        "context",
        "flood to",
        ">flood",
        ">A under it",
        ">A without",
        ">A keeps",
        "quartiles",
        "95 % interval",
        "?>null",
    ]);
    for row in &flood.summary.rows {
        table.row([
            row.context.to_string(),
            destination(row).to_owned(),
            packet_rate(row.flood_pps),
            throughput(row.throughput_bps),
            throughput(row.alone_bps),
            percent(row.kept_ratio),
            quartiles_text(row.visit_ratio),
            interval_text(row.kept_ratio_95),
            percent(row.null_ratio),
        ]);
    }
    table
}

fn figure(flood: &Flood) -> Figure {
    let said = |context| {
        let row = row(flood, context, false)?;
        Some(format!("{} with `{context}`", percent_beside(row.kept_ratio, KEPT_RATIO_MIN)))
    };
    let halves: Vec<String> = [NetworkContextKind::Shared, NetworkContextKind::Dedicated]
        .into_iter()
        .filter_map(said)
        .collect();
    let title = if halves.is_empty() {
        "Throughput of A under a flood".to_owned()
    } else {
        format!("While B is flooded with small packets A keeps {}", halves.join(", "))
    };
    let rates = Spread::of(flood.summary.rows.iter().map(|row| row.flood_pps));
    let rates = rates.map_or_else(
        || ABSENT.to_owned(),
        |rates| format!("{} to {}", packet_rate(rates.min), packet_rate(rates.max)),
    );
    let caption = format!(
        "{}, with and without flood in random order; the flood is {rates} of 64-byte frames. Small marks: \
         single intervals; large mark: median; bar: smallest to largest. Right: what A \
         keeps of the control (in a control row, of A without flood), and the flood.",
        intervals(flood.runs.iter().map(|run| &run.tcp))
    );
    Figure::new("flood", title, caption, &chart(flood).draw())
}

fn chart(flood: &Flood) -> Chart {
    let rows = &flood.summary.rows;
    let all = flood.runs.iter().map(|run| run.tcp.throughput_bps);
    let all = all.chain(rows.iter().flat_map(|row| [row.throughput_bps, row.alone_bps]));
    let (_, top_bps) = extent(all).unwrap_or((0.0, 1e9));
    let (unit_bps, unit) = if top_bps >= 2e9 { (1e9, "Gb/s") } else { (1e6, "Mb/s") };
    let mut layers = Vec::new();
    for (level, row) in rows.iter().enumerate() {
        layers.extend(row_layers(flood, row, level as f64, unit_bps));
    }
    let mut seen: Vec<String> = Vec::new();
    for layer in &mut layers {
        list_once(layer, &mut seen);
    }
    let name = |row: &FloodRow| match row.control {
        true => format!("{}, flood to nobody", row.context),
        false => format!("{}, flood to B", row.context),
    };
    let names: Vec<String> = rows.iter().map(name).collect();
    Chart {
        x: Axis::linear(&format!("TCP throughput of A, {unit}"), 0.0, top_bps / unit_bps),
        y: Axis::rows("", &names),
        layers,
        plot_height: 30.0 + 62.0 * rows.len().max(1) as f64,
        right_margin: 130.0,
    }
}

/// Every row draws the same kinds of marks; the legend lists each kind once.
fn list_once(layer: &mut Layer, seen: &mut Vec<String>) {
    let (Layer::Line { key, .. } | Layer::Marks { key, .. }) = layer else { return };
    match key {
        Some(name) if seen.contains(name) => *key = None,
        Some(name) => seen.push(name.clone()),
        None => {}
    }
}

/// The marks of one row: without flood above its middle, with flood below.
fn row_layers(flood: &Flood, row: &FloodRow, level: f64, unit_bps: f64) -> Vec<Layer> {
    let ink = match (row.control, row.context) {
        (true, _) => Ink::Muted,
        (false, NetworkContextKind::Shared) => Ink::Without,
        (false, _) => Ink::Ours,
    };
    let (above, below) = (level - 0.17, level + 0.13);
    let single = |flooding: bool, y: f64| -> Vec<Point> {
        runs_of(flood, row, flooding)
            .map(|run| Point {
                x: run.tcp.throughput_bps / unit_bps,
                y,
                tip: format!(
                    "repetition {}: {}",
                    run.repetition,
                    throughput(run.tcp.throughput_bps)
                ),
            })
            .collect()
    };
    let median = |bps: f64, y: f64| Point {
        x: bps / unit_bps,
        y,
        tip: format!("median {}", throughput(bps)),
    };
    let marks = |points, fill, key: Option<&str>| Layer::Marks {
        points,
        ink,
        mark: Mark::Circle,
        fill,
        key: key.map(str::to_owned),
    };
    let mut layers = vec![
        marks(single(false, above), Fill::Faint, None),
        marks(single(true, below), Fill::Faint, None),
    ];
    for (flooding, y) in [(false, above), (true, below)] {
        let spread = Spread::of(runs_of(flood, row, flooding).map(|r| r.tcp.throughput_bps));
        if let Some(Spread { min, max, .. }) = spread {
            layers.push(Layer::Whisker { from: (min / unit_bps, y), to: (max / unit_bps, y), ink });
        }
    }
    let (alone, under) = (median(row.alone_bps, above), median(row.throughput_bps, below));
    layers.push(marks(vec![alone], Fill::Hollow, Some("without flood")));
    layers.push(marks(vec![under], Fill::Solid, Some("during the flood")));
    layers.extend(limit_layer(flood, row, level, unit_bps));
    layers.push(Layer::MarginNote {
        y: level,
        text: format!("keeps {}", percent(row.kept_ratio)),
        more: packet_rate(row.flood_pps),
        ink,
    });
    layers
}

/// What A has to keep in the dedicated context: a short line across its row.
fn limit_layer(flood: &Flood, row: &FloodRow, level: f64, unit_bps: f64) -> Option<Layer> {
    if row.control || row.context != NetworkContextKind::Dedicated {
        return None;
    }
    let control = self::row(flood, row.context, true)?;
    let x = control.throughput_bps * KEPT_RATIO_MIN / unit_bps;
    Some(Layer::Line {
        points: vec![(x, level - 0.4), (x, level + 0.4)],
        stroke: Stroke { ink: Ink::Limit, dash: Dash::Short, width: 1.6 },
        key: Some("asked for: 97 % of the control".to_owned()),
    })
}
