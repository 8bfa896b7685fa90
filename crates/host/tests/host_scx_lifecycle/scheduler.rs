// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler comes, is replaced, is in somebody's way, and goes.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_host::{CapsuleStatus, EnforcerChoice, HostError, SetRequest, Severity};
use evenkeel_kernel::{Pid, Signal, process, sched};
use evenkeel_model::{Role, Span};
use evenkeel_sched::scx::{ScxError, Stranger, running};

use crate::harness::{
    IN_FORCE, OTHER_LAYOUT, SPIN, Scx, finding, has_left, loaded, name, place_of, share_of, state,
    unload,
};
use crate::support::{Helper, cpus, reservation, spawn_shell, wait_at_most};

/// Whoever loaded the scheduler is killed: it stays, and the next one finds it and all it keeps.
#[test]
fn the_scheduler_outlives_its_loader() {
    let Some(scx) = Scx::new("outlives_its_loader") else { return };
    let mut helper = Helper { child: scx.helper("loader").spawn().unwrap() };
    let ready = scx.state_dir.join("ready");
    wait_at_most(Duration::from_secs(120), "the loader", || ready.exists());
    let spinner = process::descendants(helper.pid()).unwrap()[0];
    helper.child.kill().unwrap();
    helper.child.wait().unwrap();
    sleep(Duration::from_millis(500));
    assert_eq!(running::look().unwrap(), running::Running::Ours);
    assert!(process::cpu_time(spinner.leader()).is_ok(), "the spinner has ended, too");
    let share = scx.share("a", Duration::from_secs(4));
    assert!(IN_FORCE.contains(&share), "{share}");
    assert_eq!(scx.violations("a"), Vec::<String>::new());
    // Taken over: the next one changes what the first one made.
    let attached = loaded().control().unwrap().attached;
    let set =
        SetRequest { name: name("a"), reservation: Some(reservation(60_000, 100)), cpus: None };
    scx.host.apply(&scx.host.plan_set(&set).unwrap()).unwrap();
    sleep(Duration::from_millis(300));
    let share = scx.share("a", Duration::from_secs(4));
    assert!((0.5..=0.7).contains(&share), "{share}");
    assert_eq!(loaded().control().unwrap().attached, attached, "it was loaded again");
    kill(spinner);
}

fn kill(pid: Pid) {
    if let Ok(id) = process::identity(pid) {
        let _ = process::kill(&id, Signal::KILL);
    }
}

/// A newer scheduler takes the place of the one that runs: reservations, members and debts stay, and in
/// between the cap is in force.
#[test]
fn an_upgrade_loses_no_reservation() {
    let Some(scx) = Scx::new("an_upgrade") else { return };
    scx.create("a", 30_000, 100, "1");
    let spinner = scx.inside(&name("a"), Role::Vcpu, SPIN);
    sleep(Duration::from_millis(500));
    let slot = loaded().slot(&name("a")).unwrap();
    let (place, used) = (place_of(spinner.pid().leader()), scx.host.supply(&name("a")).unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let watcher = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut away = Duration::ZERO;
            let mut caps = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let start = Instant::now();
                let is_away = state() != "enabled";
                if is_away {
                    caps.push(fs::read_to_string("/sys/fs/cgroup/evenkeel-a/cpu.max").unwrap());
                }
                sleep(Duration::from_micros(500));
                away += if is_away { start.elapsed() } else { Duration::ZERO };
            }
            (away, caps)
        }
    });
    let start = Instant::now();
    running::replace().unwrap();
    let took = start.elapsed();
    done.store(true, Ordering::Relaxed);
    let (away, caps) = watcher.join().unwrap();
    eprintln!("replaced in {took:?}, of which no scheduler for {away:?}");
    assert!(caps.iter().all(|cap| cap.trim() == "30000 100000"), "{caps:?}");
    assert!(away < took, "the old one left before the new one was verified");
    assert_eq!(loaded().control().unwrap().attached, 2);
    assert_eq!(
        (loaded().slot(&name("a")).unwrap(), place_of(spinner.pid().leader())),
        (slot, place)
    );
    assert!(scx.host.supply(&name("a")).unwrap() >= used, "its counters begin anew");
    let share = scx.share("a", Duration::from_secs(4));
    assert!(IN_FORCE.contains(&share), "{share}");
    assert_eq!(scx.violations("a"), Vec::<String>::new());
}

/// The maps of a scheduler of another layout are of no use: the next change replaces it, and makes the
/// capsules again from the record.
#[test]
fn a_scheduler_of_another_layout_is_replaced() {
    let Some(scx) = Scx::new("another_layout") else { return };
    let mut command = scx.helper("loader");
    command.env(running::PINS_VARIABLE, OTHER_LAYOUT);
    let mut old = Helper { child: command.spawn().unwrap() };
    let ready = scx.state_dir.join("ready");
    wait_at_most(Duration::from_secs(120), "the loader", || ready.exists());
    let spinner = process::descendants(old.pid()).unwrap()[0];
    old.child.kill().unwrap();
    old.child.wait().unwrap();
    assert_eq!(running::look().unwrap(), running::Running::Ours);
    assert!(matches!(running::find(), Err(ScxError::OtherLayout(_))));
    let view = scx.host.show(&name("a"), Span::ZERO).unwrap();
    assert_eq!(view.summary.status, CapsuleStatus::GroupMissing, "{view:?}");
    assert!(finding("sched-ext").what.contains("of another build"), "{:?}", finding("sched-ext"));

    let outcome = scx.create("b", 10_000, 100, "0");
    let told = outcome.notes.join("; ");
    assert!(told.contains("has been replaced"), "{told}");
    assert!(told.contains("capsule 'a' was lost: it has been made again"), "{told}");
    assert!(place_of(spinner.leader()).is_some(), "the spinner is outside");
    sleep(Duration::from_millis(300));
    let share = scx.share("a", Duration::from_secs(4));
    assert!(IN_FORCE.contains(&share), "{share}");
    assert_eq!(scx.violations("a"), Vec::<String>::new());
    kill(spinner);
}

/// Beside somebody else's scheduler ours is refused by name; `auto` looks for another enforcer, and
/// `doctor` says why.
#[test]
fn a_foreign_scheduler_is_left_alone() {
    let Some(scx) = Scx::new("a_foreign_scheduler") else { return };
    let stranger = running::load_stranger().unwrap();
    let foreign = running::Running::Foreign(Stranger::NAME.to_owned());
    assert_eq!(running::look().unwrap(), foreign);
    let refused = |choice| {
        let request = scx.request("a", 30_000, 100, "1", choice);
        scx.host.plan_create(&request).unwrap_err()
    };
    let error = refused(EnforcerChoice::Scx).to_string();
    assert!(error.contains("'stranger'") && error.contains("does not take its place"), "{error}");
    // No real-time groups here: `auto` has nothing left, and says so of both.
    let error = refused(EnforcerChoice::Auto);
    assert!(matches!(error, HostError::NoGuarantee { .. }), "{error}");
    assert!(error.to_string().contains("'stranger'"), "{error}");
    assert!(error.hint().unwrap().contains("--enforcer quota"), "{error}");
    let found = finding("sched-ext");
    assert!(found.what.contains("'stranger' is loaded"), "{found:?}");
    let choice = finding("enforcer-choice");
    assert!(choice.why.contains("'stranger' is loaded"), "{choice:?}");
    let quota = scx.request("q", 30_000, 100, "1", EnforcerChoice::Quota);
    scx.host.apply(&scx.host.plan_create(&quota).unwrap()).unwrap();
    scx.delete("q");
    assert_eq!(running::look().unwrap(), foreign);
    drop(stranger);
    has_left();
    scx.create("a", 30_000, 100, "1");
    assert_eq!(running::look().unwrap(), running::Running::Ours);
    assert!(finding("enforcer-choice").what.ends_with("auto takes scx"));
}

/// One that comes while ours is away is found in its place: capsules can be seen and taken back.
#[test]
fn a_scheduler_in_our_place_is_named_and_not_fought() {
    let Some(scx) = Scx::new("a_scheduler_in_our_place") else { return };
    scx.create("a", 30_000, 100, "1");
    scx.create("b", 10_000, 100, "1");
    let spinner = scx.inside(&name("a"), Role::Vcpu, SPIN);
    unload();
    let stranger = running::load_stranger().unwrap();
    let told = scx.violations("a").join("; ");
    assert!(told.contains("'stranger' runs in place of ours"), "{told}");
    let found = finding("sched-ext");
    assert_eq!(found.severity, Severity::Problem, "{found:?}");
    assert!(found.what.contains("in place of ours, which has 2 capsules"), "{found:?}");
    let outcome = scx.delete("b");
    assert!(outcome.notes.join("; ").contains("could not be loaded again"), "{outcome:?}");
    drop(stranger);
    has_left();
    let outcome = scx.create("c", 10_000, 100, "1");
    assert!(outcome.notes.join("; ").contains("has been loaded again"), "{outcome:?}");
    assert!(place_of(spinner.pid().leader()).is_some());
    let share = scx.share("a", Duration::from_secs(3));
    assert!(IN_FORCE.contains(&share), "{share}");
}

/// SysRq-S takes any sched_ext scheduler out of the kernel. A cap and a floor stay, who is born
/// meanwhile is not lost, and the next change loads it again.
#[test]
fn after_an_abort_a_cap_and_a_floor_remain() {
    let Some(scx) = Scx::new("after_an_abort") else { return };
    scx.create("a", 30_000, 100, "1");
    let spinner = scx.inside(&name("a"), Role::Vcpu, SPIN);
    let parent = scx.inside(&name("a"), Role::Vmm, "sleep 12; (sleep 60) & wait");
    sleep(Duration::from_millis(500));
    fs::write("/proc/sysrq-trigger", "S").unwrap();
    has_left();
    let told = scx.violations("a").join("; ");
    assert!(told.contains("the scheduler is not loaded"), "{told}");
    assert!(told.contains("a cap and a weight stand in"), "{told}");
    assert_eq!(scx.host.list().unwrap()[0].status, CapsuleStatus::InForce);
    let found = finding("sched-ext");
    assert_eq!(found.severity, Severity::Problem, "{found:?}");
    assert!(found.what.contains("has left the kernel"), "{found:?}");

    let window = Duration::from_secs(4);
    let alone = share_of(spinner.pid().leader(), window);
    assert!(IN_FORCE.contains(&alone), "the cap gives {alone}");
    let crowd: Vec<Helper> = (0..30).map(|_| spawn_shell(SPIN)).collect();
    for helper in &crowd {
        sched::set_affinity(helper.pid().leader(), &cpus("1")).unwrap();
    }
    sleep(Duration::from_secs(2));
    let beside = share_of(spinner.pid().leader(), window);
    assert!(IN_FORCE.contains(&beside), "beside a crowd the floor gives {beside}");
    drop(crowd);
    let born = || process::descendants(parent.pid()).unwrap();
    sleep(Duration::from_secs(4));

    let outcome = scx.create("b", 10_000, 100, "0");
    assert!(outcome.notes.join("; ").contains("it has been loaded again"), "{outcome:?}");
    assert_eq!(scx.violations("a"), Vec::<String>::new());
    assert_eq!(finding("sched-ext").severity, Severity::Ok);
    let born = born();
    assert!(!born.is_empty());
    for pid in born {
        assert!(place_of(pid.leader()).is_some(), "{pid}, born meanwhile, is outside");
    }
    let share = scx.share("a", window);
    assert!(IN_FORCE.contains(&share), "{share}");
}
