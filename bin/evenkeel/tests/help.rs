// SPDX-License-Identifier: MIT OR Apache-2.0
//! The help of every verb, whole: what it says is part of the contract.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use support::{assert_snapshot, run};

/// The help of the verb with these words, into a snapshot named after them.
fn help(words: &[&str]) {
    let mut arguments = words.to_vec();
    arguments.push("--help");
    let name = ["help"].iter().chain(words).copied().collect::<Vec<_>>().join("-");
    assert_snapshot(&name, &run(&arguments));
}

#[test]
fn the_program() {
    help(&[]);
}

#[test]
fn the_short_form_and_the_version() {
    let version = run(&["--version"]).replace(env!("CARGO_PKG_VERSION"), "[VERSION]");
    assert_snapshot("help-short", &format!("{}{version}", run(&["-h"])));
}

#[test]
fn doctor() {
    help(&["doctor"]);
}

#[test]
fn capsule() {
    help(&["capsule"]);
    for verb in ["create", "attach", "detach", "set", "show", "list", "delete"] {
        help(&["capsule", verb]);
    }
}

#[test]
fn run_verb() {
    help(&["run"]);
}

#[test]
fn vm() {
    help(&["vm"]);
    help(&["vm", "list"]);
}

#[test]
fn lab() {
    help(&["lab"]);
}

#[test]
fn model() {
    help(&["model"]);
    for verb in ["solve", "check", "sweep", "compare", "explain", "calibrate", "claims"] {
        help(&["model", verb]);
    }
}

#[test]
fn trace() {
    help(&["trace"]);
    for verb in ["record", "show", "export", "check"] {
        help(&["trace", verb]);
    }
}

#[test]
fn sim() {
    help(&["sim"]);
    for verb in ["run", "cluster"] {
        help(&["sim", verb]);
    }
}

#[test]
fn check() {
    help(&["check"]);
}

#[test]
fn completions() {
    help(&["completions"]);
}
