// SPDX-License-Identifier: MIT OR Apache-2.0
//! Policies on the real kernel: each is set on a sleeping process, read back and undone exactly.

mod fixture;
#[path = "fixture/group.rs"]
mod group;

use evenkeel_kernel::sched::{Policy, SchedAttr, sched_attr, set_sched_attr};
use evenkeel_model::Span;
use group::Sleeper;

#[test]
fn what_was_found_is_restored_exactly() {
    if !fixture::is_root("restored") {
        return;
    }
    let sleeper = Sleeper::start();
    let tid = sleeper.tid();
    let found = [
        SchedAttr { policy: Policy::Other { nice: 7 }, reset_on_fork: false },
        SchedAttr { policy: Policy::Batch { nice: -3 }, reset_on_fork: true },
        SchedAttr { policy: Policy::Idle, reset_on_fork: false },
        SchedAttr { policy: Policy::RoundRobin { priority: 3 }, reset_on_fork: false },
    ];
    for before in found {
        set_sched_attr(tid, &before).unwrap();
        let read = sched_attr(tid).unwrap();
        assert_eq!(read, before);
        set_sched_attr(tid, &Policy::Fifo { priority: 42 }.into()).unwrap();
        assert_eq!(sched_attr(tid).unwrap(), Policy::Fifo { priority: 42 }.into());
        set_sched_attr(tid, &read).unwrap();
        assert_eq!(sched_attr(tid).unwrap(), before);
    }
}

#[test]
fn a_deadline_is_admitted_or_refused_with_its_meaning() {
    if !fixture::is_root("deadline") {
        return;
    }
    let sleeper = Sleeper::start();
    let tid = sleeper.tid();
    let ms = Span::from_ms;
    let small = Policy::Deadline { runtime: ms(1), deadline: ms(100), period: ms(100) };
    match set_sched_attr(tid, &small.into()) {
        Ok(()) => assert_eq!(sched_attr(tid).unwrap().policy, small),
        Err(error) => return fixture::skip("deadline", &error.to_string()),
    }
    set_sched_attr(tid, &Policy::Other { nice: 0 }.into()).unwrap();
    // A whole CPU for one thread and more is beyond any host's 95 per cent of its last CPU.
    let whole = Policy::Deadline { runtime: ms(100), deadline: ms(100), period: ms(100) };
    let mut admitted = Vec::new();
    let error = loop {
        let sleeper = Sleeper::start();
        match set_sched_attr(sleeper.tid(), &whole.into()) {
            Ok(()) => admitted.push(sleeper),
            Err(error) => break error,
        }
        assert!(admitted.len() < 10_000);
    };
    assert!(error.to_string().contains("deadline bandwidth of its CPUs is taken"), "{error}");
}

#[test]
fn a_vanished_thread_is_told_from_a_refusal() {
    if !fixture::is_root("vanished") {
        return;
    }
    let mut sleeper = Sleeper::start();
    let tid = sleeper.tid();
    sleeper.end();
    let error = set_sched_attr(tid, &Policy::Fifo { priority: 1 }.into()).unwrap_err();
    assert!(error.is_gone());
    assert_eq!(error.raw_os_error(), Some(3));
}
