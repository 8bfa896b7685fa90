// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who ends a turn, and when.

use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_kernel::sched;
use evenkeel_model::Role;
use evenkeel_sched::scx::intf;

use crate::support::scx::{SPIN, SWITCHABLE, Says, Scx, say};
use crate::support::{cpus, spawn_shell};
use crate::{SECOND, both};

/// Hazard 3: a budget that ends where one thread hands over to another is over for the other, too. What
/// makes it so is a kick: a slice of 0 would be made a whole one.
#[test]
fn hazard_03_a_budget_that_ends_at_a_switch_is_over() {
    let Some(scx) = Scx::new("hazard_03", SWITCHABLE) else { return };
    let (with, without) = both(&scx, intf::EK_WITHOUT_KICK, || {
        let name = scx.create("a", 1_000, 10, "1");
        // Two threads that wake each other all the time.
        let pair = scx.inside(&name, Role::Vcpu, "yes | while read _; do :; done");
        sleep(SECOND);
        let overrun = scx.overrun(&name, 1);
        drop(pair);
        scx.delete(&name);
        overrun
    });
    eprintln!("overrun {with} ns, without {without} ns");
    assert!(with < 300_000, "{with} ns");
    assert!(without > 600_000, "the hazard is not there: {without} ns");
}

/// The same for one thread that never switches, without timers.
#[test]
fn hazard_03_a_budget_ends_on_time() {
    let Some(scx) = Scx::new("hazard_03_on_time", SWITCHABLE) else { return };
    let (with, without) = both(&scx, intf::EK_WITHOUT_TIMER, || {
        let name = scx.create("a", 1_500, 10, "1");
        let spinner = scx.inside(&name, Role::Vcpu, SPIN);
        sleep(SECOND);
        let overrun = scx.overrun(&name, 1);
        drop(spinner);
        scx.delete(&name);
        overrun
    });
    eprintln!("overrun {with} ns, without {without} ns");
    // The greatest of all, its start included: parts of an exec are not preempted (0.43 ms was seen).
    assert!(with < 1_000_000, "{with} ns");
    assert!(without > 2_000_000, "the hazard is not there: {without} ns");
}

/// Wakes up 100 times, after 7 ms each time; says by how much the latest was late.
pub fn sleeper() {
    const NAP: Duration = Duration::from_millis(7);
    let mut latest = Duration::ZERO;
    for _ in 0..100 {
        let start = Instant::now();
        sleep(NAP);
        latest = latest.max(start.elapsed() - NAP);
    }
    say(&latest.as_nanos().to_string());
}

/// Hazard 14: who was on the CPU when a capsule's thread woke up does not linger there.
#[test]
fn hazard_14_nobody_lingers_on_a_reserved_cpu() {
    let Some(scx) = Scx::new("hazard_14", SWITCHABLE) else { return };
    let lingerer = spawn_shell(SPIN);
    sched::set_affinity(lingerer.pid().leader(), &cpus("1")).unwrap();
    let (with, without) = both(&scx, intf::EK_WITHOUT_KICK, || {
        let name = scx.create("a", 5_000, 10, "1");
        let says = Says::new();
        let sleeper = scx.helper_inside(&name, &says, "sleeper");
        let latest = says.wait(Duration::from_secs(20));
        drop(sleeper);
        scx.delete(&name);
        latest
    });
    eprintln!("latest {with} ns, without {without} ns");
    assert!(with < 400_000, "{with} ns");
    assert!(without > 1_000_000, "the hazard is not there: {without} ns");
}
