// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel sim cluster`: its answer in words and as JSON, its figure, and what it says of files
//! that make no sense. The same seed gives the same answer, so whole answers are compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::fs;
use std::path::PathBuf;

use support::{assert_snapshot, evenkeel, run, transcript};

fn example() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join("docs/scenarios/small-cluster.toml")).unwrap()
}

/// Runs it on a file of that text, under a name that is the same everywhere.
fn cluster(text: &str, words: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("cluster.toml"), text).unwrap();
    let mut arguments = vec!["sim", "cluster", "cluster.toml"];
    arguments.extend_from_slice(words);
    let output = evenkeel(&arguments).current_dir(directory.path()).output().unwrap();
    transcript(&support::shown(&arguments), &output)
}

#[test]
fn policies_are_compared() {
    assert_snapshot("sim-cluster", &cluster(&example(), &[]));
}

#[test]
fn as_json_it_is_one_object() {
    let text = example().replace("3600s", "120s");
    let answer = cluster(&text, &["--json", "--seed", "7"]);
    assert_snapshot("sim-cluster-json", &answer.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn the_figure_names_every_policy() {
    let directory = tempfile::tempdir().unwrap();
    let (file, figure) = (directory.path().join("c.toml"), directory.path().join("c.svg"));
    fs::write(&file, example()).unwrap();
    let words = ["sim", "cluster", file.to_str().unwrap(), "--svg", figure.to_str().unwrap()];
    assert!(evenkeel(&words).output().unwrap().status.success());
    let svg = fs::read_to_string(&figure).unwrap();
    for policy in ["first-fit", "best-fit", "worst-fit"] {
        assert!(svg.contains(policy), "{policy}");
    }
    let nowhere = ["sim", "cluster", file.to_str().unwrap(), "--svg", "/nonexistent/c.svg"];
    assert_eq!(evenkeel(&nowhere).output().unwrap().status.code(), Some(1));
}

#[test]
fn files_that_make_no_sense() {
    let bad = |from: &str, to: &str| cluster(&example().replace(from, to), &[]);
    let mut text = run(&["sim", "cluster"]);
    text += &run(&["sim", "cluster", "/nonexistent/cluster.toml"]);
    text += &bad("count = 20", "count = 0");
    text += &bad("nodes = 2", "nodes = 3");
    text += &bad("\"5ms\"", "\"50ms\"");
    text += &bad("weight = 6", "wait = 6");
    text += &bad("[hosts]", "[hosts");
    assert_snapshot("sim-cluster-bad", &text);
}
