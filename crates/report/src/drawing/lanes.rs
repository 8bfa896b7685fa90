// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lanes of a schedule: when a capsule ran, when its periods began, what was left of its budget.
//!
//! ```text
//!   |   ####      |   ####      |        blocks: it runs; |: a period begins
//!   |\___         |\___         |        what is left of the budget, drawn below
//! ```

use super::palette::Ink;
use super::svg::{Anchor, Canvas, path_through, px, text_width};
use super::{Drawing, WIDTH};
use crate::drawing::axis::Axis;

/// One capsule. Times are nanoseconds since the start of its run.
pub(crate) struct Lane {
    /// Its name.
    pub name: String,
    /// The first boundary of a period, where the lane begins.
    pub begin_ns: u64,
    /// Budget of a period.
    pub budget_ns: u64,
    /// The period; not zero.
    pub period_ns: u64,
    /// Begin and end of each stretch of execution, in order.
    pub stretches: Vec<(u64, u64)>,
}

/// Lanes below each other with one time axis.
pub(crate) struct Lanes {
    /// From top to bottom.
    pub lanes: Vec<Lane>,
    /// How much of each run is drawn.
    pub length_ns: u64,
}

/// Height of the blocks of a lane, of the area below them, and of the space to the next lane.
const BLOCK: f64 = 24.0;
const AREA: f64 = 26.0;
const SPACE: f64 = 26.0;
/// Space above the first lane, for its arrows.
const TOP: f64 = 16.0;
/// More periods than this in one lane are a grey block; they are not drawn.
const RELEASES_MAX: u64 = 250;

impl Lanes {
    /// Draws them.
    pub fn draw(&self) -> Drawing {
        let names = self.lanes.iter().map(|lane| text_width(&lane.name, 12.0));
        let left = names.fold(40.0, f64::max) + 16.0;
        let width = WIDTH - left - 20.0;
        let bottom = TOP + (BLOCK + AREA + SPACE) * self.lanes.len().max(1) as f64;
        let mut canvas = Canvas::default();
        let length_ms = self.length_ns as f64 / 1e6;
        let axis = Axis::exactly("Time since the first replenishment seen, ms", 0.0, length_ms);
        for (at, text) in &axis.ticks {
            let x = left + width * axis.part(*at);
            canvas.line("ek-grid", (x, TOP - 8.0), (x, bottom));
            canvas.line("ek-frame", (x, bottom), (x, bottom + 4.0));
            canvas.text("ek-tick", (x, bottom + 18.0), Anchor::Middle, text);
        }
        canvas.line("ek-frame", (left, bottom), (left + width, bottom));
        let middle = (left + width / 2.0, bottom + 38.0);
        canvas.text("", middle, Anchor::Middle, &axis.label);
        for (i, lane) in self.lanes.iter().enumerate() {
            let top = TOP + (BLOCK + AREA + SPACE) * i as f64;
            let scale = width / self.length_ns.max(1) as f64;
            LanePen { lane, length_ns: self.length_ns, left, top, scale }.draw(&mut canvas);
        }
        Drawing { height: bottom + 46.0, body: canvas.into_body() }
    }
}

/// Draws one lane.
struct LanePen<'a> {
    lane: &'a Lane,
    length_ns: u64,
    left: f64,
    top: f64,
    /// Pixels a nanosecond.
    scale: f64,
}

impl LanePen<'_> {
    /// Place of a time since the lane's beginning.
    fn x(&self, ns: u64) -> f64 {
        self.left + ns.min(self.length_ns) as f64 * self.scale
    }

    /// The stretches since the lane's beginning, cut to what is drawn.
    fn stretches(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let begin_ns = self.lane.begin_ns;
        self.lane
            .stretches
            .iter()
            .map(move |(from, to)| (from.saturating_sub(begin_ns), to.saturating_sub(begin_ns)))
            .map(|(from, to)| (from, to.min(self.length_ns)))
            .filter(|(from, to)| from < to)
    }

    /// The beginnings of the periods that are drawn.
    fn releases(&self) -> impl Iterator<Item = u64> + '_ {
        let last = (self.length_ns / self.lane.period_ns).min(RELEASES_MAX);
        (0..=last).map(|k| k * self.lane.period_ns)
    }

    fn draw(&self, canvas: &mut Canvas) {
        let base = self.top + BLOCK;
        let name_at = (self.left - 10.0, base - BLOCK / 2.0 + 4.0);
        canvas.text("ek-tick", name_at, Anchor::End, &self.lane.name);
        canvas.text("ek-tick", (self.left - 10.0, base + AREA - 8.0), Anchor::End, "budget left");
        for (from, to) in self.stretches() {
            let (x, width) = (px(self.x(from)), px(self.x(to) - self.x(from)));
            let (y, height) = (px(base - BLOCK + 4.0), px(BLOCK - 4.0));
            let tip =
                format!("runs {:.3} ms from {:.3} ms", (to - from) as f64 / 1e6, from as f64 / 1e6);
            let at = [("class", "ek-ours"), ("x", &x), ("y", &y), ("width", &width)];
            let all = [&at[..], &[("height", &height), ("fill", "currentColor")]].concat();
            canvas.element("rect", &all, Some(&tip));
        }
        canvas.line("ek-frame", (self.left, base), (self.x(self.length_ns), base));
        self.draw_budget(canvas, base + AREA - 6.0);
        for release in self.releases() {
            let x = self.x(release);
            canvas.line("ek-frame", (x, self.top - 8.0), (x, base));
            let arrow = path_through([
                (x - 3.0, self.top - 3.0),
                (x, self.top - 9.0),
                (x + 3.0, self.top - 3.0),
            ]);
            canvas.element("path", &[("class", "ek-frame"), ("d", &arrow)], None);
        }
    }

    /// The budget as an area over its zero line at `zero`; a debt hangs below it.
    fn draw_budget(&self, canvas: &mut Canvas, zero: f64) {
        let height = AREA - 10.0;
        let full = self.lane.budget_ns.max(1) as f64;
        let course = self.budget_course();
        let y = |left_ns: f64| zero - (left_ns / full).clamp(-0.75, 1.0) * height;
        for (ink, sign) in [(Ink::Ours, 1.0), (Ink::Debt, -1.0)] {
            let cut = |left_ns: f64| if left_ns * sign > 0.0 { left_ns } else { 0.0 };
            let inner = course.iter().map(|(ns, left_ns)| (self.x(*ns), y(cut(*left_ns))));
            let (Some(first), Some(last)) = (course.first(), course.last()) else { return };
            let outline = std::iter::once((self.x(first.0), zero))
                .chain(inner)
                .chain([(self.x(last.0), zero)]);
            let d = path_through(outline) + "Z";
            let attributes = [
                ("class", ink.class()),
                ("d", d.as_str()),
                ("fill", "currentColor"),
                ("fill-opacity", if sign > 0.0 { "0.4" } else { "0.9" }),
            ];
            canvas.element("path", &attributes, None);
        }
        canvas.line("ek-grid", (self.left, zero), (self.x(self.length_ns), zero));
    }

    /// What is left of the budget, as corners of a line: it falls while the capsule runs, and a
    /// release adds the budget, up to a full one (rule E5 of a hard constant bandwidth server).
    fn budget_course(&self) -> Vec<(u64, f64)> {
        let full = self.lane.budget_ns as f64;
        let mut left = full;
        let mut course = vec![(0, left)];
        let mut releases = self.releases().skip(1).peekable();
        for (mut from, to) in self.stretches() {
            while let Some(release) = releases.next_if(|release| *release <= to) {
                left = spend(&mut course, left, (from.min(release), release));
                from = from.max(release);
                left = refill(&mut course, left, full, release);
            }
            left = spend(&mut course, left, (from, to));
        }
        for release in releases {
            course.push((release, left));
            left = refill(&mut course, left, full, release);
        }
        course.push((self.length_ns, left));
        course
    }
}

/// The capsule runs from `from` to `to`.
fn spend(course: &mut Vec<(u64, f64)>, left: f64, (from, to): (u64, u64)) -> f64 {
    let after = left - to.saturating_sub(from) as f64;
    // Where it crosses zero the line has a corner, because area and debt are drawn apart.
    course.push((from, left));
    if left > 0.0 && after < 0.0 && to > from {
        let share = left / (left - after);
        let crossing = from as f64 + (to - from) as f64 * share;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time between two drawn times, far below 2^53 ns"
        )]
        course.push((crossing as u64, 0.0));
    }
    course.push((to, after));
    after
}

fn refill(course: &mut Vec<(u64, f64)>, left: f64, full: f64, at: u64) -> f64 {
    let after = (left + full).min(full);
    if left < 0.0 && after > 0.0 {
        course.push((at, 0.0));
    }
    course.push((at, after));
    after
}
