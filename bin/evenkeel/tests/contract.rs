// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contract that every verb keeps: streams, colour, pipes, JSON, statuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

use support::{PROGRAM, assert_snapshot, evenkeel, transcript};

/// Verbs that only read and need no host: everything they print is an answer.
const READERS: [&[&str]; 4] = [
    &["capsule", "list", "--json"],
    &["doctor", "--window", "0s"],
    &["--help"],
    &["completions", "bash"],
];

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for arguments in READERS {
        let mut child =
            evenkeel(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before anything is read: the first write of the answer meets a broken pipe.
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        // doctor's own verdict may be 5; a broken pipe outranks it, for nobody reads it.
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    }
}

#[test]
fn a_full_disk_is_a_failure() {
    let output = evenkeel(&["completions", "bash"])
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_snapshot(
        "contract-full-disk",
        &transcript("evenkeel completions bash > /dev/full", &output),
    );
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let coloured = |arguments: &[&str], no_color: bool| {
        let mut command = evenkeel(arguments);
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = command.output().unwrap();
        [output.stdout, output.stderr].concat().contains(&0x1b)
    };
    assert!(!coloured(&["doctor", "--window", "0s"], false));
    assert!(coloured(&["doctor", "--window", "0s", "--color", "always"], false));
    assert!(coloured(&["--color=always", "doctor", "--window", "0s"], true));
    assert!(!coloured(&["--help"], false));
    assert!(coloured(&["--color", "always", "--help"], false));
    assert!(coloured(&["--color", "always", "nonsense"], false));
    assert!(!coloured(&["--color", "never", "nonsense"], false));
}

#[test]
fn json_begins_with_schema_and_version() {
    let cases: [(&[&str], &str); 3] = [
        (&["doctor", "--window", "0s", "--json"], "evenkeel.doctor.v1"),
        (&["capsule", "list", "--json"], "evenkeel.capsule-list.v1"),
        (&["vm", "list", "--json"], "evenkeel.vm-list.v1"),
    ];
    for (arguments, schema) in cases {
        let output = evenkeel(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let begin = format!("{{\n  \"schema\": \"{schema}\",\n  \"version\": \"{version}\",\n");
        assert!(text.starts_with(&begin), "{arguments:?}: {text}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
    }
}

#[test]
fn with_json_an_error_is_an_object_on_standard_error() {
    let arguments = ["capsule", "show", "web", "--json"];
    let output = evenkeel(&arguments).output().unwrap();
    let text = transcript(&support::shown(&arguments), &output);
    assert_snapshot("contract-json-error", &text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn every_shell_gets_a_script() {
    for (shell, mark) in [
        ("bash", "complete -F _evenkeel"),
        ("zsh", "#compdef evenkeel"),
        ("fish", "complete -c evenkeel"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = evenkeel(&["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains(mark), "{shell}");
    }
}

#[test]
fn a_closed_standard_output_is_an_error_not_a_panic() {
    // `>&-`: the descriptor does not exist at all. The runtime opens /dev/null in its place.
    let status = Command::new("sh")
        .args(["-c", "exec \"$0\" capsule list --json >&- 2>&-", PROGRAM])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn no_words_make_it_panic() {
    // Every status is one of the table; 101 would be a panic. The words are made of pieces that
    // mean something somewhere, in every order of three.
    let pieces = [
        "doctor",
        "capsule",
        "create",
        "show",
        "run",
        "vm",
        "list",
        "--json",
        "--dry-run",
        "--",
        "-",
        "--budget",
        "6ms",
        "--cpus=0",
        "--color",
        "web",
        "a/b",
        "\u{1F600}",
        "0",
    ];
    let mut child_count = 0;
    for first in pieces {
        for second in pieces {
            let mut child = evenkeel(&[first, second])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut text = String::new();
            child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
            let code = child.wait().unwrap().code();
            assert!(matches!(code, Some(0..=5)), "{first} {second}: {code:?}\n{text}");
            child_count += 1;
        }
    }
    assert_eq!(child_count, pieces.len() * pieces.len());
}
