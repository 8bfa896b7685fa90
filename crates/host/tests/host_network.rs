// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dedicated network context on real netdevs: set up, shown, undone exactly.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use evenkeel_host::{AttachRequest, HostError, RunRequest, SetRequest};
use evenkeel_kernel::netdev::lookup;
use evenkeel_kernel::sched::{Policy, set_affinity, set_sched_attr};
use evenkeel_model::{CapsuleName, NetworkContextKind, Role, Span};
use evenkeel_netctx::NetctxError;
use evenkeel_vm::VmRef;
use support::{
    Bench, Helper, OtherGroup, Veth, bench, cpus, has_program, ip, reservation, snapshot,
    wait_until,
};

/// A bench where `ip` is there.
fn bench_with_ip(test: &str) -> Option<Bench> {
    if !has_program("ip") {
        eprintln!("SKIP {test}: the program 'ip' (iproute2)");
        return None;
    }
    bench(test)
}

fn request(name: &CapsuleName, vm: &Helper, netdevs: &[&str]) -> AttachRequest {
    AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(vm.pid()),
        netdevs: netdevs.iter().map(|name| (*name).to_owned()).collect(),
        context: NetworkContextKind::Dedicated,
    }
}

fn idle_vm() -> Helper {
    support::spawn_shell("exec sleep 600")
}

#[test]
fn a_veth_is_given_to_a_capsule_and_undone_exactly() {
    let Some(bench) = bench_with_ip("a_veth_is_given_to_a_capsule") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    let found = veth.state();
    assert_eq!((found.0, found.1), (false, false), "a new veth has neither");
    let name = bench.create("a", 2_000, 50);
    let plan = bench.host.plan_attach(&request(&name, &vm, &[&veth.name])).unwrap();
    let last = plan.to_string().lines().last().unwrap().to_owned();
    let said = "gro off -> on, gro_flush_timeout 0ms -> 200us, napi_defer_hard_irqs 0 -> 2, \
                threaded NAPI off -> on";
    assert!(last.contains(said), "{last}");
    bench.host.apply(&plan).unwrap();

    assert_eq!((veth.state().0, veth.state().1), (true, true));
    assert_eq!(veth.netdev().gro_flush_timeout().unwrap(), Span::from_us(200));
    let (groups, attr, affinity) = snapshot(veth.thread()).unwrap();
    assert_eq!(groups["cpu"], format!("/evenkeel-{name}"));
    assert_eq!(affinity, cpus("0"));
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert_eq!(view.summary.context, NetworkContextKind::Dedicated);
    let napi = view.threads.iter().find(|thread| thread.role == Role::Napi).unwrap();
    assert_eq!(attr, Policy::Fifo { priority: napi.priority.unwrap() }.into());
    assert_eq!(napi.priority.unwrap(), view.priorities.unwrap().highest - 1);
    assert_eq!(napi.evidence, format!("NAPI thread of {}", veth.name));
    assert_eq!((&view.violations, &view.warnings), (&vec![], &vec![]));
    assert_eq!(view.netdev_details[0].gro_flush_timeout_ns, Span::from_us(200));
    assert_eq!(view.netdev_details[0].napi_defer_hard_irqs, 2);

    // A change of CPUs and band takes it along.
    let set = SetRequest {
        name: name.clone(),
        reservation: Some(reservation(1_000, 20)),
        cpus: Some(cpus("1")),
    };
    bench.apply(bench.host.plan_set(&set)).unwrap();
    assert_eq!(snapshot(veth.thread()).unwrap().2, cpus("1"));

    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert_eq!(veth.state(), found);
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

#[test]
fn a_netdev_that_was_threaded_already_gets_its_thread_back_as_it_was() {
    let Some(bench) = bench_with_ip("a_netdev_that_was_threaded") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    veth.netdev().set_gro(true).unwrap();
    // Somebody's choice, longer than ours: it stays.
    veth.netdev().set_gro_flush_timeout(Span::from_ms(1)).unwrap();
    veth.netdev().set_threaded(true).unwrap();
    let thread = veth.thread();
    let elsewhere = OtherGroup::new(bench.cpu.join(format!("{}elsewhere", bench.prefix)));
    elsewhere.take(thread);
    set_sched_attr(thread, &Policy::Batch { nice: -5 }.into()).unwrap();
    set_affinity(thread, &cpus("1")).unwrap();
    let (found, thread_found) = (veth.state(), snapshot(thread).unwrap());
    let name = bench.create("a", 2_000, 50);
    bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name]))).unwrap();
    assert!(snapshot(thread).unwrap().1.policy.is_real_time());
    assert_eq!(veth.netdev().gro_flush_timeout().unwrap(), Span::from_ms(1));
    bench.apply(bench.host.plan_detach(&name, None)).unwrap();
    assert_eq!((veth.state(), veth.thread()), (found, thread));
    assert_eq!(snapshot(thread).unwrap(), thread_found);
}

#[test]
fn what_cannot_do_threaded_napi_is_refused_and_left_alone() {
    let Some(bench) = bench_with_ip("what_cannot_do_threaded_napi") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    let bridge = format!("ek-t{}d", std::process::id());
    assert!(ip(&format!("link add {bridge} type bridge")) && ip(&format!("link set {bridge} up")));
    let gro_of = |name: &str| lookup(name).unwrap().gro().unwrap();
    let (gro, found, vm_found) =
        ((gro_of("lo"), gro_of(&bridge)), veth.state(), support::snapshots(vm.pid()));
    let name = bench.create("a", 2_000, 50);
    for netdev in ["lo", bridge.as_str()] {
        // The veth before it in the list is taken back, too.
        let result =
            bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name, netdev])));
        let error = result.unwrap_err();
        assert!(matches!(error, HostError::Netctx(NetctxError::Netdev(_))), "{error:?}");
        assert!(error.to_string().contains(netdev), "{error}");
        assert!(error.to_string().contains("cannot do threaded NAPI"), "{error}");
        assert_eq!((gro_of("lo"), gro_of(&bridge)), gro, "{netdev}");
        assert_eq!(veth.state(), found, "{netdev}");
        assert_eq!(bench.read(&name, "tasks"), "", "{netdev}");
    }
    assert_eq!(support::snapshots(vm.pid()).len(), vm_found.len());
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.summary.vms.is_empty() && view.summary.netdevs.is_empty());
    assert!(ip(&format!("link del {bridge}")));
}

#[test]
fn a_netdev_that_is_down_is_refused_with_what_would_work() {
    let Some(bench) = bench_with_ip("a_netdev_that_is_down") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    assert!(ip(&format!("link set {} down", veth.name)));
    let found = veth.state();
    let name = bench.create("a", 2_000, 50);
    let result = bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name])));
    assert!(result.as_ref().unwrap_err().to_string().contains("down"), "{result:?}");
    assert_eq!(veth.state(), found);
}

#[test]
fn bad_netdevs_are_refused_by_name() {
    let Some(bench) = bench_with_ip("bad_netdevs_are_refused") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    let (a, b) = (bench.create("a", 2_000, 50), bench.create("b", 2_000, 60));
    let plan = |request: &AttachRequest| bench.host.plan_attach(request);
    let error = plan(&request(&a, &vm, &["ek-no-such"])).unwrap_err();
    assert!(error.to_string().contains("ek-no-such"), "{error}");
    let error = plan(&request(&a, &vm, &[])).unwrap_err();
    assert!(matches!(error, HostError::Netdevs(_)), "{error}");
    let shared =
        AttachRequest { context: NetworkContextKind::Shared, ..request(&a, &vm, &[&veth.name]) };
    assert!(matches!(plan(&shared), Err(HostError::Netdevs(_))));
    let twice = request(&a, &vm, &[&veth.name, &veth.name]);
    assert!(matches!(plan(&twice), Err(HostError::Netdevs(_))));
    bench.apply(plan(&request(&a, &vm, &[&veth.name]))).unwrap();
    let other = idle_vm();
    let error = plan(&request(&b, &other, &[&veth.name])).unwrap_err();
    assert!(matches!(&error, HostError::NetdevTaken { capsule, .. } if *capsule == a), "{error}");
}

#[test]
fn a_netdev_that_vanishes_does_not_break_deleting() {
    let Some(bench) = bench_with_ip("a_netdev_that_vanishes") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    let before = support::snapshots(vm.pid());
    let name = bench.create("a", 2_000, 50);
    bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name]))).unwrap();
    drop(veth);
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.netdev_details[0].gone);
    assert!(view.violations.iter().any(|w| w.contains("has gone")), "{:?}", view.violations);
    let outcome = bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(outcome.notes.iter().any(|note| note.contains("has gone")), "{outcome:?}");
    assert_eq!(support::snapshots(vm.pid()).len(), before.len());
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

/// The kernel makes a new NAPI thread, in the root group, when a veth goes down and up.
#[test]
fn a_napi_thread_that_is_new_is_shown_and_the_rest_is_still_undone() {
    let Some(bench) = bench_with_ip("a_napi_thread_that_is_new") else { return };
    let (veth, vm) = (Veth::new("x"), idle_vm());
    let found = veth.state();
    let name = bench.create("a", 2_000, 50);
    bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name]))).unwrap();
    let first = veth.thread();
    assert!(ip(&format!("link set {} down", veth.name)));
    assert!(ip(&format!("link set {} up", veth.name)));
    wait_until("a new thread", || {
        veth.netdev().napis().unwrap().iter().any(|n| n.thread != Some(first))
    });
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.violations.iter().any(|w| w.contains("NAPI thread")), "{:?}", view.violations);
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert_eq!(veth.state(), found);
}

#[test]
fn a_renamed_netdev_is_found_again() {
    let Some(bench) = bench_with_ip("a_renamed_netdev") else { return };
    let (mut veth, vm) = (Veth::new("x"), idle_vm());
    let found = veth.state();
    let name = bench.create("a", 2_000, 50);
    bench.apply(bench.host.plan_attach(&request(&name, &vm, &[&veth.name]))).unwrap();
    let renamed = format!("{}r", veth.name);
    // Since Linux 6.2 a netdev may be renamed while it is up.
    if !ip(&format!("link set {} name {renamed}", veth.name)) {
        eprintln!("SKIP a_renamed_netdev: renaming a netdev that is up (Linux 6.2)");
        return;
    }
    veth.name = renamed;
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    let state = veth.state();
    assert_eq!((state.0, state.1), (found.0, found.1));
}

#[test]
fn a_run_can_have_a_netdev() {
    let Some(bench) = bench_with_ip("a_run_can_have_a_netdev") else { return };
    let veth = Veth::new("x");
    let found = veth.state();
    let script = format!("cat /sys/class/net/{}/threaded", veth.name);
    let mark = bench.state_dir.path().join("threaded");
    let command = ["sh", "-c", &format!("{script} > {}", mark.display())].map(Into::into).to_vec();
    let create = bench.request("r", 5_000, 50);
    let netdevs = vec![veth.name.clone()];
    let outcome = bench.host.run(&RunRequest { create, netdevs, command }).unwrap();
    assert_eq!((outcome.exit_code(), outcome.notes), (0, Vec::new()));
    assert_eq!(fs::read_to_string(mark).unwrap(), "1\n");
    assert_eq!(veth.state(), found);
    sleep(Duration::from_millis(1));
}
