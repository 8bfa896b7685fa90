// SPDX-License-Identifier: MIT OR Apache-2.0
//! Killed in the middle, several at once, no room for the record: the host is never left with
//! what nobody can undo.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use evenkeel_host::{
    AttachRequest, CreateRequest, EnforcerChoice, Host, HostError, HostOptions, Priorities,
    Request, SetRequest,
};
use evenkeel_kernel::{Pid, Tid, process};
use evenkeel_model::{CapsuleName, NetworkContextKind, Span};
use evenkeel_vm::VmRef;
use support::{
    Bench, Helper, Snapshot, Veth, bench, cpus, has_program, helper_command, reservation,
    snapshots, wait_until,
};

const DIRECTORY: &str = "EK_TEST_STATE";
const PREFIX: &str = "EK_TEST_PREFIX";
const VICTIM: &str = "EK_TEST_VICTIM";
const NETDEV: &str = "EK_TEST_NETDEV";

/// Not a test: what this program is when a test starts it as a helper.
#[test]
fn helper() {
    match support::helper().as_deref() {
        Some("idle") => idle(),
        Some("cycle") => cycle(),
        Some("create-and-delete") => create_and_delete(),
        Some(other) => panic!("no helper '{other}'"),
        None => {}
    }
}

/// Five threads that wait, besides the two of the test harness.
fn idle() {
    std::thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                loop {
                    sleep(Duration::from_secs(1));
                }
            });
        }
    });
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

fn host_of_environment() -> Host {
    Host::open(HostOptions { state_dir: PathBuf::from(variable(DIRECTORY)) }).unwrap()
}

fn apply(host: &Host, request: Request) {
    host.apply(&host.plan(&request).unwrap()).unwrap();
}

/// Every kind of change, over and over, until killed.
fn cycle() {
    let host = host_of_environment();
    let victim: Pid = variable(VICTIM).parse().unwrap();
    let name =
        |short: &str| -> CapsuleName { format!("{}{short}", variable(PREFIX)).parse().unwrap() };
    let create = |short: &str, budget_us, period_ms, parent| {
        Request::Create(CreateRequest {
            name: name(short),
            reservation: reservation(budget_us, period_ms),
            cpus: cpus("0"),
            parent,
            enforcer: EnforcerChoice::Auto,
        })
    };
    let set = |budget_us, period_ms, list: &str| {
        Request::Set(SetRequest {
            name: name("a"),
            reservation: Some(reservation(budget_us, period_ms)),
            cpus: Some(cpus(list)),
        })
    };
    let netdevs: Vec<String> = std::env::var(NETDEV).into_iter().collect();
    let context = match netdevs.is_empty() {
        true => NetworkContextKind::Shared,
        false => NetworkContextKind::Dedicated,
    };
    let attach = AttachRequest { name: name("a"), vm: VmRef::Pid(victim), netdevs, context };
    loop {
        apply(&host, create("a", 4_000, 100, None));
        apply(&host, Request::Attach(attach.clone()));
        apply(&host, set(2_000, 40, "1"));
        apply(&host, set(5_000, 100, "0"));
        apply(&host, create("child", 1_000, 50, Some(name("a"))));
        apply(&host, Request::Delete { name: name("child") });
        apply(&host, Request::Detach { name: name("a"), vm: None });
        apply(&host, Request::Delete { name: name("a") });
    }
}

/// A capsule made and deleted ten times.
fn create_and_delete() {
    let host = host_of_environment();
    let name: CapsuleName = format!("{}{}", variable(PREFIX), std::process::id()).parse().unwrap();
    for _ in 0..10 {
        let create = CreateRequest {
            name: name.clone(),
            reservation: reservation(500, 100),
            cpus: cpus("0"),
            parent: None,
            enforcer: EnforcerChoice::Auto,
        };
        apply(&host, Request::Create(create));
        apply(&host, Request::Delete { name: name.clone() });
    }
}

fn helper_in(bench: &Bench, role: &str, victim: Pid) -> Command {
    let mut command = helper_command(role);
    command
        .env(DIRECTORY, bench.state_dir.path())
        .env(PREFIX, &bench.prefix)
        .env(VICTIM, victim.to_string());
    command
}

/// What is on record about the capsules, and what the keeper has: must not change.
fn keeper_has(bench: &Bench, keeper: &CapsuleName) -> (String, String, Option<Priorities>) {
    let files = ["cpu.rt_runtime_us", "cpu.rt_period_us"].map(|file| bench.read(keeper, file));
    let view = bench.host.show(keeper, Span::ZERO).unwrap();
    let [runtime, period] = files;
    (runtime, period, view.priorities)
}

#[test]
fn killed_at_any_moment_everything_can_be_taken_back() {
    let Some(bench) = bench("killed_at_any_moment") else { return };
    kill_in_the_middle(&bench, None);
}

#[test]
fn killed_at_any_moment_a_netdev_can_be_taken_back() {
    let Some(bench) = bench("killed_at_any_moment_a_netdev") else { return };
    if !has_program("ip") {
        eprintln!("SKIP killed_at_any_moment_a_netdev: the program 'ip' (iproute2)");
        return;
    }
    kill_in_the_middle(&bench, Some(&Veth::new("x")));
}

/// Kills a process that changes capsules forty times, each time at another moment, and clears up.
fn kill_in_the_middle(bench: &Bench, netdev: Option<&Veth>) {
    let netdev_found = netdev.map(Veth::state);
    let victim = support::spawn_helper("idle");
    wait_until("seven threads", || process::threads(victim.pid()).is_ok_and(|t| t.len() == 7));
    let before: BTreeMap<Tid, Snapshot> = snapshots(victim.pid());
    let keeper = bench.create("keeper", 1_000, 60);
    let kept = keeper_has(bench, &keeper);
    let said = bench.state_dir.path().join("said");
    let mut interrupted = 0;
    for round in 0..40u64 {
        let mut command = helper_in(bench, "cycle", victim.pid());
        command.envs(netdev.map(|netdev| (NETDEV, &netdev.name)));
        command.stderr(fs::File::create(&said).unwrap());
        let mut cycle = Helper { child: command.spawn().unwrap() };
        // A cycle takes some tens of milliseconds; steps of a prime number of microseconds visit
        // all its phases.
        sleep(Duration::from_micros(15_000 + round * 2_917));
        if cycle.child.try_wait().unwrap().is_some() {
            panic!("the cycle ended by itself: {}", fs::read_to_string(&said).unwrap());
        }
        cycle.end();
        interrupted += u32::from(bench.host.interrupted().unwrap().is_some());
        let names = ["child", "a"].map(|short| bench.name(short));
        for name in &names {
            match bench.apply(bench.host.plan_delete(name)) {
                Ok(_) | Err(HostError::NoSuchCapsule { .. }) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(bench.host.interrupted().unwrap(), None, "round {round}");
        assert_eq!(snapshots(victim.pid()), before, "round {round}");
        assert_eq!(netdev.map(Veth::state), netdev_found, "round {round}");
        assert_eq!(keeper_has(bench, &keeper), kept, "round {round}");
        let left: Vec<CapsuleName> =
            bench.host.list().unwrap().into_iter().map(|s| s.name).collect();
        assert!(names.iter().all(|name| !left.contains(name)), "round {round}: {left:?}");
    }
    assert!(interrupted > 3, "only {interrupted} of 40 kills hit an operation");
}

#[test]
fn several_at_once_take_turns() {
    let Some(bench) = bench("several_at_once") else { return };
    let nobody = Pid(1);
    let start = |_| {
        let child = helper_in(&bench, "create-and-delete", nobody).spawn().unwrap();
        Helper { child }
    };
    let helpers: Vec<Helper> = (0..4).map(start).collect();
    for mut helper in helpers {
        assert!(helper.child.wait().unwrap().success());
    }
    let state: serde_json::Value = serde_json::from_str(&bench.state()).unwrap();
    assert_eq!(
        (&state["capsules"], &state["journal"]),
        (&serde_json::json!({}), &serde_json::Value::Null)
    );
    assert_eq!(state["sequence_next"], 40);
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
}

/// A file system of a few pages, unmounted when it is dropped.
struct TinyDisk(tempfile::TempDir);

impl TinyDisk {
    fn new() -> Option<TinyDisk> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=32k", "ek-t-disk"]).arg(directory.path());
        mount.status().is_ok_and(|status| status.success()).then_some(TinyDisk(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for TinyDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn where_the_record_cannot_be_written_nothing_is_changed() {
    let Some(bench) = bench("where_the_record_cannot_be_written") else { return };
    let Some(disk) = TinyDisk::new() else {
        eprintln!("SKIP where_the_record_cannot_be_written: mounting a tmpfs");
        return;
    };
    let host = Host::open(HostOptions { state_dir: disk.path().to_owned() }).unwrap();
    let create = |short: &str| bench.request(short, 1_000, 50);
    host.apply(&host.plan_create(&create("a")).unwrap()).unwrap();
    let a = bench.name("a");
    let victim = support::spawn_shell("exec sleep 60");
    let (groups, files) = (bench.groups(), support::texts(&bench.group(&a)));
    let before = snapshots(victim.pid());
    let filler = disk.path().join("filler");
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    let attach = AttachRequest {
        name: a.clone(),
        vm: VmRef::Pid(victim.pid()),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    let set = SetRequest { name: a.clone(), reservation: Some(reservation(500, 50)), cpus: None };
    let requests = [
        Request::Create(create("b")),
        Request::Attach(attach.clone()),
        Request::Set(set),
        Request::Delete { name: a.clone() },
    ];
    for request in requests {
        let error = host.apply(&host.plan(&request).unwrap()).unwrap_err();
        assert!(matches!(error, HostError::State { .. }), "{error}");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(bench.groups(), groups, "{request:?}");
        assert_eq!(support::texts(&bench.group(&a)), files, "{request:?}");
        assert_eq!(snapshots(victim.pid()).keys().len(), before.keys().len());
        let (_, attr, affinity) = support::snapshot(victim.pid().leader()).unwrap();
        assert_eq!((attr, affinity), (before[&victim.pid().leader()].1, cpus("0-1")));
    }
    // With room again it goes on as if nothing had been.
    fs::remove_file(filler).unwrap();
    host.apply(&host.plan_attach(&attach).unwrap()).unwrap();
    host.apply(&host.plan_delete(&a).unwrap()).unwrap();
    assert_eq!(bench.groups(), Vec::<PathBuf>::new());
    assert!(host.list().unwrap().iter().all(|summary| summary.name != a));
}

/// A plan made before somebody else's change is made afresh.
#[test]
fn a_stale_plan_is_made_afresh() {
    let Some(bench) = bench("a_stale_plan_is_made_afresh") else { return };
    let stale = bench.host.plan_create(&bench.request("a", 1_000, 50)).unwrap();
    bench.create("a", 1_000, 50);
    let error = bench.host.apply(&stale).unwrap_err();
    assert!(matches!(error, HostError::NameTaken(_)), "{error}");
    let other = bench.host.plan_create(&bench.request("b", 1_000, 60)).unwrap();
    bench.create("c", 1_000, 55);
    bench.host.apply(&other).unwrap();
    let band = |short: &str| bench.host.show(&bench.name(short), Span::ZERO).unwrap().priorities;
    assert!(band("a") > band("c") && band("c") > band("b"));
}
