// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hazards of reservations under sched_ext, in the order and with the numbers of docs/hazards.md. Each
//! is measured twice, with the scheduler as it is and with its remedy left out, and has to show in the
//! second. Where the remedy can be left out while the scheduler runs, or is no part of it, one test does
//! both; else its partner is in `without`, so named that a scheduler is loaded three times in all.
//!
//! They run where the kernel has sched_ext (the VM bench), and skip loudly elsewhere. Bounds are for
//! counted time: an emulated instruction takes 2 ns.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its host has failed")]

mod agent;
mod inside;
mod packets;
mod past_the_queues;
mod starving;
#[path = "../support/mod.rs"]
mod support;
mod turns;
mod without;

use std::time::Duration;

use support::scx::Scx;

/// What has just begun gets going in this.
const SETTLE: Duration = Duration::from_millis(300);
const SECOND: Duration = Duration::from_secs(1);

/// Not a test: what this program is when a test starts it as a helper.
#[test]
fn helper() {
    match support::helper().as_deref() {
        Some("loader") => support::scx::loader(),
        Some("yielders") => inside::yielders(),
        Some("sleeper") => turns::sleeper(),
        Some("watcher") => starving::watcher(),
        Some("flood") => packets::flood(),
        Some(other) => panic!("no helper '{other}'"),
        None => {}
    }
}

/// A figure measured on the scheduler as it is, and without `remedies`.
fn both<T>(scx: &Scx, remedies: u32, measure: impl Fn() -> T) -> (T, T) {
    let with = measure();
    scx.leave_out(remedies);
    let without = measure();
    scx.leave_out(0);
    (with, without)
}
