// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules without members on the real kernel: made, changed, nested, refused, removed.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::fs;
use std::path::PathBuf;

use evenkeel_host::{CapsuleStatus, CreateRequest, EnforcerChoice, HostError, SetRequest};
use evenkeel_model::{EnforcerKind, Span};
use support::{bench, cpus, reservation};

#[test]
fn a_capsule_is_a_group_with_its_budget_and_leaves_nothing_behind() {
    let Some(bench) = bench("a_capsule_is_a_group") else { return };
    let name = bench.create("a", 2_000, 50);
    assert_eq!(bench.read(&name, "cpu.rt_runtime_us"), "2000");
    assert_eq!(bench.read(&name, "cpu.rt_period_us"), "50000");
    let list = bench.host.list().unwrap();
    let summary = list.iter().find(|summary| summary.name == name).unwrap();
    assert_eq!(summary.status, CapsuleStatus::InForce);
    assert_eq!(summary.enforcer, Some(EnforcerKind::Rtgroup));
    assert_eq!(summary.reservation, Some(reservation(2_000, 50)));
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert_eq!((view.threads.len(), view.supply.lifetime_ns), (0, Span::ZERO));
    assert!(view.guarantee.starts_with("hard"), "{}", view.guarantee);

    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    assert!(bench.host.list().unwrap().iter().all(|summary| summary.name != name));
}

#[test]
fn a_plan_changes_nothing_and_says_before_and_after() {
    let Some(bench) = bench("a_plan_changes_nothing") else { return };
    let plan = bench.host.plan_create(&bench.request("a", 2_000, 50)).unwrap();
    let name = bench.name("a");
    let text = plan.to_string();
    assert_eq!(
        text,
        format!("{name}: rtgroup group none -> 2ms every 50ms on CPU 0, priority band 7\n")
    );
    assert!(plan.verdict.unwrap().admitted);
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    assert_eq!(bench.state(), "");
}

#[test]
fn a_change_is_made_in_place() {
    let Some(bench) = bench("a_change_is_made_in_place") else { return };
    let name = bench.create("a", 2_000, 50);
    let other = bench.create("b", 1_000, 100);
    let set = |reservation, cpus| SetRequest { name: name.clone(), reservation, cpus };
    let grow = set(Some(reservation(4_000, 40)), None);
    bench.apply(bench.host.plan_set(&grow)).unwrap();
    assert_eq!(bench.read(&name, "cpu.rt_runtime_us"), "4000");
    assert_eq!(bench.read(&name, "cpu.rt_period_us"), "40000");
    // Now with the longer period: it sinks below the other.
    let before = bench.host.show(&other, Span::ZERO).unwrap().priorities;
    let plan = bench.host.plan_set(&set(Some(reservation(3_000, 200)), None)).unwrap();
    assert!(plan.to_string().contains("priority band"), "{plan}");
    bench.host.apply(&plan).unwrap();
    let (low, high) = (bench.host.show(&name, Span::ZERO).unwrap(), before.unwrap());
    assert!(low.priorities.unwrap().highest < high.lowest, "{low:?}");
    assert_eq!(bench.host.show(&other, Span::ZERO).unwrap().priorities, before);
    // Nothing asked, nothing done.
    assert!(bench.host.plan_set(&set(None, None)).unwrap().steps.is_empty());
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_everything_as_it_was() {
    let Some(bench) = bench("what_does_not_fit_is_refused") else { return };
    let name = bench.create("a", 2_000, 50);
    let (state, groups) = (bench.state(), bench.groups());
    let files = support::texts(&bench.group(&name));
    let error = bench.host.plan_create(&bench.request("b", 999_000, 1_000)).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    let HostError::Refused(verdict) = &error else { panic!("{error:?}") };
    assert!(!verdict.admitted && !verdict.smallest_change.is_empty(), "{verdict:?}");
    let too_much =
        SetRequest { name: name.clone(), reservation: Some(reservation(49_500, 50)), cpus: None };
    assert_eq!(bench.host.plan_set(&too_much).unwrap_err().exit_code(), 4);
    assert_eq!((bench.state(), bench.groups()), (state, groups));
    assert_eq!(support::texts(&bench.group(&name)), files);
}

#[test]
fn bad_requests_are_refused_by_name() {
    let Some(bench) = bench("bad_requests_are_refused") else { return };
    let name = bench.create("a", 2_000, 50);
    let error = bench.host.plan_create(&bench.request("a", 1_000, 50)).unwrap_err();
    assert!(matches!(error, HostError::NameTaken(_)), "{error}");
    assert_eq!(error.exit_code(), 2);
    let on = |list: &str| CreateRequest { cpus: cpus(list), ..bench.request("b", 1_000, 50) };
    let error = bench.host.plan_create(&on("4000")).unwrap_err();
    assert!(matches!(error, HostError::CpuAbsent { .. }), "{error}");
    assert!(error.hint().unwrap().starts_with("use CPUs out of"), "{error}");
    let error = bench.host.plan_create(&on("")).unwrap_err();
    assert!(matches!(error, HostError::NoCpus(_)), "{error}");
    let missing = SetRequest { name: bench.name("none"), reservation: None, cpus: None };
    let error = bench.host.plan_set(&missing).unwrap_err();
    assert!(matches!(error, HostError::NoSuchCapsule { .. }), "{error}");
    assert!(error.hint().unwrap().contains(name.as_str()), "{error}");
    let absent = SetRequest { name, reservation: None, cpus: Some(cpus("4000")) };
    assert!(bench.host.plan_set(&absent).is_err());
}

#[test]
fn a_child_takes_from_its_parent_and_gives_back() {
    let Some(bench) = bench("a_child_takes_from_its_parent") else { return };
    let parent = bench.create("p", 6_000, 60);
    let nested = |short: &str, budget_us| CreateRequest {
        parent: Some(parent.clone()),
        ..bench.request(short, budget_us, 30)
    };
    let child = nested("c", 1_000);
    bench.apply(bench.host.plan_create(&child)).unwrap();
    // 1 ms every 30 ms is 2 ms of 60 ms.
    assert_eq!(bench.read(&parent, "cpu.rt_runtime_us"), "4000");
    assert_eq!(bench.read(&child.name, "cpu.rt_runtime_us"), "1000");
    let view = bench.host.show(&parent, Span::ZERO).unwrap();
    assert_eq!(view.own, Some(reservation(4_000, 60)));
    assert_eq!(view.children, std::slice::from_ref(&child.name));

    let error = bench.host.plan_create(&nested("d", 2_500)).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    let error = bench.host.plan_delete(&parent).unwrap_err();
    assert!(matches!(error, HostError::HasChildren { .. }), "{error}");
    let outside = CreateRequest { cpus: cpus("0-1"), ..nested("d", 500) };
    assert_eq!(bench.host.plan_create(&outside).unwrap_err().exit_code(), 4);
    let quota = CreateRequest { enforcer: EnforcerChoice::Quota, ..nested("d", 500) };
    let error = bench.host.plan_create(&quota).unwrap_err();
    assert!(matches!(error, HostError::ParentEnforcer { .. }), "{error}");

    // The child grows, and the parent keeps the rest.
    let grow = SetRequest {
        name: child.name.clone(),
        reservation: Some(reservation(2_000, 30)),
        cpus: None,
    };
    bench.apply(bench.host.plan_set(&grow)).unwrap();
    assert_eq!(bench.read(&parent, "cpu.rt_runtime_us"), "2000");
    bench.apply(bench.host.plan_delete(&child.name)).unwrap();
    assert_eq!(bench.read(&parent, "cpu.rt_runtime_us"), "6000");
}

#[test]
fn a_parent_whose_children_have_everything_holds_nothing_itself() {
    let Some(bench) = bench("a_parent_whose_children_have_everything") else { return };
    let parent = bench.create("p", 3_000, 60);
    let child = CreateRequest { parent: Some(parent.clone()), ..bench.request("c", 1_500, 30) };
    bench.apply(bench.host.plan_create(&child)).unwrap();
    assert_eq!(bench.read(&parent, "cpu.rt_runtime_us"), "0");
    let error = bench
        .host
        .spawn_inside(&parent, evenkeel_model::Role::Vmm, &mut std::process::Command::new("true"))
        .unwrap_err();
    assert!(matches!(error, HostError::NoOwnBudget(_)), "{error}");
    bench.apply(bench.host.plan_delete(&child.name)).unwrap();
    assert_eq!(bench.read(&parent, "cpu.rt_runtime_us"), "3000");
}

#[test]
fn a_group_of_our_name_that_is_not_on_record_is_shown_and_can_be_deleted() {
    let Some(bench) = bench("a_group_of_our_name") else { return };
    let name = bench.name("orphan");
    fs::create_dir(bench.group(&name)).unwrap();
    let error = bench.host.plan_create(&bench.request("orphan", 1_000, 50)).unwrap_err();
    assert!(matches!(error, HostError::GroupTaken { .. }), "{error}");
    let list = bench.host.list().unwrap();
    let summary = list.iter().find(|summary| summary.name == name).unwrap();
    assert_eq!(summary.status, CapsuleStatus::Orphan);
    let member = support::spawn_shell("sleep 60");
    fs::write(bench.group(&name).join("tasks"), member.pid().to_string()).unwrap();
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(!bench.group(&name).exists());
    let (groups, ..) = support::snapshot(member.pid().leader()).unwrap();
    assert_eq!(groups["cpu"], "/");
}

#[test]
fn a_group_that_somebody_removed_is_told_and_can_be_deleted() {
    let Some(bench) = bench("a_group_that_somebody_removed") else { return };
    let name = bench.create("a", 1_000, 50);
    for group in bench.groups() {
        fs::remove_dir(group).unwrap();
    }
    let list = bench.host.list().unwrap();
    let summary = list.iter().find(|summary| summary.name == name).unwrap();
    assert_eq!(summary.status, CapsuleStatus::GroupMissing);
    let view = bench.host.show(&name, Span::from_ms(10)).unwrap();
    assert!(view.violations[0].contains("missing"), "{:?}", view.violations);
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(bench.host.list().unwrap().iter().all(|summary| summary.name != name));
}

#[test]
fn capsules_beyond_the_bands_are_refused() {
    let Some(bench) = bench("capsules_beyond_the_bands") else { return };
    for i in 0..15 {
        bench.create(&format!("n{i}"), 100, 1_000 - i);
    }
    let error = bench.host.plan_create(&bench.request("more", 100, 500)).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    assert!(error.to_string().contains("all 15 are taken"), "{error}");
    // Fifteen in a row leave one band, through which any two change places.
    let set =
        SetRequest { name: bench.name("n0"), reservation: Some(reservation(100, 900)), cpus: None };
    bench.apply(bench.host.plan_set(&set)).unwrap();
    let top = bench.host.show(&bench.name("n0"), Span::ZERO).unwrap().priorities.unwrap();
    for i in 1..15 {
        let other = bench.host.show(&bench.name(&format!("n{i}")), Span::ZERO).unwrap();
        assert!(other.priorities.unwrap().highest < top.lowest, "{i}");
    }
    bench.host.release_all(&bench.prefix).unwrap();
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

#[test]
fn releasing_a_prefix_takes_orphans_and_an_unreadable_record_along() {
    let Some(bench) = bench("releasing_a_prefix") else { return };
    let parent = bench.create("p", 3_000, 60);
    let child = CreateRequest { parent: Some(parent.clone()), ..bench.request("c", 500, 30) };
    bench.apply(bench.host.plan_create(&child)).unwrap();
    fs::create_dir(bench.group(&bench.name("orphan"))).unwrap();
    let state = bench.state_dir.path().join("state.json");
    fs::write(&state, "{ nonsense").unwrap();
    let error = bench.host.list().unwrap_err();
    assert!(error.to_string().contains("state.json"), "{error}");
    assert!(error.hint().unwrap().contains("move"), "{error}");
    let outcome = bench.host.release_all(&bench.prefix).unwrap();
    assert!(outcome.notes[0].contains("state.json.bad"), "{outcome:?}");
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    assert_eq!(fs::read_to_string(state.with_extension("json.bad")).unwrap(), "{ nonsense");
}
