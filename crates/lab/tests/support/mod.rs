// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the tests of the testbed share: the same testbed program, and waiting for one's turn.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up must fail")]

pub mod snapshot;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use evenkeel_lab::guest::{GuestKind, GuestProgram};
use evenkeel_lab::{LabError, Layout, Testbed, TestbedSpec, VmSpec};
use evenkeel_model::{NetworkContextKind, Reservation, Span};

/// The program that holds a testbed, and what guests call.
pub fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ek-testbed"))
}

/// Whether this host can run a lab; says loudly what is missing where it cannot.
pub fn can_run(test: &str) -> bool {
    let missing = [
        (!evenkeel_kernel::facts::is_root()).then_some("root"),
        (!Path::new("/usr/bin/linux.uml").exists()).then_some("user-mode-linux"),
        Layout::detect().is_err().then_some("a second CPU"),
        (!Path::new("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").exists()
            && !Path::new("/sys/fs/cgroup/cpu,cpuacct/cpu.rt_runtime_us").exists())
        .then_some("real-time groups (cgroup v1 cpu)"),
    ];
    match missing.into_iter().flatten().next() {
        None => true,
        Some(what) => {
            eprintln!("SKIP {test}: {what}");
            false
        }
    }
}

pub fn reservation(budget_ms: u64, period_ms: u64) -> Reservation {
    Reservation::new(Span::from_ms(budget_ms), Span::from_ms(period_ms)).unwrap()
}

pub fn spec(vms: Vec<VmSpec>, context: NetworkContextKind, guest: GuestKind) -> TestbedSpec {
    let program = GuestProgram { path: program(), arguments: vec!["lab-guest".to_owned()] };
    TestbedSpec { vms, context, guest, sink: false, program }
}

/// Builds it once nobody else has a lab on this host.
pub fn build(spec: &TestbedSpec) -> Testbed {
    let layout = Layout::detect().unwrap();
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        match Testbed::build(spec, &layout, &mut |line| println!("{line}")) {
            Err(LabError::Busy { holder }) if Instant::now() < deadline => {
                println!("waiting for {holder}");
                std::thread::sleep(Duration::from_secs(2));
            }
            other => return other.unwrap(),
        }
    }
}
