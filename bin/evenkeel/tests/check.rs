// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel check`: whole answers on the examples of the documentation, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::io::Write;
use std::process::Stdio;

use support::{assert_snapshot, evenkeel, run, transcript};

/// The transcript of `check` on an example, its path as a reader would type it.
fn example(name: &str, words: &[&str]) -> String {
    let directory = format!("{}/../../", env!("CARGO_MANIFEST_DIR"));
    let path = format!("{directory}docs/tasks/{name}.toml");
    let mut arguments = vec!["check", path.as_str()];
    arguments.extend_from_slice(words);
    run(&arguments).replace(&directory, "").replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

/// The transcript of `check -` on a text.
fn on_text(text: &str) -> String {
    let mut command = evenkeel(&["check", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    transcript("evenkeel check -", &child.wait_with_output().unwrap())
}

#[test]
fn the_examples() {
    let names = ["web", "two-cpus", "real-time-groups"];
    assert_snapshot("check", &names.map(|name| example(name, &[])).concat());
}

#[test]
fn json_has_times_in_nanoseconds() {
    assert_snapshot("check-json", &example("real-time-groups", &["--json"]));
}

#[test]
fn every_kind_of_reason() {
    let head = "schema = \"evenkeel.tasks/1\"\n";
    let capsule = |name: &str, budget: &str, rest: &str| {
        format!("[[capsule]]\nname = \"{name}\"\nbudget = \"{budget}\"\nperiod = \"20ms\"\n{rest}")
    };
    let task = |capsule: &str, name: &str, wcet: &str, rest: &str| {
        format!(
            "[[task]]\ncapsule = \"{capsule}\"\nname = \"{name}\"\nwcet = \"{wcet}\"\n\
             period = \"40ms\"\n{rest}"
        )
    };
    let several = "cpus = \"0-1\"\n";
    let texts = [
        // Too much for the CPU, and too much for the budget.
        [head, &capsule("a", "12ms", ""), &capsule("b", "9ms", ""), &task("b", "t", "20ms", "")]
            .concat(),
        // By deadlines; a section; a whole CPU is not enough.
        [
            head,
            &capsule("a", "6ms", "inside = \"edf\"\n"),
            &capsule("b", "smallest", ""),
            &task("a", "t", "4ms", "deadline = \"31ms\"\n"),
            &task("a", "u", "3ms", "section = \"2ms\"\n"),
            &task("b", "t", "30ms", ""),
            &task("b", "u", "11ms", ""),
        ]
        .concat(),
        // Children have all of it; some tasks pinned; a deadline beyond the period on two CPUs.
        [
            head,
            &capsule("a", "4ms", several),
            &capsule("kid", "4ms", "parent = \"a\"\n"),
            &capsule("half", "4ms", several),
            &capsule("long", "4ms", several),
            &task("a", "t", "1ms", "cpu = 0\n"),
            &task("half", "t", "1ms", "cpu = 0\n"),
            &task("half", "u", "1ms", ""),
            &task("long", "t", "1ms", "deadline = \"50ms\"\n"),
        ]
        .concat(),
        // Crowded CPUs, and children that need more than their parent has.
        [
            head,
            &capsule("a", "6ms", several),
            &task("a", "t", "15ms", "deadline = \"38ms\"\n"),
            &task("a", "u", "6ms", "deadline = \"38ms\"\n"),
        ]
        .concat(),
        [head, &capsule("a", "4ms", ""), &capsule("kid", "5ms", "parent = \"a\"\n")].concat(),
    ];
    assert_snapshot("check-reasons", &texts.map(|text| on_text(&text)).concat());
}

#[test]
fn what_cannot_be_read_or_understood_is_a_wrong_use() {
    let text = [
        run(&["check"]),
        run(&["check", "/nonexistent/tasks.toml"]),
        on_text("schema = \"evenkeel.tasks/1\"\n[[capsule]]\nname = \"a\"\nbudget = 6\n"),
        on_text("schema = \"evenkeel.tasks/1\"\n[[capsule]\n"),
    ];
    assert_snapshot("check-refused", &text.concat());
}
