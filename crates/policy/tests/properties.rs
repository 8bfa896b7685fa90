// SPDX-License-Identifier: MIT OR Apache-2.0
//! What servers promise, on random sets of them; `cargo xtask bench-model` runs the same with a
//! hundred times as many. Every random choice follows from a seed, which a failure prints.

use evenkeel_model::{CpuIndex, Instant, Span};
use evenkeel_policy::bench::adversary::{self, Adversary, Malice};
use evenkeel_policy::bench::{changes, saturated, sets};
use evenkeel_policy::machine::{Machine, Random, Step};
use evenkeel_policy::trace::{Entry, Trace};
use evenkeel_policy::{Decision, ThreadId, Tie, WakeRule};

const SEED: u64 = 2026;
const RULES: [WakeRule; 2] = [WakeRule::Renewal, WakeRule::ZeroLag];

#[test]
fn saturated_servers_get_exactly_their_budget_in_every_period() {
    let seen = saturated::simulate(1_000, SEED);
    assert_eq!(seen.wrong, 0, "seed {SEED}: {seen:?}");
    assert!(seen.gap <= 1.0 && seen.gaps_of_whole == 0, "seed {SEED}: {seen:?}");
    // The bound is reached, so it is not too wide.
    assert!(seen.gap > 0.99 && seen.periods > 30_000, "seed {SEED}: {seen:?}");
}

#[test]
fn no_wake_up_brings_a_server_below_its_supply_bound_or_above_its_use() {
    for rule in RULES {
        for malice in [Malice::Worst, Malice::Random] {
            let seen = adversary::simulate((rule, malice, Span::ZERO), 200, SEED);
            let context = format!("{rule:?} {malice:?}, seed {SEED}: {seen:?}");
            assert_eq!((seen.below, seen.above, seen.misses), (0, 0, 0), "{context}");
            assert!(seen.windows > 50_000 && seen.uses > 500_000, "{context}");
        }
    }
}

#[test]
fn overruns_are_paid_back() {
    for rule in RULES {
        for delay_us in [1, 50, 2_000] {
            let late = Span::from_us(delay_us);
            let seen = adversary::simulate((rule, Malice::Worst, late), 100, SEED);
            assert_eq!(seen.above, 0, "{rule:?} {late}, seed {SEED}: {seen:?}");
            assert!(seen.uses > 100_000, "{seen:?}");
        }
    }
}

#[test]
fn a_misbehaving_neighbour_takes_nothing_from_others() {
    for rule in RULES {
        let seen = adversary::beside(rule, 200, SEED);
        assert_eq!((seen.changed, seen.below), (0, 0), "{rule:?}, seed {SEED}: {seen:?}");
        assert!(seen.periods > 10_000 && seen.windows > 10_000, "{seen:?}");
    }
}

#[test]
fn changes_of_live_servers_break_no_guarantee() {
    for rule in RULES {
        let seen = changes::simulate(rule, 200, SEED);
        let context = format!("{rule:?}, seed {SEED}: {seen:?}");
        assert_eq!((seen.wrong, seen.below, seen.misses), (0, 0, 0), "{context}");
        assert!(seen.gap <= 1.0, "{context}");
        assert!(seen.changes > 5_000 && seen.periods > 5_000 && seen.windows > 5_000, "{context}");
    }
}

/// An adversary's run, recorded.
fn recorded(seed: u64) -> Trace {
    let mut random = Random::new(seed);
    let config = sets::whole_cpu(WakeRule::Renewal, Tie::Runner);
    let set = sets::random_set(&mut random);
    let mut machine: Machine = sets::one_thread_each(config, &set, CpuIndex(0));
    machine.trace = Some(Trace::new(config));
    machine.set_delay(Span::from_us(3), random.next());
    let mut adversary = Adversary::new(random.next());
    for (thread, reservation) in (1..).zip(&set) {
        adversary.next_job(&mut machine, thread, *reservation);
    }
    for _ in 0..3_000 {
        match machine.step(Instant::from_ns(1_000_000_000)).expect("known") {
            Step::End => break,
            Step::Finished(ThreadId(thread)) => {
                adversary.next_job(&mut machine, thread, set[thread as usize - 1]);
            }
            Step::Other => {}
        }
    }
    machine.trace.expect("it records")
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let (one, other) = (recorded(7), recorded(7));
    assert_eq!(one, other);
    assert!(one.records.len() > 1_000);
    assert_ne!(one.records, recorded(8).records);
}

#[test]
fn a_timer_is_never_armed_for_the_past() {
    for seed in 0..20 {
        for record in recorded(seed).records {
            if let Entry::Decision(Decision::ArmTimer { at, .. }) = record.entry {
                assert!(at > record.at, "seed {seed}: armed at {} for {at}", record.at);
            }
        }
    }
}
