// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model`: whole answers, and a corpus of files that are models and of files that are not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::{PROGRAM, assert_snapshot, isolate, shown, transcript};

/// Where the corpus is: commands run there, so that snapshots name no directory.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

fn run(arguments: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    isolate(&mut command);
    let output = command.args(arguments).current_dir(corpus()).output().unwrap();
    transcript(&shown(arguments), &output).replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

fn files(directory: &str) -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(corpus().join(directory))
        .unwrap()
        .map(|entry| format!("{directory}/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    files.sort();
    files
}

#[test]
fn valid_files_are_models() {
    let all = files("valid");
    assert!(all.len() >= 4);
    // A variable with a list of values is set to one of them.
    let transcripts =
        all.iter().map(|file| run(&["model", "check", file, "--set", "$customers=2"]));
    assert_snapshot("model-valid", &transcripts.collect::<String>());
}

#[test]
fn invalid_files_are_refused_by_line_and_element() {
    let all = files("invalid");
    assert!(all.len() >= 12);
    let transcripts: Vec<String> = all.iter().map(|file| run(&["model", "check", file])).collect();
    assert!(transcripts.iter().all(|t| t.contains("[status 2]")), "{transcripts:?}");
    assert_snapshot("model-invalid", &transcripts.concat());
}

#[test]
fn a_model_is_solved_both_ways() {
    let solve = ["model", "solve", "valid/web.lqn"];
    let simulated = ["--solver", "sim", "--events", "20000", "--replications", "3", "--seed", "5"];
    let text = run(&solve) + &run(&[&solve[..], &simulated].concat());
    assert_snapshot("model-solve", &text);
    let json = ["model", "solve", "valid/queue.lqnx", "--json"];
    let text = run(&json) + &run(&[&json[..], &simulated].concat());
    assert_snapshot("model-solve-json", &text);
}

#[test]
fn a_precision_is_reached_or_missed_aloud() {
    let arguments = ["--solver", "sim", "--replications", "2", "--events", "2000", "--precision"];
    let solve = |part: &str| {
        run(&[&["model", "solve", "valid/queue.lqnx"][..], &arguments, &[part]].concat())
    };
    assert_snapshot("model-precision", &(solve("5%") + &solve("0.01%")));
}

#[test]
fn a_model_is_swept() {
    let text = run(&["model", "sweep", "valid/lists.lqn"])
        + &run(&["model", "sweep", "valid/lists.lqn", "--set", "$customers=1..3:3"])
        + &run(&["model", "sweep", "valid/queue.lqnx", "--set", "rate:serve=0.25..1.25:5"])
        + &run(&[
            "model",
            "sweep",
            "valid/web.lqn",
            "--set",
            "customers:users=10..30:3",
            "--set",
            "threads:web=4,8",
            "--show",
            "throughput:users",
            "--show",
            "service:page",
            "--show",
            "utilization:db",
        ]);
    assert_snapshot("model-sweep", &text);
    let arguments = ["model", "sweep", "valid/queue.lqnx", "--set", "$demand=1,3", "--json"];
    assert_snapshot("model-sweep-json", &run(&arguments));
}

#[test]
fn wrong_words_say_what_would_do() {
    let cases: [&[&str]; 12] = [
        &["model", "solve", "nowhere.lqn"],
        &["model", "solve", "valid/web.lqn", "--solver", "guess"],
        &["model", "solve", "valid/web.lqn", "--precision", "2"],
        &["model", "solve", "valid/web.lqn", "--replications", "0"],
        &["model", "solve", "valid/web.lqn", "--set", "demand:nobody=1"],
        &["model", "solve", "valid/web.lqn", "--set", "weight:web=1"],
        &["model", "solve", "valid/web.lqn", "--set", "threads:web=1.5"],
        &["model", "solve", "valid/web.lqn", "--set", "demand:query=-1"],
        &["model", "solve", "valid/queue.lqnx", "--set", "rate:serve=2"],
        &["model", "sweep", "valid/web.lqn"],
        &["model", "sweep", "valid/queue.lqnx", "--set", "rate:serve=2,3"],
        &["model", "sweep", "valid/web.lqn", "--set", "think:users=1", "--show", "service:nobody"],
    ];
    let text: String = cases.iter().map(|arguments| run(arguments)).collect();
    assert_snapshot("model-words", &text);
    let check = ["model", "check", "valid/queue.lqnx", "--set", "rate:serve=2"];
    assert_snapshot("model-unstable", &(run(&check) + &run(&[&check[..], &["--json"]].concat())));
}

#[test]
fn standard_input_is_a_file_and_results_are_one() {
    let text = std::fs::read(corpus().join("valid/lists.lqn")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("solved.lqxo");
    let mut command = Command::new(PROGRAM);
    isolate(&mut command);
    let solve = ["model", "solve", "-", "--set", "$customers=2", "--xml-out"];
    let mut child =
        command.args(solve).arg(&out).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let solved = std::fs::read_to_string(&out).unwrap();
    assert_snapshot("model-xml-out", &solved.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
    // What was written is a model again, with the same answer.
    let again = Command::new(PROGRAM).args(["model", "solve"]).arg(&out).output().unwrap();
    assert_eq!(String::from_utf8(again.stdout).unwrap(), String::from_utf8(output.stdout).unwrap());
    let nowhere = ["model", "solve", "valid/queue.lqnx", "--xml-out", "/nonexistent/x.lqxo"];
    assert!(run(&nowhere).contains("[status 1]"));
}
