// SPDX-License-Identifier: MIT OR Apache-2.0
//! A chart: two axes, layers between them, a legend above, texts in the right margin.

use super::axis::{Axis, drawable};
use super::layer::{Fill, Layer, Mark, Point, Side, Stroke};
use super::palette::Ink;
use super::svg::{Anchor, Canvas, path_through, px, text_width};
use super::{Drawing, WIDTH};

/// A chart before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Drawn in this order.
    pub layers: Vec<Layer>,
    /// Height of the space between the axes, pixels.
    pub plot_height: f64,
    /// Space right of the plot for margin notes, pixels.
    pub right_margin: f64,
}

/// Height of one row of the legend.
const LEGEND_ROW: f64 = 20.0;
/// Where the legend begins, and as much space as stays free at its end.
const LEGEND_LEFT: f64 = 8.0;
/// Length of the sample of a line in the legend: two repetitions of the longest dash.
const SAMPLE: f64 = 30.0;
/// Font size of the drawings, as in the style sheet.
const FONT: f64 = 13.0;
/// Radius of a mark.
const RADIUS: f64 = 4.5;

/// Where the plot lies in the drawing.
#[derive(Clone, Copy)]
struct Frame {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl Chart {
    /// Draws it.
    pub fn draw(&self) -> Drawing {
        let legend = self.legend_rows();
        let frame = self.frame(legend.len());
        let mut canvas = Canvas::default();
        draw_legend(&mut canvas, &legend);
        self.draw_axes(&mut canvas, frame);
        for layer in &self.layers {
            Pen { chart: self, frame, canvas: &mut canvas }.layer(layer);
        }
        Drawing { height: frame.top + frame.height + 46.0, body: canvas.into_body() }
    }

    /// The frame, with as much room left of it as the longest tick needs.
    fn frame(&self, legend_rows: usize) -> Frame {
        let ticks = self.y.ticks.iter().map(|(_, text)| text_width(text, 12.0));
        let label = if self.y.label.is_empty() { 0.0 } else { 22.0 };
        let left = ticks.fold(0.0, f64::max) + label + 14.0;
        let top = 14.0 + LEGEND_ROW * legend_rows as f64 + if legend_rows > 0 { 8.0 } else { 0.0 };
        let width = WIDTH - left - self.right_margin.max(16.0);
        Frame { left, top, width, height: self.plot_height }
    }

    /// The layers that the legend names with their places, row by row: in one row where they fit,
    /// else in equal columns, so that names stand below each other.
    fn legend_rows(&self) -> Vec<Vec<(&Layer, f64)>> {
        let keyed: Vec<(&Layer, f64)> = self
            .layers
            .iter()
            .filter_map(|layer| Some((layer, text_width(layer.key()?, FONT) + SAMPLE + 26.0)))
            .collect();
        let all: f64 = keyed.iter().map(|(_, width)| width).sum();
        let widest = keyed.iter().map(|(_, width)| *width).fold(0.0, f64::max);
        let mut rows: Vec<Vec<(&Layer, f64)>> = Vec::new();
        let mut x = LEGEND_LEFT;
        for (layer, width) in keyed {
            let width = if all <= WIDTH - 2.0 * LEGEND_LEFT { width } else { widest };
            match rows.last_mut() {
                Some(row) if x + width <= WIDTH - LEGEND_LEFT => row.push((layer, x)),
                _ => {
                    x = LEGEND_LEFT;
                    rows.push(vec![(layer, x)]);
                }
            }
            x += width;
        }
        rows
    }

    fn draw_axes(&self, canvas: &mut Canvas, frame: Frame) {
        let Frame { left, top, width, height } = frame;
        let bottom = top + height;
        for (at, text) in &self.x.ticks {
            let x = left + width * self.x.part(*at);
            if self.x.grid {
                canvas.line("ek-grid", (x, top), (x, bottom));
            }
            canvas.line("ek-frame", (x, bottom), (x, bottom + 4.0));
            canvas.text("ek-tick", (x, bottom + 18.0), Anchor::Middle, text);
        }
        for (at, text) in &self.y.ticks {
            let y = bottom - height * self.y.part(*at);
            if self.y.grid {
                canvas.line("ek-grid", (left, y), (left + width, y));
            }
            canvas.text("ek-tick", (left - 8.0, y + 4.0), Anchor::End, text);
        }
        canvas.line("ek-frame", (left, bottom), (left + width, bottom));
        canvas.line("ek-frame", (left, top), (left, bottom));
        canvas.text("", (left + width / 2.0, bottom + 38.0), Anchor::Middle, &self.x.label);
        if !self.y.label.is_empty() {
            let middle = (14.0, top + height / 2.0);
            canvas.text_turned("", middle, Anchor::Middle, Some(-90), &self.y.label);
        }
    }
}

fn draw_legend(canvas: &mut Canvas, rows: &[Vec<(&Layer, f64)>]) {
    for (i, row) in rows.iter().enumerate() {
        let y = 16.0 + LEGEND_ROW * i as f64;
        for (layer, x) in row {
            let middle = x + SAMPLE / 2.0;
            match layer {
                Layer::Line { stroke, .. } => {
                    draw_stroke(canvas, *stroke, (*x, y), (x + SAMPLE, y))
                }
                Layer::Marks { ink, mark, fill, .. } => {
                    draw_mark(canvas, (*ink, *mark, *fill), (middle, y), None);
                }
                Layer::Area { ink, opacity, .. } => {
                    draw_area(canvas, (*ink, *opacity), (*x, y - 6.0), (x + SAMPLE, y + 6.0), None);
                }
                _ => {}
            }
            let key = layer.key().unwrap_or_default();
            canvas.text("", (x + SAMPLE + 8.0, y + 4.5), Anchor::Start, key);
        }
    }
}

fn draw_stroke(canvas: &mut Canvas, stroke: Stroke, from: (f64, f64), to: (f64, f64)) {
    draw_path(canvas, stroke, &path_through([from, to]));
}

fn draw_path(canvas: &mut Canvas, stroke: Stroke, d: &str) {
    let width = px(stroke.width);
    let mut attributes = vec![
        ("class", stroke.ink.class()),
        ("d", d),
        ("fill", "none"),
        ("stroke", "currentColor"),
        ("stroke-width", &width),
        ("stroke-linejoin", "round"),
    ];
    if let Some(array) = stroke.dash.array() {
        attributes.push(("stroke-dasharray", array));
    }
    canvas.element("path", &attributes, None);
}

fn draw_mark(
    canvas: &mut Canvas,
    (ink, mark, fill): (Ink, Mark, Fill),
    (x, y): (f64, f64),
    tip: Option<&str>,
) {
    let radius = if fill == Fill::Faint { RADIUS * 0.7 } else { RADIUS };
    let mut attributes = vec![("class", ink.class().to_owned())];
    match mark {
        Mark::Circle => {
            attributes.extend([("cx", px(x)), ("cy", px(y)), ("r", px(radius))]);
        }
        Mark::Square => {
            // The side that gives a square the area of the circle is 1.77 radii.
            let side = radius * 1.77;
            attributes.extend([
                ("x", px(x - side / 2.0)),
                ("y", px(y - side / 2.0)),
                ("width", px(side)),
                ("height", px(side)),
            ]);
        }
    }
    match fill {
        Fill::Solid => attributes.push(("fill", "currentColor".to_owned())),
        Fill::Faint => {
            attributes.push(("fill", "currentColor".to_owned()));
            attributes.push(("fill-opacity", "0.35".to_owned()));
        }
        Fill::Hollow => {
            attributes.push(("fill", "var(--ek-paper)".to_owned()));
            attributes.push(("stroke", "currentColor".to_owned()));
            attributes.push(("stroke-width", "1.8".to_owned()));
        }
    }
    let tag = if mark == Mark::Circle { "circle" } else { "rect" };
    let borrowed: Vec<(&str, &str)> = attributes.iter().map(|(n, v)| (*n, v.as_str())).collect();
    canvas.element(tag, &borrowed, tip);
}

fn draw_area(
    canvas: &mut Canvas,
    (ink, opacity): (Ink, f64),
    from: (f64, f64),
    to: (f64, f64),
    tip: Option<&str>,
) {
    let (x, y) = (px(from.0.min(to.0)), px(from.1.min(to.1)));
    let (width, height) = (px((to.0 - from.0).abs()), px((to.1 - from.1).abs()));
    let opacity = format!("{opacity:.2}");
    let attributes = [
        ("class", ink.class()),
        ("x", &x),
        ("y", &y),
        ("width", &width),
        ("height", &height),
        ("fill", "currentColor"),
        ("fill-opacity", &opacity),
    ];
    canvas.element("rect", &attributes, tip);
}

/// Draws layers into a frame.
struct Pen<'a> {
    chart: &'a Chart,
    frame: Frame,
    canvas: &'a mut Canvas,
}

impl Pen<'_> {
    /// The place of a point; `None` where it has no finite coordinates.
    fn place(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = (drawable(x)?, drawable(y)?);
        let Frame { left, top, width, height } = self.frame;
        let (right_part, up_part) = (self.chart.x.part(x), self.chart.y.part(y));
        Some((left + width * right_part, top + height * (1.0 - up_part)))
    }

    fn layer(&mut self, layer: &Layer) {
        match layer {
            Layer::Line { points, stroke, .. } => {
                let places: Vec<_> = points.iter().filter_map(|p| self.place(*p)).collect();
                if places.len() > 1 {
                    draw_path(self.canvas, *stroke, &path_through(places));
                }
            }
            Layer::Marks { points, ink, mark, fill, .. } => {
                for Point { x, y, tip } in points {
                    if let Some(at) = self.place((*x, *y)) {
                        draw_mark(self.canvas, (*ink, *mark, *fill), at, Some(tip));
                    }
                }
            }
            Layer::Whisker { from, to, ink } => self.whisker(*from, *to, *ink),
            Layer::Area { from, to, ink, opacity, tip, .. } => {
                if let (Some(from), Some(to)) = (self.place(*from), self.place(*to)) {
                    draw_area(self.canvas, (*ink, *opacity), from, to, tip.as_deref());
                }
            }
            Layer::VerticalRule { x, stroke, label, side } => {
                self.vertical_rule(*x, *stroke, label, *side);
            }
            Layer::Note { at, side, text, ink } => {
                if let Some((x, y)) = self.place(*at) {
                    let (dx, anchor) = beside(*side);
                    self.halo_text((x + dx, y + 4.5), anchor, *ink, text);
                }
            }
            Layer::MarginNote { y, text, more, ink } => self.margin_note(*y, text, more, *ink),
        }
    }

    fn halo_text(&mut self, at: (f64, f64), anchor: Anchor, ink: Ink, text: &str) {
        let class = format!("ek-halo ek-inked {}", ink.class());
        self.canvas.text(&class, at, anchor, text);
    }

    fn whisker(&mut self, from: (f64, f64), to: (f64, f64), ink: Ink) {
        let (Some(a), Some(b)) = (self.place(from), self.place(to)) else { return };
        let stroke = Stroke { ink, dash: super::palette::Dash::Solid, width: 1.6 };
        // The caps stand across the bar.
        let upright = (a.0 - b.0).abs() < (a.1 - b.1).abs();
        let cap = if upright { (4.0, 0.0) } else { (0.0, 4.0) };
        draw_stroke(self.canvas, stroke, a, b);
        for (x, y) in [a, b] {
            draw_stroke(self.canvas, stroke, (x - cap.0, y - cap.1), (x + cap.0, y + cap.1));
        }
    }

    fn vertical_rule(&mut self, x: f64, stroke: Stroke, label: &str, side: Side) {
        let Some(x) = drawable(x) else { return };
        let Frame { left, top, width, height } = self.frame;
        let x = left + width * self.chart.x.part(x);
        draw_stroke(self.canvas, stroke, (x, top), (x, top + height));
        let (dx, anchor) = beside(side);
        self.halo_text((x + dx, top + 14.0), anchor, stroke.ink, label);
    }

    fn margin_note(&mut self, y: f64, text: &str, more: &str, ink: Ink) {
        let Some(y) = drawable(y) else { return };
        let Frame { left, top, width, height } = self.frame;
        let at = (left + width + 12.0, top + height * (1.0 - self.chart.y.part(y)));
        let class = format!("ek-inked ek-strong {}", ink.class());
        let first = if more.is_empty() { at.1 + 4.5 } else { at.1 - 3.0 };
        self.canvas.text(&class, (at.0, first), Anchor::Start, text);
        if !more.is_empty() {
            self.canvas.text("ek-tick", (at.0, at.1 + 13.0), Anchor::Start, more);
        }
    }
}

/// Offset and anchor of a text beside its point.
const fn beside(side: Side) -> (f64, Anchor) {
    match side {
        Side::Left => (-9.0, Anchor::End),
        Side::Right => (9.0, Anchor::Start),
    }
}
