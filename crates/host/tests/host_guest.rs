// SPDX-License-Identifier: MIT OR Apache-2.0
//! A real guest kernel (user-mode-linux) started inside a capsule, and taken into one as it runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use evenkeel_host::AttachRequest;
use evenkeel_kernel::process;
use evenkeel_model::{NetworkContextKind, Role, Span};
use evenkeel_vm::{VmKind, VmRef};
use support::{Bench, Helper, bench, cpus, has_program, snapshots, wait_at_most};

const GUEST_KERNEL: &str = "linux.uml";

/// A bench where user-mode-linux is installed.
fn bench_with_guests(test: &str) -> Option<Bench> {
    if !has_program(GUEST_KERNEL) {
        eprintln!("SKIP {test}: the program '{GUEST_KERNEL}' (Debian package user-mode-linux)");
        return None;
    }
    bench(test)
}

/// The command of a guest that says READY and waits; and the file it says so in.
fn guest(bench: &Bench) -> (Command, PathBuf) {
    let directory = bench.state_dir.path();
    let init = directory.join("init");
    fs::write(&init, "#!/bin/sh\necho READY\nexec sleep 600\n").unwrap();
    fs::set_permissions(&init, fs::Permissions::from_mode(0o755)).unwrap();
    let console = directory.join("console");
    let mut command = Command::new(GUEST_KERNEL);
    command
        .args(["mem=64M", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1"])
        .arg(format!("init={}", init.display()))
        .arg(format!("umid={}guest", bench.prefix))
        .arg(format!("uml_dir={}/", directory.display()))
        .stdin(Stdio::null())
        .stdout(fs::File::create(&console).unwrap())
        .stderr(Stdio::null());
    (command, console)
}

fn wait_ready(console: &PathBuf) {
    // A boot takes a second or two of CPU time, of which the guest has 30 %.
    wait_at_most(Duration::from_secs(60), "READY", || {
        fs::read_to_string(console).is_ok_and(|text| text.contains("READY"))
    });
}

/// Every process of the guest is in the capsule, real-time and on its CPUs.
fn assert_inside(bench: &Bench, guest: &Helper, group: &str) {
    let threads = snapshots(guest.pid());
    assert!(threads.len() >= 3, "a guest is several processes: {threads:?}");
    for (tid, (groups, attr, affinity)) in threads {
        let stat = process::stat(tid).unwrap();
        assert_eq!(groups["cpu"], group, "{stat:?}");
        assert!(attr.policy.is_real_time(), "{stat:?}: {attr:?}");
        assert_eq!(affinity, cpus("0"), "{stat:?}");
    }
    assert!(bench.host.interrupted().unwrap().is_none());
}

#[test]
fn a_guest_boots_inside_a_capsule() {
    let Some(bench) = bench_with_guests("a_guest_boots_inside_a_capsule") else { return };
    let name = bench.create("g", 30_000, 100);
    let (mut command, console) = guest(&bench);
    let child = bench.host.spawn_inside(&name, Role::Vcpu, &mut command).unwrap();
    let guest = Helper { child };
    wait_ready(&console);
    assert_inside(&bench, &guest, &format!("/evenkeel-{name}"));
    // Attaching it tells its threads' roles.
    let request = AttachRequest {
        name: name.clone(),
        vm: VmRef::Name(format!("{}guest", bench.prefix)),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    bench.apply(bench.host.plan_attach(&request)).unwrap();
    let view = bench.host.show(&name, Span::from_ms(100)).unwrap();
    assert_eq!((&view.violations, &view.warnings), (&vec![], &vec![]));
    assert_eq!(view.summary.vms.len(), 1);
    assert_eq!(view.summary.vms[0].kind, VmKind::Uml);
    assert!(view.threads.iter().any(|thread| thread.role == Role::Vcpu), "{view:?}");
    assert!(view.supply.lifetime_ns > Span::from_ms(50), "{:?}", view.supply);
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(process::is_alive(&process::identity(guest.pid()).unwrap()));
    for (tid, (groups, attr, _)) in snapshots(guest.pid()) {
        assert_eq!(groups["cpu"], "/", "thread {tid}");
        assert!(!attr.policy.is_real_time(), "thread {tid}");
    }
}

#[test]
fn a_running_guest_is_taken_in_and_given_back_exactly() {
    let Some(bench) = bench_with_guests("a_running_guest_is_taken_in") else { return };
    let (mut command, console) = guest(&bench);
    let guest = Helper { child: command.spawn().unwrap() };
    wait_ready(&console);
    let before = snapshots(guest.pid());
    let name = bench.create("g", 20_000, 100);
    let request = AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(guest.pid()),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    bench.apply(bench.host.plan_attach(&request)).unwrap();
    assert_inside(&bench, &guest, &format!("/evenkeel-{name}"));
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    // The guest's own processes come and go meanwhile; whoever was there is as he was.
    let after = snapshots(guest.pid());
    assert!(after.len() >= 3, "{after:?}");
    for (tid, snapshot) in &after {
        let found = before.get(tid).unwrap_or(&before[&guest.pid().leader()]);
        assert_eq!(snapshot, found, "thread {tid}");
    }
    assert!(process::is_alive(&process::identity(guest.pid()).unwrap()));
}
