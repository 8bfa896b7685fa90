// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines over a common axis: a figure for whoever has series and no experiment of the lab.

use crate::drawing::axis::{Axis, extent};
use crate::drawing::chart::Chart;
use crate::drawing::layer::{Fill, Layer, Mark, Point, Stroke};
use crate::drawing::palette::{Dash, Ink};
use crate::figure::Figure;

/// Most lines of one figure that can be told apart; further ones look like the first again.
const LOOKS: [(Ink, Dash); 5] = [
    (Ink::Ours, Dash::Solid),
    (Ink::Without, Dash::Long),
    (Ink::Second, Dash::LongDot),
    (Ink::Published, Dash::Short),
    (Ink::Muted, Dash::Dots),
];

/// One line, and single values beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Its name in the legend.
    pub name: String,
    /// Its points, in order. Values that are not finite are not drawn.
    pub points: Vec<(f64, f64)>,
    /// Whether the points are marked instead of joined: values that were measured.
    pub marks: bool,
}

/// A figure before it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Stem of the file.
    pub name: String,
    /// The message.
    pub title: String,
    /// How many, how long.
    pub caption: String,
    /// What is drawn along the horizontal axis, with its unit.
    pub x_label: String,
    /// What is drawn along the vertical axis, with its unit.
    pub y_label: String,
    /// The series.
    pub lines: Vec<Line>,
}

impl Plot {
    /// Draws it; the vertical axis begins at zero.
    pub fn figure(&self) -> Figure {
        let finite = |line: &Line| -> Vec<(f64, f64)> {
            let drawable = |(x, y): &(f64, f64)| x.is_finite() && y.is_finite();
            line.points.iter().copied().filter(drawable).collect()
        };
        let all: Vec<(f64, f64)> = self.lines.iter().flat_map(finite).collect();
        let (low, high) = extent(all.iter().map(|(x, _)| *x)).unwrap_or((0.0, 1.0));
        let (bottom, top) = extent(all.iter().map(|(_, y)| *y)).unwrap_or((0.0, 1.0));
        let layer = |(line, (ink, dash)): (&Line, (Ink, Dash))| {
            let (points, key) = (finite(line), Some(line.name.clone()));
            if line.marks {
                let point =
                    |(x, y)| Point { x, y, tip: format!("{}: {y:.3} at {x:.3}", line.name) };
                let points = points.into_iter().map(point).collect();
                Layer::Marks { points, ink, mark: Mark::Circle, fill: Fill::Solid, key }
            } else {
                Layer::Line { points, stroke: Stroke { ink, dash, width: 1.8 }, key }
            }
        };
        let chart = Chart {
            x: Axis::exactly(&self.x_label, low, high),
            y: Axis::linear(&self.y_label, bottom.min(0.0), top),
            layers: self.lines.iter().zip(LOOKS.into_iter().cycle()).map(layer).collect(),
            plot_height: 330.0,
            right_margin: 24.0,
        };
        Figure::new(&self.name, self.title.clone(), self.caption.clone(), &chart.draw())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_in_the_legend_and_nonsense_is_not_drawn() {
        let line = |name: &str, marks, points: &[(f64, f64)]| Line {
            name: name.to_owned(),
            points: points.to_vec(),
            marks,
        };
        let plot = Plot {
            name: "x".into(),
            title: "A <message>".into(),
            caption: "two series".into(),
            x_label: "time, s".into(),
            y_label: "machines".into(),
            lines: vec![
                line("first-fit", false, &[(0.0, 1.0), (60.0, 7.0), (f64::NAN, 9.0)]),
                line("measured", true, &[(30.0, 5.0), (30.0, f64::INFINITY)]),
            ],
        };
        let svg = plot.figure().svg;
        for part in ["first-fit", "measured", "A &lt;message&gt;", "time, s", "machines"] {
            assert!(svg.contains(part), "{part}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(Plot { lines: Vec::new(), ..plot }.figure().svg.contains("</svg>"));
    }
}
