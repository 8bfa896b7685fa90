// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one table that a newcomer understands: what was promised to a VM, what happened without
//! Evenkeel, what happened with it.

use evenkeel_lab::measurement::{Accuracy, Deadline, Flood, Neighbour, Results, Share};
use evenkeel_model::NetworkContextKind;

use crate::experiment::share::r_squared_text;
use crate::experiment::{accuracy, deadline, flood};
use crate::number::{
    chosen_percent, chosen_time, counted, nanoseconds, percent, ratio, throughput, time,
};
use crate::table::Table;

/// A cell for what a run did not include.
const NOT_RUN: &str = "not measured";

/// The table; without rows where nothing was run.
pub(crate) fn table(results: &Results) -> Table {
    let mut table = Table::new(&[
        "what a VM was promised",
        "what happened without Evenkeel",
        "and with Evenkeel",
    ]);
    let rows = [
        results.deadline.as_ref().map(deadline_row),
        results.flood.as_ref().map(flood_row),
        results.neighbour.as_ref().map(neighbour_row),
        results.share.as_ref().map(share_row),
        results.accuracy.as_ref().and_then(accuracy_row),
    ];
    for row in rows.into_iter().flatten() {
        table.row(row);
    }
    table
}

fn neighbour_row(neighbour: &Neighbour) -> [String; 3] {
    let drop = neighbour.summary.worst_drop_ratio;
    let lost = match drop {
        d if !d.is_finite() => NOT_RUN.to_owned(),
        d if d <= 0.0 => "nothing lost".to_owned(),
        d => format!("{} lost at worst", percent(d)),
    };
    [
        "its throughput, however busy its neighbour is".to_owned(),
        "not measured here (published in 2010: 20 to 30 % lost)".to_owned(),
        lost,
    ]
}

fn share_row(share: &Share) -> [String; 3] {
    let more = throughput(share.summary.slope_bps / 10.0);
    let fit = r_squared_text(share.summary.r_squared);
    [
        "throughput in proportion to its budget".to_owned(),
        "no budget, no promise".to_owned(),
        format!("{more} more for each 10 % of the CPU, on a straight line ({fit})"),
    ]
}

fn accuracy_row(accuracy: &Accuracy) -> Option<[String; 3]> {
    let rows = &accuracy.summary.rows;
    let row = rows.first()?;
    let promised = ratio(nanoseconds(row.budget_ns), nanoseconds(row.period_ns));
    let (budget, period) = (chosen_time(row.budget_ns), chosen_time(row.period_ns));
    let worst = percent(accuracy::worst_error(accuracy));
    Some([
        format!("{budget} of CPU time in every {period}, {} of one CPU", chosen_percent(promised)),
        "no budget, no promise".to_owned(),
        format!(
            "{} of one CPU; the worst of {} is {worst} off",
            percent(row.share),
            counted(rows.len() as u64, "reservation"),
        ),
    ])
}

fn deadline_row(deadline: &Deadline) -> [String; 3] {
    let said = |reservation| {
        deadline::hardest(deadline, reservation).map_or_else(
            || NOT_RUN.to_owned(),
            |row| {
                format!(
                    "{} late, slowest {} (beside {})",
                    deadline::late_text(row),
                    time(row.max_ns),
                    counted(u64::from(row.neighbours), "busy neighbour")
                )
            },
        )
    };
    let period =
        deadline.runs.first().map_or_else(|| "period".to_owned(), |run| chosen_time(run.period_ns));
    [format!("each of its downloads ends within {period}"), said(false), said(true)]
}

fn flood_row(flood: &Flood) -> [String; 3] {
    let said = |context| {
        let row = flood::row(flood, context, false)?;
        let before = match flood::row(flood, context, true) {
            Some(control) => control.throughput_bps,
            None => row.alone_bps,
        };
        Some(format!(
            "{} of {} left ({})",
            throughput(row.throughput_bps),
            throughput(before),
            percent(row.kept_ratio)
        ))
    };
    let shared = said(NetworkContextKind::Shared)
        .map(|text| format!("{text}, although its CPU time was reserved"));
    let dedicated = said(NetworkContextKind::Dedicated);
    [
        "its throughput, while a neighbour is flooded with small packets".to_owned(),
        shared.unwrap_or_else(|| NOT_RUN.to_owned()),
        dedicated.unwrap_or_else(|| NOT_RUN.to_owned()),
    ]
}
