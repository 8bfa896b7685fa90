// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording as lanes, one for each CPU: who ran when, by capsule; where a budget was spent and
//! where it was given.

use std::fmt::Write as _;

use evenkeel_sched::scx::{LogEvent, intf};

use super::file::TraceFile;
use super::{runs, slot_name};

/// Width of the drawing in its own units; a viewer scales it.
const WIDTH: u64 = 1600;
/// Height of a lane and the room between two.
const LANE: u64 = 40;
const GAP: u64 = 20;
/// Room on the left for the names of the lanes.
const LEFT: u64 = 70;
/// Colours that stay apart for readers who do not see red and green alike (Okabe and Ito, 2008).
const COLOURS: [&str; 7] =
    ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
/// Most rectangles: a browser draws this many; what is left out says so.
const RUNS_MAX: usize = 50_000;

/// The file's text.
pub fn svg(file: &TraceFile) -> String {
    let records = &file.log.records;
    let start = records.first().map_or(0, |record| record.at_ns);
    let length = records.last().map_or(1, |record| record.at_ns - start).max(1);
    // Times are below 2^53 ns and WIDTH below 2^11: the product fits.
    let x = |at: u64| LEFT + (at.saturating_sub(start)).saturating_mul(WIDTH) / length;
    let height = GAP + u64::from(file.cpus) * (LANE + GAP) + GAP * 2;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n",
        LEFT + WIDTH + GAP
    );
    let lane = |cpu: u32| GAP + u64::from(cpu) * (LANE + GAP);
    for cpu in 0..file.cpus {
        let _ = writeln!(
            text,
            "<text x=\"8\" y=\"{}\">CPU {cpu}</text><line x1=\"{LEFT}\" x2=\"{}\" y1=\"{1}\" \
             y2=\"{1}\" stroke=\"#999\"/>",
            lane(cpu) + LANE / 2,
            lane(cpu) + LANE,
        );
    }
    let all = runs(records);
    for run in all.iter().take(RUNS_MAX) {
        let (from, to) = (x(run.from_ns), x(run.to_ns));
        let _ = writeln!(
            text,
            "<rect x=\"{from}\" y=\"{}\" width=\"{}\" height=\"{LANE}\" fill=\"{}\">\
             <title>{}, thread {}, {} ns</title></rect>",
            lane(run.cpu),
            (to - from).max(1),
            colour(run.slot),
            escape(&slot_name(file, run.slot)),
            run.tid,
            run.to_ns - run.from_ns,
        );
    }
    for record in records.iter().filter(|record| record.slot < intf::EK_KTHREADS).take(RUNS_MAX) {
        let (mark, up) = match record.event {
            LogEvent::Exhausted => ("#000", LANE / 2),
            LogEvent::Replenished | LogEvent::LagReset => (colour(record.slot), LANE / 4),
            _ => continue,
        };
        let (at, bottom) = (x(record.at_ns), lane(record.cpu.0) + LANE);
        let _ = writeln!(
            text,
            "<line x1=\"{at}\" x2=\"{at}\" y1=\"{}\" y2=\"{}\" stroke=\"{mark}\"/>",
            bottom - up,
            bottom + GAP / 4
        );
    }
    legend(&mut text, file, height);
    text.push_str("</svg>\n");
    text
}

fn legend(text: &mut String, file: &TraceFile, height: u64) {
    let mut at = LEFT;
    for capsule in &file.capsules {
        let _ = writeln!(
            text,
            "<rect x=\"{at}\" y=\"{}\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" \
             y=\"{}\">{} {} every {}</text>",
            height - GAP,
            colour(capsule.slot),
            at + 16,
            height - GAP + 11,
            escape(capsule.name.as_str()),
            capsule.budget_ns,
            capsule.period_ns,
        );
        at += 220;
    }
}

/// What is in no capsule is grey.
fn colour(slot: u32) -> &'static str {
    match slot {
        intf::EK_KTHREADS => "#777",
        intf::EK_BEST_EFFORT => "#ccc",
        slot => COLOURS[slot as usize % COLOURS.len()],
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
