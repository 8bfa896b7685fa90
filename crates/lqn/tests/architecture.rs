// SPDX-License-Identifier: MIT OR Apache-2.0
//! The architecture library: every model is a valid file of its own, answers move the right way,
//! nonsense is refused, and the published claims come out as the chapter says.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use evenkeel_lqn::architecture::calibration::{Question, packet_ns, predict};
use evenkeel_lqn::architecture::claims::{Standing, claims};
use evenkeel_lqn::architecture::{
    Architecture, ArchitectureError, Direction, Load, Machine, Place, Scenario, Web, catalogue,
    crosstalk, crosstalk_model, model, overload_pps, solve,
};
use evenkeel_lqn::{Model, mva, text, xml};

const BOTH: [Direction; 2] = [Direction::Receive, Direction::Send];

fn today() -> Machine {
    Machine::named("today").unwrap()
}

fn bulk(machine: &Machine, vms: u32, direction: Direction) -> Scenario {
    Scenario::new(machine.clone(), vms, Load::bulk(direction, vms))
}

/// Throughput of the load of a model.
fn rate(model: &Model) -> f64 {
    let options = mva::Options { convergence: 1e-5, ..mva::Options::default() };
    let results = mva::solve(model, &options).unwrap();
    let load = model.entry_named("packet").or(model.entry_named("request")).unwrap();
    results.entries[load.index()].throughput.mean
}

#[test]
fn every_model_is_written_to_both_formats_and_solves_equal() {
    let machine = today();
    for architecture in catalogue() {
        let mut models = vec![
            crosstalk_model(&architecture, &bulk(&machine, 1, Direction::Receive), 1e5).unwrap(),
            model(&architecture, &Scenario::new(machine.clone(), 2, Load::Web(Web::default())))
                .unwrap(),
        ];
        models.extend(BOTH.map(|d| model(&architecture, &bulk(&machine, 3, d)).unwrap()));
        for model in models {
            let expected = rate(&model);
            for read in
                [text::read(&text::write(&model)).unwrap(), xml::read(&xml::write(&model)).unwrap()]
            {
                let found = rate(&read);
                let same = (found / expected - 1.0).abs() < 1e-4;
                assert!(same, "{}: {found} instead of {expected}", model.name());
            }
        }
    }
}

#[test]
fn more_vms_never_carry_less_in_total_unless_domains_switch() {
    let machine = today();
    for architecture in catalogue() {
        // A driver domain switches more the more guests there are, CDNA its guests.
        let switches = |b: &evenkeel_lqn::architecture::Block| b.name == "schedule";
        if architecture.receive.iter().any(switches) {
            continue;
        }
        for direction in BOTH {
            let total = |vms| solve(&architecture, &bulk(&machine, vms, direction)).unwrap();
            let (one, four) = (total(1).throughput_bps, total(4).throughput_bps);
            assert!(four > 0.98 * one, "{} {direction:?}: {one} then {four}", architecture.id);
        }
    }
}

#[test]
fn a_slower_clock_or_costlier_work_never_carries_more() {
    let machine = today();
    for architecture in catalogue() {
        for direction in BOTH {
            let of =
                |m: &Machine| solve(&architecture, &bulk(m, 1, direction)).unwrap().throughput_bps;
            let base = of(&machine);
            let slow = Machine { clock_hz: machine.clock_hz / 2.0, ..machine.clone() };
            let costly = Machine {
                factor_2006: machine.factor_2006 * 1.5,
                factor_today: machine.factor_today * 1.5,
                ..machine.clone()
            };
            assert!(of(&slow) < 1.01 * base, "{} {direction:?}", architecture.id);
            assert!(of(&costly) < 1.01 * base, "{} {direction:?}", architecture.id);
        }
    }
}

#[test]
fn cycles_of_the_blocks_are_those_of_the_packet_and_fill_a_saturated_core() {
    let machine = Machine::named("atc06").unwrap();
    for id in ["native", "driver-domain", "io-channel", "twindrivers", "hdreconfig-vdi"] {
        let architecture = Architecture::named(id).unwrap();
        let answer = solve(&architecture, &bulk(&machine, 1, Direction::Receive)).unwrap();
        let sum: f64 = answer.blocks.iter().map(|b| b.cycles).sum();
        assert!((sum / answer.cycles - 1.0).abs() < 1e-9);
        let busy = answer.cycles * answer.rate_per_s / machine.clock_hz;
        assert!((busy - answer.cpu_busy).abs() < 0.01, "{id}: {busy} {}", answer.cpu_busy);
        assert!((0.97..=1.01).contains(&busy), "{id}: {busy}");
    }
}

#[test]
fn hooks_keep_a_neighbour_away_and_the_driver_domain_does_not() {
    let machine = today();
    let loss = |id: &str, direction| {
        let scenario = bulk(&machine, 1, direction);
        let found = crosstalk(&Architecture::named(id).unwrap(), &scenario, overload_pps(&machine));
        found.unwrap().worst_loss_ratio
    };
    for direction in BOTH {
        assert!(loss("driver-domain", direction) > 0.5);
        for id in ["hdreconfig-vdi", "sr-iov", "siov"] {
            assert!(loss(id, direction) <= 0.01, "{id} {direction:?}");
        }
    }
    assert!(loss("linux-vhost", Direction::Receive) > 0.5);
    assert!(loss("linux-dedicated", Direction::Receive) <= 0.01);
}

#[test]
fn crosstalk_grows_with_the_flood() {
    let machine = today();
    for id in ["driver-domain", "linux-vhost", "linux-demux", "cdna"] {
        let scenario = bulk(&machine, 1, Direction::Receive);
        let architecture = Architecture::named(id).unwrap();
        let found = crosstalk(&architecture, &scenario, overload_pps(&machine)).unwrap();
        for pair in found.points.windows(2) {
            assert!(pair[1].loss_ratio > pair[0].loss_ratio - 0.01, "{id}: {:?}", found.points);
        }
    }
}

#[test]
fn a_limit_in_the_nic_limits_and_needs_a_nic_that_has_one() {
    let limited = |id| {
        let scenario = Scenario { rate_max_bps: Some(1e9), ..bulk(&today(), 2, Direction::Send) };
        solve(&Architecture::named(id).unwrap(), &scenario)
    };
    let found = limited("sr-iov").unwrap().throughput_bps;
    assert!((found / 2e9 - 1.0).abs() < 0.01, "{found}");
    let error = limited("cdna").unwrap_err();
    assert_eq!(error.to_string(), "cdna has no hooks for a rate limit in the NIC");
}

#[test]
fn a_reservation_is_a_cpu_of_that_speed() {
    let machine = Machine { cores: 1, ..today() };
    let scenario = bulk(&machine, 1, Direction::Receive);
    let architecture = Architecture::named("sr-iov").unwrap();
    let whole = solve(&architecture, &scenario).unwrap().throughput_bps;
    for share in [0.1, 0.3, 0.7] {
        let reserved = Scenario { share: Some(share), ..scenario.clone() };
        let part = solve(&architecture, &reserved).unwrap().throughput_bps;
        assert!((part / whole / share - 1.0).abs() < 0.02, "{share}: {part} of {whole}");
    }
}

#[test]
fn an_open_load_comes_through_and_too_much_of_it_is_an_error() {
    let open = |rate_pps| {
        let load = Load::Open { direction: Direction::Receive, rate_pps };
        solve(&Architecture::named("linux-vhost").unwrap(), &Scenario::new(today(), 2, load))
    };
    let answer = open(10_000.0).unwrap();
    assert!((answer.rate_per_s / 20_000.0 - 1.0).abs() < 1e-6);
    assert!(answer.latency_s > 0.0);
    assert!(matches!(open(1e8).unwrap_err(), ArchitectureError::Solve(_)));
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let base = bulk(&today(), 1, Direction::Receive);
    let architecture = Architecture::named("native").unwrap();
    let refused = |scenario: Scenario| solve(&architecture, &scenario).unwrap_err().to_string();
    assert_eq!(
        refused(Scenario { vms: 0, ..base.clone() }),
        "number of VMs is 0: must be from 1 to 64"
    );
    assert!(refused(Scenario { packet_bytes: 0, ..base.clone() }).starts_with("packet size"));
    assert!(refused(Scenario { share: Some(1.5), ..base.clone() }).starts_with("share of each VM"));
    assert_eq!(
        refused(Scenario { share: Some(0.4), vms: 3, ..base.clone() }),
        "3 VMs with 0.4 of the cores each leave nothing for the host: at most 2 fit"
    );
    let machine = Machine { clock_hz: f64::NAN, ..today() };
    assert!(refused(Scenario { machine, ..base.clone() }).starts_with("clock_hz"));
    let load = Load::Bulk { direction: Direction::Send, window: 0 };
    assert!(refused(Scenario { load, ..base }).starts_with("window"));
    let error = Architecture::named("xen").unwrap_err().to_string();
    assert!(error.contains("driver-domain") && error.contains("sr-iov"), "{error}");
    assert!(Machine::named("pdp-11").unwrap_err().to_string().contains("atc06"));
}

#[test]
fn every_cost_has_a_source_and_a_reason() {
    for architecture in catalogue() {
        for block in architecture.receive.iter().chain(&architecture.send) {
            assert!(!block.costs.is_empty(), "{} {}", architecture.id, block.name);
            for cost in &block.costs {
                assert!(cost.cycles >= 0.0 && cost.cycles.is_finite());
                assert!(!cost.source.note.is_empty() && !cost.what.is_empty());
            }
            if let Some(caller) = block.caller {
                assert_eq!(block.place, Place::Vmm);
                let path = [&architecture.receive, &architecture.send];
                let known = path.iter().any(|p| p.iter().any(|b| b.name == caller));
                assert!(known, "{}: {} is called by nobody", architecture.id, block.name);
            }
        }
    }
}

#[test]
fn promised_claims_come_within_five_percent_and_some_are_predicted() {
    let mut predicted = 0;
    for claim in claims() {
        let answer = (claim.model)().unwrap();
        let error = claim.error(answer);
        assert!(!claim.promised || error <= 0.05, "{} {}: {answer}", claim.study, claim.what);
        predicted += u32::from(claim.promised && claim.standing == Standing::Predicted);
    }
    assert!(predicted >= 5, "{predicted}");
}

#[test]
fn the_calibrated_model_is_a_cpu_that_softirqs_come_before() {
    let alone = predict(&Question::alone(1_000.0, 0.5)).unwrap();
    assert!((packet_ns(alone, 0.5) / 1_000.0 - 1.0).abs() < 1e-3);
    let beside =
        Question { softirq_pps: 500_000.0, frame_ns: 1_000.0, ..Question::alone(1_000.0, 0.5) };
    let kept = predict(&beside).unwrap() / alone;
    assert!((kept - 0.5).abs() < 0.01, "{kept}");
    let flooded = Question { softirq_pps: 2e6, ..beside };
    assert_eq!(predict(&flooded).unwrap(), 0.0);
}
