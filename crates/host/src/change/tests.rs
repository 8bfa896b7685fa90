// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of steps, tried on random hosts: at every prefix of a plan everybody else is safe.

use std::collections::BTreeMap;

use evenkeel_model::Span;
use evenkeel_model::{Band, Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation};
use evenkeel_theory::{Limits, deferrable_response_times};
use proptest::prelude::*;

use crate::admission::{admit, give_back, set_own_parts};
use crate::bands::CAPSULES_MAX;
use crate::plan::Step;
use crate::plan_create::create_steps;
use crate::state::{CapsuleRecord, Capsules};

use super::*;

fn limits() -> Limits {
    Limits {
        ceiling: Reservation::new(Span::from_ms(950), Span::from_s(1)).unwrap(),
        foreign: Bandwidth::ZERO,
        tick: Some(Span::from_ms(4)),
        online: "0-1".parse().unwrap(),
    }
}

/// What one capsule is asked to be.
#[derive(Clone, Debug)]
struct Asked {
    budget_ms: u64,
    period_ms: u64,
    cpus: u8,
    nested: bool,
}

fn asked() -> impl Strategy<Value = Asked> {
    // Few periods, so that ties are common; small budgets, so that many fit.
    let period = prop_oneof![Just(10u64), Just(20), Just(30), Just(50), Just(100)];
    (1u64..8, period, 1u8..4, any::<bool>()).prop_map(|(budget_ms, period_ms, cpus, nested)| {
        Asked { budget_ms: budget_ms.min(period_ms), period_ms, cpus, nested }
    })
}

fn cpus(bits: u8) -> CpuSet {
    (0..2).filter(|cpu| bits & (1 << cpu) != 0).map(CpuIndex).collect()
}

fn record(asked: &Asked, sequence: u64, parent: Option<CapsuleName>) -> CapsuleRecord {
    let reservation =
        Reservation::new(Span::from_ms(asked.budget_ms), Span::from_ms(asked.period_ms)).unwrap();
    CapsuleRecord {
        reservation,
        own: Some(reservation),
        cpus: cpus(asked.cpus),
        parent,
        enforcer: EnforcerKind::Rtgroup,
        sequence,
        band: None,
        vms: Vec::new(),
        threads: Vec::new(),
        netdevs: Vec::new(),
        claims: Vec::new(),
        launcher: None,
        run: None,
        suspended: false,
    }
}

fn name(i: usize) -> CapsuleName {
    format!("c{i}").parse().unwrap()
}

/// The host as its kernel sees it.
type Kernel = BTreeMap<CapsuleName, (Option<Reservation>, Option<Band>, CpuSet)>;

fn kernel(capsules: &Capsules) -> Kernel {
    capsules
        .iter()
        .map(|(name, record)| (name.clone(), (record.own, record.band, record.cpus.clone())))
        .collect()
}

/// One step, checked against what it says was before.
fn act(kernel: &mut Kernel, step: &Step) {
    match step {
        Step::SetReservation { capsule, before, after } => {
            let entry = kernel.get_mut(capsule).unwrap();
            assert_eq!(entry.0, *before, "{step}");
            entry.0 = *after;
        }
        Step::Reband { capsule, before, after } => {
            let entry = kernel.get_mut(capsule).unwrap();
            assert_eq!(entry.1, Some(*before), "{step}");
            entry.1 = Some(*after);
        }
        Step::SetCpus { capsule, before, after } => {
            let entry = kernel.get_mut(capsule).unwrap();
            assert_eq!(entry.2, *before, "{step}");
            entry.2 = after.clone();
        }
        Step::CreateGroup { capsule, own, cpus, band, .. } => {
            kernel.insert(capsule.clone(), (*own, *band, cpus.clone()));
        }
        Step::RemoveGroup { capsule, .. } => {
            kernel.remove(capsule);
        }
        other => panic!("{other} does not belong here"),
    }
}

/// The kernel's own rule, tg_rt_schedulable() with its 20-bit ratios.
fn assert_sum_fits(kernel: &Kernel) {
    let ratio = |own: Reservation| {
        u128::from(own.budget().as_us()) * (1 << 20) / u128::from(own.period().as_us())
    };
    let sum: u128 = kernel.values().filter_map(|(own, ..)| own.map(ratio)).sum();
    assert!(sum <= ratio(limits().ceiling), "sum {sum}: {kernel:?}");
}

/// Bands are distinct, and no two capsules but the subject change places.
fn assert_order_kept(kernel: &Kernel, before: &Kernel, subject: &CapsuleName) {
    let band = |kernel: &Kernel, name: &CapsuleName| kernel.get(name).and_then(|entry| entry.1);
    for a in kernel.keys() {
        for b in kernel.keys().filter(|b| *b != a) {
            assert_ne!(band(kernel, a), band(kernel, b), "{a} and {b} share a band");
            if a != subject && b != subject {
                let now = band(kernel, a) < band(kernel, b);
                let then = band(before, a) < band(before, b);
                assert_eq!(now, then, "{a} and {b} have changed places");
            }
        }
    }
}

/// Response times on each CPU, with the bands as they are: everybody but the exempt ones has its
/// present budget in time.
fn assert_guarantees(kernel: &Kernel, exempt: &[&CapsuleName]) {
    for cpu in (0..2).map(CpuIndex) {
        let mut servers: Vec<_> = kernel
            .iter()
            .filter(|(_, (_, _, cpus))| cpus.contains(cpu))
            .filter_map(|(name, (own, band, _))| own.map(|own| (*band, name, own)))
            .collect();
        servers.sort_by_key(|server| std::cmp::Reverse(server.0));
        let reservations: Vec<Reservation> = servers.iter().map(|server| server.2).collect();
        let responses = deferrable_response_times(&reservations);
        for ((_, name, own), response) in servers.iter().zip(responses) {
            let in_time = response.is_some_and(|response| response <= own.period());
            assert!(in_time || exempt.contains(name), "{name} on CPU {cpu}: {kernel:?}");
        }
    }
}

/// Carries `steps` out on the host of `before`, checking every prefix, and that it ends in `after`.
fn check(before: &Capsules, steps: &[Step], after: &Capsules, subject: &CapsuleName) {
    let start = kernel(before);
    let mut now = start.clone();
    for step in steps {
        act(&mut now, step);
        assert_sum_fits(&now);
        assert_order_kept(&now, &start, subject);
        assert_guarantees(&now, &[subject]);
    }
    assert_guarantees(&now, &[]);
    assert_eq!(now, kernel(after), "the steps do not lead to the plan");
}

/// Creates as many of `asked` as fit; every second nested one in an earlier capsule.
fn build(asked: &[Asked]) -> Capsules {
    let mut capsules = Capsules::new();
    for (i, asked) in asked.iter().enumerate() {
        let parent = capsules.keys().next().cloned().filter(|_| asked.nested);
        let mut after = capsules.clone();
        after.insert(name(i), record(asked, i as u64, parent));
        if admit(&capsules, &after, &name(i), &limits()).is_err() {
            continue;
        }
        set_own_parts(&mut after).unwrap();
        let Some(steps) = create_steps(&capsules, &mut after, &name(i)) else {
            assert!(capsules.len() >= CAPSULES_MAX);
            continue;
        };
        check(&capsules, &steps, &after, &name(i));
        capsules = after;
    }
    capsules
}

proptest! {
    #[test]
    fn creating_keeps_every_guarantee(asked in proptest::collection::vec(asked(), 1..24)) {
        build(&asked);
    }

    #[test]
    fn changing_keeps_every_guarantee(
        asked_first in proptest::collection::vec(asked(), 1..20),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), asked()), 1..8),
    ) {
        let mut capsules = build(&asked_first);
        prop_assume!(!capsules.is_empty());
        for (which, asked) in changes {
            let subject = capsules.keys().nth(which.index(capsules.len())).unwrap().clone();
            let mut after = capsules.clone();
            let new = record(&asked, 0, None);
            let entry = after.get_mut(&subject).unwrap();
            entry.reservation = new.reservation;
            entry.cpus = new.cpus;
            entry.suspended = false;
            if admit(&capsules, &after, &subject, &limits()).is_err() {
                continue;
            }
            set_own_parts(&mut after).unwrap();
            let steps = change_steps(&capsules, &mut after, &subject).expect("a band is free");
            check(&capsules, &steps, &after, &subject);
            capsules = after;
        }
    }

    #[test]
    fn deleting_keeps_every_guarantee(
        asked in proptest::collection::vec(asked(), 1..20),
        which in any::<proptest::sample::Index>(),
    ) {
        let capsules = build(&asked);
        prop_assume!(!capsules.is_empty());
        let is_parent = |name: &CapsuleName| capsules.values().any(|r| r.parent.as_ref() == Some(name));
        let leaves: Vec<&CapsuleName> = capsules.keys().filter(|name| !is_parent(name)).collect();
        let subject = leaves[which.index(leaves.len())].clone();
        let mut after = capsules.clone();
        let removed = after.remove(&subject).unwrap();
        give_back(&mut after, removed.parent.as_ref(), &limits()).unwrap();
        set_own_parts(&mut after).unwrap();
        let (shrink, grow) = reservation_steps(&capsules, &after);
        let removal = Step::RemoveGroup {
            capsule: subject.clone(),
            enforcer: EnforcerKind::Rtgroup,
            reservation: removed.own,
        };
        let steps: Vec<Step> = [removal].into_iter().chain(shrink).chain(grow).collect();
        check(&capsules, &steps, &after, &subject);
    }
}

#[test]
fn a_change_goes_through_the_weak_reservation_and_rises_last() {
    let asked = |budget_ms, period_ms| Asked { budget_ms, period_ms, cpus: 1, nested: false };
    let capsules = build(&[asked(2, 20), asked(4, 50), asked(6, 100)]);
    let mut after = capsules.clone();
    let entry = after.get_mut(&name(2)).unwrap();
    entry.reservation = record(&asked(1, 10), 0, None).reservation;
    entry.cpus = cpus(2);
    set_own_parts(&mut after).unwrap();
    let steps = change_steps(&capsules, &mut after, &name(2)).unwrap();
    let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
    assert_eq!(
        lines,
        [
            "c2: reservation 6ms every 100ms -> 1ms every 100ms",
            "c2: CPU 0 -> CPU 1",
            "c2: reservation 1ms every 100ms -> 1ms every 10ms",
            "c2: priority band 1 -> 11",
        ]
    );
}

#[test]
fn a_longer_period_sinks_first() {
    let asked = |budget_ms, period_ms| Asked { budget_ms, period_ms, cpus: 1, nested: false };
    let capsules = build(&[asked(2, 20), asked(4, 50)]);
    let mut after = capsules.clone();
    after.get_mut(&name(0)).unwrap().reservation = record(&asked(7, 100), 0, None).reservation;
    set_own_parts(&mut after).unwrap();
    let steps = change_steps(&capsules, &mut after, &name(0)).unwrap();
    let lines: Vec<String> = steps.iter().map(Step::to_string).collect();
    assert_eq!(
        lines,
        [
            "c0: priority band 7 -> 1",
            "c0: reservation 2ms every 20ms -> 2ms every 100ms",
            "c0: reservation 2ms every 100ms -> 7ms every 100ms",
        ]
    );
}
