// SPDX-License-Identifier: MIT OR Apache-2.0
//! What no scheduler can do for itself: its agent does it.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use evenkeel_host::{AttachRequest, CreateRequest, EnforcerChoice};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_kernel::{Pid, Tid, process};
use evenkeel_model::{CapsuleName, NetworkContextKind, Role, Span};
use evenkeel_sched::scx::{Place, running};
use evenkeel_vm::VmRef;

use crate::past_the_queues::a_lone_spinner;
use crate::support::scx::{SPIN, SWITCHABLE, Scx, share_of_process};
use crate::support::{Helper, cpus, reservation, spawn_shell, wait_at_most};
use crate::{SECOND, SETTLE};

/// Hazard 4: a thread that somebody made real-time runs past every budget, until it is fetched back.
#[test]
fn hazard_04_an_escaped_thread_is_fetched_back() {
    let Some(scx) = Scx::new("hazard_04", SWITCHABLE) else { return };
    let name = scx.create("a", 20_000, 100, "1");
    let spinner = scx.inside(&name, Role::Vcpu, SPIN);
    let tid = spinner.pid().leader();
    sched::set_sched_attr(tid, &Policy::Fifo { priority: 3 }.into()).unwrap();
    let escaped = share_of_process(&spinner, SECOND);
    let view = scx.host.show(&name, Span::ZERO).unwrap();
    assert!(view.violations.iter().any(|words| words.contains("policy")), "{view:?}");
    let attach = AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(spinner.pid()),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    scx.host.apply(&scx.host.plan_attach(&attach).unwrap()).unwrap();
    sleep(SETTLE);
    let fetched = share_of_process(&spinner, SECOND);
    eprintln!("share {fetched:.4}, escaped {escaped:.4}");
    assert!(escaped > 0.5, "the hazard is not there: {escaped}");
    assert!((0.19..=0.21).contains(&fetched), "{fetched}");
    assert_eq!(scx.host.show(&name, Span::ZERO).unwrap().violations, Vec::<String>::new());
}

/// Makes vhost workers threads of QEMU, or threads of the kernel: said when the module is loaded.
/// Whether that can be had here.
fn vhost_workers_are(whose: &str) -> bool {
    let Some(root) = std::env::var_os("EK_MODULES") else { return whose == QEMU_S };
    let modprobe = |words: &[&str]| {
        Command::new("modprobe").arg("-d").arg(&root).args(words).status().unwrap().success()
    };
    let _ = modprobe(&["-r", "vhost_net", "vhost"]);
    modprobe(&["vhost", whose]) && modprobe(&["-a", "vhost_net", "tun"])
}

const QEMU_S: &str = "fork_from_owner_default=Y";
const THE_KERNEL_S: &str = "fork_from_owner_default=N";

/// A machine that is never started: its vhost worker is there all the same.
fn machine_with_vhost(scx: &Scx, name: &CapsuleName) -> Helper {
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-accel", "tcg", "-nodefaults", "-display", "none", "-m", "32", "-S"])
        .args(["-netdev", "tap,id=n,ifname=ekt0,script=no,downscript=no,vhost=on"])
        .args(["-device", "virtio-net-pci,netdev=n,romfile="])
        .stdin(Stdio::null());
    Helper { child: scx.host.spawn_inside(name, Role::Vmm, &mut command).unwrap() }
}

/// The vhost worker of a process, whosever thread it is.
fn vhost_worker(of: Pid) -> Option<Tid> {
    let name = format!("vhost-{of}");
    let mut pids = process::all_processes().unwrap();
    pids.retain(|pid| *pid != of);
    let threads = process::threads(of).unwrap_or_default();
    let others = pids.into_iter().map(|pid| pid.leader());
    let is = |tid: &Tid| process::stat(*tid).is_ok_and(|stat| stat.comm == name);
    threads.into_iter().chain(others).find(is)
}

/// Hazard 8: a vhost worker works on its machine's budget, be it a thread of QEMU, which is inside from
/// its first moment, or a kernel thread, which begins outside and is fetched. (What it then uses under
/// load is measured by `vm:guest`.)
#[test]
fn hazard_08_vhost_workers_are_inside_in_both_modes() {
    let Some(scx) = Scx::new("hazard_08", SWITCHABLE) else { return };
    for whose in [QEMU_S, THE_KERNEL_S] {
        if !vhost_workers_are(whose) {
            eprintln!("SKIP hazard_08: {whose}");
            continue;
        }
        let name = scx.create("a", 50_000, 100, "1");
        let machine = machine_with_vhost(&scx, &name);
        let mut found = None;
        wait_at_most(Duration::from_secs(30), "a vhost worker", || {
            found = vhost_worker(machine.pid());
            found.is_some()
        });
        let worker = found.unwrap();
        let place = || scx.loaded().query(worker).unwrap();
        let before = place();
        // A kernel's thread joins the group of its owner, and is inside by it, at the level of its main.
        let by_group = before.is_some_and(|place| place.by_group);
        assert!(before.is_none_or(|place| place.level >= 4), "{before:?}");
        assert_eq!(before.is_some() && !by_group, whose == QEMU_S, "{before:?}");
        let attach = AttachRequest {
            name: name.clone(),
            vm: VmRef::Pid(machine.pid()),
            netdevs: Vec::new(),
            context: NetworkContextKind::Shared,
        };
        scx.host.apply(&scx.host.plan_attach(&attach).unwrap()).unwrap();
        let after = place();
        eprintln!("{whose}: {before:?}, attached {after:?}");
        assert!(after.is_some_and(|place| place.level < 4), "{after:?}");
        drop(machine);
        scx.delete(&name);
    }
    vhost_workers_are(QEMU_S);
}

/// Hazard 9: the kernel cannot refuse a budget, so the agent must; told past it, the scheduler gives to
/// the second what it had promised to the first.
#[test]
fn hazard_09_overcommitment_is_refused() {
    let Some(scx) = Scx::new("hazard_09", SWITCHABLE) else { return };
    let first = scx.create("a", 60_000, 100, "1");
    let spinner = scx.inside(&first, Role::Vcpu, SPIN);
    let request = CreateRequest {
        name: "b".parse().unwrap(),
        reservation: reservation(60_000, 100),
        cpus: cpus("1"),
        parent: None,
        enforcer: EnforcerChoice::Scx,
    };
    let error = scx.host.plan_create(&request).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    let outside = spawn_shell(SPIN);
    sched::set_affinity(outside.pid().leader(), &cpus("1")).unwrap();
    sleep(SETTLE);
    let refused = share_of_process(&spinner, SECOND);
    let loaded = scx.loaded();
    let slot = loaded.create(&request.name, Some(request.reservation), &cpus("1")).unwrap();
    loaded.place(outside.pid().leader(), Place { slot, level: 2, by_group: false }).unwrap();
    sleep(SETTLE);
    let granted = share_of_process(&spinner, SECOND);
    eprintln!("share {refused:.4}, overcommitted {granted:.4}");
    assert!((0.58..=0.62).contains(&refused), "{refused}");
    assert!(granted < 0.55, "the hazard is not there: {granted}");
}

/// Hazard 10: the scheduler stays when whoever loaded it is killed. Every scheduler of these tests is
/// loaded by such a process; so they all are its tests, and this one says so.
#[test]
fn hazard_10_a_scheduler_outlives_its_loader() {
    let Some(scx) = Scx::new("hazard_10", SWITCHABLE) else { return };
    assert!(running::pins().link().exists());
    let (share, _) = a_lone_spinner(&scx);
    assert!((0.095..=0.105).contains(&share), "{share}");
}
