// SPDX-License-Identifier: MIT OR Apache-2.0
//! What capsules are given, measured on the real kernel. No figure here is an accuracy claim (the
//! lab makes those): the bounds are wide enough for a busy machine, and narrow enough that a
//! backend that does not enforce, or a meter that does not count, fails.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use evenkeel_host::{CreateRequest, EnforcerChoice};
use evenkeel_kernel::process;
use evenkeel_model::{Role, Span};
use support::{Helper, bench, cpus, helper_command};

/// Not a test: what this program is when a test starts it as a helper.
#[test]
fn helper() {
    match support::helper().as_deref() {
        Some("spinner") => support::spin_for(std::time::Duration::from_secs(30)),
        Some(other) => panic!("no helper '{other}'"),
        None => {}
    }
}

#[test]
fn a_spinner_gets_its_budget_and_no_more() {
    let Some(bench) = bench("a_spinner_gets_its_budget") else { return };
    let name = bench.create("a", 20_000, 100);
    let mut command = helper_command("spinner");
    let child = bench.host.spawn_inside(&name, Role::Vcpu, command.stdout(Stdio::null())).unwrap();
    let spinner = Helper { child };
    let view = bench.host.show(&name, Span::from_s(2)).unwrap();
    let supply = &view.supply;
    let ratio = supply.supplied_ns.as_ns() as f64 / supply.budget_ns.as_ns() as f64;
    assert!((0.7..=1.3).contains(&ratio), "{supply:?}");
    assert!(supply.window_ns >= Span::from_s(2), "{supply:?}");
    assert!(supply.lifetime_ns >= supply.supplied_ns, "{supply:?}");
    assert_eq!(supply.per_cpu.len(), 1, "{supply:?}");
    assert_eq!(supply.per_cpu[0].cpu.0, 0);
    // 20 ms of 100 ms can be had twice in a row, and late by a tick: no more.
    assert!(supply.overruns.periods >= 20, "{supply:?}");
    assert!(supply.overruns.largest_ns <= supply.overruns.explained_ns, "{supply:?}");
    let spinning = view.threads.iter().map(|thread| thread.cpu_time_ns).max().unwrap();
    assert!(spinning >= Span::from_ms(200), "{view:?}");
    assert!(view.threads.iter().any(|t| t.run_delay_ns > Span::ZERO), "{view:?}");
    drop(spinner);
}

#[test]
fn a_thread_of_ours_runs_inside() {
    let Some(bench) = bench("a_thread_of_ours_runs_inside") else { return };
    let name = bench.create("a", 20_000, 100);
    let before = bench.host.supply(&name).unwrap();
    let work = || {
        let mine = support::snapshot(evenkeel_kernel::sched::current_tid()).unwrap();
        support::spin_for(std::time::Duration::from_millis(300));
        mine
    };
    let (groups, attr, affinity) =
        bench.host.thread_inside(&name, Role::Vcpu, work).unwrap().join().unwrap();
    assert_eq!(groups["cpu"], format!("/evenkeel-{name}"));
    assert!(attr.policy.is_real_time(), "{attr:?}");
    assert_eq!(affinity, cpus("0"));
    let had = bench.host.supply(&name).unwrap().saturating_sub(before);
    assert!((Span::from_ms(40)..=Span::from_ms(140)).contains(&had), "{had}");
    let panics = bench.host.thread_inside(&name, Role::Vcpu, || panic!("on purpose")).unwrap();
    assert!(panics.join().is_err());
    assert_eq!(bench.read(&name, "tasks"), "");
    let nowhere = bench.name("none");
    assert!(bench.host.thread_inside(&nowhere, Role::Vcpu, || ()).is_err());
}

#[test]
fn a_quota_caps_and_promises_nothing() {
    let Some(bench) = bench("a_quota_caps") else { return };
    let name = bench.name("q");
    let request = CreateRequest {
        name: name.clone(),
        enforcer: EnforcerChoice::Quota,
        cpus: cpus("0-1"),
        ..bench.request("q", 10_000, 50)
    };
    let plan = bench.host.plan_create(&request).unwrap();
    assert!(plan.verdict.as_ref().unwrap().to_string().contains("guarantee"), "{plan:?}");
    bench.host.apply(&plan).unwrap();
    // Two CPUs share one quota.
    assert_eq!(bench.read(&name, "cpu.cfs_quota_us"), "20000");
    assert_eq!(bench.read(&name, "cpu.cfs_period_us"), "50000");
    assert_eq!(bench.read(&name, "cpu.shares"), "4096");
    let mut command = helper_command("spinner");
    let child = bench.host.spawn_inside(&name, Role::Vcpu, &mut command).unwrap();
    let spinner = Helper { child };
    let view = bench.host.show(&name, Span::from_s(1)).unwrap();
    assert!(view.guarantee.starts_with("none"), "{}", view.guarantee);
    assert_eq!(view.priorities, None);
    assert!(view.threads.iter().all(|thread| thread.policy == "other"), "{view:?}");
    assert_eq!((&view.violations, &view.warnings), (&vec![], &vec![]));
    let ratio = view.supply.supplied_ns.as_ns() as f64 / view.supply.budget_ns.as_ns() as f64;
    assert!(ratio < 1.3, "{:?}", view.supply);
    // Fewer CPUs, a smaller quota.
    let set =
        evenkeel_host::SetRequest { name: name.clone(), reservation: None, cpus: Some(cpus("0")) };
    bench.apply(bench.host.plan_set(&set)).unwrap();
    assert_eq!(bench.read(&name, "cpu.cfs_quota_us"), "10000");
    let pid = spinner.pid();
    assert_eq!(support::snapshot(pid.leader()).unwrap().2, cpus("0"));
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(process::is_alive(&process::identity(pid).unwrap()));
    assert_eq!(support::snapshot(pid.leader()).unwrap().0["cpu"], "/");
}

#[test]
fn a_quota_out_of_the_kernels_range_is_refused() {
    let Some(bench) = bench("a_quota_out_of_range") else { return };
    let request =
        CreateRequest { enforcer: EnforcerChoice::Quota, ..bench.request("q", 100_000, 2_000) };
    let error = bench.host.plan_create(&request).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
}

/// A thread that is real-time when it comes into a quota would escape it.
#[test]
fn a_real_time_thread_is_fair_inside_a_quota_and_real_time_after() {
    let Some(bench) = bench("a_real_time_thread_is_fair") else { return };
    let helper = support::spawn_shell("while :; do sleep 1; done");
    let tid = helper.pid().leader();
    let fifo = evenkeel_kernel::sched::Policy::Fifo { priority: 3 };
    evenkeel_kernel::sched::set_sched_attr(tid, &fifo.into()).unwrap();
    let before = support::snapshot(tid).unwrap();
    let request =
        CreateRequest { enforcer: EnforcerChoice::Quota, ..bench.request("q", 10_000, 50) };
    bench.apply(bench.host.plan_create(&request)).unwrap();
    let attach = evenkeel_host::AttachRequest {
        name: request.name.clone(),
        vm: evenkeel_vm::VmRef::Pid(helper.pid()),
        netdevs: Vec::new(),
        context: evenkeel_model::NetworkContextKind::Shared,
    };
    bench.apply(bench.host.plan_attach(&attach)).unwrap();
    let inside = support::snapshot(tid).unwrap();
    assert!(!inside.1.policy.is_real_time(), "{inside:?}");
    assert!(inside.0["cpu"].contains("evenkeel"), "{inside:?}");
    bench.apply(bench.host.plan_delete(&request.name)).unwrap();
    assert_eq!(support::snapshot(tid).unwrap(), before);
}

/// Version 2 needs the `cpu` controller in the unified hierarchy.
/// What a guest does: control groups of version 2, the test, and out. `$1` is the test program.
const GUEST_INIT: &str = r#"#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc && mount -t sysfs sysfs /sys && mount -t tmpfs tmpfs /tmp &&
    mount -t tmpfs tmpfs /run && mount -t cgroup2 cgroup2 /sys/fs/cgroup
"$EK_PROGRAM" --exact "$EK_TEST" --nocapture </dev/null 2>&1
echo "EK-STATUS $?"
echo o >/proc/sysrq-trigger
exec sleep 600
"#;

/// Runs the test `name` of this very program in a user-mode-linux guest, whose kernel has its
/// `cpu` controller free for version 2.
fn in_a_guest(name: &str) {
    if !support::has_program("linux.uml") {
        eprintln!("SKIP {name}: the program 'linux.uml' (Debian package user-mode-linux)");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (init, console) = (directory.path().join("init"), directory.path().join("console"));
    std::fs::write(&init, GUEST_INIT).unwrap();
    std::fs::set_permissions(&init, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The guest hides /tmp, which the program may be below: it gets a copy elsewhere.
    let copies = tempfile::tempdir_in("/var/tmp").unwrap();
    let program = copies.path().join("program");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let child = std::process::Command::new("linux.uml")
        .args(["mem=128M", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1"])
        .arg(format!("init={}", init.display()))
        .arg(format!("umid=ek-t-{}-v2", std::process::id()))
        .arg(format!("uml_dir={}/", directory.path().display()))
        .arg(format!("EK_PROGRAM={}", program.display()))
        .arg(format!("EK_TEST={name}"))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&console).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut guest = Helper { child };
    // It ends by itself: killed, its main process leaves those that it traces behind.
    support::wait_at_most(Duration::from_secs(60), "the guest's end", || {
        guest.child.try_wait().unwrap().is_some()
    });
    let said = std::fs::read_to_string(&console).unwrap_or_default();
    assert!(said.contains("EK-STATUS 0") && said.contains("1 passed"), "{said}");
}

#[test]
fn a_quota_works_in_version_2() {
    let mounts = evenkeel_kernel::cgroup::CgroupMounts::discover().unwrap();
    if mounts.v1_cpu.is_some() || !mounts.v2_cpu {
        // A kernel has the controller in one hierarchy only: another kernel, then.
        return in_a_guest("a_quota_works_in_version_2");
    }
    let state_dir = tempfile::tempdir().unwrap();
    let options = evenkeel_host::HostOptions { state_dir: state_dir.path().to_owned() };
    let host = evenkeel_host::Host::open(options).unwrap();
    let name: evenkeel_model::CapsuleName =
        format!("ek-t-{}-v2", std::process::id()).parse().unwrap();
    let request = CreateRequest {
        name: name.clone(),
        reservation: support::reservation(10_000, 50),
        cpus: cpus("0"),
        parent: None,
        enforcer: EnforcerChoice::Quota,
    };
    host.apply(&host.plan_create(&request).unwrap()).unwrap();
    let group = mounts.v2.unwrap().join(format!("evenkeel-{name}"));
    let max = std::fs::read_to_string(group.join("cpu.max")).unwrap();
    assert_eq!(max.trim(), "10000 50000");
    let child = host.spawn_inside(&name, Role::Vcpu, &mut helper_command("spinner")).unwrap();
    let spinner = Helper { child };
    let view = host.show(&name, Span::from_s(1)).unwrap();
    assert!(view.supply.supplied_ns <= Span::from_ms(260), "{:?}", view.supply);
    drop(spinner);
    host.apply(&host.plan_delete(&name).unwrap()).unwrap();
    assert!(!group.exists());
}
