// SPDX-License-Identifier: MIT OR Apache-2.0
//! A trace as lanes: a block for each stretch, marks below the lane, time to the right.
//!
//! ```text
//!   web: rx      |##      ##      |
//!   web: server  |  ###     ###   |     #: runs   %: stolen by interrupts
//!   batch: spin  |     %###    ###|
//!                        v             v ^ : out of budget, new budget
//! ```

use crate::drawing::axis::Axis;
use crate::drawing::palette::Ink;
use crate::drawing::svg::{Anchor, Canvas, path_through, px, text_width};
use crate::drawing::{Drawing, WIDTH};
use crate::trace::{Doing, Lane, Meaning, Moment, Stretch, Trace};

/// Most blocks and marks of each kind: beyond, a picture takes a browser minutes and shows nothing
/// but a smear.
pub(super) const SHAPES_MAX: usize = 20_000;
/// Height of a lane and of the space above the first lane of another group.
const LANE: f64 = 22.0;
const GAP: f64 = 8.0;
const TOP: f64 = 12.0;
/// Widest column of names; longer names run into the lane and are still readable.
const NAMES_MAX: f64 = 260.0;
/// Colours of groups, in turn. Lanes of a group have one colour and stand apart from the next.
const INKS: [Ink; 4] = [Ink::Ours, Ink::Second, Ink::Published, Ink::Without];

/// Draws `trace`.
pub(super) fn draw(trace: &Trace) -> Drawing {
    let names: Vec<String> = trace.lanes.iter().map(|lane| name(trace, lane)).collect();
    let widest = names.iter().map(|name| text_width(name, 12.0)).fold(40.0, f64::max);
    let left = widest.min(NAMES_MAX) + 16.0;
    let tops = tops(trace);
    let bottom = tops.last().map_or(TOP, |top| top + LANE) + 6.0;
    let width = WIDTH - left - 20.0;
    let pen = Pen { trace, tops, left, scale: width / trace.length_ns.max(1) as f64 };
    let mut canvas = Canvas::default();
    let length_ms = trace.length_ns as f64 / 1e6;
    let axis = Axis::exactly("Time, ms", 0.0, length_ms);
    for (at, text) in &axis.ticks {
        let x = left + width * axis.part(*at);
        canvas.line("ek-grid", (x, TOP - 4.0), (x, bottom));
        canvas.line("ek-frame", (x, bottom), (x, bottom + 4.0));
        canvas.text("ek-tick", (x, bottom + 18.0), Anchor::Middle, text);
    }
    canvas.line("ek-frame", (left, bottom), (left + width, bottom));
    canvas.text("", (left + width / 2.0, bottom + 38.0), Anchor::Middle, &axis.label);
    for (name, top) in names.iter().zip(&pen.tops) {
        let y = top + LANE - 8.0;
        canvas.text("ek-tick", (left - 10.0, y), Anchor::End, name);
        let base = top + LANE - 4.0;
        canvas.line("ek-grid", (left, base), (left + width, base));
    }
    trace.stretches.iter().take(SHAPES_MAX).for_each(|stretch| pen.block(&mut canvas, stretch));
    trace.moments.iter().take(SHAPES_MAX).for_each(|moment| pen.mark(&mut canvas, moment));
    Drawing { height: bottom + 46.0, body: canvas.into_body() }
}

fn name(trace: &Trace, lane: &Lane) -> String {
    match trace.groups.get(lane.group) {
        Some(group) => format!("{group}: {}", lane.name),
        None => lane.name.clone(),
    }
}

/// Top of each lane.
fn tops(trace: &Trace) -> Vec<f64> {
    let mut y = TOP;
    let mut last = None;
    let top = |lane: &Lane| {
        if last.replace(lane.group).is_some_and(|last| last != lane.group) {
            y += GAP;
        }
        y += LANE;
        y - LANE
    };
    trace.lanes.iter().map(top).collect()
}

struct Pen<'a> {
    trace: &'a Trace,
    tops: Vec<f64>,
    left: f64,
    /// Pixels a nanosecond.
    scale: f64,
}

impl Pen<'_> {
    fn x(&self, ns: u64) -> f64 {
        self.left + ns.min(self.trace.length_ns) as f64 * self.scale
    }

    fn block(&self, canvas: &mut Canvas, stretch: &Stretch) {
        let (Some(lane), Some(top)) =
            (self.trace.lanes.get(stretch.lane), self.tops.get(stretch.lane))
        else {
            return;
        };
        let (ink, what) = match stretch.doing {
            Doing::Runs => (INKS[lane.group % INKS.len()], ""),
            Doing::Stolen => (Ink::Debt, ", stolen by interrupts"),
        };
        let (from, to) = (self.x(stretch.from_ns), self.x(stretch.to_ns));
        // Too short to be seen is still drawn, a tenth of a pixel wide.
        let (x, width) = (px(from), px((to - from).max(0.1)));
        let (y, height) = (px(top + 2.0), px(LANE - 6.0));
        let tip = format!(
            "{}, {:.3} ms to {:.3} ms, CPU {}{what}",
            lane.name,
            stretch.from_ns as f64 / 1e6,
            stretch.to_ns as f64 / 1e6,
            stretch.cpu
        );
        let attributes = [
            ("class", ink.class()),
            ("x", x.as_str()),
            ("y", y.as_str()),
            ("width", width.as_str()),
            ("height", height.as_str()),
            ("fill", "currentColor"),
        ];
        canvas.element("rect", &attributes, Some(&tip));
    }

    /// Under the thread's lane, or under the last lane of the group.
    fn mark(&self, canvas: &mut Canvas, moment: &Moment) {
        let last = || self.trace.lanes.iter().rposition(|lane| lane.group == moment.group);
        let Some(top) = moment.lane.or_else(last).and_then(|lane| self.tops.get(lane)) else {
            return;
        };
        let (x, y) = (self.x(moment.at_ns), top + LANE - 4.0);
        let (ink, points) = match moment.meaning {
            Meaning::End => (Ink::Text, [(x - 3.0, y), (x + 3.0, y), (x, y + 5.0)]),
            Meaning::Begin => (Ink::Muted, [(x - 3.0, y + 5.0), (x + 3.0, y + 5.0), (x, y)]),
            Meaning::Miss => (Ink::Limit, [(x - 4.0, y - 12.0), (x + 4.0, y - 12.0), (x, y + 4.0)]),
        };
        let d = path_through(points) + "Z";
        let tip = format!("{} at {:.3} ms", moment.what, moment.at_ns as f64 / 1e6);
        let attributes = [("class", ink.class()), ("d", d.as_str()), ("fill", "currentColor")];
        canvas.element("path", &attributes, Some(&tip));
    }
}
