// SPDX-License-Identifier: MIT OR Apache-2.0
//! `report.html`: one file that needs no other, no network and no script, on screen and on paper.

mod host;
mod part;

use std::fmt::Write as _;

use evenkeel_lab::measurement::Results;

use crate::demo;
use crate::drawing::palette;
use crate::drawing::svg::escape;
use crate::error::ReportError;
use crate::manifest;
use crate::section::{Check, Section, Verdict};

/// Layout and type; the colours are those of the drawings.
const STYLE: &str = include_str!("page.css");

/// The page.
pub(crate) fn render(results: &Results, sections: &[Section]) -> Result<String, ReportError> {
    let checks: Vec<Check> = sections.iter().flat_map(|s| s.checks.clone()).collect();
    let mut out = String::new();
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n\
         <title>Evenkeel lab report</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n",
        palette::STYLE
    );
    header(&mut out, sections);
    overview(&mut out, results, &checks);
    for section in sections {
        part::section(&mut out, section);
    }
    host::section(&mut out, sections);
    words(&mut out);
    data(&mut out, results, &checks)?;
    let _ = write!(
        out,
        "</main>\n<footer><p>Written by evenkeel {}. Everything on this page comes from the \
         measurements of one run.</p></footer>\n</body>\n</html>\n",
        escape(&results.version)
    );
    Ok(out)
}

fn header(out: &mut String, sections: &[Section]) {
    out.push_str("<header>\n<h1>Evenkeel lab report</h1>\n");
    out.push_str(
        "<p class=\"lead\">Does a virtual machine get the CPU time and the network performance it \
         was promised, whatever its neighbours do? Measured on one host, after the questions of \
         Cucinotta, Giani, Faggioli and Checconi, <cite>VHPC 2010</cite>.</p>\n",
    );
    if let Some(first) = sections.first() {
        let host = &first.host;
        let _ = writeln!(
            out,
            "<p class=\"soft\">{}; Linux {}; {}; guests: {}.</p>",
            escape(&host.started_at),
            escape(&host.kernel),
            escape(&host.cpu_model),
            escape(&host.guest)
        );
    }
    for line in sections.iter().filter_map(Section::disturbance) {
        let _ = writeln!(out, "<p class=\"warning\" role=\"note\">{}</p>", part::prose(&line));
    }
    if sections.len() > 1 {
        out.push_str("<nav aria-label=\"Experiments\"><ul>\n");
        for section in sections {
            let _ = writeln!(out, "<li><a href=\"#{0}\">{0}</a></li>", section.name);
        }
        out.push_str(
            "<li><a href=\"#host\">host</a></li>\n<li><a href=\"#words\">words</a></li>\n",
        );
        out.push_str("<li><a href=\"#data\">data</a></li>\n</ul></nav>\n");
    }
    out.push_str("</header>\n");
}

/// What a newcomer reads: the table in plain words, and how the figures asked for came out.
fn overview(out: &mut String, results: &Results, checks: &[Check]) {
    out.push_str("<section id=\"overview\">\n<h2>In short</h2>\n");
    let demo = demo::table(results);
    if demo.rows.is_empty() {
        out.push_str("<p>No experiment was part of this run.</p>\n</section>\n");
        return;
    }
    part::table(out, &demo, "demo");
    let _ = writeln!(out, "<h3>{}</h3>", tally(checks));
    part::checks(out, checks, true);
    out.push_str("</section>\n");
}

/// `8 of 9 figures asked for hold; 1 falls short; 2 not judged`.
fn tally(checks: &[Check]) -> String {
    let count = |wanted: fn(&Verdict) -> bool| checks.iter().filter(|c| wanted(&c.verdict)).count();
    let hold = count(|v| *v == Verdict::Holds);
    let short = count(|v| *v == Verdict::FallsShort);
    let open = count(|v| matches!(v, Verdict::NotJudged(_)));
    let mut text = format!("{hold} of {} figures asked for hold", checks.len());
    let doubtful = checks.iter().filter(|c| c.verdict == Verdict::Holds && c.disturbed).count();
    if doubtful > 0 {
        let _ = write!(text, " ({doubtful} of them in disturbed runs)");
    }
    if short > 0 {
        let _ = write!(text, "; {short} {} short", if short == 1 { "falls" } else { "fall" });
    }
    if open > 0 {
        let _ = write!(text, "; {open} not judged");
    }
    text
}

/// The words that the page uses, for somebody who opens it without having read anything else.
const WORDS: [(&str, &str); 7] = [
    ("capsule", "a reservation, every thread that works for one VM, and the VM's network context"),
    ("reservation", "a budget of CPU time in every period: a guarantee and a limit"),
    ("supply", "CPU time really delivered to a capsule"),
    ("`shared`", "packets are processed by whoever is interrupted, as on most hosts today"),
    ("`dedicated`", "the VM's own netdev, served by a kernel thread inside the VM's capsule"),
    ("CCDF", "the part of all requests that took longer than a given time"),
    ("steal", "CPU time that a hypervisor below this host gave to somebody else"),
];

fn words(out: &mut String) {
    out.push_str("<section id=\"words\">\n<h2>Words</h2>\n<dl>\n");
    for (word, meaning) in WORDS {
        let (word, meaning) = (part::prose(word), part::prose(meaning));
        let _ = writeln!(out, "<div><dt>{word}</dt><dd>{meaning}</dd></div>");
    }
    out.push_str("</dl>\n</section>\n");
}

fn data(out: &mut String, results: &Results, checks: &[Check]) -> Result<(), ReportError> {
    let manifest = manifest::manifest(results, checks)?;
    let summary = manifest::summaries(results)?;
    out.push_str(
        "<section id=\"data\">\n<h2>Data</h2>\n<p>The raw figures of every interval and request \
         are in <code>data/</code> beside this page, one JSON file an experiment.</p>\n",
    );
    for (id, title, json) in
        [("manifest", "Run manifest (JSON)", manifest), ("summary", "Summary (JSON)", summary)]
    {
        let _ = writeln!(
            out,
            "<details><summary>{title}</summary><pre id=\"{id}\">{}</pre></details>",
            escape(&json)
        );
    }
    out.push_str("</section>\n");
    Ok(())
}
