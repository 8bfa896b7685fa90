// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network devices on the real kernel. The order of GRO, link and `threaded` on a veth, and what
//! becomes of its NAPI thread, are facts that `netctx` builds on: they are held here.

mod fixture;
#[path = "fixture/group.rs"]
mod group;
#[path = "fixture/veth.rs"]
mod veth;

use evenkeel_kernel::netdev::{Netdev, NetdevError, list, lookup};
use evenkeel_kernel::sched::{Policy, affinity, sched_attr, set_affinity, set_sched_attr};
use evenkeel_kernel::{Tid, netns, process};
use evenkeel_model::{CpuIndex, CpuSet, Span};
use group::{Group, ms};
use veth::{Namespace, Veth, ip};

fn threads(netdev: &Netdev) -> Vec<Tid> {
    let napis = netdev.napis().expect("the device is there");
    napis.iter().filter_map(|napi| napi.thread).collect()
}

#[test]
fn a_veth_needs_gro_and_link_before_threads() {
    let Some(pair) = Veth::create("order", 'o') else { return };
    let refused = |netdev: &Netdev, hint: &str| {
        for on in [true, false] {
            let error = netdev.set_threaded(on).unwrap_err();
            assert!(matches!(error, NetdevError::NoThreadedNapi { .. }), "{error}");
            assert!(error.to_string().contains(hint), "{error}");
            assert_eq!(error.raw_os_error(), Some(95));
        }
    };
    // Down without GRO; down with GRO; up without GRO: no NAPI, the switch takes neither value.
    refused(&pair.a, "it is down");
    pair.a.set_gro(true).unwrap();
    assert!(pair.a.gro().unwrap());
    refused(&pair.a, "it is down");
    pair.a.set_gro(false).unwrap();
    pair.set_up();
    refused(&pair.a, "when its GRO is switched on");
    assert!(!pair.a.threaded().unwrap());
    assert_eq!(pair.a.napis().unwrap(), []);

    // Up with GRO: NAPI, then threads.
    pair.a.set_gro(true).unwrap();
    assert!(!pair.a.napis().unwrap().is_empty());
    assert_eq!(threads(&pair.a), []);
    pair.a.set_threaded(true).unwrap();
    assert!(pair.a.threaded().unwrap());
    let thread = threads(&pair.a)[0];
    let stat = process::stat(thread).unwrap();
    assert!(stat.kernel_thread);
    assert_eq!(stat.comm, format!("napi/{}-{}", pair.a.name, pair.a.napis().unwrap()[0].id));
    pair.a.set_threaded(false).unwrap();
    assert_eq!(threads(&pair.a), []);
}

#[test]
fn a_thread_dies_with_its_napi_and_its_successor_starts_afresh() {
    let Some(pair) = Veth::create("afresh", 'f') else { return };
    let Some(group) = Group::real_time("afresh") else { return };
    group.0.set_rt(ms(1, 100)).unwrap();
    pair.set_up();
    pair.a.set_gro(true).unwrap();
    pair.a.set_threaded(true).unwrap();
    let restarts: [&dyn Fn(); 2] = [
        &|| {
            pair.a.set_gro(false).unwrap();
            // Without NAPI the switch is stuck at what it was, and comes back with GRO.
            assert!(pair.a.threaded().unwrap());
            assert!(matches!(pair.a.set_threaded(false), Err(NetdevError::NoThreadedNapi { .. })));
            assert_eq!(pair.a.napis().unwrap(), []);
            pair.a.set_gro(true).unwrap();
        },
        &|| {
            assert!(ip(&["link", "set", &pair.a.name, "down"]));
            assert_eq!(pair.a.napis().unwrap(), []);
            assert!(ip(&["link", "set", &pair.a.name, "up"]));
        },
    ];
    for restart in restarts {
        let thread = threads(&pair.a)[0];
        group.0.add_thread(thread).unwrap();
        set_sched_attr(thread, &Policy::Fifo { priority: 5 }.into()).unwrap();
        set_affinity(thread, &CpuSet::single(CpuIndex(0))).unwrap();
        assert_eq!(group.0.threads().unwrap(), [thread]);
        restart();
        assert!(process::stat(thread).unwrap_err().is_gone());
        let successor = threads(&pair.a)[0];
        assert_ne!(successor, thread);
        assert_eq!(group.0.threads().unwrap(), []);
        assert_eq!(sched_attr(successor).unwrap().policy, Policy::Other { nice: 0 });
        assert_eq!(affinity(successor).unwrap(), evenkeel_kernel::cpu::possible().unwrap());
    }
}

#[test]
fn devices_without_napi_are_refused_by_name() {
    let test = "bridge";
    if !fixture::is_root(test) {
        return;
    }
    let name = format!("ek-t{}br", std::process::id());
    if !ip(&["link", "add", &name, "type", "bridge"]) {
        return fixture::skip(test, "no bridges (CONFIG_BRIDGE), or no 'ip'");
    }
    let bridge = lookup(&name).unwrap();
    let error = bridge.set_threaded(true).unwrap_err();
    let kind = bridge.driver().unwrap();
    assert!(ip(&["link", "del", &name]));
    assert_eq!(kind.as_deref(), Some("bridge"));
    assert!(matches!(error, NetdevError::NoThreadedNapi { .. }), "{error}");
    assert!(error.to_string().contains(&name), "{error}");
    let error = lookup("lo").unwrap().set_threaded(true).unwrap_err();
    assert!(matches!(error, NetdevError::NoThreadedNapi { .. }), "{error}");
    let gone = [
        bridge.set_threaded(true).unwrap_err(),
        bridge.threaded().unwrap_err(),
        bridge.gro().unwrap_err(),
        bridge.set_gro(true).unwrap_err(),
        bridge.stats().unwrap_err(),
        bridge.napis().unwrap_err(),
        bridge.master().unwrap_err(),
    ];
    assert!(gone.iter().all(NetdevError::is_gone), "{gone:?}");
}

#[test]
fn place_kind_counters_and_timeout_of_a_device() {
    let Some(pair) = Veth::create("place", 'p') else { return };
    assert_eq!(pair.a.driver().unwrap().as_deref(), Some("veth"));
    assert!(list().unwrap().contains(&pair.a));
    assert!(!pair.a.link().unwrap().up);
    let name = format!("ek-t{}pbr", std::process::id());
    if ip(&["link", "add", &name, "type", "bridge"]) {
        assert!(ip(&["link", "set", &pair.a.name, "master", &name]));
        let master = pair.a.master().unwrap();
        assert!(ip(&["link", "del", &name]));
        assert_eq!(master.map(|m| m.name), Some(name));
    }
    assert_eq!(pair.a.master().unwrap(), None);
    pair.set_up();
    assert!(pair.a.link().unwrap().up);
    assert_eq!(pair.a.gro_flush_timeout().unwrap(), Span::ZERO);
    pair.a.set_gro_flush_timeout(Span::from_us(200)).unwrap();
    assert_eq!(pair.a.gro_flush_timeout().unwrap(), Span::from_us(200));
    assert_eq!(pair.a.napi_defer_hard_irqs().unwrap(), 0);
    pair.a.set_napi_defer_hard_irqs(2).unwrap();
    assert_eq!(pair.a.napi_defer_hard_irqs().unwrap(), 2);
    // Segmentation is a feature of veth; hardware LRO is not, and a name that is none is refused.
    pair.a.set_feature("tx-tcp-segmentation", false).unwrap();
    assert!(!pair.a.feature("tx-tcp-segmentation").unwrap());
    let error = pair.a.set_feature("rx-lro", true).unwrap_err();
    assert!(matches!(error, NetdevError::FeatureFixed { .. }), "{error}");
    let error = pair.a.set_feature("ek-no-feature", true).unwrap_err();
    assert!(matches!(error, NetdevError::FeatureRefused { .. }), "{error}");
}

#[test]
fn a_device_of_another_namespace_is_not_taken_for_ours() {
    let Some(pair) = Veth::create("other", 'n') else { return };
    let namespace = Namespace::create("other");
    assert!(ip(&["link", "set", &pair.b.name, "netns", &namespace.0]));
    assert!(lookup(&pair.b.name).unwrap_err().is_gone());
    netns::run_in_named(&namespace.0, || {
        // netlink follows the thread; /sys does not.
        let b = lookup(&pair.b.name).unwrap();
        assert!(lookup(&pair.a.name).unwrap_err().is_gone());
        b.set_gro(true).unwrap();
        assert!(b.gro().unwrap());
        let error = b.threaded().unwrap_err();
        assert!(matches!(error, NetdevError::OtherNamespace { .. }), "{error}");
        let error = b.set_threaded(true).unwrap_err();
        assert!(matches!(error, NetdevError::OtherNamespace { .. }), "{error}");
    })
    .unwrap();
    // The test's own thread has not moved.
    assert!(lookup(&pair.a.name).is_ok());
}
