// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole outputs against committed ones, from synthetic measurements. After a wanted change:
//! `SNAPSHOTS=overwrite cargo test -p evenkeel-report`, then look at the difference, and at the
//! figures with a browser.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod samples;

use std::path::PathBuf;

use evenkeel_lab::measurement::Results;
use evenkeel_report::{Width, demo_table, figures, html, tables};
use snapbox::Data;

/// Compares byte for byte with a file below `tests/`.
fn expect(name: &str, actual: String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    snapbox::assert_data_eq!(actual, Data::read_from(&path, None).raw());
}

fn fixture() -> Results {
    serde_json::from_str(include_str!("fixtures/synthetic.json")).unwrap()
}

#[test]
fn the_fixture_is_what_the_generator_makes() {
    expect("fixtures/synthetic.json", serde_json::to_string(&samples::all()).unwrap() + "\n");
}

#[test]
fn every_figure() {
    let figures = figures(&fixture());
    let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
    assert_eq!(names, ["share", "neighbour", "deadline", "flood", "accuracy", "accuracy-lanes"]);
    for figure in figures {
        expect(&format!("snapshots/{}.svg", figure.name), figure.svg);
    }
}

#[test]
fn tables_without_and_with_a_terminal() {
    expect("snapshots/tables.txt", tables(&fixture(), Width::Unlimited));
    expect("snapshots/tables-80.txt", tables(&fixture(), Width::Columns(80)));
}

#[test]
fn the_table_for_a_newcomer() {
    expect("snapshots/demo.txt", demo_table(&fixture(), Width::Columns(100)));
}

#[test]
fn a_page_of_one_disturbed_experiment() {
    let mut flood = samples::flood();
    flood.host.steal_ratio = 0.043;
    flood.host.disturbed = true;
    let results = Results { flood: Some(flood), ..samples::empty() };
    expect("snapshots/flood-disturbed.html", html(&results).unwrap());
}

#[test]
fn identical_input_gives_identical_bytes() {
    assert_eq!(html(&fixture()).unwrap(), html(&samples::all()).unwrap());
    assert_eq!(figures(&fixture()), figures(&samples::all()));
}
