// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups on the real kernel: budgets and quotas in every order, members that come, go and
//! vanish, what the kernel refuses and what that means.

mod fixture;
#[path = "fixture/group.rs"]
mod group;

use std::time::{Duration, Instant};

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::{CgroupError, CgroupMounts, Quota, RtBudget, Version, membership};
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::Span;
use group::{Group, Sleeper, ms};

#[test]
fn a_budget_goes_from_any_pair_to_any_other() {
    let Some(group) = Group::real_time("pairs") else { return };
    let group = &group.0;
    // The parent has exactly as much as the largest of them: a step between two pairs that takes
    // more than both is refused.
    group.set_rt(ms(10, 1000)).unwrap();
    let child = group.child("inner");
    child.create().unwrap();
    let budgets = [ms(0, 1000), ms(10, 1000), ms(1, 100), ms(5, 500), ms(20, 2000), ms(1, 1000)];
    for from in budgets {
        for to in budgets {
            child.set_rt(from).unwrap();
            child.set_rt(to).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
            assert_eq!(child.rt().unwrap(), to);
        }
    }
    child.remove().unwrap();
}

#[test]
fn a_refused_budget_changes_nothing_and_says_why() {
    let Some(group) = Group::real_time("refused") else { return };
    let group = &group.0;
    group.set_rt(ms(2, 100)).unwrap();
    let child = group.child("inner");
    child.create().unwrap();
    child.set_rt(ms(1, 100)).unwrap();
    for too_much in [ms(4, 100), ms(21, 1000), ms(2, 50), ms(20, 500)] {
        let error = child.set_rt(too_much).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("exceed what their parent has"), "{text}");
        assert!(text.contains(child.path().to_str().unwrap()), "{text}");
        assert_eq!(error.raw_os_error(), Some(22));
        assert_eq!(child.rt().unwrap(), ms(1, 100));
    }
    let error = child.set_rt(ms(200, 100)).unwrap_err();
    assert!(error.to_string().contains("the budget exceeds the period"), "{error}");
    // The parent cannot shrink below its child.
    assert!(matches!(group.set_rt(ms(1, 200)), Err(CgroupError::RtRefused { .. })));
    let fine = RtBudget { runtime: Some(Span::from_ns(1_500)), period: Span::from_ms(1) };
    assert!(matches!(child.set_rt(fine), Err(CgroupError::NotMicroseconds { .. })));
    assert_eq!(child.rt().unwrap(), ms(1, 100));
    child.remove().unwrap();
}

#[test]
fn a_removed_group_gives_its_budget_back_at_once() {
    let Some(group) = Group::real_time("back") else { return };
    let group = &group.0;
    group.set_rt(ms(2, 100)).unwrap();
    // Without zeroing before the removal, the second round fails on Linux 6.18.
    for round in 0..10 {
        let child = group.child(&format!("inner-{round}"));
        child.create().unwrap();
        child.set_rt(ms(2, 100)).unwrap_or_else(|e| panic!("round {round}: {e}"));
        child.remove().unwrap();
        assert!(!child.exists());
        child.remove().unwrap();
    }
}

#[test]
fn real_time_threads_need_a_budget_and_hold_it() {
    let Some(group) = Group::real_time("needs") else { return };
    let group = &group.0;
    let sleeper = Sleeper::start();
    let fifo = Policy::Fifo { priority: 1 }.into();
    let other = Policy::Other { nice: 0 }.into();

    // In a group without budget a thread cannot become real-time, and a real-time one not enter.
    group.add_thread(sleeper.tid()).unwrap();
    let error = sched::set_sched_attr(sleeper.tid(), &fifo).unwrap_err();
    assert!(error.to_string().contains("no real-time budget"), "{error}");
    let root = evenkeel_kernel::cgroup::Cgroup::at(group.path().parent().unwrap());
    root.add_thread(sleeper.tid()).unwrap();
    sched::set_sched_attr(sleeper.tid(), &fifo).unwrap();
    let error = group.add_thread(sleeper.tid()).unwrap_err();
    assert!(error.to_string().contains("no real-time budget"), "{error}");
    assert_eq!(error.raw_os_error(), Some(22));

    // With one it may, and then the budget cannot be taken away.
    group.set_rt(ms(2, 100)).unwrap();
    group.add_thread(sleeper.tid()).unwrap();
    assert_eq!(sched::sched_attr(sleeper.tid()).unwrap(), fifo);
    let error = group.set_rt(ms(0, 100)).unwrap_err();
    assert!(error.to_string().contains("holds real-time tasks"), "{error}");
    assert_eq!(group.rt().unwrap(), ms(2, 100));
    sched::set_sched_attr(sleeper.tid(), &other).unwrap();
    group.set_rt(ms(0, 100)).unwrap();
}

#[test]
fn members_are_listed_inherited_and_missed_when_they_end() {
    let Some(group) = Group::real_time("members") else { return };
    let group = &group.0;
    let mut sleeper = Sleeper::start();
    group.add_process(sleeper.pid()).unwrap();
    assert_eq!(group.threads().unwrap(), [sleeper.tid()]);
    assert_eq!(group.processes().unwrap(), [sleeper.pid()]);
    let mounts = CgroupMounts::discover().unwrap();
    let groups = membership(sleeper.tid()).unwrap();
    assert!(groups.iter().any(|m| mounts.locate(m).as_ref() == Some(group)), "{groups:?}");

    // Occupied: the removal names who is inside, and takes nothing away.
    let budget = ms(1, 100);
    group.set_rt(budget).unwrap();
    let error = group.remove().unwrap_err();
    assert!(matches!(&error, CgroupError::Busy { threads, .. } if *threads == [sleeper.tid()]));
    assert_eq!(group.rt().unwrap(), budget);

    sleeper.end();
    let error = group.add_thread(sleeper.tid()).unwrap_err();
    assert!(matches!(error, CgroupError::ThreadGone(_)) && error.is_gone(), "{error}");
    assert!(matches!(group.add_process(sleeper.pid()), Err(CgroupError::ProcessGone(_))));
    assert!(membership(sleeper.tid()).unwrap_err().is_gone());

    // A child starts where the thread is that creates it.
    let child = std::thread::scope(|scope| {
        let launcher = scope.spawn(|| {
            group.add_thread(sched::current_tid()).unwrap();
            Sleeper::start()
        });
        launcher.join().unwrap()
    });
    assert_eq!(group.threads().unwrap(), [child.tid()]);
}

#[test]
fn a_group_that_is_gone_says_so() {
    let Some(group) = Group::real_time("gone") else { return };
    let child = group.0.child("inner");
    assert!(child.threads().unwrap_err().is_gone());
    assert!(child.rt().unwrap_err().is_gone());
    assert!(child.add_thread(sched::current_tid()).unwrap_err().is_gone());
    assert!(child.usage().unwrap_err().is_gone());
    child.create().unwrap();
    assert!(matches!(child.create(), Err(CgroupError::Exists(_))));
    assert_eq!(group.0.subgroups().unwrap(), std::slice::from_ref(&child));
    let error = group.0.remove().unwrap_err();
    assert!(matches!(&error, CgroupError::Busy { subgroups, .. } if subgroups.len() == 1));
    child.remove().unwrap();
    // No child can be created in a group that is not there.
    assert!(child.child("deeper").create().unwrap_err().is_gone());
}

#[test]
fn kernel_threads_bound_to_a_cpu_stay_where_they_are() {
    let Some(group) = Group::real_time("bound") else { return };
    let bound = evenkeel_kernel::process::all_processes().unwrap().into_iter().find(|pid| {
        evenkeel_kernel::process::stat(pid.leader())
            .is_ok_and(|s| s.kernel_thread && s.comm == "ksoftirqd/0")
    });
    let Some(bound) = bound else { return fixture::skip("bound", "ksoftirqd/0 is not visible") };
    let error = group.0.add_thread(bound.leader()).unwrap_err();
    assert!(error.to_string().contains("kernel thread bound to its CPU"), "{error}");
}

#[test]
fn a_quota_goes_from_any_pair_to_any_other_and_bites() {
    let test = "quota";
    let Some(group) = Group::real_time(test) else { return };
    let group = &group.0;
    assert_eq!(group.version().unwrap(), Version::V1);
    if group.quota().is_err() {
        return fixture::skip(test, "no quotas (CONFIG_CFS_BANDWIDTH)");
    }
    let found = group.quota().unwrap();
    let pair =
        |quota, period| Quota { quota: Some(Span::from_ms(quota)), period: Span::from_ms(period) };
    group.set_quota(pair(50, 1000)).unwrap();
    let child = group.child("inner");
    child.create().unwrap();
    let quotas = [pair(50, 1000), pair(1, 20), pair(5, 100), pair(1, 1000), found];
    for from in quotas {
        for to in quotas {
            child.set_quota(from).unwrap();
            child.set_quota(to).unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
            assert_eq!(child.quota().unwrap(), to);
        }
    }
    child.set_quota(pair(1, 20)).unwrap();
    for refused in [pair(2, 20), pair(1, 2000), pair(0, 20)] {
        let error = child.set_quota(refused).unwrap_err();
        assert!(matches!(error, CgroupError::QuotaRefused { .. }), "{refused}: {error}");
        assert_eq!(child.quota().unwrap(), pair(1, 20));
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            child.add_thread(sched::current_tid()).unwrap();
            spin(Duration::from_millis(100));
        });
    });
    let stat = child.quota_stat().unwrap();
    assert!(stat.periods > 0 && stat.throttled > 0, "{stat:?}");
    let weight = child.weight().unwrap();
    child.set_weight(weight * 2).unwrap();
    assert_eq!(child.weight().unwrap(), weight * 2);
    child.remove().unwrap();
}

#[test]
fn cpu_time_is_counted_where_a_hierarchy_counts_it() {
    let test = "usage";
    if !fixture::is_root(test) {
        return;
    }
    let mounts = CgroupMounts::discover().unwrap();
    let roots: Vec<_> = [mounts.v1_cpuacct, mounts.v2].into_iter().flatten().collect();
    if roots.is_empty() {
        return fixture::skip(test, "neither cpuacct nor cgroup v2 is mounted");
    }
    for root in roots {
        let group = Group::under(root, test);
        let group = &group.0;
        assert_eq!(group.usage().unwrap(), Span::ZERO);
        let mut spinner = std::process::Command::new("sh")
            .args(["-c", "read go; while :; do :; done"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        group.add_process(evenkeel_kernel::Pid(spinner.id())).unwrap();
        drop(spinner.stdin.take().map(|mut go| std::io::Write::write_all(&mut go, b"go\n")));
        std::thread::sleep(Duration::from_millis(200));
        spinner.kill().unwrap();
        spinner.wait().unwrap();
        let usage = group.usage().unwrap();
        // How much of 200 ms it got is the machine's business; that it is counted is ours.
        assert!(usage > Span::from_ms(1) && usage < Span::from_s(5), "{usage}");
        if let Some(per_cpu) = group.usage_per_cpu().unwrap() {
            let sum = per_cpu.iter().fold(Span::ZERO, |sum, cpu| sum + *cpu);
            assert_eq!(sum, group.usage().unwrap());
        }
    }
}

#[test]
fn version_two_is_told_apart_and_says_what_it_lacks() {
    let test = "v2";
    if !fixture::is_root(test) {
        return;
    }
    let mounts = CgroupMounts::discover().unwrap();
    let Some(root) = mounts.v2 else { return fixture::skip(test, "no cgroup v2") };
    let group = Group::under(root, test);
    let group = &group.0;
    assert_eq!(group.version().unwrap(), Version::V2);
    let sleeper = Sleeper::start();
    group.add_process(sleeper.pid()).unwrap();
    assert_eq!(group.threads().unwrap(), [sleeper.tid()]);
    let error = group.rt().unwrap_err();
    assert!(matches!(error, CgroupError::NoRtGroups(_)), "{error}");
    if !mounts.v2_cpu {
        let error = group.quota().unwrap_err();
        assert!(error.to_string().contains("'cpu' controller is not enabled"), "{error}");
        assert!(matches!(group.weight(), Err(CgroupError::NoCpuController { .. })));
    }
    // One thread of several cannot leave its process's group.
    let error = std::thread::spawn({
        let group = group.clone();
        move || group.add_thread(sched::current_tid()).unwrap_err()
    });
    let error = error.join().unwrap();
    assert!(error.to_string().contains("threaded subtree"), "{error}");
    assert!(matches!(group.add_thread(Tid(4_194_304)), Err(CgroupError::ThreadGone(_))));
}

fn spin(length: Duration) {
    let end = Instant::now() + length;
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}
