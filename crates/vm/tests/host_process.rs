// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes and control groups that are no VM of a known kind: all members are found, nothing is
//! claimed about them.

mod fixture;
#[path = "fixture/group.rs"]
mod group;

use std::process::{Child, Command};

use evenkeel_kernel::{Pid, process, sched};
use evenkeel_model::Role;
use evenkeel_vm::{VmError, VmKind, VmRef, refresh, resolve};
use group::Group;

/// A shell with a sleeping child, both killed when it goes out of scope.
struct Shell(Child);

impl Shell {
    fn start() -> Shell {
        let child = Command::new("sh").args(["-c", "sleep 100 & wait"]).spawn();
        let shell = Shell(child.expect("'sh' is everywhere"));
        fixture::wait_for("the shell's child", || {
            let children = process::children(shell.pid()).unwrap_or_default();
            let named = |pid: &Pid| {
                process::cmdline(*pid)
                    .is_ok_and(|args| args.first().is_some_and(|word| word == "sleep"))
            };
            children.iter().find(|pid| named(pid)).copied()
        });
        shell
    }

    fn pid(&self) -> Pid {
        Pid(self.0.id())
    }

    fn sleeper(&self) -> Pid {
        process::children(self.pid()).expect("procfs is readable")[0]
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let children = process::children(self.pid()).unwrap_or_default();
        let _ = self.0.kill();
        for id in children.into_iter().filter_map(|pid| process::identity(pid).ok()) {
            let _ = process::kill(&id, evenkeel_kernel::Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

#[test]
fn a_process_brings_its_descendants_and_no_roles() {
    let mut shell = Shell::start();
    let vm = resolve(&VmRef::Pid(shell.pid())).unwrap();
    assert_eq!((vm.kind, vm.main.pid), (VmKind::Process, shell.pid()));
    let mut expected = [shell.pid(), shell.sleeper()];
    expected.sort();
    assert_eq!(vm.processes.iter().map(|id| id.pid).collect::<Vec<_>>(), expected);
    assert!(vm.threads.iter().all(|t| t.role == Role::Vmm && !t.recognised));
    assert_eq!(refresh(&vm).unwrap(), vm);
    let sleeper = process::identity(shell.sleeper()).unwrap();
    shell.0.kill().unwrap();
    shell.0.wait().unwrap();
    let error = refresh(&vm).unwrap_err();
    process::kill(&sleeper, evenkeel_kernel::Signal::KILL).unwrap();
    assert!(matches!(error, VmError::Vanished { .. }), "{error}");
}

#[test]
fn numbers_of_threads_and_of_kernel_threads_are_no_vms() {
    let error = std::thread::spawn(|| {
        let tid = sched::current_tid();
        let error = resolve(&VmRef::Pid(Pid(tid.0))).unwrap_err().to_string();
        (tid, error)
    });
    let (tid, error) = error.join().unwrap();
    let hint = format!("pid:{} (which has thread {tid})", std::process::id());
    assert!(error.contains(&hint), "{error}");
    let Ok(second) = process::stat(Pid(2).leader()) else { return };
    if second.kernel_thread {
        let error = resolve(&VmRef::Pid(Pid(2))).unwrap_err();
        assert!(matches!(error, VmError::KernelThread { .. }), "{error}");
    }
}

#[test]
fn a_cgroup_is_all_its_processes_and_those_of_its_subgroups() {
    let Some(group) = Group::create("below") else { return };
    let reference = VmRef::Cgroup(group.0.path().to_owned());
    let error = resolve(&reference).unwrap_err();
    assert!(matches!(error, VmError::EmptyCgroup { .. }), "{error}");
    let shell = Shell::start();
    let inner = group.0.child("inner");
    inner.create().unwrap();
    group.0.add_process(shell.sleeper()).unwrap();
    inner.add_process(shell.pid()).unwrap();
    let vm = resolve(&reference).unwrap();
    assert_eq!(vm.kind, VmKind::Cgroup);
    // Neither is a VM of a known kind, so the older one stands for the group.
    assert_eq!(vm.main.pid, shell.pid());
    assert_eq!(vm.processes.len(), 2);
    assert_eq!(refresh(&vm).unwrap(), vm);
    let gone = VmRef::Cgroup(group.0.path().join("nothing"));
    assert!(resolve(&gone).unwrap_err().is_gone());
}
