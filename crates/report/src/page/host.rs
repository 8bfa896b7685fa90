// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where and under which circumstances the figures were measured.
//!
//! Facts that all experiments share stand in one table, what differs in another. Both are read
//! from the serialised fingerprint, so that a fact the lab adds appears without a change here.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::part::{prose, table};
use crate::drawing::svg::escape;
use crate::number::{percent, wall_clock};
use crate::section::Section;
use crate::table::Table;

/// Keys that differ from experiment to experiment; they have columns of their own.
const CIRCUMSTANCES: [&str; 6] =
    ["started_at", "elapsed_ns", "steal_ratio", "disturbed", "seed", "command_line"];

/// The section, or nothing where nothing was run.
pub(super) fn section(out: &mut String, sections: &[Section]) {
    if sections.is_empty() {
        return;
    }
    out.push_str("<section id=\"host\">\n<h2>Host and circumstances</h2>\n<dl>\n");
    let hosts: Vec<Map<String, Value>> = sections.iter().filter_map(facts).collect();
    let mut keys: Vec<&String> = hosts.iter().flat_map(Map::keys).collect();
    keys.sort_by_key(|key| (rank(key), *key));
    keys.dedup();
    for key in keys {
        let mut values: Vec<String> = Vec::new();
        for value in hosts.iter().filter_map(|host| host.get(key)).map(in_words) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let (name, values) = (escape(name(key)), escape(&values.join("; ")));
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{values}</dd></div>");
    }
    out.push_str("</dl>\n");
    table(out, &circumstances(sections), "figures");
    out.push_str("<p>Command lines, as typed:</p>\n<ul>\n");
    for section in sections {
        let line = section.host.command_line.join(" ");
        let _ = writeln!(out, "<li>{}: <code>{}</code></li>", section.name, escape(&line));
    }
    out.push_str("</ul>\n");
    let _ = writeln!(
        out,
        "<p class=\"soft\">{}</p>",
        prose(
            "A run calls itself disturbed when more than 1 % of the CPU time was stolen; the \
             experiments look for differences of 3 %."
        )
    );
    out.push_str("</section>\n");
}

/// The facts that are the host's, not the run's.
fn facts(section: &Section) -> Option<Map<String, Value>> {
    let Ok(Value::Object(mut facts)) = serde_json::to_value(&section.host) else { return None };
    facts.retain(|key, _| !CIRCUMSTANCES.contains(&key.as_str()));
    Some(facts)
}

/// The facts in the order of the page, with their names; others follow under their keys.
const NAMES: [(&str, &str); 8] = [
    ("kernel", "kernel"),
    ("cpu_model", "CPU"),
    ("microcode", "microcode"),
    ("frequency_governor", "frequency governor"),
    ("cpus", "online CPUs"),
    ("tick_hz", "scheduler tick, Hz"),
    ("guest", "guests"),
    ("revision", "program built from commit"),
];

fn rank(key: &str) -> usize {
    NAMES.iter().position(|(known, _)| *known == key).unwrap_or(NAMES.len())
}

fn name(key: &str) -> &str {
    NAMES.get(rank(key)).map_or(key, |(_, name)| name)
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "unknown".to_owned(),
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        other => other.to_string(),
    }
}

fn circumstances(sections: &[Section]) -> Table {
    let mut table =
        Table::new(&["experiment", "began", ">took", ">CPU time stolen", "disturbed", ">seed"]);
    for section in sections {
        let host = &section.host;
        table.row([
            section.name.to_owned(),
            host.started_at.clone(),
            wall_clock(host.elapsed_ns),
            percent(host.steal_ratio),
            if host.disturbed { "yes: figures are doubtful" } else { "no" }.to_owned(),
            host.seed.to_string(),
        ]);
    }
    table
}
