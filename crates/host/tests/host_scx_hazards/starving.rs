// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who would starve: the patient, those outside, the kernel's own threads.

use std::fs;
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use evenkeel_kernel::process;
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{CapsuleName, Role, Span};
use evenkeel_sched::scx::intf;

use crate::support::scx::{SPIN, SWITCHABLE, Scx, say, start_helper};
use crate::support::{Helper, cpus, spawn_shell};
use crate::{SECOND, SETTLE, both};

/// Two threads of one capsule, one more urgent than the other, that both always want its CPU.
pub fn urgent_and_patient(scx: &Scx) -> (CapsuleName, Helper, Helper) {
    let name = scx.create("a", 95_000, 100, "1");
    // It has begun before the other: whoever waits for a file in each of its turns begins for minutes.
    let patient = scx.inside(&name, Role::Vmm, SPIN);
    sleep(SETTLE);
    let urgent = scx.inside(&name, Role::Vcpu, SPIN);
    (name, urgent, patient)
}

/// Hazard 5: who is less urgent gets older and has its turn, long before the kernel's watchdog ends the
/// scheduler on its account. (`nobody_starves_beside_full_capsules` has the crowd, and the watchdog's
/// 30 s.)
#[test]
fn hazard_05_the_least_urgent_has_its_turn() {
    let Some(scx) = Scx::new("hazard_05", SWITCHABLE) else { return };
    let (_name, _urgent, patient) = urgent_and_patient(&scx);
    sleep(SECOND);
    let time = || process::cpu_time(patient.pid().leader()).unwrap();
    let before = time();
    sleep(Duration::from_millis(2_500));
    let had = time() - before;
    eprintln!("had {had}");
    // A turn of 5 ms.
    assert!(had > Span::from_ms(4), "{had}");
}

/// Looks at the clock for two periods of the capsule below; says the longest time in which it could not.
pub fn watcher() {
    sched::set_affinity(sched::current_tid(), &cpus("1")).unwrap();
    let start = Instant::now();
    let (mut last, mut longest) = (start, Duration::ZERO);
    while start.elapsed() < Duration::from_secs(4) {
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    say(&longest.as_nanos().to_string());
}

/// Hazard 5: what is outside keeps its floor, 25 ms in each 500 ms, in every such time: not just what a
/// capsule of 95 % leaves at the end of a long period. A hard server's longest gap is 2(P - Q).
#[test]
fn hazard_05_best_effort_keeps_its_floor() {
    let Some(scx) = Scx::new("hazard_05_floor", SWITCHABLE) else { return };
    let name = scx.create("a", 1_900_000, 2_000, "1");
    let _spinner = scx.inside(&name, Role::Vcpu, SPIN);
    let (with, without) = both(&scx, intf::EK_WITHOUT_FLOOR, || {
        // The server of best effort, once awake, keeps going as long as somebody waits for it.
        sleep(SETTLE);
        let (_watcher, says) = start_helper("watcher");
        Duration::from_nanos(says.wait(Duration::from_secs(20)))
    });
    eprintln!("longest {with:?}, without {without:?}");
    assert!(with < Duration::from_millis(951), "{with:?}");
    assert!(without > Duration::from_millis(1_500), "the hazard is not there: {without:?}");
}

/// The longest that the kernel's own thread of some CPU lets us wait for a moment of its work: reading
/// this file asks every CPU for it. Asked by a thread that itself never waits.
fn longest_wait_for_kernel_threads() -> Duration {
    thread::spawn(|| {
        let fifo = Policy::Fifo { priority: 50 };
        sched::set_sched_attr(sched::current_tid(), &fifo.into()).unwrap();
        let ask = || {
            let start = Instant::now();
            fs::read("/proc/sys/vm/stat_refresh").unwrap();
            start.elapsed()
        };
        let waits = (0..8).map(|_| {
            sleep(Duration::from_millis(173));
            ask()
        });
        waits.max().unwrap()
    })
    .join()
    .unwrap()
}

/// Hazard 6: capsules and a crowd outside saturate every CPU; the kernel's own threads, which all of them
/// need, have a server of their own.
#[test]
fn hazard_06_the_kernel_s_own_threads_come_first() {
    let Some(scx) = Scx::new("hazard_06", SWITCHABLE) else { return };
    let inside =
        [("a", "0"), ("b", "1")].map(|(name, cpu)| scx.create(name, 1_900_000, 2_000, cpu));
    let _inside = inside.map(|name| scx.inside(&name, Role::Vcpu, SPIN));
    let _crowd: Vec<Helper> = (0..8).map(|_| spawn_shell(SPIN)).collect();
    sleep(SETTLE);
    let (with, without) = both(&scx, intf::EK_WITHOUT_KTHREADS, longest_wait_for_kernel_threads);
    eprintln!("longest {with:?}, without {without:?}");
    assert!(with < Duration::from_millis(30), "{with:?}");
    assert!(without > Duration::from_millis(100), "the hazard is not there: {without:?}");
}
