// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every page must be, whatever the measurements hold: well-formed, self-contained, escaped.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod samples;

use evenkeel_lab::measurement::{NeighbourKind, Results};
use evenkeel_model::Span;
use evenkeel_report::{Verdict, Width, checks, demo_table, figures, html, tables};

/// Elements that HTML closes by itself.
const VOID: [&str; 1] = ["!DOCTYPE"];

/// Every tag is closed in order; attributes are quoted. A small XML reader, enough for our output.
fn assert_well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        assert!(
            !rest[..start].contains('>'),
            "a bare '>' before {}",
            &rest[start..rest.len().min(start + 60)]
        );
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "closing tag </{name}>");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
        if name == "style" && !tag.starts_with('/') {
            rest = &rest[rest.find("</style>").expect("a style sheet ends")..];
        }
    }
    assert!(open.is_empty(), "never closed: {open:?}");
}

/// Renders everything there is; returns the page.
fn render(results: &Results) -> String {
    let page = html(results).unwrap();
    assert_well_formed(&page);
    assert!(!page.contains("NaN") && !page.contains("inf "));
    for figure in figures(results) {
        assert_well_formed(&figure.svg);
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("inf\""), "{}", figure.name);
        assert!(!figure.title.is_empty() && !figure.caption.is_empty());
    }
    for width in [Width::Unlimited, Width::Columns(80), Width::Columns(1)] {
        for text in [tables(results, width), demo_table(results, width)] {
            assert!(!text.is_empty() && !text.contains("NaN") && !text.contains("inf "), "{text}");
        }
    }
    page
}

#[test]
fn a_page_needs_no_script_and_no_other_file() {
    let page = render(&samples::all());
    for forbidden in ["<script", "<link", "<img", "@import", "url(", "src=", "onload", "https:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    // The only address is the name space of SVG, which nothing fetches.
    let addresses = page.matches("http:").count();
    assert_eq!(addresses, page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count());
    for wanted in ["prefers-color-scheme:dark", "@media print", "id=\"manifest\"", "id=\"summary\""]
    {
        assert!(page.contains(wanted), "{wanted}");
    }
}

#[test]
fn manifest_and_summary_are_json() {
    let page = render(&samples::all());
    for (id, key) in [("manifest", "experiments"), ("summary", "deadline")] {
        let start = page.find(&format!("<pre id=\"{id}\">")).unwrap();
        let text = &page[start..];
        let text = &text[text.find('>').unwrap() + 1..text.find("</pre>").unwrap()];
        let json = text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<");
        let json = json.replace("&gt;", ">").replace("&amp;", "&");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(value[key].is_object(), "{id}");
    }
}

#[test]
fn no_experiment_makes_a_page_that_says_so() {
    let page = render(&samples::empty());
    assert!(page.contains("No experiment was part of this run."));
    assert!(figures(&samples::empty()).is_empty());
    assert!(tables(&samples::empty(), Width::Unlimited).contains("No experiment"));
}

#[test]
fn each_experiment_alone_makes_a_page() {
    let all = samples::all();
    let parts = [
        Results { share: all.share.clone(), ..samples::empty() },
        Results { neighbour: all.neighbour.clone(), ..samples::empty() },
        Results { deadline: all.deadline.clone(), ..samples::empty() },
        Results { flood: all.flood.clone(), ..samples::empty() },
        Results { accuracy: all.accuracy.clone(), ..samples::empty() },
    ];
    for part in parts {
        let page = render(&part);
        assert_eq!(page.matches("class=\"kicker\"").count(), 1);
        assert!(checks(&part).iter().all(|c| c.verdict == Verdict::Holds), "{:?}", checks(&part));
    }
}

#[test]
fn host_strings_are_escaped_everywhere() {
    let mut results = samples::all();
    let nasty = "</title><script>alert('x')</script>\"&\u{1b}";
    if let Some(share) = &mut results.share {
        share.host.kernel = nasty.into();
        share.host.cpu_model = nasty.into();
        share.host.guest = nasty.into();
        share.host.started_at = nasty.into();
        share.host.command_line = vec![nasty.into()];
    }
    results.version = nasty.into();
    let page = render(&results);
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn empty_runs_and_summaries_are_not_judged_and_not_passed() {
    let mut results = samples::all();
    if let Some(m) = &mut results.share {
        m.runs.clear();
        m.summary.points.clear();
        m.summary.r_squared = f64::NAN;
    }
    if let Some(m) = &mut results.neighbour {
        m.runs.clear();
        m.summary.points.clear();
        m.summary.worst_drop_ratio = f64::NAN;
        m.summary.worst_drop_over_shares_ratio = f64::NAN;
    }
    if let Some(m) = &mut results.deadline {
        m.runs.clear();
        m.summary.rows.clear();
        m.summary.p99_ratio = f64::NAN;
    }
    if let Some(m) = &mut results.flood {
        m.runs.clear();
        m.summary.rows.clear();
    }
    if let Some(m) = &mut results.accuracy {
        m.runs.clear();
        m.summary.rows.clear();
    }
    render(&results);
    for check in checks(&results) {
        assert!(matches!(check.verdict, Verdict::NotJudged(_)), "{check:?}");
    }
}

#[test]
fn one_point_of_each_is_drawn_but_not_judged_as_a_line() {
    let mut results = samples::all();
    if let Some(m) = &mut results.share {
        m.runs.truncate(1);
        m.summary.points.truncate(1);
        m.summary.r_squared = 1.0;
    }
    if let Some(m) = &mut results.neighbour {
        m.runs.truncate(1);
        m.summary.points.truncate(1);
    }
    if let Some(m) = &mut results.deadline {
        m.runs.truncate(1);
        m.runs[0].completion_ns.truncate(1);
        m.summary.rows.truncate(1);
    }
    if let Some(m) = &mut results.flood {
        m.runs.truncate(1);
        m.summary.rows.truncate(1);
    }
    if let Some(m) = &mut results.accuracy {
        m.runs.truncate(1);
        m.runs[0].stretches.truncate(1);
        m.summary.rows.truncate(1);
    }
    render(&results);
    let all = checks(&results);
    let of = |name| all.iter().find(|c| c.experiment == name).unwrap().verdict.to_string();
    assert_eq!(of("share"), "not judged: 1 of at least 3 points");
    assert_eq!(of("neighbour"), "not judged: no point for tcp at 60 %");
    assert_eq!(of("deadline"), "not judged: no series with reservation and load");
}

#[test]
fn extreme_figures_are_drawn_without_harm() {
    let extremes = [0.0, -1.0, 1e-300, 1e18, 1e300, f64::MAX, f64::INFINITY, f64::NAN];
    for (i, value) in extremes.into_iter().enumerate() {
        for span in [Span::ZERO, Span::from_ns(1), Span::from_ns(u64::MAX)] {
            render(&extreme(value, span, i));
        }
    }
}

/// Every kind of figure set to one value, every kind of span to another, in every other record.
fn extreme(value: f64, span: Span, offset: usize) -> Results {
    let mut results = samples::all();
    if let Some(m) = &mut results.share {
        m.host.steal_ratio = value;
        m.host.elapsed_ns = span;
        m.summary.slope_bps = value;
        m.summary.r_squared = value;
        for (i, run) in
            m.runs.iter_mut().enumerate().filter(|(i, _)| (i + offset).is_multiple_of(2))
        {
            run.tcp.throughput_bps = value;
            run.period_ns = if i % 4 == 0 { span } else { run.period_ns };
        }
        for point in m.summary.points.iter_mut().step_by(2) {
            point.throughput_bps = value;
            point.period_ns = span;
        }
    }
    if let Some(m) = &mut results.neighbour {
        m.summary.worst_drop_ratio = value;
        for point in m.summary.points.iter_mut().step_by(2) {
            point.alone_bps = value;
            point.neighbour_share = value;
            point.kind = NeighbourKind::Compute;
        }
    }
    if let Some(m) = &mut results.deadline {
        m.summary.p99_ratio = value;
        for run in m.runs.iter_mut().step_by(2) {
            run.period_ns = span;
            run.completion_ns.truncate(50);
            run.completion_ns[offset] = Some(span);
            run.completion_ns[offset + 1] = None;
        }
        for row in m.summary.rows.iter_mut().step_by(2) {
            (row.max_ns, row.p99_ns, row.requests) = (span, span, 0);
        }
    }
    if let Some(m) = &mut results.flood {
        for row in m.summary.rows.iter_mut().step_by(2) {
            (row.kept_ratio, row.flood_pps, row.throughput_bps) = (value, value, value);
        }
    }
    if let Some(m) = &mut results.accuracy {
        for run in m.runs.iter_mut().step_by(2) {
            run.stretches.truncate(40);
            run.stretches[offset].length_ns = span;
            run.stretches[offset + 20].begin_ns = span;
            (run.budget_ns, run.elapsed_ns) = (span, span);
        }
        m.runs[1].period_ns = span;
        for row in &mut m.summary.rows {
            (row.share_error_ratio, row.overrun_max_ns) = (value, span);
        }
    }
    results
}

#[test]
fn figures_that_miss_what_was_asked_for_say_so() {
    let mut results = samples::all();
    results.flood.as_mut().unwrap().summary.rows[3].kept_ratio = 0.9696;
    results.deadline.as_mut().unwrap().summary.rows[3].late = 1;
    results.accuracy.as_mut().unwrap().summary.rows[0].overrun_max_ns = Span::from_us(4_001);
    results.neighbour.as_mut().unwrap().summary.worst_drop_ratio = 0.0304;
    let short: Vec<String> = checks(&results)
        .into_iter()
        .filter(|check| check.verdict == Verdict::FallsShort)
        .map(|check| format!("{}: {}", check.experiment, check.measured))
        .collect();
    assert_eq!(
        short,
        [
            "neighbour: 3.04 % at worst",
            "deadline: 1 of 500 late beside 8 neighbours",
            "flood: 96.96 % kept",
            "accuracy: 4.001 ms at most",
        ]
    );
    let page = render(&results);
    assert!(page.contains("4 fall short") && page.contains("falls short"));
}

#[test]
fn a_gain_is_not_written_as_a_negative_loss() {
    let mut results = samples::all();
    results.neighbour.as_mut().unwrap().summary.worst_drop_ratio = -0.012;
    let page = render(&results);
    assert!(page.contains("A loses nothing at worst") && page.contains("nothing lost"));
    assert!(!page.contains("-1.2"));
}

#[test]
fn a_disturbed_run_says_so_on_page_and_terminal() {
    let mut results = samples::all();
    let host = &mut results.deadline.as_mut().unwrap().host;
    (host.disturbed, host.steal_ratio) = (true, 0.12);
    let page = render(&results);
    assert_eq!(page.matches("Disturbed run: the hypervisor").count(), 2);
    assert!(page.contains("holds, but disturbed"));
    assert!(tables(&results, Width::Unlimited).contains("took 12.0 % of the CPU time away"));
    assert!(demo_table(&results, Width::Unlimited).contains("'deadline'"));
}

#[test]
fn a_tail_never_goes_below_one_of_n_and_unanswered_requests_stay_in_it() {
    let mut deadline = samples::deadline();
    deadline.runs.truncate(1);
    deadline.runs[0].completion_ns =
        vec![Some(Span::from_ms(1)), Some(Span::from_ms(2)), Some(Span::from_ms(2)), None];
    deadline.summary.rows[0].unanswered = 1;
    let results = Results { deadline: Some(deadline), ..samples::empty() };
    let figure = figures(&results).remove(0);
    assert!(figure.svg.contains(">1 of 4</text>"), "the axis ends at one of n");
    let page = render(&results);
    assert!(page.contains("1 request without an answer"));
}
