// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hazards whose remedies cannot be left out and taken up as the scheduler runs.

use std::fs;
use std::time::Duration;

use evenkeel_sched::scx::{intf, running};

use crate::past_the_queues::{
    a_lone_spinner, overrun_of_a_long_exit, share_of_one_that_may_not_migrate,
};
use crate::starving::urgent_and_patient;
use crate::support::scx::{SWITCHABLE, Scx, load_by_another, turn_without_any};
use crate::support::wait_at_most;

/// What the loader of the second scheduler leaves out.
const NOT_SWITCHABLE: u32 = intf::EK_WITHOUT_ENQ_LAST
    | intf::EK_WITHOUT_ENQ_EXITING
    | intf::EK_WITHOUT_ENQ_MIGRATION
    | intf::EK_WITHOUT_HOTPLUG;

/// Hazard 5 without its remedy: the watchdog, here of 12 s, sends everybody to the fair class.
#[test]
fn without_ageing_the_watchdog_ends_the_scheduler() {
    let Some(scx) = Scx::new("without_ageing", SWITCHABLE) else { return };
    scx.leave_out(intf::EK_WITHOUT_AGEING);
    let _three = urgent_and_patient(&scx);
    wait_at_most(Duration::from_secs(25), "the watchdog", || {
        running::look().unwrap() != running::Running::Ours
    });
    let why = running::why_not().unwrap_or_default();
    eprintln!("{why}");
    assert!(why.contains("stall"), "{why}");
}

/// Hazard 1 without its remedy: runs on until somebody else wants the CPU, and pays for it then.
#[test]
fn without_enq_last_a_lone_spinner_runs_on() {
    let Some(scx) = Scx::new("without_enq_last", NOT_SWITCHABLE) else { return };
    let (_, overrun) = a_lone_spinner(&scx);
    assert!(overrun > 20_000_000, "the hazard is not there: {overrun} ns");
}

/// Hazard 2 without its remedy.
#[test]
fn without_enq_exiting_an_exit_overruns() {
    let Some(scx) = Scx::new("without_enq_exiting", NOT_SWITCHABLE) else { return };
    let overrun = overrun_of_a_long_exit(&scx);
    assert!(overrun > 2_000_000, "the hazard is not there: {overrun} ns");
}

/// Hazard 2 without the other half of its remedy.
#[test]
fn without_enq_migration_disabled_who_may_not_migrate_runs_on() {
    let Some(scx) = Scx::new("without_enq_migration_disabled", NOT_SWITCHABLE) else { return };
    let share = share_of_one_that_may_not_migrate(&scx);
    eprintln!("share {share:.4}");
    assert!(share > 0.13, "the hazard is not there: {share}");
}

/// Hazard 13 without its remedy: the kernel ends a scheduler that is told nothing of CPUs when one goes.
/// (`a_cpu_may_go_and_come_back` in `host_scx` has the one that is told.)
#[test]
fn without_hotplug_a_cpu_takes_the_scheduler_along() {
    const ONLINE: &str = "/sys/devices/system/cpu/cpu1/online";
    let Some(_scx) = Scx::new("without_hotplug", NOT_SWITCHABLE) else { return };
    if fs::read_to_string(ONLINE).is_err() {
        eprintln!("SKIP without_hotplug: CPU 1 cannot go offline");
        return;
    }
    fs::write(ONLINE, "0").unwrap();
    wait_at_most(Duration::from_secs(20), "the scheduler's end", || {
        running::look().unwrap() == running::Running::Nothing
    });
    let why = running::why_not().unwrap_or_default();
    eprintln!("{why}");
    fs::write(ONLINE, "1").unwrap();
    assert!(why.contains("going offline"), "{why}");
}

/// Hazard 10 without its remedy: a link that nothing pins goes with the process that has it.
#[test]
fn without_the_pin_a_scheduler_dies_with_its_loader() {
    let Some(_turn) = turn_without_any("without_the_pin") else { return };
    let (mut loader, _says) = load_by_another(intf::EK_WITHOUT_PIN);
    assert_eq!(running::look().unwrap(), running::Running::Ours);
    loader.end();
    wait_at_most(Duration::from_secs(20), "the scheduler's end", || {
        running::look().unwrap() == running::Running::Nothing
    });
}
