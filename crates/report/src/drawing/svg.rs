// SPDX-License-Identifier: MIT OR Apache-2.0
//! SVG elements as text: attributes, escaping, rounding. Nothing here can emit a tag unescaped.

use std::fmt::Write as _;

use crate::number::keep_units;

/// Text for an element or an attribute of HTML and SVG. Control characters other than blanks are
/// not allowed in XML at all, so they become the replacement character.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A coordinate, a tenth of a pixel fine. A value that is no number lands at 0, where it shows.
pub(crate) fn px(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

/// Where a text hangs on its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Anchor {
    const fn as_str(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

/// Part of the font size that an average character is wide: 0.50 in Liberation Sans, 0.60 in DejaVu
/// Sans, the widest face that a system without the others falls back to. Too little cuts labels.
const CHARACTER_WIDTH: f64 = 0.6;

/// About how wide a text is, pixels.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * CHARACTER_WIDTH
}

/// About how many characters of a font size stand in `width` pixels.
pub(crate) fn columns_in(width: f64, size: f64) -> f64 {
    width / (size * CHARACTER_WIDTH)
}

/// Breaks a text at blanks, never between a figure and its unit, into lines of at most `columns`
/// characters; a longer word is a line.
pub(crate) fn wrap(text: &str, columns: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in keep_units(text).split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if (line.chars().count() + 1 + word.chars().count()) as f64 <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Elements appended one after the other.
#[derive(Default)]
pub(crate) struct Canvas {
    out: String,
}

impl Canvas {
    /// What was drawn.
    pub fn into_body(self) -> String {
        self.out
    }

    /// `<tag attributes/>`, or with a tool tip inside.
    pub fn element(&mut self, tag: &str, attributes: &[(&str, &str)], tip: Option<&str>) {
        let _ = write!(self.out, "<{tag}");
        for (name, value) in attributes {
            let _ = write!(self.out, " {name}=\"{}\"", escape(value));
        }
        match tip {
            Some(tip) => {
                let _ = writeln!(self.out, "><title>{}</title></{tag}>", escape(tip));
            }
            None => self.out.push_str("/>\n"),
        }
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let (x1, y1, x2, y2) = (px(from.0), px(from.1), px(to.0), px(to.1));
        let at = [("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)];
        self.element("line", &at, None);
    }

    /// A text with halo-free letters.
    pub fn text(&mut self, class: &str, at: (f64, f64), anchor: Anchor, text: &str) {
        self.text_turned(class, at, anchor, None, text);
    }

    /// A text, turned by `degrees` around its point.
    pub fn text_turned(
        &mut self,
        class: &str,
        at: (f64, f64),
        anchor: Anchor,
        degrees: Option<i32>,
        text: &str,
    ) {
        let (x, y) = (px(at.0), px(at.1));
        let _ = write!(self.out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{}\"", anchor.as_str());
        if !class.is_empty() {
            let _ = write!(self.out, " class=\"{}\"", escape(class));
        }
        if let Some(degrees) = degrees {
            let _ = write!(self.out, " transform=\"rotate({degrees} {x} {y})\"");
        }
        let _ = writeln!(self.out, ">{}</text>", escape(text));
    }
}

/// The `d` of a path through points; empty for no points.
pub(crate) fn path_through(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    let mut d = String::new();
    for (x, y) in points {
        let _ = write!(d, "{}{} {}", if d.is_empty() { 'M' } else { 'L' }, px(x), px(y));
    }
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_through_unescaped() {
        assert_eq!(escape("<b a=\"1\">&'\u{7}"), "&lt;b a=&quot;1&quot;&gt;&amp;&#39;\u{fffd}");
        let mut canvas = Canvas::default();
        canvas.element("rect", &[("class", "a\"b")], Some("</title>"));
        assert_eq!(
            canvas.into_body(),
            "<rect class=\"a&quot;b\"><title>&lt;/title&gt;</title></rect>\n"
        );
    }

    #[test]
    fn coordinates_are_short_and_finite() {
        assert_eq!(px(10.04), "10");
        assert_eq!(px(-0.04), "0");
        assert_eq!(px(3.25), "3.2");
        assert_eq!(px(f64::NAN), "0");
    }

    #[test]
    fn wrapping_keeps_every_word() {
        let text = "a caption that is a little longer than one line of it may be";
        let lines = wrap(text, columns_in(170.0, 10.0));
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text);
        assert!(lines.iter().all(|line| text_width(line, 10.0) <= 170.0), "{lines:?}");
    }
}
