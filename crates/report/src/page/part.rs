// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pieces of the page: a section, a figure, a table, verdicts.

use std::fmt::Write as _;

use crate::drawing::svg::escape;
use crate::figure::Figure;
use crate::number::keep_units;
use crate::section::{Check, Section, Verdict};
use crate::table::{Align, Column, Table};

/// One experiment.
pub(super) fn section(out: &mut String, section: &Section) {
    let _ = writeln!(out, "<section class=\"experiment\" id=\"{}\">", section.name);
    let _ = writeln!(out, "<p class=\"kicker\">{}</p>", section.name);
    let _ = writeln!(out, "<h2>{}</h2>", prose(section.question));
    if let Some(line) = section.disturbance() {
        let _ = writeln!(out, "<p class=\"warning\" role=\"note\">{}</p>", prose(&line));
    }
    out.push_str("<div class=\"beside\">\n<div>\n<h3>How it was measured</h3>\n");
    for paragraph in &section.method {
        let _ = writeln!(out, "<p>{}</p>", prose(paragraph));
    }
    let published = &section.published;
    let _ = writeln!(
        out,
        "</div>\n<aside>\n<h3>Published <span class=\"soft\">({})</span></h3>\n\
         <p class=\"statement\">{}</p>\n<p>{}</p>\n</aside>\n</div>",
        escape(published.source),
        prose(published.statement),
        prose(published.comparison)
    );
    for drawn in &section.figures {
        figure(out, drawn);
    }
    table(out, &section.table, "figures");
    for remark in &section.remarks {
        let _ = writeln!(out, "<p class=\"soft\">{}</p>", prose(remark));
    }
    checks(out, &section.checks, false);
    out.push_str("</section>\n");
}

fn figure(out: &mut String, figure: &Figure) {
    let _ = write!(
        out,
        "<figure id=\"figure-{}\">\n<h3>{}</h3>\n<div class=\"scroll\">\n{}</div>\n\
         <figcaption>{}</figcaption>\n</figure>\n",
        escape(&figure.name),
        prose(&figure.title),
        figure.inline,
        prose(&figure.caption)
    );
}

/// A table in a box that scrolls by itself on a narrow screen.
pub(super) fn table(out: &mut String, table: &Table, class: &str) {
    let _ = write!(out, "<div class=\"scroll\"><table class=\"{class}\">\n<thead><tr>");
    let side = |align: Align| if align == Align::Right { " class=\"right\"" } else { "" };
    for Column { name, align, .. } in &table.columns {
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", side(*align), prose(name));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (cell, column) in row.iter().zip(&table.columns) {
            let _ = write!(out, "<td{}>{}</td>", side(column.align), prose(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

/// Verdicts: sign, word and colour, so that none of the three is needed.
pub(super) fn checks(out: &mut String, checks: &[Check], with_experiment: bool) {
    if checks.is_empty() {
        return;
    }
    out.push_str("<div class=\"scroll\"><table class=\"checks\">\n<thead><tr>");
    if with_experiment {
        out.push_str("<th scope=\"col\">experiment</th>");
    }
    out.push_str(
        "<th scope=\"col\">asked for</th><th scope=\"col\">measured</th>\
         <th scope=\"col\">verdict</th></tr></thead>\n<tbody>\n",
    );
    for check in checks {
        let (class, sign) = match (&check.verdict, check.disturbed) {
            (Verdict::Holds, false) => ("holds", "✓"),
            (Verdict::FallsShort, _) => ("short", "✗"),
            (Verdict::Holds | Verdict::NotJudged(_), _) => ("open", "○"),
        };
        out.push_str("<tr>");
        if with_experiment {
            let _ = write!(out, "<td><a href=\"#{0}\">{0}</a></td>", check.experiment);
        }
        let _ = writeln!(
            out,
            "<td>{}</td><td>{}</td><td class=\"{class}\"><span aria-hidden=\"true\">{sign}</span> \
             {}</td></tr>",
            prose(&check.asked),
            prose(&check.measured),
            prose(&check.verdict_in_words())
        );
    }
    out.push_str("</tbody></table></div>\n");
}

/// Text for the page: escaped, `code` between back quotes, a figure never parted from its unit.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    for (i, piece) in text.split('`').enumerate() {
        let piece = keep_units(&escape(piece));
        if i % 2 == 1 {
            let _ = write!(out, "<code>{piece}</code>");
        } else {
            out.push_str(&piece);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped_and_keeps_figures_with_their_units() {
        assert_eq!(
            prose("<i> `a<b` 20 ms, 3 %; 8 neighbours"),
            "&lt;i&gt; <code>a&lt;b</code> 20\u{a0}ms, 3\u{a0}%; 8 neighbours"
        );
        // An odd number of quotes still closes every tag.
        assert_eq!(prose("a `b"), "a <code>b</code>");
    }
}
