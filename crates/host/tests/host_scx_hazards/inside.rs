// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads of one capsule among themselves.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use evenkeel_kernel::sched::{self, Policy};
use evenkeel_kernel::{Tid, process};
use evenkeel_model::Role;
use evenkeel_sched::scx::intf;

use crate::support::cpus;
use crate::support::scx::{SPIN, SWITCHABLE, Says, Scx, say, share};
use crate::{SECOND, SETTLE, both};

/// Hazard 11: a thread may be taken off its CPU, and put back, by another one on another CPU. What it
/// used is charged where it ran.
#[test]
fn hazard_11_a_thread_is_charged_where_it_ran() {
    let Some(scx) = Scx::new("hazard_11", SWITCHABLE) else { return };
    let name = scx.create("a", 20_000, 100, "1");
    let spinner = scx.inside(&name, Role::Vcpu, SPIN);
    let tid = spinner.pid().leader();
    let done = AtomicBool::new(false);
    let (with, without) = thread::scope(|scope| {
        scope.spawn(|| keep_changing(tid, &done));
        let figures = both(&scx, intf::EK_WITHOUT_TASK_CPU, || {
            sleep(SETTLE);
            share(SECOND, || process::cpu_time(tid).unwrap().as_ns())
        });
        done.store(true, Ordering::Relaxed);
        figures
    });
    eprintln!("share {with:.4}, without {without:.4}");
    assert!((0.19..=0.21).contains(&with), "{with}");
    assert!((without - 0.2).abs() > 0.03, "the hazard is not there: {without}");
}

/// Changes attributes of a thread, from CPU 0.
fn keep_changing(tid: Tid, done: &AtomicBool) {
    sched::set_affinity(sched::current_tid(), &cpus("0")).unwrap();
    let mut nice = 0;
    while !done.load(Ordering::Relaxed) {
        nice = 1 - nice;
        sched::set_sched_attr(tid, &Policy::Other { nice }.into()).unwrap();
        sleep(Duration::from_micros(300));
    }
}

/// Two threads that take turns and yield while it is the other's; says how many turns there were in a
/// second.
pub fn yielders() {
    let turn = AtomicU32::new(0);
    let end = Instant::now() + SECOND;
    thread::scope(|scope| {
        for mine in 0..2 {
            let turn = &turn;
            scope.spawn(move || {
                while Instant::now() < end {
                    if turn.load(Ordering::Acquire) % 2 == mine {
                        turn.fetch_add(1, Ordering::Release);
                    } else {
                        thread::yield_now();
                    }
                }
            });
        }
    });
    say(&turn.load(Ordering::Relaxed).to_string());
}

/// Hazard 12: a virtual CPU that spins for what another one of its machine holds gives way to it. Here
/// two threads of a capsule on one CPU hand each other a token; one that is not let give way spins
/// through its whole turn, on the budget of both. (A directed yield needs KVM: `vm:guest`.)
#[test]
fn hazard_12_who_waits_for_another_gives_way() {
    let Some(scx) = Scx::new("hazard_12", SWITCHABLE) else { return };
    let (with, without) = both(&scx, intf::EK_WITHOUT_YIELD, || {
        let name = scx.create("a", 60_000, 100, "1");
        let says = Says::new();
        let pair = scx.helper_inside(&name, &says, "yielders");
        let turns = says.wait(Duration::from_secs(20));
        drop(pair);
        scx.delete(&name);
        turns
    });
    eprintln!("turns {with}, without {without}");
    assert!(with > 5_000, "{with}");
    assert!(without < 1_000, "the hazard is not there: {without}");
}
