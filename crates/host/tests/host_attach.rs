// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running processes taken into capsules on the real kernel, and given back exactly.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::{self, sleep};
use std::time::Duration;

use evenkeel_host::{AttachRequest, CreateRequest, HostError, SetRequest};
use evenkeel_kernel::sched::{Policy, SchedAttr, set_affinity, set_sched_attr};
use evenkeel_kernel::{Pid, Tid, process};
use evenkeel_model::{CapsuleName, NetworkContextKind, Role, Span};
use evenkeel_vm::VmRef;
use support::{
    Bench, OtherGroup, Snapshot, bench, cpus, our_policy, reservation, snapshot, snapshots,
    spawn_helper, spawn_shell, wait_until,
};

/// Not a test: what this program is when a test starts it as a helper.
#[test]
fn helper() {
    match support::helper().as_deref() {
        Some("idle") => idle(),
        Some("forker") => forker(),
        Some("storm") => storm(),
        Some(other) => panic!("no helper '{other}'"),
        None => {}
    }
}

/// Seven threads that wait, besides the two of the test harness.
fn idle() {
    thread::scope(|scope| {
        for _ in 0..7 {
            scope.spawn(|| {
                loop {
                    sleep(Duration::from_secs(1));
                }
            });
        }
    });
}

/// Three idle threads, and one that goes on starting processes and threads.
fn forker() {
    for _ in 0..3 {
        thread::spawn(|| {
            loop {
                sleep(Duration::from_millis(5));
            }
        });
    }
    loop {
        let mut child = Command::new("sh").args(["-c", "sleep 0.02 & wait"]).spawn().unwrap();
        let thread = thread::spawn(|| sleep(Duration::from_millis(3)));
        thread.join().unwrap();
        child.wait().unwrap();
    }
}

/// Six threads that do nothing but start short-lived threads.
fn storm() {
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    thread::spawn(|| sleep(Duration::from_millis(1)));
                    sleep(Duration::from_micros(500));
                }
            });
        }
    });
}

fn attach(
    bench: &Bench,
    name: &CapsuleName,
    pid: Pid,
) -> Result<evenkeel_host::Outcome, HostError> {
    let request = AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(pid),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    bench.apply(bench.host.plan_attach(&request))
}

/// Every thread of the tree that is not as the capsule wants it.
fn strangers(pid: Pid, name: &CapsuleName) -> Vec<(Tid, Snapshot)> {
    let group = format!("/evenkeel-{name}");
    let inside = |(groups, attr, affinity): &Snapshot| {
        groups["cpu"] == group
            && groups.get("cpuacct").is_none_or(|path| *path == group)
            && attr.policy.is_real_time()
            && *affinity == cpus("0")
    };
    // A thread that is ending leaves its group in the middle of the look.
    let still = |(tid, _): &(Tid, Snapshot)| snapshot(*tid).is_some_and(|now| !inside(&now));
    snapshots(pid).into_iter().filter(|(_, then)| !inside(then)).filter(still).collect()
}

/// The threads of one process that stay, and what they are.
fn idle_threads(pid: Pid) -> BTreeMap<Tid, Snapshot> {
    let tids = process::threads(pid).unwrap();
    tids.into_iter().filter_map(|tid| Some((tid, snapshot(tid)?))).collect()
}

#[test]
fn a_process_that_forks_all_the_while_is_taken_in_whole_and_given_back_exactly() {
    let Some(bench) = bench("a_process_that_forks_all_the_while") else { return };
    let helper = spawn_helper("forker");
    wait_until("five threads", || process::threads(helper.pid()).is_ok_and(|t| t.len() >= 5));
    // Threads that differ: another policy, other CPUs, another group.
    let tids = process::threads(helper.pid()).unwrap();
    set_sched_attr(tids[1], &SchedAttr { policy: Policy::Batch { nice: 7 }, reset_on_fork: true })
        .unwrap();
    set_affinity(tids[2], &cpus("1")).unwrap();
    let elsewhere = OtherGroup::new(bench.cpu.join(format!("{}elsewhere", bench.prefix)));
    elsewhere.take(tids[3]);
    set_sched_attr(tids[3], &Policy::Other { nice: -3 }.into()).unwrap();
    let before = idle_threads(helper.pid());

    let name = bench.create("a", 20_000, 100);
    attach(&bench, &name, helper.pid()).unwrap();
    for _ in 0..50 {
        assert_eq!(strangers(helper.pid(), &name), []);
        sleep(Duration::from_millis(3));
    }
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.threads.len() >= 5, "{view:?}");
    assert_eq!((view.violations, view.warnings), (vec![], vec![]));
    assert!(!view.summary.vms[0].gone);

    bench.apply(bench.host.plan_delete(&name)).unwrap();
    let after = idle_threads(helper.pid());
    for (tid, found) in before.iter().filter(|(tid, _)| after.contains_key(tid)) {
        assert_eq!(&after[tid], found, "thread {tid}");
    }
    assert!(after.keys().filter(|tid| before.contains_key(tid)).count() >= 5);
    // Whoever was born inside is as its creator was: of the root group, fair.
    for (tid, (groups, attr, _)) in snapshots(helper.pid()) {
        assert!(!groups["cpu"].contains("evenkeel"), "thread {tid}: {groups:?}");
        assert!(!attr.policy.is_real_time(), "thread {tid}: {attr:?}");
    }
}

#[test]
fn every_policy_comes_back() {
    let Some(bench) = bench("every_policy_comes_back") else { return };
    let helper = spawn_helper("idle");
    wait_until("nine threads", || process::threads(helper.pid()).is_ok_and(|t| t.len() == 9));
    let tids = process::threads(helper.pid()).unwrap();
    let ms = Span::from_ms;
    let policies = [
        Policy::Other { nice: -7 },
        Policy::Batch { nice: 4 },
        Policy::Idle,
        Policy::Fifo { priority: 3 },
        Policy::RoundRobin { priority: 4 },
        Policy::Deadline { runtime: ms(1), deadline: ms(50), period: ms(100) },
    ];
    for (tid, policy) in tids.iter().zip(policies) {
        set_sched_attr(*tid, &SchedAttr { policy, reset_on_fork: true }).unwrap();
    }
    let before = idle_threads(helper.pid());
    let name = bench.create("a", 10_000, 100);
    attach(&bench, &name, helper.pid()).unwrap();
    assert_eq!(strangers(helper.pid(), &name), []);
    assert_eq!(bench.host.show(&name, Span::ZERO).unwrap().violations, Vec::<String>::new());
    let outcome = bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert_eq!(outcome.notes, Vec::<String>::new());
    assert_eq!(idle_threads(helper.pid()), before);
}

#[test]
fn a_group_that_has_gone_is_replaced_and_told() {
    let Some(bench) = bench("a_group_that_has_gone_is_replaced") else { return };
    let helper = spawn_shell("exec sleep 60");
    let elsewhere = OtherGroup::new(bench.cpu.join(format!("{}elsewhere", bench.prefix)));
    elsewhere.take(helper.pid().leader());
    let name = bench.create("a", 10_000, 100);
    attach(&bench, &name, helper.pid()).unwrap();
    drop(elsewhere);
    let outcome = bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(outcome.notes[0].contains("elsewhere has gone"), "{outcome:?}");
    let (groups, attr, affinity) = snapshot(helper.pid().leader()).unwrap();
    assert_eq!((groups["cpu"].as_str(), affinity), ("/", cpus("0-1")));
    assert_eq!(attr, our_policy());
}

/// Its old group may not hold real-time threads any more.
#[test]
fn what_cannot_be_put_back_goes_to_the_root_group_and_is_told() {
    let Some(bench) = bench("what_cannot_be_put_back") else { return };
    let helper = spawn_shell("exec sleep 60");
    let elsewhere = OtherGroup::new(bench.cpu.join(format!("{}elsewhere", bench.prefix)));
    fs::write(elsewhere.path.join("cpu.rt_runtime_us"), "1000").unwrap();
    elsewhere.take(helper.pid().leader());
    set_sched_attr(helper.pid().leader(), &Policy::Fifo { priority: 2 }.into()).unwrap();
    let name = bench.create("a", 10_000, 100);
    attach(&bench, &name, helper.pid()).unwrap();
    fs::write(elsewhere.path.join("cpu.rt_runtime_us"), "0").unwrap();
    let outcome = bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert!(outcome.notes[0].contains("could not be put back"), "{outcome:?}");
    let (groups, attr, _) = snapshot(helper.pid().leader()).unwrap();
    assert_eq!(groups["cpu"], "/");
    assert_eq!(attr, Policy::Other { nice: 0 }.into());
}

#[test]
fn a_cpuset_that_excludes_the_capsules_cpus_is_told_and_nothing_is_changed() {
    let Some(bench) = bench("a_cpuset_that_excludes") else { return };
    let cpusets = Path::new("/sys/fs/cgroup/cpuset");
    if !cpusets.join("cpuset.cpus").exists() {
        eprintln!("SKIP a_cpuset_that_excludes: the cgroup v1 'cpuset' hierarchy");
        return;
    }
    let helper = spawn_shell("exec sleep 60");
    let set = OtherGroup::new(cpusets.join(format!("{}set", bench.prefix)));
    fs::write(set.path.join("cpuset.cpus"), "1").unwrap();
    fs::write(set.path.join("cpuset.mems"), "0").unwrap();
    set.take(helper.pid().leader());
    let before = snapshots(helper.pid());
    for list in ["0", "0-1"] {
        let request = CreateRequest { cpus: cpus(list), ..bench.request("a", 1_000, 50) };
        bench.apply(bench.host.plan_create(&request)).unwrap();
        let error = attach(&bench, &request.name, helper.pid()).unwrap_err();
        assert!(error.to_string().contains("cpuset"), "{error}");
        assert_eq!(snapshots(helper.pid()), before, "CPUs {list}");
        bench.apply(bench.host.plan_delete(&request.name)).unwrap();
    }
}

#[test]
fn a_vm_named_by_its_control_group_is_taken_in_out_of_it() {
    let Some(bench) = bench("a_vm_named_by_its_control_group") else { return };
    let machine = OtherGroup::new(bench.cpu.join(format!("{}machine", bench.prefix)));
    let group = machine.path.clone();
    let vms = [spawn_shell("sleep 60 & wait"), spawn_shell("exec sleep 60")];
    for vm in &vms {
        wait_until("to be in the group", || {
            fs::write(group.join("cgroup.procs"), vm.pid().to_string()).unwrap();
            process::descendants(vm.pid())
                .unwrap()
                .iter()
                .all(|pid| fs::write(group.join("cgroup.procs"), pid.to_string()).is_ok())
        });
    }
    let before: Vec<_> = vms.iter().map(|vm| snapshots(vm.pid())).collect();
    let name = bench.create("a", 1_000, 50);
    let request = AttachRequest {
        name: name.clone(),
        vm: VmRef::Cgroup(group.clone()),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    bench.apply(bench.host.plan_attach(&request)).unwrap();
    for vm in &vms {
        assert_eq!(strangers(vm.pid(), &name), []);
    }
    assert_eq!(fs::read_to_string(group.join("tasks")).unwrap(), "");
    bench.apply(bench.host.plan_detach(&name, Some(&VmRef::Cgroup(group.clone())))).unwrap();
    let after: Vec<_> = vms.iter().map(|vm| snapshots(vm.pid())).collect();
    assert_eq!(after, before);
}

#[test]
fn a_thread_storm_is_taken_in() {
    let Some(bench) = bench("a_thread_storm") else { return };
    let helper = spawn_helper("storm");
    wait_until("eight threads", || process::threads(helper.pid()).is_ok_and(|t| t.len() >= 8));
    let name = bench.create("a", 20_000, 100);
    attach(&bench, &name, helper.pid()).unwrap();
    for _ in 0..50 {
        assert_eq!(strangers(helper.pid(), &name), []);
        sleep(Duration::from_millis(3));
    }
    bench.apply(bench.host.plan_detach(&name, None)).unwrap();
    assert_eq!(bench.read(&name, "tasks"), "");
    for (tid, (groups, attr, affinity)) in snapshots(helper.pid()) {
        assert_eq!(groups["cpu"], "/", "thread {tid}");
        assert_eq!(attr, our_policy(), "thread {tid}");
        assert_eq!(affinity, cpus("0-1"), "thread {tid}");
    }
}

#[test]
fn a_vm_that_dies_while_it_is_attached_leaves_the_capsule_as_it_was() {
    let Some(bench) = bench("a_vm_that_dies") else { return };
    let name = bench.create("a", 20_000, 100);
    let mut died = 0;
    for delay_ms in 0..25 {
        let mut helper = spawn_helper("storm");
        let pid = helper.pid();
        wait_until("eight threads", || process::threads(pid).is_ok_and(|t| t.len() >= 8));
        let killer = thread::spawn(move || {
            sleep(Duration::from_millis(delay_ms));
            helper.end();
        });
        let result = attach(&bench, &name, pid);
        killer.join().unwrap();
        match result {
            Ok(_) => {
                bench.apply(bench.host.plan_detach(&name, None)).unwrap();
            }
            Err(error @ (HostError::VmDied { .. } | HostError::Vm(_))) => {
                let text = error.to_string();
                assert!(text.contains("ended") || text.contains("no VM"), "{text}");
                died += 1;
            }
            Err(error) => panic!("{error}"),
        }
        wait_until("the group to be empty", || bench.read(&name, "tasks").is_empty());
        let state: serde_json::Value = serde_json::from_str(&bench.state()).unwrap();
        let record = &state["capsules"][name.as_str()];
        assert_eq!(record["vms"], serde_json::json!([]), "after {delay_ms} ms");
        assert_eq!(record["threads"], serde_json::json!([]), "after {delay_ms} ms");
        assert_eq!(state["journal"], serde_json::Value::Null);
    }
    assert!(died > 0, "no attach was hit by a death");
}

#[test]
fn a_vm_is_in_one_capsule_only() {
    let Some(bench) = bench("a_vm_is_in_one_capsule_only") else { return };
    let helper = spawn_shell("while :; do sleep 1; done");
    let (a, b) = (bench.create("a", 2_000, 50), bench.create("b", 2_000, 60));
    attach(&bench, &a, helper.pid()).unwrap();
    let error = attach(&bench, &b, helper.pid()).unwrap_err();
    assert!(
        matches!(&error, HostError::AlreadyInCapsule { capsule, .. } if *capsule == a),
        "{error}"
    );
    assert!(error.hint().unwrap().contains(a.as_str()));
    // Again into the same one: nothing to do, nothing broken.
    attach(&bench, &a, helper.pid()).unwrap();
    assert_eq!(bench.host.show(&a, Span::ZERO).unwrap().summary.vms.len(), 1);
    // A VM that is not in it cannot be detached from it.
    let stranger = spawn_shell("sleep 60");
    let error = bench.host.plan_detach(&a, Some(&VmRef::Pid(stranger.pid()))).unwrap_err();
    assert!(matches!(error, HostError::NotInCapsule { .. }), "{error}");
    let error = attach(&bench, &a, Pid(4_194_303)).unwrap_err();
    assert!(matches!(error, HostError::Vm(_)), "{error}");
    assert!(attach(&bench, &a, Pid(std::process::id())).is_err());
}

#[test]
fn one_of_two_vms_is_detached_and_the_other_stays() {
    let Some(bench) = bench("one_of_two_vms_is_detached") else { return };
    let (one, two) = (spawn_shell("sleep 60 & wait"), spawn_shell("sleep 60 & wait"));
    wait_until("children", || {
        [&one, &two].iter().all(|vm| process::descendants(vm.pid()).is_ok_and(|d| d.len() == 1))
    });
    let name = bench.create("a", 2_000, 50);
    attach(&bench, &name, one.pid()).unwrap();
    attach(&bench, &name, two.pid()).unwrap();
    let before = snapshots(two.pid());
    bench.apply(bench.host.plan_detach(&name, Some(&VmRef::Pid(one.pid())))).unwrap();
    assert_eq!(snapshots(two.pid()), before);
    assert_eq!(strangers(two.pid(), &name), []);
    assert_eq!(strangers(one.pid(), &name).len(), 2);
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert_eq!((view.summary.vms.len(), view.threads.len()), (1, 2));
}

#[test]
fn a_vm_that_has_gone_is_told_and_forgotten() {
    let Some(bench) = bench("a_vm_that_has_gone") else { return };
    let mut helper = spawn_shell("sleep 60");
    let name = bench.create("a", 2_000, 50);
    attach(&bench, &name, helper.pid()).unwrap();
    helper.end();
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert!(view.summary.vms[0].gone);
    assert!(view.warnings[0].starts_with("vm gone"), "{:?}", view.warnings);
    let gone = VmRef::Pid(helper.pid());
    bench.apply(bench.host.plan_detach(&name, Some(&gone))).unwrap();
    assert!(bench.host.show(&name, Span::ZERO).unwrap().summary.vms.is_empty());
}

#[test]
fn priorities_and_cpus_follow_the_capsule() {
    let Some(bench) = bench("priorities_and_cpus_follow") else { return };
    let helper = spawn_helper("forker");
    wait_until("five threads", || process::threads(helper.pid()).is_ok_and(|t| t.len() >= 5));
    let before = snapshot(helper.pid().leader()).unwrap();
    let name = bench.create("a", 10_000, 100);
    bench.create("b", 1_000, 50);
    attach(&bench, &name, helper.pid()).unwrap();
    let priority = |expected: u8| {
        for _ in 0..20 {
            for (tid, (_, attr, _)) in snapshots(helper.pid()) {
                let turns = Policy::RoundRobin { priority: expected };
                assert_eq!(attr, turns.into(), "thread {tid}");
            }
        }
    };
    let lowest = bench.host.show(&name, Span::ZERO).unwrap().priorities.unwrap().lowest;
    priority(lowest);
    // A shorter period lifts it over the other capsule; other CPUs move it.
    let set = SetRequest {
        name: name.clone(),
        reservation: Some(reservation(3_000, 30)),
        cpus: Some(cpus("1")),
    };
    bench.apply(bench.host.plan_set(&set)).unwrap();
    let lifted = bench.host.show(&name, Span::ZERO).unwrap().priorities.unwrap().lowest;
    assert!(lifted > lowest);
    priority(lifted);
    let all_on = |expected: &str| {
        for (tid, (_, _, affinity)) in snapshots(helper.pid()) {
            assert_eq!(affinity, cpus(expected), "thread {tid}");
        }
    };
    all_on("1");
    // As the kernel does where the only CPU goes offline. The same CPUs again bring it back.
    for tid in process::threads(helper.pid()).unwrap() {
        let _ = set_affinity(tid, &cpus("0-1"));
    }
    let again = SetRequest { name: name.clone(), reservation: None, cpus: Some(cpus("1")) };
    let plan = bench.host.plan_set(&again).unwrap();
    assert_eq!(plan.to_string(), format!("{name}: threads -> back to CPU 1\n"));
    bench.apply(Ok(plan)).unwrap();
    all_on("1");
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    assert_eq!(snapshot(helper.pid().leader()).unwrap(), before);
}

#[test]
fn what_drifts_is_shown_and_attaching_again_mends_it() {
    let Some(bench) = bench("what_drifts_is_shown") else { return };
    let helper = spawn_shell("while :; do sleep 1; done");
    let name = bench.create("a", 2_000, 50);
    attach(&bench, &name, helper.pid()).unwrap();
    let tid = helper.pid().leader();
    set_sched_attr(tid, &Policy::Other { nice: 0 }.into()).unwrap();
    set_affinity(tid, &cpus("0-1")).unwrap();
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    let drift = &view.threads.iter().find(|thread| thread.tid == tid).unwrap().drift;
    assert_eq!(drift.len(), 2, "{drift:?}");
    assert!(drift[0].contains("policy is other"), "{drift:?}");
    fs::write(bench.cpu.join("tasks"), tid.to_string()).unwrap();
    fs::write(bench.group(&name).join("cpu.rt_runtime_us"), "1500").unwrap();
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    let outside = |text: &String| text.contains("outside the capsule");
    assert!(view.violations.iter().any(outside), "{:?}", view.violations);
    let less = "its budget is 1.5ms every 50ms instead of 2ms every 50ms".to_owned();
    assert!(view.violations.contains(&less), "{:?}", view.violations);
    fs::write(bench.group(&name).join("cpu.rt_runtime_us"), "2000").unwrap();
    attach(&bench, &name, helper.pid()).unwrap();
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    assert_eq!((view.violations, view.warnings), (vec![], vec![]));
}

#[test]
fn a_dry_run_names_every_thread_and_touches_none() {
    let Some(bench) = bench("a_dry_run_names_every_thread") else { return };
    let helper = spawn_shell("sleep 60 & wait");
    wait_until("a child", || process::descendants(helper.pid()).is_ok_and(|d| d.len() == 1));
    let name = bench.create("a", 2_000, 50);
    let (before, state) = (snapshots(helper.pid()), bench.state());
    let request = AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(helper.pid()),
        netdevs: Vec::new(),
        context: NetworkContextKind::Shared,
    };
    let plan = bench.host.plan_attach(&request).unwrap();
    let text = plan.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let pid = helper.pid();
    assert_eq!(
        lines[0],
        format!(
            "{name}: thread {pid} 'sh' (vmm): {}, CPUs 0-1, group / -> rr 43, CPUs 0",
            our_policy().policy
        )
    );
    assert!(lines[2].ends_with("outside -> inside"), "{text}");
    assert_eq!((snapshots(helper.pid()), bench.state()), (before, state));
}

#[test]
fn a_process_started_inside_never_was_elsewhere() {
    let Some(bench) = bench("a_process_started_inside") else { return };
    let name = bench.create("a", 5_000, 50);
    // It looks at itself first thing.
    let mut command = Command::new("sh");
    command.args(["-c", "cat /proc/self/cgroup; chrt -p $$; taskset -p $$; sleep 60 & wait"]);
    command.stdout(std::process::Stdio::piped());
    let child = bench.host.spawn_inside(&name, Role::Vcpu, &mut command).unwrap();
    let mut started = support::Helper { child };
    let pid = started.pid();
    // Not one of the short-lived children before it.
    let sleeps = |pid: &evenkeel_kernel::Pid| {
        process::cmdline(*pid).is_ok_and(|words| words.first().is_some_and(|word| word == "sleep"))
    };
    wait_until("its child", || process::descendants(pid).is_ok_and(|d| d.iter().any(sleeps)));
    assert_eq!(strangers(pid, &name), []);
    let view = bench.host.show(&name, Span::ZERO).unwrap();
    let priorities: Vec<Option<u8>> = view.threads.iter().map(|t| t.priority).collect();
    assert_eq!(priorities, [Some(44), Some(44)]);
    assert_eq!(view.summary.vms[0].label, "sh");
    // It is given back what the caller is.
    bench.apply(bench.host.plan_delete(&name)).unwrap();
    let ours = snapshot(evenkeel_kernel::sched::current_tid()).unwrap();
    for (tid, snapshot) in snapshots(pid) {
        assert_eq!(snapshot, ours, "thread {tid}");
    }
    started.end();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut started.child.stdout.take().unwrap(), &mut said).unwrap();
    assert!(said.contains(&format!(":cpu:/evenkeel-{name}")), "{said}");
    assert!(said.contains("SCHED_RR") && said.contains("priority: 44"), "{said}");
    assert!(said.contains("affinity mask: 1\n"), "{said}");
}

#[test]
fn a_command_that_cannot_be_started_leaves_the_capsule_as_it_was() {
    let Some(bench) = bench("a_command_that_cannot_be_started") else { return };
    let name = bench.create("a", 5_000, 50);
    let mut command = Command::new("/ek/no/such/program");
    let error = bench.host.spawn_inside(&name, Role::Vcpu, &mut command).unwrap_err();
    assert!(error.to_string().contains("/ek/no/such/program"), "{error}");
    assert_eq!(bench.read(&name, "tasks"), "");
    assert!(bench.host.show(&name, Span::ZERO).unwrap().summary.vms.is_empty());
}
