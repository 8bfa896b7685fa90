// SPDX-License-Identifier: MIT OR Apache-2.0
//! Our own small SVG writer: axes, layers, lanes. It knows nothing of experiments.
//!
//! The crate kuva was tried first, with the same data: it cut the long titles, wrote neighbouring
//! ticks as `0.50` and `1e-1`, drew samples in the legend too short to tell dashes apart, and has
//! neither lanes nor a dark form of a figure.
//!
//! Colours are CSS classes, not attributes, so that one drawing serves a light page, a dark page
//! and paper, inline and as a file of its own. Coordinates are rounded to a tenth of a pixel:
//! identical input gives identical bytes, on every platform.

pub(crate) mod axis;
pub(crate) mod chart;
pub(crate) mod lanes;
pub(crate) mod layer;
pub(crate) mod palette;
pub(crate) mod svg;

/// Width of every drawing, pixels at 100 %: what fits beside nothing on an A4 page and on a laptop.
pub(crate) const WIDTH: f64 = 760.0;

/// A finished drawing without title and caption: the body of an `<svg>`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Drawing {
    /// Height in pixels; the width is [`WIDTH`].
    pub height: f64,
    /// SVG elements.
    pub body: String,
}
