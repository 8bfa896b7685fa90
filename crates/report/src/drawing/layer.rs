// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be drawn between two axes, in the units of the axes.

use super::palette::{Dash, Ink};

/// Shape of a mark: the second carrier of what its colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Round.
    Circle,
    /// Square.
    Square,
}

/// How a mark is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The figure that counts.
    Solid,
    /// The same without load: outline only.
    Hollow,
    /// A single repetition behind it.
    Faint,
}

/// Colour, dash and width of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stroke {
    /// Meaning of the colour.
    pub ink: Ink,
    /// Pattern.
    pub dash: Dash,
    /// Pixels.
    pub width: f64,
}

/// A point with what the reader sees when the pointer rests on it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// Place on the horizontal axis.
    pub x: f64,
    /// Place on the vertical axis.
    pub y: f64,
    /// Tool tip.
    pub tip: String,
}

/// On which side of its line or point a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// To the left, or at the left end.
    Left,
    /// To the right, or at the right end.
    Right,
}

/// One layer. `key` is its name in the legend; without it the layer is not listed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Layer {
    /// A line through points.
    Line {
        /// The points, in order.
        points: Vec<(f64, f64)>,
        /// How it looks.
        stroke: Stroke,
        /// Legend.
        key: Option<String>,
    },
    /// Marks at points.
    Marks {
        /// The points.
        points: Vec<Point>,
        /// Colour.
        ink: Ink,
        /// Shape.
        mark: Mark,
        /// Filling.
        fill: Fill,
        /// Legend.
        key: Option<String>,
    },
    /// A bar from one end of a spread to the other.
    Whisker {
        /// One end.
        from: (f64, f64),
        /// The other.
        to: (f64, f64),
        /// Colour.
        ink: Ink,
    },
    /// A filled rectangle.
    Area {
        /// One corner.
        from: (f64, f64),
        /// The other.
        to: (f64, f64),
        /// Colour.
        ink: Ink,
        /// 0 to 1.
        opacity: f64,
        /// Tool tip.
        tip: Option<String>,
        /// Legend.
        key: Option<String>,
    },
    /// A vertical line across the plot with a text at its head.
    VerticalRule {
        /// Where.
        x: f64,
        /// How it looks.
        stroke: Stroke,
        /// What it is.
        label: String,
        /// Where the text stands.
        side: Side,
    },
    /// A text beside a point.
    Note {
        /// The point.
        at: (f64, f64),
        /// On which side of it.
        side: Side,
        /// The text.
        text: String,
        /// Colour.
        ink: Ink,
    },
    /// A text in the right margin, level with a value of the vertical axis.
    MarginNote {
        /// Level.
        y: f64,
        /// First line, in bold.
        text: String,
        /// Second line, smaller; may be empty.
        more: String,
        /// Colour of the first line.
        ink: Ink,
    },
}

impl Layer {
    /// The name in the legend.
    pub fn key(&self) -> Option<&str> {
        match self {
            Layer::Line { key, .. } | Layer::Marks { key, .. } | Layer::Area { key, .. } => {
                key.as_deref()
            }
            _ => None,
        }
    }
}
