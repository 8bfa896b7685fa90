// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel model compare`, `explain`, `calibrate`: that they answer, in the shapes they promise.
//! The figures themselves are tested where they are computed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::{PROGRAM, isolate};

fn run(arguments: &[&str], directory: &Path) -> Output {
    let mut command = Command::new(PROGRAM);
    isolate(&mut command);
    command.args(arguments).current_dir(directory).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn refusal(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments, Path::new("."));
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn architectures_are_compared_as_table_json_and_figure() {
    let place = tempfile::tempdir().unwrap();
    let words = ["model", "compare", "--arch", "driver-domain,sr-iov", "--vms", "1..2"];
    let table = text(&run(&[&words[..], &["--svg", "io.svg"]].concat(), place.path()));
    for expected in ["MB/S AT 1", "MB/S AT 2", "CROSSTALK", "driver-domain", "sr-iov", "0.0%"] {
        assert!(table.contains(expected), "{expected}: {table}");
    }
    let svg = std::fs::read_to_string(place.path().join("io.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("driver-domain"));
    let answer = text(&run(&[&words[..], &["--json"]].concat(), place.path()));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["schema"], "evenkeel.model-compare.v1");
    let compared = answer["architectures"].as_array().unwrap();
    assert_eq!(compared.len(), 2);
    assert_eq!(compared[0]["points"][1]["vms"], 2);
    assert!(compared[0]["crosstalk"]["worst_loss_ratio"].as_f64().unwrap() > 0.5);
}

#[test]
fn an_explanation_has_sources_and_its_model_solves() {
    let place = tempfile::tempdir().unwrap();
    let words = ["model", "explain", "twindrivers", "--machine", "asplos09"];
    let explained = text(&run(&words, place.path()));
    assert!(explained.contains("fitted: x2.4 of TwinDrivers"), "{explained}");
    let model = text(&run(&[&words[..], &["--lqn"]].concat(), place.path()));
    std::fs::write(place.path().join("twin.lqn"), model).unwrap();
    assert!(text(&run(&["model", "solve", "twin.lqn"], place.path())).contains("load"));
}

#[test]
fn wrong_names_and_values_are_refused_with_what_would_do() {
    let (status, said) = refusal(&["model", "explain", "xen"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("driver-domain"), "{said}");
    let (status, said) = refusal(&["model", "compare", "--vms", "5..2"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("FROM must not be above TO"), "{said}");
    let (status, said) = refusal(&["model", "explain", "cdna", "--rate-max", "1Gbps"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("hint: hdreconfig-vdi"), "{said}");
    let (status, said) = refusal(&["model", "compare", "--link", "10"]);
    assert_eq!(status, Some(2));
    assert!(said.contains("needs a unit"), "{said}");
    assert_eq!(refusal(&["model", "calibrate", "no-such-directory"]).0, Some(1));
}

/// An interval of `flood`: A has 20 % of a CPU for a second.
fn interval(context: &str, flooding: bool, throughput_bps: f64, taken: f64) -> Value {
    json!({
        "context": context, "control": false, "flooding": flooding, "repetition": 0,
        "position": 0, "flood_pps": 850_000.0, "flood_taken_pps": taken,
        "tcp": {
            "begin_ns": 0, "duration_ns": 1_000_000_000, "throughput_bps": throughput_bps,
            "supply_ns": 200_000_000, "client_core_idle_ratio": 0.9, "steal_ratio": 0.0,
            "retransmits": 0, "timeouts": 0, "disturbed": false, "samples": [],
        },
    })
}

#[test]
fn measured_costs_predict_what_was_not_used() {
    let place = tempfile::tempdir().unwrap();
    let quartiles = json!({ "lower": 0.1, "median": 0.1, "upper": 0.1 });
    let flood = json!({
        "schema": "evenkeel.lab.flood.v1", "version": "0.1.0",
        "host": {
            "kernel": "6.18.0", "cpu_model": "a CPU", "cpus": "0-1", "tick_hz": 250,
            "guest": "user-mode-linux", "started_at": "2026-11-20T00:00:00Z", "elapsed_ns": 1,
            "steal_ratio": 0.0, "disturbed": false, "seed": 1, "command_line": [],
        },
        "runs": [
            interval("shared", false, 480e6, 0.0),
            interval("shared", true, 48e6, 800_000.0),
            interval("dedicated", false, 2_400e6, 0.0),
            interval("dedicated", true, 2_400e6, 200_000.0),
        ],
        "summary": { "rows": [{
            "context": "shared", "flood_pps": 850_000.0, "control": false,
            "throughput_bps": 48e6, "alone_bps": 480e6, "kept_ratio": 0.1,
            "visit_ratio": quartiles, "null_ratio": 1.0,
        }] },
    });
    std::fs::write(place.path().join("flood.json"), flood.to_string()).unwrap();
    let answer = text(&run(&["model", "calibrate", ".", "--json"], place.path()));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    // 20 % of a second for 40,000 packets, 200,000 packets, 200,000 frames.
    for (cost, ns) in
        [("shared_packet_ns", 5_000.0), ("dedicated_packet_ns", 1_000.0), ("frame_ns", 1_000.0)]
    {
        assert!((answer["costs"][cost].as_f64().unwrap() - ns).abs() < 1e-6, "{cost}");
    }
    // 800,000 frames of a microsecond leave a fifth of every slot.
    let kept = answer["predictions"][0]["predicted"].as_f64().unwrap();
    assert!((kept - 0.2).abs() < 0.01, "{kept}");
    let words = ["model", "compare", "--costs", ".", "--arch", "linux-dedicated", "--vms", "1"];
    assert!(text(&run(&words, place.path())).contains("this-host"));
    std::fs::write(place.path().join("flood.json"), "{}").unwrap();
    assert_eq!(run(&["model", "calibrate", "."], place.path()).status.code(), Some(2));
}
