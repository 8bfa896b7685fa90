// SPDX-License-Identifier: MIT OR Apache-2.0
//! A figure: a drawing with the message as its title and the circumstances as its caption, as an
//! SVG file of its own and as a part of the page.

use std::fmt::Write as _;

use crate::drawing::palette::STYLE;
use crate::drawing::svg::{Anchor, Canvas, columns_in, escape, px, wrap};
use crate::drawing::{Drawing, WIDTH};

/// One message, drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Stem of the file: `share`, `deadline`, `accuracy-lanes`, ...
    pub name: String,
    /// The message.
    pub title: String,
    /// How many, how long, what the marks are.
    pub caption: String,
    /// A self-contained SVG file with title and caption, for light and dark.
    pub svg: String,
    /// The drawing alone, for a page that carries the style sheet and sets title and caption.
    pub(crate) inline: String,
}

/// Space left and right of title and caption in a file of its own.
const SIDE: f64 = 12.0;

impl Figure {
    /// Frames a drawing.
    pub(crate) fn new(name: &str, title: String, caption: String, drawing: &Drawing) -> Figure {
        // The quotes that the page sets as code are noise in a drawing.
        let svg = standalone(&title.replace('`', ""), &caption.replace('`', ""), drawing);
        let inline = format!(
            "<svg class=\"ek-figure\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" \
             role=\"img\" aria-label=\"{}\">\n{}</svg>\n",
            px(WIDTH),
            px(drawing.height),
            escape(&title.replace('`', "")),
            drawing.body
        );
        Figure { name: name.to_owned(), title, caption, svg, inline }
    }
}

fn standalone(title: &str, caption: &str, drawing: &Drawing) -> String {
    let width = WIDTH + 2.0 * SIDE;
    let title_lines = wrap(title, columns_in(WIDTH, 17.0));
    let caption_lines = wrap(caption, columns_in(WIDTH, 12.5));
    let top = 14.0 + 22.0 * title_lines.len() as f64 + 6.0;
    let height = top + drawing.height + 8.0 + 17.0 * caption_lines.len() as f64 + 12.0;
    let mut texts = Canvas::default();
    for (i, line) in title_lines.iter().enumerate() {
        let y = 10.0 + 22.0 * (i + 1) as f64;
        texts.text("ek-title", (SIDE + 2.0, y), Anchor::Start, line);
    }
    for (i, line) in caption_lines.iter().enumerate() {
        let y = top + drawing.height + 8.0 + 17.0 * (i + 1) as f64 - 4.0;
        texts.text("ek-caption", (SIDE + 2.0, y), Anchor::Start, line);
    }
    let (width, height) = (px(width), px(height));
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg class=\"ek-figure\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" \
         height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">"
    );
    let _ = writeln!(svg, "<title>{}</title>\n<desc>{}</desc>", escape(title), escape(caption));
    let _ = writeln!(svg, "<style>{STYLE}</style>");
    let _ = writeln!(svg, "<rect class=\"ek-paper\" width=\"100%\" height=\"100%\"/>");
    svg.push_str(&texts.into_body());
    let _ = writeln!(svg, "<g transform=\"translate({} {})\">", px(SIDE), px(top));
    let _ = write!(svg, "{}</g>\n</svg>\n", drawing.body);
    svg
}
