// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trace as a picture: a lane for each thread, capsules apart by colour and gap, time to the
//! right. Readable as it is in a browser; no script, no font of its own.

use std::fmt::Write as _;

use evenkeel_model::Span;

use crate::trace::{Event, Moment, Stretch, Trace};

/// Width of the time axis. At 1 000 units a picture of 100 ms shows 0.1 ms a unit.
const AXIS: f64 = 1_000.0;
/// Left of the axis: names of 64 characters are cut by it, most are far shorter.
const MARGIN: f64 = 170.0;
const LANE: f64 = 22.0;
const GAP: f64 = 8.0;
const TOP: f64 = 34.0;
/// Fills of capsules in turn; dark enough for white, distinct for the colour-blind (Okabe and Ito,
/// "Color universal design", 2008).
const COLOURS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d1f", "#56b4e9", "#5d5d5d"];
/// Most rectangles: beyond, a picture takes minutes to open, and shows nothing but a smear.
const RECTANGLES_MAX: usize = 50_000;

/// Draws `trace`.
pub(super) fn draw(trace: &Trace) -> String {
    let tops = tops(trace);
    let bottom = tops.last().copied().unwrap_or(TOP) + LANE;
    let height = bottom + 30.0;
    let width = MARGIN + AXIS + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"{width}\" \
         height=\"{height}\" fill=\"#fff\"/>\n<text x=\"8\" y=\"18\" font-size=\"13\">{}</text>\n",
        escaped(&title(trace))
    );
    let scale = AXIS / (trace.end.as_ns().max(1)) as f64;
    axis(&mut svg, trace.end.since_origin(), scale, bottom);
    for (lane, top) in trace.lanes.iter().zip(&tops) {
        let y = top + LANE - 8.0;
        let name = escaped(&format!("{} · {}", lane.capsule, lane.thread));
        // Writing to a String cannot fail.
        let _ = writeln!(svg, "<text x=\"8\" y=\"{y:.1}\">{name}</text>");
        let y = top + LANE - 2.0;
        let _ = writeln!(
            svg,
            "<line x1=\"{MARGIN}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ccc\"/>",
            MARGIN + AXIS
        );
    }
    for stretch in trace.stretches.iter().take(RECTANGLES_MAX) {
        rectangle(&mut svg, trace, stretch, scale, tops[stretch.lane]);
    }
    for event in trace.events.iter().take(RECTANGLES_MAX) {
        mark(&mut svg, trace, event, scale, &tops);
    }
    svg.push_str("</svg>\n");
    svg
}

fn title(trace: &Trace) -> String {
    let cut = if trace.is_cut { ", cut short" } else { "" };
    let many = trace.stretches.len().max(trace.events.len()) > RECTANGLES_MAX;
    let many = if many { ", not all of it drawn" } else { "" };
    format!("{}, {}{cut}{many}", trace.scheduler, trace.end.since_origin())
}

/// Top of each lane; a gap where another capsule begins.
fn tops(trace: &Trace) -> Vec<f64> {
    let mut y = TOP;
    let mut last = None;
    let mut tops = Vec::with_capacity(trace.lanes.len());
    for lane in &trace.lanes {
        if last.replace(lane.capsule_index).is_some_and(|last| last != lane.capsule_index) {
            y += GAP;
        }
        tops.push(y);
        y += LANE;
    }
    tops
}

/// Vertical lines at round times, 5 to 12 of them.
fn axis(svg: &mut String, end: Span, scale: f64, bottom: f64) {
    let step_ns = step_ns(end.as_ns());
    let mut at_ns = 0;
    // At most a dozen steps.
    while at_ns <= end.as_ns() {
        let x = MARGIN + at_ns as f64 * scale;
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.2}\" x2=\"{x:.2}\" y1=\"{TOP}\" y2=\"{bottom:.1}\" stroke=\"#eee\"/>\
             <text x=\"{x:.2}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
            bottom + 16.0,
            Span::from_ns(at_ns)
        );
        at_ns += step_ns;
    }
}

/// The smallest of 1, 2, 5 times a power of ten that divides `end_ns` into twelve steps at most.
fn step_ns(end_ns: u64) -> u64 {
    let mut power = 1;
    // 19 powers of ten fit in 64 bits; an hour is below 10^13.
    while power <= end_ns {
        if let Some(step) = [1, 2, 5].map(|n| n * power).iter().find(|step| end_ns / **step < 12) {
            return *step;
        }
        power *= 10;
    }
    power
}

fn rectangle(svg: &mut String, trace: &Trace, stretch: &Stretch, scale: f64, top: f64) {
    let lane = &trace.lanes[stretch.lane];
    let colour = match stretch.stolen {
        true => "#f0c000",
        false => COLOURS[lane.capsule_index % COLOURS.len()],
    };
    let x = MARGIN + stretch.from.as_ns() as f64 * scale;
    let length = (stretch.to - stretch.from).as_ns() as f64 * scale;
    let what = if stretch.stolen { " stolen by interrupts" } else { "" };
    let _ = writeln!(
        svg,
        "<rect x=\"{x:.2}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{}\" fill=\"{colour}\"><title>{}: \
         {} to {}, CPU {}{what}</title></rect>",
        top + 3.0,
        length.max(0.05),
        LANE - 6.0,
        escaped(&lane.thread),
        stretch.from,
        stretch.to,
        stretch.cpu
    );
}

/// Throttled: red, below the capsule's lanes; replenished: green; misses: black.
fn mark(svg: &mut String, trace: &Trace, event: &Event, scale: f64, tops: &[f64]) {
    let own = (0..tops.len()).rev().find(|&lane| trace.lanes[lane].capsule_index == event.capsule);
    let Some(lane) = event.lane.or(own) else { return };
    let colour = match event.moment {
        Moment::Throttled => "#c00000",
        Moment::Replenished => "#00a000",
        Moment::ServerMissed | Moment::Late => "#000000",
    };
    let x = MARGIN + event.at.as_ns() as f64 * scale;
    let y = tops[lane] + LANE;
    let _ = writeln!(
        svg,
        "<path d=\"M{x:.2} {:.1}l-3 6h6z\" fill=\"{colour}\"><title>{} at {}</title></path>",
        y - 3.0,
        event.moment.as_str(),
        event.at
    );
}

/// Text as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for (end_ms, step_ms) in [(100, 10), (50, 5), (20, 2), (1_000, 100), (130, 20), (60, 10)] {
            assert_eq!(step_ns(end_ms * 1_000_000), step_ms * 1_000_000, "{end_ms}");
        }
    }
}
