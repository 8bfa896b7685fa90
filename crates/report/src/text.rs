// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report for a terminal: one table an experiment, limits beside figures, verdicts in words.

use evenkeel_lab::measurement::Results;

use crate::demo;
use crate::drawing::svg::wrap;
use crate::experiment::sections;
use crate::section::Section;
use crate::table::Width;

/// Prose without a terminal is set for a page of mail.
const PROSE_COLUMNS: u16 = 100;

/// One table an experiment, in the order of the page.
pub fn tables(results: &Results, width: Width) -> String {
    let sections = sections(results);
    if sections.is_empty() {
        return "No experiment was part of this run.\n".to_owned();
    }
    let texts: Vec<String> = sections.iter().map(|section| section_text(section, width)).collect();
    texts.join("\n")
}

/// The one table a newcomer understands: promised, without Evenkeel, with Evenkeel.
pub fn demo_table(results: &Results, width: Width) -> String {
    let table = demo::table(results);
    if table.rows.is_empty() {
        return "No experiment was part of this run.\n".to_owned();
    }
    let mut out = table.to_text(width);
    for line in sections(results).iter().filter_map(Section::disturbance) {
        out.push_str(&prose(&line, width));
    }
    out
}

fn section_text(section: &Section, width: Width) -> String {
    let mut out = String::new();
    out.push_str(&prose(&format!("{}: {}", section.name, section.question), width));
    out.push('\n');
    if let Some(line) = section.disturbance() {
        out.push_str(&prose(&line, width));
    }
    out.push_str(&section.table.to_text(width));
    for remark in &section.remarks {
        out.push_str(&prose(remark, width));
    }
    out.push('\n');
    out.push_str(&section.check_table().to_text(width));
    out.push('\n');
    let published = &section.published;
    out.push_str(&prose(
        &format!("published ({}): {}", published.source, published.statement),
        width,
    ));
    out
}

/// Prose broken at blanks.
fn prose(text: &str, width: Width) -> String {
    let columns = match width {
        Width::Columns(columns) => columns,
        Width::Unlimited => PROSE_COLUMNS,
    };
    wrap(text, f64::from(columns)).join("\n").replace('\u{a0}', " ") + "\n"
}
