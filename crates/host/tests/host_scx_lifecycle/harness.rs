// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host with a record of its own and no scheduler, and what is to be seen of one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::MutexGuard;
use std::time::Duration;

use evenkeel_host::{
    AttachRequest, CreateRequest, EnforcerChoice, Finding, Host, HostOptions, Outcome, doctor,
};
use evenkeel_kernel::{Pid, Tid, process};
use evenkeel_model::{CapsuleName, NetworkContextKind, Role, Span};
use evenkeel_sched::scx::{Loaded, Place, running};
use evenkeel_vm::VmRef;

pub use crate::support::scx::SPIN;
use crate::support::{Helper, cpus, helper_command, reservation, scx, wait_at_most};

pub const DIRECTORY: &str = "EK_TEST_STATE";
pub const VICTIM: &str = "EK_TEST_VICTIM";
pub const GROUPS: &str = "/sys/fs/cgroup";
/// The share of a capsule of 30 ms every 100 ms that saturates, on a machine whose own CPUs are shared:
/// that it is in force is to be seen here, how exactly is the bench's affair.
pub const IN_FORCE: std::ops::RangeInclusive<f64> = 0.25..=0.35;
/// Where a scheduler of a layout before the first would have its maps.
pub const OTHER_LAYOUT: &str = "/sys/fs/bpf/evenkeel/abi-0";

/// A host with a record of its own.
pub struct Scx {
    pub host: Host,
    pub state_dir: PathBuf,
    /// None in a helper: what it leaves is for its test to look at.
    pub owner: Option<(tempfile::TempDir, MutexGuard<'static, ()>)>,
}

impl Scx {
    /// No scheduler is loaded. `None`, with the reason on stderr, where this host cannot have one.
    pub fn new(test: &str) -> Option<Scx> {
        let turn = scx::turn(test)?;
        unload();
        forget();
        let state = tempfile::tempdir().unwrap();
        let state_dir = state.path().to_owned();
        Some(Scx { host: open(&state_dir), state_dir, owner: Some((state, turn)) })
    }

    pub fn of_environment() -> Scx {
        let state_dir = PathBuf::from(std::env::var(DIRECTORY).unwrap());
        Scx { host: open(&state_dir), state_dir, owner: None }
    }

    pub fn create(&self, short: &str, budget_us: u64, period_ms: u64, on: &str) -> Outcome {
        let request = self.request(short, budget_us, period_ms, on, EnforcerChoice::Scx);
        self.host.apply(&self.host.plan_create(&request).unwrap()).unwrap()
    }

    pub fn request(
        &self,
        short: &str,
        budget_us: u64,
        period_ms: u64,
        on: &str,
        enforcer: EnforcerChoice,
    ) -> CreateRequest {
        let reservation = reservation(budget_us, period_ms);
        CreateRequest { name: name(short), reservation, cpus: cpus(on), parent: None, enforcer }
    }

    pub fn attach(&self, short: &str, pid: Pid) -> Outcome {
        let request = AttachRequest {
            name: name(short),
            vm: VmRef::Pid(pid),
            netdevs: Vec::new(),
            context: NetworkContextKind::Shared,
        };
        self.host.apply(&self.host.plan_attach(&request).unwrap()).unwrap()
    }

    pub fn delete(&self, short: &str) -> Outcome {
        self.host.apply(&self.host.plan_delete(&name(short)).unwrap()).unwrap()
    }

    pub fn inside(&self, name: &CapsuleName, role: Role, script: &str) -> Helper {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Helper { child: self.host.spawn_inside(name, role, &mut command).unwrap() }
    }

    pub fn violations(&self, short: &str) -> Vec<String> {
        self.host.show(&name(short), Span::ZERO).unwrap().violations
    }

    /// The part of one CPU that a capsule gets in `window`.
    pub fn share(&self, short: &str, window: Duration) -> f64 {
        scx::share(window, || self.host.supply(&name(short)).unwrap().as_ns())
    }

    /// A helper that works on this record.
    pub fn helper(&self, role: &str) -> Command {
        let mut command = helper_command(role);
        command.env(DIRECTORY, &self.state_dir);
        command
    }
}

impl Drop for Scx {
    fn drop(&mut self) {
        if self.owner.is_none() {
            return;
        }
        // What a failed test left must not fail the next one.
        let _ = self.host.release_all("");
        unload();
        forget();
    }
}

pub fn open(state_dir: &Path) -> Host {
    Host::open(HostOptions { state_dir: state_dir.to_owned() }).unwrap()
}

pub fn name(short: &str) -> CapsuleName {
    short.parse().unwrap()
}

pub fn loaded() -> Loaded {
    running::find().unwrap().unwrap()
}

pub fn state() -> String {
    let state = fs::read_to_string("/sys/kernel/sched_ext/state").unwrap_or_default();
    state.trim().to_owned()
}

pub fn has_left() {
    wait_at_most(Duration::from_secs(20), "the scheduler's end", || state() == "disabled");
}

pub fn unload() {
    let _ = running::unload();
    let _ = fs::remove_file(Path::new(OTHER_LAYOUT).join("link"));
    has_left();
}

/// Removes what schedulers have left under bpffs.
pub fn forget() {
    let _ = fs::remove_dir_all(running::pins().directory());
    let _ = fs::remove_dir_all(OTHER_LAYOUT);
}

pub fn share_of(tid: Tid, window: Duration) -> f64 {
    scx::share(window, || process::cpu_time(tid).unwrap().as_ns())
}

pub fn place_of(tid: Tid) -> Option<Place> {
    loaded().query(tid).unwrap()
}

pub fn finding(id: &str) -> Finding {
    let report = doctor::examine(Span::from_ms(1));
    report.findings.into_iter().find(|finding| finding.id == id).unwrap()
}
