// SPDX-License-Identifier: MIT OR Apache-2.0
//! The life of our scheduler beside what else happens on a host: subtrees of control groups that others
//! arrange, loaders that are killed, newer versions, foreign schedulers, an administrator's SysRq-S. These
//! tests run where the kernel has sched_ext (the VM bench), and skip loudly elsewhere.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod harness;
mod scheduler;
mod subtree;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use evenkeel_kernel::Pid;
use evenkeel_model::Role;
use harness::{SPIN, Scx, VICTIM, name};

/// Not a test: what this program is when a test starts it as a helper.
#[test]
fn helper() {
    match support::helper().as_deref() {
        Some("vm") => vm(),
        Some("loader") => loader(),
        Some("cycle") => cycle(),
        Some(other) => panic!("no helper '{other}'"),
        None => {}
    }
}

/// What stands for a VM: three threads besides the main one that wait.
fn vm() {
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    sleep(Duration::from_millis(200));
                }
            });
        }
    });
}

/// Makes a capsule with a spinner inside, and waits to be killed.
fn loader() {
    let scx = Scx::of_environment();
    scx.create("a", 30_000, 100, "1");
    let _spinner = scx.inside(&name("a"), Role::Vcpu, SPIN);
    fs::write(scx.state_dir.join("ready"), "").unwrap();
    loop {
        sleep(Duration::from_secs(1));
    }
}

/// A VM goes in and out of a capsule, over and over, until killed.
fn cycle() {
    let scx = Scx::of_environment();
    let victim: Pid = std::env::var(VICTIM).unwrap().parse().unwrap();
    loop {
        scx.create("a", 30_000, 100, "1");
        scx.attach("a", victim);
        scx.host.apply(&scx.host.plan_detach(&name("a"), None).unwrap()).unwrap();
        scx.attach("a", victim);
        scx.host.apply(&scx.host.plan_delete(&name("a")).unwrap()).unwrap();
    }
}
