// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of things compared: rows of stacked bars, with what else is to be said of each row on
//! its right, and below them curves. Knows nothing of what is compared.

use crate::drawing::Drawing;
use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Layer, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::drawing::svg::px;
use crate::figure::Figure;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// Its name, left of it.
    pub name: String,
    /// Its parts, in the order of [`Comparison::kinds`].
    pub parts: Vec<f64>,
    /// Right of it, in bold.
    pub note: String,
    /// Below that; may be empty.
    pub more: String,
}

/// One line below the bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A figure before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Stem of the file.
    pub name: String,
    /// The message.
    pub title: String,
    /// How the figures came about.
    pub caption: String,
    /// What the bars count, with its unit.
    pub unit: String,
    /// What the parts of a bar are; at most six are told apart.
    pub kinds: Vec<String>,
    /// From top to bottom.
    pub bars: Vec<Bar>,
    /// What the curves' axes count, with units: horizontal, vertical.
    pub axes: (String, String),
    /// Below the bars; none without.
    pub curves: Vec<Curve>,
}

/// Height of a row with a margin note of two lines.
const ROW: f64 = 38.0;
/// Height of the curves' plot.
const PLOT: f64 = 280.0;
/// Space for the notes on the right.
const NOTES: f64 = 178.0;
/// Kinds of parts and curves, by colour; curves change the dash where colours run out.
const INKS: [Ink; 6] =
    [Ink::Ours, Ink::Second, Ink::Debt, Ink::Without, Ink::Published, Ink::Muted];
const DASHES: [Dash; 5] = [Dash::Solid, Dash::Long, Dash::Short, Dash::Dots, Dash::LongDot];

impl Comparison {
    /// Draws it.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let bars = self.bar_chart().draw();
        let drawing = if self.curves.is_empty() {
            bars
        } else {
            let curves = self.curve_chart().draw();
            let body = format!(
                "{}<g transform=\"translate(0 {})\">\n{}</g>\n",
                bars.body,
                px(bars.height),
                curves.body
            );
            Drawing { height: bars.height + curves.height, body }
        };
        Figure::new(&self.name, self.title.clone(), self.caption.clone(), &drawing)
    }

    fn bar_chart(&self) -> Chart {
        let names: Vec<String> = self.bars.iter().map(|b| b.name.clone()).collect();
        let longest = self.bars.iter().map(|b| b.parts.iter().sum()).fold(0.0, f64::max);
        let mut layers = Vec::new();
        let mut named = vec![false; self.kinds.len()];
        for (row, bar) in self.bars.iter().enumerate() {
            let y = row as f64;
            let mut from = 0.0;
            for (kind, part) in bar.parts.iter().enumerate().filter(|(_, part)| **part > 0.0) {
                let name = self.kinds.get(kind).cloned().unwrap_or_default();
                let first = named.get_mut(kind).is_some_and(|n| !std::mem::replace(n, true));
                layers.push(Layer::Area {
                    from: (from, y - 0.32),
                    to: (from + part, y + 0.32),
                    ink: INKS[kind % INKS.len()],
                    opacity: 0.8,
                    tip: Some(format!("{}, {name}: {part:.0}", bar.name)),
                    key: first.then_some(name),
                });
                from += part;
            }
            let (text, more) = (bar.note.clone(), bar.more.clone());
            layers.push(Layer::MarginNote { y, text, more, ink: Ink::Text });
        }
        Chart {
            x: Axis::linear(&self.unit, 0.0, longest.max(1.0)),
            y: Axis::rows("", &names),
            layers,
            plot_height: ROW * self.bars.len().max(1) as f64,
            right_margin: NOTES,
        }
    }

    fn curve_chart(&self) -> Chart {
        let all = || self.curves.iter().flat_map(|c| c.points.iter());
        let (left, right) = extent(all().map(|p| p.0)).unwrap_or((0.0, 1.0));
        let (_, top) = extent(all().map(|p| p.1)).unwrap_or((0.0, 1.0));
        let line = |(i, curve): (usize, &Curve)| Layer::Line {
            points: curve.points.clone(),
            stroke: Stroke {
                ink: INKS[i % INKS.len()],
                dash: DASHES[i / INKS.len() % DASHES.len()],
                width: 2.0,
            },
            key: Some(curve.name.clone()),
        };
        Chart {
            x: Axis::exactly(&self.axes.0, left, right),
            y: Axis::linear(&self.axes.1, 0.0, top),
            layers: self.curves.iter().enumerate().map(line).collect(),
            plot_height: PLOT,
            right_margin: 16.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_the_figure_and_equal_data_make_equal_bytes() {
        let bar = |name: &str| Bar {
            name: name.to_owned(),
            parts: vec![10.0, 0.0, 5.0],
            note: format!("{name} < 1 Gb/s"),
            more: String::new(),
        };
        let comparison = Comparison {
            name: "x".to_owned(),
            title: "Two things".to_owned(),
            caption: "By thought.".to_owned(),
            unit: "cycles".to_owned(),
            kinds: ["guest", "unused", "host"].map(str::to_owned).to_vec(),
            bars: vec![bar("one"), bar("two")],
            axes: ("VMs".to_owned(), "Gb/s".to_owned()),
            curves: vec![Curve { name: "three".to_owned(), points: vec![(1.0, 1.0), (2.0, 3.0)] }],
        };
        let svg = comparison.figure().svg;
        for text in ["one &lt; 1 Gb/s", "two", "three", "guest", "host", "VMs", "Two things"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains(">unused<"));
        assert_eq!(svg, comparison.figure().svg);
    }
}
