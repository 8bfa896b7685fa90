// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that the kernel lets run without asking the scheduler, unless it is told to ask.

use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use evenkeel_model::{Role, Span};
use evenkeel_sched::scx::Place;

use crate::support::scx::{SPIN, SWITCHABLE, Scx, share_of_process};
use crate::support::{Helper, spawn_shell, wait_at_most};
use crate::{SECOND, SETTLE};

/// Share, and greatest overrun in nanoseconds, of a lone spinner that has a tenth of an idle CPU.
pub fn a_lone_spinner(scx: &Scx) -> (f64, u64) {
    let name = scx.create("a", 10_000, 100, "1");
    let spinner = scx.inside(&name, Role::Vcpu, SPIN);
    sleep(SETTLE);
    let figures = (share_of_process(&spinner, SECOND), scx.overrun(&name, 1));
    drop(spinner);
    scx.delete(&name);
    eprintln!("share and overrun {figures:?}");
    figures
}

/// Hazard 1: where nobody else wants the CPU the kernel lets the current thread run on, unless the
/// scheduler asked for it to be queued (SCX_OPS_ENQ_LAST).
#[test]
fn hazard_01_a_lone_spinner_gets_its_share() {
    let Some(scx) = Scx::new("hazard_01", SWITCHABLE) else { return };
    let (share, overrun) = a_lone_spinner(&scx);
    assert!((0.095..=0.105).contains(&share), "{share}");
    assert!(overrun < 300_000, "{overrun} ns");
}

/// A thread that exits holding the last reference to a large file of a memory file system: the kernel
/// frees the file on its behalf, for tens of milliseconds. Answers the greatest overrun of its capsule.
pub fn overrun_of_a_long_exit(scx: &Scx) -> u64 {
    let directory = tempfile::tempdir_in("/dev/shm").unwrap();
    let (file, ready) = (directory.path().join("file"), directory.path().join("ready"));
    let mut holder = spawn_shell(&format!(
        "exec 3>{0}; rm {0}; fallocate -l 256M /proc/self/fd/3; echo >{1}; exec sleep 600",
        file.display(),
        ready.display()
    ));
    wait_at_most(Duration::from_secs(60), "a large file", || ready.exists());
    let name = scx.create("a", 2_000, 50, "1");
    let loaded = scx.loaded();
    let slot = loaded.slot(&name).unwrap().unwrap();
    loaded.place(holder.pid().leader(), Place { slot, level: 2, by_group: false }).unwrap();
    let before = scx.host.supply(&name).unwrap();
    holder.end();
    let (overrun, used) = (scx.overrun(&name, 1), scx.host.supply(&name).unwrap() - before);
    eprintln!("overrun {overrun} ns, used {used}");
    assert!(used > Span::from_ms(6), "the exit is too short to overrun anything: {used}");
    scx.delete(&name);
    overrun
}

/// Calls the kernel for ever, under a filter of system calls that is as long as may be: filters run with
/// migration disabled, so that this thread most often may not migrate when its turn ends.
const FILTERED: &str = r#"
    my $filter = pack("SCCL", 0x00, 0, 0, 0) x 3999 . pack("SCCL", 0x06, 0, 0, 0x7fff0000);
    my $program = pack("Sx6P", 4000, $filter);
    syscall(157, 38, 1, 0, 0, 0) == 0 && syscall(157, 22, 2, $program, 0, 0) == 0 or die $!;
    syscall(110) while 1;
"#;

/// Share of that, which has a tenth of an idle CPU.
pub fn share_of_one_that_may_not_migrate(scx: &Scx) -> f64 {
    let name = scx.create("a", 5_000, 50, "1");
    let mut command = Command::new("perl");
    command.args(["-e", FILTERED]);
    let child = scx.host.spawn_inside(&name, Role::Vcpu, &mut command).unwrap();
    let filtered = Helper { child };
    // Perl has to begin, on a tenth of a CPU.
    sleep(SECOND);
    let share = share_of_process(&filtered, SECOND);
    drop(filtered);
    scx.delete(&name);
    share
}

/// Hazard 2: threads that may not migrate just now go past every queue, unless the scheduler asked for
/// them (SCX_OPS_ENQ_MIGRATION_DISABLED).
#[test]
fn hazard_02_who_may_not_migrate_stays_within_the_budget() {
    let Some(scx) = Scx::new("hazard_02_migration", SWITCHABLE) else { return };
    let share = share_of_one_that_may_not_migrate(&scx);
    eprintln!("share {share:.4}");
    assert!((0.09..=0.105).contains(&share), "{share}");
}

/// Hazard 2: threads that exit go past every queue, unless the scheduler asked for them
/// (SCX_OPS_ENQ_EXITING). A storm of short ones stays inside, and a long one, too.
#[test]
fn hazard_02_exits_stay_within_the_budget() {
    let Some(scx) = Scx::new("hazard_02", SWITCHABLE) else { return };
    let name = scx.create("a", 5_000, 50, "1");
    // A subshell forks and executes no file: in the bench files come from another machine, and a
    // storm that waits for them is none.
    let storm = scx.inside(&name, Role::Vmm, "while :; do (:); done");
    sleep(SETTLE);
    let share = scx.share(&name, SECOND);
    eprintln!("share {share:.4}");
    assert!((0.085..=0.11).contains(&share), "{share}");
    drop(storm);
    scx.delete(&name);
    let overrun = overrun_of_a_long_exit(&scx);
    assert!(overrun < 500_000, "{overrun} ns");
}
