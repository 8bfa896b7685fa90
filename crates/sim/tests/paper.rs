// SPDX-License-Identifier: MIT OR Apache-2.0
//! The paper's experiments as scenarios, against what the native lab measured
//! (docs/measurements). Which point was used to calibrate stands in each scenario; the bounds here
//! are on the others, and where the model falls short the test says by how much.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

use evenkeel_model::{Reservation, Span};
use evenkeel_sim::calibration::{Measured, calibrate};
use evenkeel_sim::scenario::{WorkloadKind, parse};
use evenkeel_sim::{Outcome, Scenario, SchedulerKind, run};
use serde_json::Value;

const SHARE: &str = include_str!("../../../docs/scenarios/share.toml");
const NEIGHBOUR: &str = include_str!("../../../docs/scenarios/neighbour.toml");
const DEADLINE: &str = include_str!("../../../docs/scenarios/deadline.toml");
const FLOOD_SHARED: &str = include_str!("../../../docs/scenarios/flood-shared.toml");
const FLOOD_DEDICATED: &str = include_str!("../../../docs/scenarios/flood-dedicated.toml");
const MEASURED: &str = include_str!("../../../docs/measurements/summaries.json");

fn summary(experiment: &str) -> Value {
    let all: Value = serde_json::from_str(MEASURED).unwrap();
    all[experiment]["summary"].clone()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn a_bps(outcome: &Outcome) -> f64 {
    outcome.workload("a").unwrap().throughput_bps
}

fn off(simulated: f64, measured: f64) -> f64 {
    (simulated / measured - 1.0).abs()
}

#[test]
fn throughput_follows_the_budget_as_measured() {
    let mut checked = 0;
    for point in list(&summary("share")["points"]) {
        let budget = Span::from_ns(point["budget_ns"].as_u64().unwrap());
        let mut scenario = parse(SHARE).unwrap();
        scenario.capsules[0].reservation = Reservation::new(budget, Span::from_ms(100)).unwrap();
        let simulated = a_bps(&run(&scenario, SchedulerKind::Rtgroup).unwrap());
        let measured = number(&point["throughput_bps"]);
        if budget == Span::from_ms(10) {
            // The lab's sender lost packets and paused: 8 Mb/s. The model has no such sender.
            assert!(measured < 0.1 * simulated);
            continue;
        }
        assert!(off(simulated, measured) < 0.06, "{budget}: {simulated} against {measured}");
        checked += 1;
    }
    assert_eq!(checked, 8);
}

#[test]
fn neighbour_is_the_calibrated_scenario() {
    let parameters = calibrate(&Measured::native_lab().unwrap()).unwrap().parameters;
    let scenario = parse(NEIGHBOUR).unwrap();
    let half = parameters.packet.as_ns() / 2;
    assert_eq!(scenario.network.napi.as_ns(), half);
    assert_eq!(scenario.network.guest_gro.as_ns(), parameters.packet.as_ns() - half);
    assert_eq!(scenario.network.interrupt, parameters.interrupt);
    assert!((scenario.interference.refill_rate - parameters.refill_rate).abs() < 1e-12);
    for workload in &scenario.workloads {
        let WorkloadKind::Stream { delay, .. } = workload.kind else { panic!("a stream") };
        assert_eq!(delay, parameters.delay);
    }
}

/// A's throughput beside the flood and alone.
fn flood(text: &str) -> (f64, f64) {
    let scenario = parse(text).unwrap();
    let mut alone = scenario.clone();
    alone.workloads.truncate(1);
    let bps = |scenario: &Scenario| a_bps(&run(scenario, SchedulerKind::Rtgroup).unwrap());
    (bps(&scenario), bps(&alone))
}

#[test]
fn a_flood_takes_from_a_neighbour_what_was_measured() {
    for (context, text) in [("shared", FLOOD_SHARED), ("dedicated", FLOOD_DEDICATED)] {
        let summary = summary("flood");
        let measured = list(&summary["rows"])
            .iter()
            .find(|row| row["context"] == context && row["control"] == false)
            .unwrap()
            .clone();
        let (beside, alone) = flood(text);
        // Against the flood that goes to nobody, which here is none: the sender costs nothing.
        let kept = number(&measured["kept_ratio"]);
        // Alone is calibrated, and what A keeps beside the flood in the shared context. In a context
        // of its own A keeps everything here, 96.6 % in the lab; the lab's null comparison is 1.2 %.
        assert!(off(alone, number(&measured["alone_bps"])) < 0.01, "{context}: {alone}");
        assert!((beside / alone - kept).abs() < 0.04, "{context}: {beside} of {alone}, {kept}");
        assert!(off(beside, number(&measured["throughput_bps"])) < 0.07, "{context}: {beside}");
    }
}

fn download(neighbours: usize, kind: SchedulerKind) -> (f64, f64, u64, u64) {
    let mut scenario = parse(DEADLINE).unwrap();
    scenario.capsules.truncate(1 + neighbours);
    scenario.workloads.truncate(1 + neighbours);
    let outcome = run(&scenario, kind).unwrap();
    let work = outcome.workload("download").unwrap();
    let ns = |span: Option<Span>| span.unwrap().as_ns() as f64;
    (ns(work.mean), ns(work.p50), work.missed, work.jobs)
}

#[test]
fn downloads_are_as_late_as_measured_beside_up_to_four_neighbours() {
    let summary = summary("deadline");
    for row in list(&summary["rows"]) {
        let neighbours = usize::try_from(row["neighbours"].as_u64().unwrap()).unwrap();
        let reserved = row["reservation"].as_bool().unwrap();
        let kind = if reserved { SchedulerKind::Rtgroup } else { SchedulerKind::Eevdf };
        let (mean, p50, late, jobs) = download(neighbours, kind);
        let measured = number(&row["mean_ns"]);
        let what = format!("{kind:?}, {neighbours}: {mean} against {measured}");
        match (reserved, neighbours) {
            // With a reservation nothing changes whoever is beside it: 1.35 to 1.52 ms measured.
            (true, _) => {
                assert!(off(mean, measured) < 0.12, "{what}");
                assert_eq!(late, 0);
            }
            (false, 0..=4) => assert!(off(mean, measured) < 0.11, "{what}"),
            // Falls short: beside eight the lab's downloads queue up behind each other (mean 30 ms,
            // a quarter late), each of their many packets waiting by itself; here each waits once.
            (false, _) => {
                assert!(off(p50, number(&row["p50_ns"])) < 0.30, "{p50}");
                assert!(mean < measured, "{what}");
                assert!(late * 100 > jobs && late * 4 < jobs, "{late} of {jobs}");
            }
        }
    }
}
