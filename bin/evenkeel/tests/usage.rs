// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wrong words: each gets a clear error, status 2, and nothing on standard output.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use support::{assert_snapshot, run};

/// All transcripts of `commands`, one after the other.
fn transcripts(commands: &[&[&str]]) -> String {
    commands.iter().map(|arguments| run(arguments)).collect()
}

/// `capsule create web` with these further words.
fn create<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["capsule", "create", "web"];
    arguments.extend_from_slice(words);
    arguments
}

#[test]
fn budgets_and_periods() {
    let cases: [&[&str]; 12] = [
        &["--budget", "25ms", "--period", "20ms", "--cpus", "0"],
        &["--budget", "0ms", "--period", "20ms", "--cpus", "0"],
        &["--budget", "6ms", "--period", "0ms", "--cpus", "0"],
        &["--budget", "6", "--period", "20ms", "--cpus", "0"],
        &["--budget", "6ms", "--period", "20", "--cpus", "0"],
        &["--budget", "6m", "--period", "20ms", "--cpus", "0"],
        &["--budget", "-6ms", "--period", "20ms", "--cpus", "0"],
        &["--budget", "six", "--period", "20ms", "--cpus", "0"],
        &["--budget", "500us", "--period", "999us", "--cpus", "0"],
        &["--budget", "1ms", "--period", "10.001s", "--cpus", "0"],
        &["--budget", "0.5ns", "--period", "20ms", "--cpus", "0"],
        &["--budget", "99999999999999999999s", "--period", "20ms", "--cpus", "0"],
    ];
    let cases: Vec<Vec<&str>> = cases.iter().map(|words| create(words)).collect();
    let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
    assert_snapshot("usage-reservation", &transcripts(&cases));
}

#[test]
fn cpu_lists() {
    let lists = ["", "a", "0-", "3-1", "0,,1", "9999", "-1"];
    let cases: Vec<Vec<&str>> = lists
        .iter()
        .map(|list| create(&["--budget", "6ms", "--period", "20ms", "--cpus", list]))
        .collect();
    let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
    assert_snapshot("usage-cpus", &transcripts(&cases));
}

#[test]
fn names() {
    let long = "a".repeat(65);
    let names = ["a/b", "..", "", "-web", "web 1", "wéb", long.as_str()];
    let cases: Vec<Vec<&str>> = names
        .iter()
        .map(|name| {
            vec!["capsule", "create", name, "--budget", "6ms", "--period", "20ms", "--cpus", "0"]
        })
        .collect();
    let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
    assert_snapshot("usage-names", &transcripts(&cases));
}

#[test]
fn missing_and_unknown_words() {
    let cases: [&[&str]; 12] = [
        &["nonsense"],
        &["doctor", "--nonsense"],
        &["doctor", "--window", "61s"],
        &["capsule", "create", "web"],
        &["capsule", "create", "web", "--budget", "6ms", "--period", "20ms"],
        &["capsule", "attach", "web"],
        &["capsule", "attach", "web", "4242", "--context", "dedicated"],
        &["capsule", "attach", "web", "4242", "--context", "demux"],
        &["capsule", "set"],
        &["run", "web", "--budget", "6ms", "--period", "20ms", "--cpus", "0"],
        &["run", "web", "--budget", "6ms", "--period", "20ms", "--cpus", "0", "sleep", "1"],
        &["completions", "tcsh"],
    ];
    assert_snapshot("usage-words", &transcripts(&cases));
}

#[test]
fn virtual_machines_that_cannot_be_named() {
    let names = ["", "pid:", "pid:x", "pid:-1", "qemu:", "qmp:relative", "cgroup:relative", "0"];
    let cases: Vec<Vec<&str>> =
        names.iter().map(|name| vec!["capsule", "attach", "web", name]).collect();
    let cases: Vec<&[&str]> = cases.iter().map(Vec::as_slice).collect();
    assert_snapshot("usage-vms", &transcripts(&cases));
}

#[test]
fn words_that_are_not_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let output =
        support::evenkeel(&["capsule", "show"]).arg(OsStr::from_bytes(b"w\xffb")).output().unwrap();
    assert_snapshot(
        "usage-bytes",
        &support::transcript("evenkeel capsule show 'w\\xffb'", &output),
    );
}

#[test]
fn with_json_wrong_words_are_an_object_too() {
    let text = transcripts(&[
        &["capsule", "list", "--json", "--nonsense"],
        &["capsule", "show", "a/b", "--json"],
        &[
            "capsule", "create", "web", "--budget", "9ms", "--period", "6ms", "--cpus", "0",
            "--json",
        ],
    ]);
    assert_snapshot("usage-json", &text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn nothing_at_all() {
    assert_snapshot("usage-nothing", &transcripts(&[&[], &["capsule"], &["vm"]]));
}
