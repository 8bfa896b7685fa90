// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU guests in the testbed: a Debian kernel, under KVM or emulated, does what a user-mode-linux
//! guest does, its vCPU and its monitor inside the capsule.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

mod support;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use evenkeel_kernel::netdev;
use evenkeel_lab::guest::{GuestKind, SINK_PORT, SinkWork};
use evenkeel_lab::{LabError, Layout, Testbed, VmSpec};
use evenkeel_model::{NetworkContextKind, Role, Span};
use evenkeel_vm::{VmRef, resolve};

use support::{can_run, reservation, spec};

/// Emulated, in a third of a CPU, the simplest command takes 0.7 s.
const PATIENCE: Span = Span::from_s(60);

#[test]
fn a_qemu_guest_receives_in_its_capsule() {
    let test = "a_qemu_guest_receives_in_its_capsule";
    if !can_run(test) {
        return;
    }
    let Some(testbed) = build(test) else { return };
    let a = testbed.guest("a").unwrap();
    assert!(testbed.guest_label().starts_with("qemu "), "{}", testbed.guest_label());
    println!("{} is ready after {}", testbed.guest_label(), a.boot_time());
    assert!(a.run("uname -r", PATIENCE).unwrap().contains("cloud"), "a Debian kernel");
    let vm = resolve(&VmRef::Pid(a.main_process().pid)).unwrap();
    assert!(vm.threads.iter().any(|thread| thread.role == Role::Vcpu && thread.recognised));
    a.start_sink(testbed.program(), SinkWork::Discard).unwrap();
    let address = testbed.address("a").unwrap();
    let before = testbed.supply("a").unwrap();
    let start = Instant::now();
    let sent = testbed
        .in_client(|| {
            let mut stream = TcpStream::connect((address, SINK_PORT)).unwrap();
            let (chunk, mut sent) = (vec![0u8; 1 << 16], 0);
            while start.elapsed() < Duration::from_secs(2) {
                sent += stream.write(&chunk).unwrap();
            }
            sent
        })
        .unwrap();
    let supplied = (testbed.supply("a").unwrap() - before).as_duration().as_secs_f64();
    let share = supplied / start.elapsed().as_secs_f64();
    println!("{:.0} Mb/s with {share:.3} of a CPU", sent as f64 * 4e-6);
    assert!(sent > 100_000, "{sent}");
    assert!((0.01..0.44).contains(&share), "{share}");
    testbed.close().unwrap();
    assert!(netdev::lookup("ek-tap0").is_err());
}

/// `None`, said loudly, where QEMU or its kernel is not to be had.
fn build(test: &str) -> Option<Testbed> {
    let vms = vec![VmSpec::networked("a", Some(reservation(8, 20)))];
    let spec = spec(vms, NetworkContextKind::Dedicated, GuestKind::Qemu);
    let layout = Layout::detect().unwrap();
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        match Testbed::build(&spec, &layout, &mut |line| println!("{line}")) {
            Ok(testbed) => return Some(testbed),
            Err(LabError::Busy { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_secs(2));
            }
            Err(error @ (LabError::Command(_) | LabError::Guest(_)))
                if error.hint().is_some_and(|hint| {
                    hint.starts_with("install it") || hint.contains("--guest uml")
                }) =>
            {
                eprintln!("SKIP {test}: {error}");
                return None;
            }
            Err(error) => panic!("{error}"),
        }
    }
}
