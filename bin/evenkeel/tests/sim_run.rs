// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel sim run`: whole answers, files that it writes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::fs;
use std::path::Path;

use support::{assert_snapshot, evenkeel, run};

/// A scenario of the documentation.
fn example(name: &str) -> String {
    format!("{}/../../docs/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"))
}

/// The transcript of `sim run` on an example, its path as a reader would type it.
fn transcript(name: &str, words: &[&str]) -> String {
    let path = example(name);
    let mut arguments = vec!["sim", "run", path.as_str()];
    arguments.extend_from_slice(words);
    let directory = path.trim_end_matches(&format!("docs/scenarios/{name}.toml"));
    run(&arguments).replace(directory, "").replace(env!("CARGO_PKG_VERSION"), "[VERSION]")
}

#[test]
fn one_scheduler_and_all_of_them() {
    let text = [
        transcript("three-saturated", &[]),
        transcript("three-saturated", &["--scheduler", "all"]),
        transcript("nested", &["--scheduler", "capsule,eevdf", "--seed", "2"]),
    ];
    assert_snapshot("sim-run", &text.concat());
}

#[test]
fn requests_packets_and_interference() {
    assert_snapshot("sim-run-web", &transcript("web", &["--scheduler", "all"]));
}

#[test]
fn json_has_times_in_nanoseconds() {
    assert_snapshot("sim-run-json", &transcript("self-suspension", &["--json"]));
}

#[test]
fn lanes_and_traces_are_files() {
    let directory = tempfile::tempdir().unwrap();
    let (svg, chrome) = (directory.path().join("l.svg"), directory.path().join("t.json"));
    let name = |path: &Path| path.to_str().unwrap().to_owned();
    let text = transcript(
        "three-saturated",
        &["--svg", &name(&svg), "--chrome-trace", &name(&chrome), "--until", "60ms"],
    );
    assert_snapshot("sim-run-trace", &text.replace(&name(directory.path()), "DIR"));
    let svg = fs::read_to_string(svg).unwrap();
    // 14 stretches begin in the first 60 ms of the worked example; the paper is a rectangle, too.
    assert!(svg.starts_with("<svg ") && svg.matches("<rect class=\"ek-").count() == 15, "{svg}");
    let trace: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(chrome).unwrap()).unwrap();
    let stretches =
        trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").count();
    assert_eq!(stretches, 2 * 14);
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let head = "schema = \"evenkeel.scenario/1\"\nduration = \"1s\"\n";
    let capsule = |name: &str, budget: &str| {
        format!("[[capsule]]\nname = \"{name}\"\nbudget = \"{budget}\"\nperiod = \"10ms\"\n")
    };
    let bad = write("bad.toml", &format!("{head}{}", capsule("a", "-2ms")));
    let much = format!("{head}{}{}", capsule("a", "6ms"), capsule("b", "6ms"));
    let much = write("much.toml", &much);
    let small = write("small.toml", &format!("{head}{}", capsule("a", "500us")));
    let cases: [&[&str]; 7] = [
        &["sim", "run", &bad],
        &["sim", "run", &bad, "--json"],
        &["sim", "run", &much],
        &["sim", "run", &much, "--scheduler", "capsule,fifo"],
        &["sim", "run", &small, "--scheduler", "cpu-max"],
        &["sim", "run", &small, "--scheduler", "all", "--svg", "x.svg"],
        &["sim", "run", "/nonexistent/scenario.toml"],
    ];
    let text: String = cases.iter().map(|arguments| run(arguments)).collect();
    let text = text.replace(directory.path().to_str().unwrap(), "DIR");
    assert_snapshot("sim-run-refused", &text.replace(env!("CARGO_PKG_VERSION"), "[VERSION]"));
}

#[test]
fn a_scenario_may_come_from_standard_input() {
    let file = fs::File::open(example("three-saturated")).unwrap();
    let output = evenkeel(&["sim", "run", "-"]).stdin(file).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("Three capsules"));
}
