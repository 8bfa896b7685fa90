// SPDX-License-Identifier: MIT OR Apache-2.0
//! `accuracy`: what a spinning capsule really gets, over seconds and in each period.

use evenkeel_lab::measurement::{Accuracy, AccuracyRow, AccuracyRun};
use evenkeel_model::Span;

use super::supply::{Periods, periods, sorted};
use super::{verdict, verdict_on};
use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::lanes::{Lane, Lanes};
use crate::drawing::layer::{Layer, Side, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;
use crate::number::{
    ABSENT, chosen_percent, chosen_time, counted, in_ms, milliseconds, nanoseconds, percent,
    percent_beside,
};
use crate::number::{ratio, signed_percent, time};
use crate::section::{Published, Section, Verdict};
use crate::stats::Spread;
use crate::table::Table;

/// The figure asked for: how far the long-run share may be from the budget, ...
const SHARE_ERROR_MAX: f64 = 0.01;
/// ... over at least how long, ...
const WATCHED_MIN: Span = Span::from_s(10);
/// ... in these reservations (milliseconds).
const RESERVATIONS_MS: [(u64, u64); 4] = [(6, 20), (4, 20), (30, 100), (45, 50)];

/// What the lanes show: long enough for two of the longest periods asked for.
const LANES_LENGTH: Span = Span::from_ms(200);
/// Bars of the distribution of one reservation: narrow enough to tell a tick from half a tick.
const BINS: u32 = 90;

const PUBLISHED: Published = Published {
    source: "none",
    statement: "No published figure on this question is known to us.",
    comparison: "It is the ground that the other figures stand on: a reservation is only worth \
                 what the kernel delivers.",
};

/// The section of a run.
pub(crate) fn section(accuracy: &Accuracy) -> Section {
    let cuts: Vec<Option<Periods>> = accuracy.runs.iter().map(periods).collect();
    let mut section = Section {
        name: "accuracy",
        question: "Does a capsule get the CPU time it was promised, and no more?",
        method: vec![
            "One thread that never sleeps spins in a capsule. The kernel accounts its CPU time over \
             the whole run; the thread itself notes when it was running, which gives the supply of \
             each period. Periods are counted from the replenishments seen."
                .to_owned(),
        ],
        figures: vec![distribution_figure(accuracy, &cuts), lanes_figure(accuracy, &cuts)],
        table: table(accuracy),
        checks: Vec::new(),
        remarks: remarks(accuracy),
        published: PUBLISHED,
        host: accuracy.host.clone(),
    };
    checks(accuracy, &mut section);
    section
}

/// The scheduler's tick, where the host's configuration tells it.
fn tick(accuracy: &Accuracy) -> Option<Span> {
    let hz = accuracy.host.tick_hz.filter(|hz| *hz > 0)?;
    Some(Span::from_ns(1_000_000_000 / u64::from(hz)))
}

/// The worst deviation of a long-run share, as a size; NaN without rows.
pub(crate) fn worst_error(accuracy: &Accuracy) -> f64 {
    let errors = accuracy.summary.rows.iter().map(|row| row.share_error_ratio.abs());
    Spread::of(errors).map_or(f64::NAN, |spread| spread.max)
}

fn checks(accuracy: &Accuracy, section: &mut Section) {
    let rows = &accuracy.summary.rows;
    let error = worst_error(accuracy);
    section.check(
        format!(
            "the budget within {} over {} for (6,20) (4,20) (30,100) (45,50) ms",
            chosen_percent(SHARE_ERROR_MAX),
            chosen_time(WATCHED_MIN)
        ),
        format!("{} off at worst", percent_beside(error, SHARE_ERROR_MAX)),
        verdict_on(error, |error| error <= SHARE_ERROR_MAX, missing(accuracy)),
    );
    let overrun = rows.iter().map(|row| row.overrun_max_ns).max();
    let measured = overrun.map_or_else(|| ABSENT.to_owned(), |o| format!("{} at most", exact(o)));
    let judged = match (overrun, tick(accuracy)) {
        (Some(overrun), Some(tick)) => verdict(overrun <= tick, None),
        (None, _) => Verdict::NotJudged("no rows".to_owned()),
        (_, None) => Verdict::NotJudged("the host does not tell its tick".to_owned()),
    };
    let limit = tick(accuracy).map_or_else(String::new, |tick| format!(" ({})", chosen_time(tick)));
    section.check(
        format!("an overrun within a period of at most one scheduler tick{limit}"),
        measured,
        judged,
    );
    let unpaid = rows.iter().filter(|row| !row.repaid).count();
    section.check(
        "every overrun repaid in the next period",
        if rows.is_empty() {
            ABSENT.to_owned()
        } else {
            format!("repaid in {} of {}", rows.len() - unpaid, counted(rows.len() as u64, "run"))
        },
        verdict(unpaid == 0, rows.is_empty().then(|| "no rows".to_owned())),
    );
}

/// To the microsecond: what lies a hair beyond a tick must not read like a tick.
fn exact(span: Span) -> String {
    chosen_time(Span::from_us(span.as_us()))
}

/// Why the rows do not cover the question, if they do not.
fn missing(accuracy: &Accuracy) -> Option<String> {
    for (budget_ms, period_ms) in RESERVATIONS_MS {
        let asked = (Span::from_ms(budget_ms), Span::from_ms(period_ms));
        if !accuracy.summary.rows.iter().any(|row| (row.budget_ns, row.period_ns) == asked) {
            return Some(format!("({budget_ms},{period_ms}) ms was not run"));
        }
    }
    let shortest = accuracy.runs.iter().map(|run| run.elapsed_ns).min()?;
    (shortest < WATCHED_MIN).then(|| format!("watched for {} only", time(shortest)))
}

fn remarks(accuracy: &Accuracy) -> Vec<String> {
    let mut remarks = vec![
        "Overrun: the largest supply of one period beyond its budget. Gap: the longest time without \
         service."
            .to_owned(),
    ];
    if let Some(tick) = tick(accuracy) {
        remarks.push(format!(
            "The kernel of this host checks budgets at its tick, every {}: within a period a \
             capsule can overrun by one tick, which it pays back from the next budget.",
            chosen_time(tick)
        ));
    }
    if accuracy.runs.iter().any(|run| run.truncated) {
        remarks.push(
            "A spinner saw more stretches than it could note: the figures of single periods cover \
             the beginning of its run only."
                .to_owned(),
        );
    }
    remarks
}

fn reservation(budget: Span, period: Span) -> String {
    format!("{} every {}", chosen_time(budget), chosen_time(period))
}

fn run_of<'a>(accuracy: &'a Accuracy, row: &AccuracyRow) -> Option<&'a AccuracyRun> {
    let same =
        |run: &&AccuracyRun| (run.budget_ns, run.period_ns) == (row.budget_ns, row.period_ns);
    accuracy.runs.iter().find(same)
}

fn table(accuracy: &Accuracy) -> Table {
    let mut table = Table::new(&[
        "reservation",
        ">promised",
        ">supplied",
        ">error",
        ">overrun ms",
        "repaid",
        ">gap ms",
        "?>watched",
    ]);
    for row in &accuracy.summary.rows {
        table.row([
            reservation(row.budget_ns, row.period_ns),
            percent(ratio(nanoseconds(row.budget_ns), nanoseconds(row.period_ns))),
            percent(row.share),
            signed_percent(row.share_error_ratio),
            milliseconds(row.overrun_max_ns),
            if row.repaid { "yes" } else { "no" }.to_owned(),
            milliseconds(row.gap_max_ns),
            run_of(accuracy, row).map_or_else(|| ABSENT.to_owned(), |run| time(run.elapsed_ns)),
        ]);
    }
    table
}

fn distribution_figure(accuracy: &Accuracy, cuts: &[Option<Periods>]) -> Figure {
    let error = percent_beside(worst_error(accuracy), SHARE_ERROR_MAX);
    let overrun = accuracy.summary.rows.iter().map(|row| row.overrun_max_ns).max();
    let within = match (overrun, tick(accuracy)) {
        (Some(overrun), Some(tick)) if overrun <= tick => {
            format!(", within a period to {} (at most one tick)", exact(overrun))
        }
        (Some(overrun), Some(_)) => {
            format!(", within a period to {} (more than one tick)", exact(overrun))
        }
        (Some(overrun), None) => format!(", within a period to {}", exact(overrun)),
        (None, _) => String::new(),
    };
    let title = format!("Over seconds each budget is kept within {error}{within}");
    let counts = cuts.iter().flatten().map(|cut| cut.supply_ns.len() as f64);
    let n = extent(counts).map_or_else(
        || "no whole period seen".to_owned(),
        |(low, high)| format!("n = {low:.0} to {high:.0} periods a reservation"),
    );
    let watched = Spread::of(accuracy.runs.iter().map(|run| nanoseconds(run.elapsed_ns) / 1e9));
    let watched = watched.map_or(f64::NAN, |spread| spread.median);
    let caption = format!(
        "Supply of a single period beyond its budget; each row a reservation, bar heights are parts \
         of its periods; {n}, {} s each. At 0 a period got exactly its budget; left of 0 it paid \
         back. Right: share of the CPU over the whole run, and its error.",
        crate::number::significant(watched),
    );
    Figure::new("accuracy", title, caption, &distribution(accuracy, cuts).draw())
}

fn distribution(accuracy: &Accuracy, cuts: &[Option<Periods>]) -> Chart {
    let beyond: Vec<Vec<f64>> = accuracy
        .runs
        .iter()
        .zip(cuts)
        .map(|(run, cut)| beyond_budget_ms(run, cut.as_ref()))
        .collect();
    let tick_ms = tick(accuracy).map(in_ms);
    let all = beyond.iter().flatten().copied().chain(tick_ms).chain([0.0]);
    let (low, high) = extent(all).unwrap_or((-1.0, 1.0));
    let reach = low.abs().max(high.abs()).max(1e-3) * 1.15;
    let bin = 2.0 * reach / f64::from(BINS);
    let mut layers = Vec::new();
    let mut names = Vec::new();
    for (level, (run, values)) in accuracy.runs.iter().zip(&beyond).enumerate() {
        names.push(reservation(run.budget_ns, run.period_ns));
        layers.extend(bars(values, level as f64, (reach, bin)));
        layers.push(Layer::Line {
            points: vec![(-reach, level as f64 + 0.32), (reach, level as f64 + 0.32)],
            stroke: Stroke { ink: Ink::Muted, dash: Dash::Solid, width: 0.6 },
            key: None,
        });
        let promised = ratio(nanoseconds(run.budget_ns), nanoseconds(run.period_ns));
        let got = ratio(nanoseconds(run.supply_ns), nanoseconds(run.elapsed_ns));
        layers.push(Layer::MarginNote {
            y: level as f64,
            text: format!("{} of the CPU", percent(got)),
            more: format!("error {}", signed_percent(got / promised - 1.0)),
            ink: Ink::Ours,
        });
    }
    let rule = |x, dash, label: String, side| Layer::VerticalRule {
        x,
        stroke: Stroke { ink: Ink::Limit, dash, width: 1.3 },
        label,
        side,
    };
    layers.push(rule(0.0, Dash::Solid, "budget".to_owned(), Side::Left));
    if let Some((tick, tick_ms)) = tick(accuracy).zip(tick_ms) {
        layers.push(rule(
            tick_ms,
            Dash::Short,
            format!("one tick, {}", chosen_time(tick)),
            Side::Left,
        ));
    }
    let label = "Supply of one period beyond its budget, ms";
    Chart {
        x: Axis::exactly(label, -reach, reach),
        y: Axis::rows("", &names),
        layers,
        plot_height: 40.0 + 66.0 * names.len().max(1) as f64,
        right_margin: 150.0,
    }
}

fn beyond_budget_ms(run: &AccuracyRun, cut: Option<&Periods>) -> Vec<f64> {
    let budget_ms = in_ms(run.budget_ns);
    let supply = cut.map_or(&[][..], |cut| &cut.supply_ns);
    supply.iter().map(|ns| in_ms(Span::from_ns(*ns)) - budget_ms).collect()
}

/// The distribution of one row as bars that stand on its line.
fn bars(values: &[f64], level: f64, (reach, bin): (f64, f64)) -> Vec<Layer> {
    let mut layers = Vec::new();
    let counts: Vec<(f64, usize)> = (0..BINS)
        .map(|k| {
            let from = f64::from(k) * bin - reach;
            (from, values.iter().filter(|v| **v >= from && **v < from + bin).count())
        })
        .collect();
    let most = counts.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1) as f64;
    for (from, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        // A single period among thousands still shows: at least a fiftieth of the row.
        let height = (count as f64 / most * 0.7).max(0.014);
        let middle = from + bin / 2.0;
        layers.push(Layer::Area {
            from: (from, level + 0.32),
            to: (from + bin, level + 0.32 - height),
            ink: Ink::Ours,
            opacity: 0.85,
            tip: Some(format!("about {middle:+.2} ms: {count} of {} periods", values.len())),
            key: None,
        });
    }
    layers
}

fn lanes_figure(accuracy: &Accuracy, cuts: &[Option<Periods>]) -> Figure {
    let unpaid = accuracy.summary.rows.iter().filter(|row| !row.repaid).count();
    let title = if unpaid == 0 {
        "Each period brings the budget anew, and an overrun is paid back"
    } else {
        "Each period brings the budget anew, but not every overrun is paid back"
    };
    let lanes: Vec<Lane> = accuracy
        .runs
        .iter()
        .zip(cuts)
        .filter_map(|(run, cut)| {
            cut.as_ref().map(|cut| Lane {
                name: reservation(run.budget_ns, run.period_ns),
                begin_ns: cut.begin_ns,
                budget_ns: run.budget_ns.as_ns(),
                period_ns: run.period_ns.as_ns(),
                stretches: sorted(&run.stretches),
            })
        })
        .collect();
    let caption = format!(
        "The first {} of each run, from the first replenishment seen; {}. Blocks: the capsule runs; \
         arrows: a period begins. Area below: what is left of the budget by the rules of a hard \
         reservation, below its line a debt.",
        chosen_time(LANES_LENGTH),
        counted(lanes.len() as u64, "reservation"),
    );
    let drawing = Lanes { lanes, length_ns: LANES_LENGTH.as_ns() }.draw();
    Figure::new("accuracy-lanes", title.to_owned(), caption, &drawing)
}
