// SPDX-License-Identifier: MIT OR Apache-2.0
//! Short ways to write capsules and limits in tests.

#![allow(dead_code, reason = "each test program uses its part")]

use evenkeel_model::{Bandwidth, Reservation, Span};
use evenkeel_theory::{Held, Limits, Nested, NestedRequest, Request};

/// RSV(budget, period), both in ms.
pub fn rsv(budget_ms: u64, period_ms: u64) -> Reservation {
    Reservation::new(Span::from_ms(budget_ms), Span::from_ms(period_ms)).unwrap()
}

/// A capsule; `sequence` is its place in the test's list.
pub fn held(name: &str, reservation: Reservation, cpus: &str, sequence: u64) -> Held {
    Held { name: name.parse().unwrap(), reservation, cpus: cpus.parse().unwrap(), sequence }
}

/// Servers of CPU 0, named by letters in the order given.
pub fn on_cpu_0(pairs: &[(u64, u64)]) -> Vec<Held> {
    let name = |i: u64| char::from(b'a' + u8::try_from(i).unwrap()).to_string();
    (0..).zip(pairs).map(|(i, &(q, p))| held(&name(i), rsv(q, p), "0", i)).collect()
}

/// A stock host: 950 ms of 1 s, HZ=250, two CPUs, no groups but ours.
pub fn stock() -> Limits {
    Limits {
        ceiling: rsv(950, 1_000),
        foreign: Bandwidth::ZERO,
        tick: Some(Span::from_ms(4)),
        online: "0-1".parse().unwrap(),
    }
}

/// A request for a new capsule.
pub fn new(held: Held) -> Request {
    Request { held, replaces: false }
}

/// A request to change a capsule.
pub fn change(held: Held) -> Request {
    Request { held, replaces: true }
}

/// A capsule in no other.
pub fn top(name: &str, reservation: Reservation, cpus: &str, sequence: u64) -> Nested {
    Nested::top(held(name, reservation, cpus, sequence))
}

/// A capsule in `parent`.
pub fn child(parent: &str, held: Held) -> Nested {
    Nested { held, parent: Some(parent.parse().unwrap()) }
}

/// A request for a new capsule that may have a parent.
pub fn new_nested(nested: Nested) -> NestedRequest {
    NestedRequest { nested, replaces: false }
}
