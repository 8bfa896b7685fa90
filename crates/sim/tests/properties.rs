// SPDX-License-Identifier: MIT OR Apache-2.0
//! What must hold in every simulation: the guarantee under the capsule scheduler, theory's bounds,
//! repetition; and what the simulator is for: that interference shows.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

use evenkeel_model::Span;
use evenkeel_sim::bench::{repeats_itself, response_violations, supply_violations};
use evenkeel_sim::scenario::{Context, Scenario, WorkloadKind, parse};
use evenkeel_sim::{SchedulerKind, run};

#[test]
fn no_capsule_is_ever_below_its_supply_bound() {
    let found = supply_violations(10_000..10_150);
    assert_eq!(found.first, None);
    assert!(found.judged > 300, "{}", found.judged);
}

#[test]
fn no_response_exceeds_theorys_bound_and_some_reach_it() {
    let found = response_violations(10_000..10_100);
    assert_eq!(found.first, None);
    assert!(found.judged > 200, "{}", found.judged);
    assert!(found.closest > 0.9, "{}", found.closest);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 0..10 {
        assert!(repeats_itself(seed), "seed {seed}");
    }
}

#[test]
fn another_seed_gives_another_run() {
    let text = include_str!("../../../docs/scenarios/web.toml");
    let mut scenario = parse(text).unwrap();
    let first = run(&scenario, SchedulerKind::Capsule).unwrap();
    scenario.seed += 1;
    assert_ne!(run(&scenario, SchedulerKind::Capsule).unwrap().workloads, first.workloads);
}

/// A receives TCP with 6 of 20 ms; B, with 4 of 20 ms, is flooded at `rate_pps`.
fn flood(context: &str, rate_pps: u64) -> Scenario {
    let text = format!(
        r#"
schema = "evenkeel.scenario/1"
duration = "1s"
warmup = "100ms"
[[capsule]]
name = "a"
budget = "6ms"
period = "20ms"
context = "{context}"
[[capsule]]
name = "b"
budget = "4ms"
period = "20ms"
context = "{context}"
[[workload]]
capsule = "a"
name = "tcp"
kind = "stream"
window = 200
delay = "200us"
[[workload]]
capsule = "b"
name = "udp"
kind = "flood"
rate_pps = {rate_pps}
batch = 4
pattern = "poisson"
"#
    );
    parse(&text).unwrap()
}

fn throughput_of_a(scenario: &Scenario) -> f64 {
    run(scenario, SchedulerKind::Capsule).unwrap().workload("tcp").unwrap().throughput_bps
}

#[test]
fn a_flood_next_door_kills_a_shared_context_and_not_a_dedicated_one() {
    let kept = |context: &str| {
        throughput_of_a(&flood(context, 850_000)) / throughput_of_a(&flood(context, 1))
    };
    let (shared, dedicated) = (kept("shared"), kept("dedicated"));
    assert!(shared < 0.25, "{shared}");
    assert!(dedicated > 0.97, "{dedicated}");
}

#[test]
fn a_flood_is_dropped_as_early_as_the_context_allows() {
    let outcome = run(&flood("dedicated", 850_000), SchedulerKind::Capsule).unwrap();
    let udp = outcome.workload("udp").unwrap();
    // B's budget takes what 20 % of a CPU can; the rest goes in B's own ring and costs nothing.
    assert!(udp.packets > 700_000 && udp.packets_dropped > udp.packets / 2, "{udp:?}");
    let b = outcome.capsule("b").unwrap();
    assert!(b.supply_cpus <= 0.2 + 1e-9, "{}", b.supply_cpus);
    assert!(outcome.stolen < Span::from_ms(20), "{}", outcome.stolen);
}

#[test]
fn the_uplink_polices_before_anybody_else_pays() {
    let text = include_str!("../../../docs/scenarios/demux.toml");
    let mut scenario = parse(text).unwrap();
    scenario.duration = Span::from_s(1);
    let outcome = run(&scenario, SchedulerKind::Capsule).unwrap();
    let udp = outcome.workload("udp").unwrap();
    // The measured half second of 100,000 packets a second, and the bucket's depth.
    assert!(udp.packets_taken <= 50_000 + 64, "{udp:?}");
    let alone = {
        let mut alone = scenario.clone();
        alone.workloads.retain(|workload| workload.name == "tcp");
        throughput_of_a(&alone)
    };
    // What A loses is room in the uplink's ring, which the flood fills.
    assert!(throughput_of_a(&scenario) > 0.9 * alone);
}

#[test]
fn stolen_time_is_charged_to_the_victim_or_to_nobody() {
    let mut scenario = flood("shared", 300_000);
    // A computes instead of receiving.
    scenario.workloads[0].kind = WorkloadKind::Saturated;
    scenario.capsules[0].context = Context::Shared;
    let supply = |scenario: &Scenario| {
        let outcome = run(scenario, SchedulerKind::Capsule).unwrap();
        (outcome.capsule("a").unwrap().supply_cpus, outcome.capsule("a").unwrap().stolen)
    };
    let (charged, stolen) = supply(&scenario);
    assert!(charged < 0.25 && stolen > Span::from_ms(50), "{charged} {stolen}");
    scenario.machine.irq_accounting = true;
    let (uncharged, _) = supply(&scenario);
    assert!((uncharged - 0.3).abs() < 0.001, "{uncharged}");
}

#[test]
fn cold_caches_and_switches_cost_throughput() {
    let mut scenario = flood("dedicated", 1);
    scenario.workloads[1].kind = WorkloadKind::Saturated;
    let warm = throughput_of_a(&scenario);
    scenario.interference.switch = Span::from_us(5);
    scenario.interference.refill_rate = 0.02;
    scenario.interference.refill_max = Span::from_us(100);
    let cold = throughput_of_a(&scenario);
    assert!(cold < 0.99 * warm && cold > 0.9 * warm, "{cold} {warm}");
    scenario.interference.cache_factor = 1.25;
    let shared_cache = throughput_of_a(&scenario);
    assert!((shared_cache / cold - 0.8).abs() < 0.02, "{shared_cache} {cold}");
}
