// SPDX-License-Identifier: MIT OR Apache-2.0
//! `deadline`: completion time of a periodic download, after Fig. 4 and Table 1 of the paper.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_lab::measurement::{Deadline, DeadlineRow, DeadlineRun};
use evenkeel_model::Span;
use hdrhistogram::Histogram;

use super::{verdict, verdict_on};
use crate::drawing::axis::{Axis, extent, percent_tick, plain_tick};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Layer, Side, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;
use crate::number::{
    ABSENT, bytes, chosen_time, counted, in_ms, milliseconds, percent, ratio, significant,
};
use crate::section::{Published, Section};
use crate::stats::Spread;
use crate::table::Table;

/// The figures asked for: late requests among how many, beside how many loaded neighbours, ...
const REQUESTS_MIN: u64 = 500;
const NEIGHBOURS_MIN: u32 = 8;
/// ... how much longer the p99 may be than without load, ...
const P99_RATIO_MAX: f64 = 1.2;
/// ... and for how many neighbours the report shows what happens without a reservation.
const NEIGHBOURS_SHOWN: [u32; 3] = [1, 4, 8];

const PUBLISHED: Published = Published {
    source: "VHPC 2010, Fig. 4 and Table 1",
    statement: "The completion time of a periodic download (every 20 ms) is compared with and \
                without load and with and without a reservation, beside one neighbour.",
    comparison: "The host of 2010 is gone, so seconds are not compared: the file is sized to cost \
                 about the same part of the period, a tenth. On today's fair scheduler one \
                 neighbour is harmless and eight are not, so the number is a parameter here.",
};

/// The section of a run.
pub(crate) fn section(deadline: &Deadline) -> Section {
    let mut section = Section {
        name: "deadline",
        question: "Does a periodic download end before its deadline, whatever the neighbours do?",
        method: method(deadline),
        figures: vec![figure(deadline)],
        table: table(deadline),
        checks: Vec::new(),
        remarks: remarks(deadline),
        published: PUBLISHED,
        host: deadline.host.clone(),
    };
    checks(deadline, &mut section);
    section
}

/// The row with the most loaded neighbours, with or without a reservation; of several the worst.
pub(crate) fn hardest(deadline: &Deadline, reservation: bool) -> Option<&DeadlineRow> {
    let loaded = |row: &&DeadlineRow| row.reservation == reservation && row.load;
    deadline
        .summary
        .rows
        .iter()
        .filter(loaded)
        .max_by_key(|row| (row.neighbours, row.late, row.p99_ns))
}

/// `3 of 500`.
pub(crate) fn late_text(row: &DeadlineRow) -> String {
    format!("{} of {}", row.late, row.requests)
}

fn late_ratio(row: &DeadlineRow) -> f64 {
    ratio(row.late as f64, row.requests as f64)
}

fn checks(deadline: &Deadline, section: &mut Section) {
    let reserved = hardest(deadline, true);
    let missing = match reserved {
        None => Some("no series with reservation and load".to_owned()),
        Some(row) if row.requests < REQUESTS_MIN => {
            Some(format!("{} only", counted(row.requests, "request")))
        }
        Some(row) if row.neighbours < NEIGHBOURS_MIN => {
            Some(format!("{} only", counted(u64::from(row.neighbours), "neighbour")))
        }
        Some(_) => None,
    };
    section.check(
        format!(
            "0 of {REQUESTS_MIN} requests late with reservation and load ({NEIGHBOURS_MIN} \
             neighbours and 1000 connections)"
        ),
        reserved.map_or_else(
            || ABSENT.to_owned(),
            |row| format!("{} late beside {}", late_text(row), neighbours(row.neighbours)),
        ),
        verdict(reserved.is_none_or(|row| row.late == 0), missing.clone()),
    );
    let ratio = deadline.summary.p99_ratio;
    section.check(
        format!("p99 with reservation and load at most {P99_RATIO_MAX} times the p99 without load"),
        format!("{} times", ratio_beside(ratio)),
        verdict_on(ratio, |ratio| ratio <= P99_RATIO_MAX, missing),
    );
    let shown: Vec<&DeadlineRow> =
        deadline.summary.rows.iter().filter(|row| !row.reservation && row.load).collect();
    let absent: Vec<String> = NEIGHBOURS_SHOWN
        .iter()
        .filter(|n| shown.iter().all(|row| row.neighbours != **n))
        .map(ToString::to_string)
        .collect();
    let said = shown.iter().map(|row| format!("{}: {} late", row.neighbours, late_text(row)));
    let said = said.collect::<Vec<_>>().join("; ");
    section.check(
        "shown without reservation and with load, for 1, 4 and 8 neighbours",
        if said.is_empty() { ABSENT.to_owned() } else { said },
        verdict(true, (!absent.is_empty()).then(|| format!("not run for {}", absent.join(", ")))),
    );
}

/// With as many decimals as tell it from the limit.
fn ratio_beside(ratio: f64) -> String {
    let near = (ratio - P99_RATIO_MAX).abs() < 0.005 && ratio > P99_RATIO_MAX;
    if near { format!("{ratio:.4}") } else { significant(ratio) }
}

fn neighbours(count: u32) -> String {
    counted(u64::from(count), "neighbour")
}

fn method(deadline: &Deadline) -> Vec<String> {
    let first = deadline.runs.first();
    let size = first.map_or_else(String::new, |run| format!(" of {}", bytes(run.file_bytes)));
    let period = first.map_or_else(|| "20 ms".to_owned(), |run| chosen_time(run.period_ns));
    vec![
        format!(
            "Every {period} a client asks VM A for a file{size}; the answer is due before the next \
             request. The client is open loop: a late answer never delays the next request, and a \
             completion time counts from the moment the request was due to be sent."
        ),
        "Load means that the neighbours compute on the same core while 1000 connections fetch \
         from a web server. Without a reservation every VM is an ordinary process of the fair \
         scheduler."
            .to_owned(),
    ]
}

fn remarks(deadline: &Deadline) -> Vec<String> {
    let mut remarks = vec![
        "Dev: standard deviation. Client late: the longest that the client itself woke after a release. It is part of the \
         completion times and not taken off."
            .to_owned(),
    ];
    let unanswered: u64 = deadline.summary.rows.iter().map(|row| row.unanswered).sum();
    if unanswered > 0 {
        remarks.push(format!(
            "{} without an answer by the end of the series: late in the table, with the time until \
             that end; in the figure their curve runs to the right edge.",
            counted(unanswered, "request")
        ));
    }
    if let Some(null) = deadline.summary.null_p99_ratio {
        remarks.push(format!(
            "Null comparison: between two series with reservation and without load the p99 differs \
             by a factor of {}.",
            significant(null)
        ));
    }
    let web = Spread::of(deadline.runs.iter().filter_map(|run| run.web_load_rps));
    if let Some(Spread { min, max, .. }) = web {
        remarks.push(format!(
            "The 1000 connections got {} to {} answers per second meanwhile.",
            significant(min),
            significant(max)
        ));
    }
    remarks
}

fn table(deadline: &Deadline) -> Table {
    let mut table = Table::new(&[
        "reserved",
        "load",
        ">neighbours",
        ">late",
        "?>late, %",
        ">mean ms",
        ">dev ms",
        ">p50 ms",
        ">p99 ms",
        ">max ms",
        "?>client late ms",
    ]);
    for row in &deadline.summary.rows {
        table.row([
            if row.reservation { "yes" } else { "no" }.to_owned(),
            if row.load { "yes" } else { "no" }.to_owned(),
            row.neighbours.to_string(),
            late_text(row),
            percent(late_ratio(row)),
            milliseconds(row.mean_ns),
            milliseconds(row.stddev_ns),
            milliseconds(row.p50_ns),
            milliseconds(row.p99_ns),
            milliseconds(row.max_ns),
            milliseconds(row.wake_lateness_max_ns),
        ]);
    }
    table
}

/// What happened beside the most neighbours, with and without.
fn title(deadline: &Deadline) -> String {
    let beside = |row: &DeadlineRow| {
        format!("beside {}", counted(u64::from(row.neighbours), "loaded neighbour"))
    };
    match (hardest(deadline, true), hardest(deadline, false)) {
        (Some(with), Some(without)) if with.neighbours == without.neighbours => format!(
            "{} downloads late with a reservation, {} without, {}",
            late_text(with),
            late_text(without),
            beside(with)
        ),
        (Some(with), Some(without)) => format!(
            "{} downloads late with a reservation ({}), {} without ({})",
            late_text(with),
            beside(with),
            late_text(without),
            beside(without)
        ),
        (Some(row), None) => {
            format!("{} downloads late with a reservation, {}", late_text(row), beside(row))
        }
        (None, Some(row)) => {
            format!("{} downloads late without a reservation, {}", late_text(row), beside(row))
        }
        (None, None) => "Completion time of the periodic download".to_owned(),
    }
}

fn figure(deadline: &Deadline) -> Figure {
    let curves = curves(deadline);
    let requests = extent(curves.iter().map(|c| c.requests as f64));
    let (low, high) = requests.unwrap_or((0.0, 0.0));
    let n = if low == high { format!("{high:.0}") } else { format!("{low:.0} to {high:.0}") };
    let caption = format!(
        "Part of the requests that took longer than the time on the axis (CCDF, both axes \
         logarithmic), from histograms of {} series; n = {n} requests a curve, one every {}. A curve \
         ends at its slowest request, one of n; a request without an answer keeps it above that.",
        deadline.runs.len(),
        deadline.runs.first().map_or_else(|| ABSENT.to_owned(), |run| chosen_time(run.period_ns)),
    );
    Figure::new("deadline", title(deadline), caption, &chart(deadline, &curves).draw())
}

/// What distinguishes one curve from another; repetitions of the same are one curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    // Ordered as in the legend, whose two columns are with and without.
    load: bool,
    neighbours: u32,
    unreserved: bool,
}

impl Case {
    const fn of(run: &DeadlineRun) -> Case {
        Case { unreserved: !run.reservation, load: run.load, neighbours: run.neighbours }
    }

    fn key(self) -> String {
        format!(
            "{}, {}",
            if self.unreserved { "not reserved" } else { "reserved" },
            if self.load {
                counted(u64::from(self.neighbours), "loaded neighbour")
            } else {
                "no load".to_owned()
            }
        )
    }
}

/// The tail of one case: parts of the requests that took longer than a time.
struct Curve {
    case: Case,
    requests: u64,
    unanswered: bool,
    /// Milliseconds and part, descending steps; the last part is that of the unanswered requests.
    steps: Vec<(f64, f64)>,
}

fn curves(deadline: &Deadline) -> Vec<Curve> {
    let mut cases: BTreeMap<Case, Vec<Option<Span>>> = BTreeMap::new();
    for run in &deadline.runs {
        cases.entry(Case::of(run)).or_default().extend(&run.completion_ns);
    }
    cases.iter().filter_map(|(case, times)| Curve::of(*case, times)).collect()
}

impl Curve {
    /// From the histogram of the completion times: three significant digits, which is finer than
    /// a pixel. `None` for a case without requests.
    fn of(case: Case, times: &[Option<Span>]) -> Option<Curve> {
        let requests = times.len() as u64;
        if requests == 0 {
            return None;
        }
        let answered: Vec<u64> = times.iter().flatten().map(|span| span.as_ns().max(1)).collect();
        let longest = answered.iter().copied().max().unwrap_or(1).max(2);
        let mut histogram = Histogram::<u64>::new_with_bounds(1, longest, 3).ok()?;
        for ns in &answered {
            histogram.saturating_record(*ns);
        }
        let n = requests as f64;
        let mut longer = requests;
        let mut steps = Vec::new();
        for bucket in histogram.iter_recorded() {
            let at_ms = in_ms(Span::from_ns(bucket.value_iterated_to().min(longest)));
            steps.push((at_ms, longer as f64 / n));
            longer = longer.saturating_sub(bucket.count_since_last_iteration());
            // Never below one of n: the curve ends at the slowest request.
            if longer > 0 {
                steps.push((at_ms, longer as f64 / n));
            }
        }
        Some(Curve { case, requests, unanswered: times.iter().any(Option::is_none), steps })
    }
}

fn chart(deadline: &Deadline, curves: &[Curve]) -> Chart {
    let periods = deadline.runs.iter().map(|run| in_ms(run.period_ns));
    let times = curves.iter().flat_map(|curve| curve.steps.iter().map(|(ms, _)| *ms));
    let (low, high) = extent(times.chain(periods)).unwrap_or((1.0, 20.0));
    let (low, high) = (low.max(1e-6) * 0.85, high * 1.25);
    let n_max = curves.iter().map(|curve| curve.requests).max().unwrap_or(1).max(2);
    let mut y = Axis::log("Requests that took longer", 1.0 / n_max as f64, 1.0, percent_tick);
    y.ticks.retain(|(at, _)| *at > 1.6 / n_max as f64);
    y.ticks.insert(0, (1.0 / n_max as f64, format!("1 of {n_max}")));
    let mut layers: Vec<Layer> = Vec::new();
    layers.extend(curves.iter().map(|curve| curve_layer(curves, curve, high)));
    let mut deadlines: Vec<Span> = deadline.runs.iter().map(|run| run.period_ns).collect();
    deadlines.sort();
    deadlines.dedup();
    layers.extend(deadlines.into_iter().map(|period| deadline_layer(period, high)));
    Chart {
        x: Axis::log("Completion time since the release, ms", low, high, plain_tick),
        y,
        layers,
        plot_height: 360.0,
        right_margin: 24.0,
    }
}

fn deadline_layer(period: Span, right_end: f64) -> Layer {
    let x = in_ms(period);
    Layer::VerticalRule {
        x,
        stroke: Stroke { ink: Ink::Limit, dash: Dash::Short, width: 1.4 },
        label: format!("deadline {}", chosen_time(period)),
        // A label needs about a third of a decade.
        side: if x * 2.2 > right_end { Side::Left } else { Side::Right },
    }
}

fn curve_layer(curves: &[Curve], curve: &Curve, right_end: f64) -> Layer {
    let mut points = curve.steps.clone();
    if let (true, Some((_, part))) = (curve.unanswered, points.last().copied()) {
        points.push((right_end, part));
    }
    let case = curve.case;
    let ink = if case.unreserved { Ink::Without } else { Ink::Ours };
    // The more neighbours, the more solid the line; without load it is dotted.
    let loaded = curves.iter().filter(|other| other.case.load).map(|other| other.case.neighbours);
    let more: BTreeSet<u32> = loaded.filter(|neighbours| *neighbours > case.neighbours).collect();
    let (dash, width) = match (case.load, more.len()) {
        (false, _) => (Dash::Dots, 2.2),
        (true, 0) => (Dash::Solid, 2.4),
        (true, 1) => (Dash::Long, 1.8),
        (true, 2) => (Dash::LongDot, 1.8),
        (true, _) => (Dash::Short, 1.6),
    };
    Layer::Line { points, stroke: Stroke { ink, dash, width }, key: Some(case.key()) }
}
