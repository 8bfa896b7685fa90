// SPDX-License-Identifier: MIT OR Apache-2.0
//! Control groups that others arrange for their VMs.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use evenkeel_kernel::{Pid, Tid, process, sched};
use evenkeel_model::{Role, Span};
use evenkeel_sched::scx::running;

use crate::harness::{GROUPS, IN_FORCE, Scx, VICTIM, loaded, name, place_of, share_of};
use crate::support::{Helper, spawn_helper, spawn_shell, wait_at_most};

/// A subtree as libvirt makes it for a VM, removed when it is dropped.
struct Machine {
    top: PathBuf,
    vm: Helper,
    vcpu: Tid,
    io: Tid,
}

impl Machine {
    fn new(scope: &str) -> Machine {
        // The root's controller is switched on for the first capsule, and left on.
        fs::write(Path::new(GROUPS).join("cgroup.subtree_control"), "+cpu").unwrap();
        let top = Path::new(GROUPS).join(scope);
        let domain = top.join("libvirt");
        fs::create_dir_all(&domain).unwrap();
        let vm = spawn_helper("vm");
        let threads = || process::threads(vm.pid()).unwrap();
        wait_at_most(Duration::from_secs(20), "the VM's threads", || threads().len() >= 5);
        for group in ["emulator", "vcpu0", "iothread1"] {
            fs::create_dir(domain.join(group)).unwrap();
            fs::write(domain.join(group).join("cgroup.type"), "threaded").unwrap();
        }
        join(&domain, vm.pid());
        let all = threads();
        let machine = Machine { top, vcpu: all[all.len() - 1], io: all[all.len() - 2], vm };
        for tid in &all {
            let group = match *tid {
                tid if tid == machine.vcpu => "vcpu0",
                tid if tid == machine.io => "iothread1",
                _ => "emulator",
            };
            let path = domain.join(group).join("cgroup.threads");
            fs::write(path, tid.to_string()).unwrap();
        }
        machine
    }

    fn read(&self, group: &str, file: &str) -> String {
        let text = fs::read_to_string(self.top.join(group).join(file)).unwrap_or_default();
        text.trim().to_owned()
    }

    /// Everything about the groups that a claim may change, and where the VM's threads are.
    fn settings(&self) -> Vec<String> {
        let of_groups = ["", "libvirt", "libvirt/vcpu0"].into_iter().flat_map(|group| {
            let files = ["cpu.max", "cpu.weight", "cgroup.subtree_control", "cgroup.threads"];
            files.map(|file| format!("{group} {file}: {}", self.read(group, file)))
        });
        let threads = process::threads(self.vm.pid()).unwrap();
        let of_threads = threads.into_iter().map(|tid| {
            let attr = sched::sched_attr(tid).unwrap();
            format!("{tid}: {attr:?} {}", sched::affinity(tid).unwrap())
        });
        of_groups.chain(of_threads).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.vm.end();
        remove_group(&self.top);
    }
}

fn join(group: &Path, pid: Pid) {
    fs::write(group.join("cgroup.procs"), pid.to_string()).unwrap();
}

/// Removes a group and those below; whoever is inside goes to the root.
fn remove_group(top: &Path) {
    for entry in fs::read_dir(top).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_group(&entry.path());
        }
    }
    for pid in fs::read_to_string(top.join("cgroup.procs")).unwrap_or_default().lines() {
        let _ = fs::write(Path::new(GROUPS).join("cgroup.procs"), pid);
    }
    for _ in 0..500 {
        if !top.exists() || fs::remove_dir(top).is_ok() {
            return;
        }
        sleep(Duration::from_millis(2));
    }
}

/// What libvirt arranges for a VM is inside whole: threads by the roles of their groups, and whoever
/// is moved into the subtree later, as long as he is there. Deleting the capsule leaves it as it was.
#[test]
fn a_machines_subtree_is_inside_whole() {
    let Some(scx) = Scx::new("a_machines_subtree") else { return };
    let machine = Machine::new("machine-qemu-1-ek.scope");
    let before = machine.settings();
    scx.create("a", 30_000, 100, "1");
    let outcome = scx.attach("a", machine.vm.pid());
    assert!(!outcome.notes.iter().any(|note| note.contains("does not become")), "{outcome:?}");
    let level = |tid| place_of(tid).map(|place| place.level);
    assert_eq!((level(machine.vcpu), level(machine.io)), (Some(4), Some(3)));
    assert_eq!(level(machine.vm.pid().leader()), Some(5));
    assert_eq!(machine.read("", "cpu.max"), "30000 100000");
    assert_eq!(machine.read("", "cpu.weight"), "3000");
    let view = scx.host.show(&name("a"), Span::ZERO).unwrap();
    let vcpu = view.threads.iter().find(|thread| thread.tid == machine.vcpu).unwrap();
    assert_eq!(vcpu.role, Role::Vcpu);
    assert!(vcpu.evidence.ends_with("libvirt/vcpu0"), "{}", vcpu.evidence);
    assert_eq!(view.violations, Vec::<String>::new());

    // Somebody moves a process in that neither descends from the VM nor was there before.
    let guest = spawn_shell("while :; do :; done & while :; do :; done");
    assert_eq!(place_of(guest.pid().leader()), None);
    join(&machine.top.join("libvirt"), guest.pid());
    let place = place_of(guest.pid().leader()).unwrap();
    assert!(place.by_group && place.level == 5, "{place:?}");
    sleep(Duration::from_millis(500));
    let children = process::descendants(guest.pid()).unwrap();
    for child in &children {
        join(&machine.top.join("libvirt"), *child);
    }
    sleep(Duration::from_millis(500));
    let share = scx.share("a", Duration::from_secs(4));
    assert!(IN_FORCE.contains(&share), "the subtree gets {share}");
    let alone = share_of(guest.pid().leader(), Duration::from_secs(4));
    assert!((0.1..=0.2).contains(&alone), "one of two spinners gets {alone}");
    let view = scx.host.show(&name("a"), Span::ZERO).unwrap();
    let guest_view = view.threads.iter().find(|t| t.tid == guest.pid().leader()).unwrap();
    assert!(guest_view.evidence.contains("inside by its control group"), "{guest_view:?}");
    assert_eq!(view.violations, Vec::<String>::new());

    // What is born in the group is inside by it; what leaves is outside.
    let busy = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; (sleep 60) & wait";
    let born = spawn_shell(busy);
    join(&machine.top.join("libvirt"), born.pid());
    let descendants = || process::descendants(born.pid()).unwrap();
    assert_eq!(descendants(), Vec::<Pid>::new(), "it was to be born inside");
    wait_at_most(Duration::from_secs(60), "a child", || !descendants().is_empty());
    for pid in descendants() {
        assert!(place_of(pid.leader()).is_some_and(|place| place.by_group), "{pid} is outside");
    }
    join(Path::new(GROUPS), born.pid());
    assert_eq!(place_of(born.pid().leader()), None);

    scx.delete("a");
    for tid in [machine.vcpu, machine.io, guest.pid().leader()] {
        assert_eq!(place_of(tid), None);
    }
    join(Path::new(GROUPS), guest.pid());
    for child in children {
        join(Path::new(GROUPS), child);
    }
    drop((guest, born));
    sleep(Duration::from_millis(500));
    assert_eq!(machine.settings(), before);
}

/// A thread that the VM's manager moves between the groups of its machine takes the role of each.
#[test]
fn a_thread_takes_the_role_of_its_group() {
    let Some(scx) = Scx::new("a_thread_takes_the_role") else { return };
    let machine = Machine::new("machine-qemu-2-ek.scope");
    scx.create("a", 30_000, 100, "1");
    scx.attach("a", machine.vm.pid());
    let moved = |group: &str| {
        let path = machine.top.join("libvirt").join(group).join("cgroup.threads");
        fs::write(path, machine.io.to_string()).unwrap();
        place_of(machine.io).map(|place| place.level)
    };
    assert_eq!(moved("vcpu0"), Some(4));
    assert_eq!(moved("emulator"), Some(5));
    assert_eq!(moved("iothread1"), Some(3));
}

/// A group with anybody else in it belongs to nobody: the VM's threads are inside, the others are not.
#[test]
fn a_group_with_strangers_is_not_claimed() {
    let Some(scx) = Scx::new("a_group_with_strangers") else { return };
    let group = Path::new(GROUPS).join("session-1-ek.scope");
    fs::create_dir(&group).unwrap();
    let (vm, shell) = (spawn_helper("vm"), spawn_shell("while :; do sleep 1; done"));
    sleep(Duration::from_millis(500));
    join(&group, vm.pid());
    join(&group, shell.pid());
    scx.create("a", 30_000, 100, "1");
    let outcome = scx.attach("a", vm.pid());
    assert!(outcome.notes.iter().any(|note| note.contains("holds others, too")), "{outcome:?}");
    assert!(place_of(vm.pid().leader()).is_some_and(|place| !place.by_group));
    assert_eq!(place_of(shell.pid().leader()), None);
    let late = spawn_shell("sleep 30");
    join(&group, late.pid());
    assert_eq!(place_of(late.pid().leader()), None);
    // Nor is the root anybody's.
    let alone = spawn_helper("vm");
    sleep(Duration::from_millis(500));
    scx.attach("a", alone.pid());
    let other = spawn_shell("sleep 30");
    assert_eq!(place_of(other.pid().leader()), None);
    scx.delete("a");
    drop((vm, shell, late));
    remove_group(&group);
}

/// Of nested claims the nearest decides.
#[test]
fn the_nearest_claim_decides() {
    let Some(scx) = Scx::new("the_nearest_claim") else { return };
    scx.create("a", 20_000, 100, "1");
    scx.create("b", 20_000, 100, "1");
    let outer = Path::new(GROUPS).join("ek-outer");
    let inner = outer.join("inner");
    fs::create_dir_all(&inner).unwrap();
    fs::write(outer.join("cgroup.subtree_control"), "+cpu").unwrap();
    let number = |path: &Path| evenkeel_kernel::cgroup::Cgroup::at(path).number().unwrap();
    let slot = |short| loaded().slot(&name(short)).unwrap().unwrap();
    loaded().claim(number(&outer), Some((slot("a"), 5))).unwrap();
    loaded().claim(number(&inner), Some((slot("b"), 5))).unwrap();
    let guest = spawn_shell("sleep 60");
    let capsule = || place_of(guest.pid().leader()).map(|place| place.slot);
    join(&inner, guest.pid());
    assert_eq!(capsule(), Some(slot("b")));
    join(Path::new(GROUPS), guest.pid());
    assert_eq!(capsule(), None);
    // A capsule that goes takes its claims along: its slot is another's tomorrow.
    scx.delete("b");
    join(&inner, guest.pid());
    assert_eq!(capsule(), Some(slot("a")));
    drop(guest);
    remove_group(&outer);
}

/// Killed while a machine goes in and out, over and over: everything can be taken back.
#[test]
fn killed_in_the_middle_a_machine_can_be_taken_back() {
    let Some(scx) = Scx::new("killed_in_the_middle") else { return };
    let machine = Machine::new("machine-qemu-3-ek.scope");
    // The scheduler is there before: loading it takes longest, and nothing else would be interrupted.
    running::load().unwrap();
    let before = machine.settings();
    for round in 0..6u64 {
        let mut command = scx.helper("cycle");
        command.env(VICTIM, machine.vm.pid().to_string());
        let mut helper = Helper { child: command.spawn().unwrap() };
        sleep(Duration::from_millis(1500 + 370 * round));
        assert!(matches!(helper.child.try_wait(), Ok(None)), "the helper has ended");
        helper.child.kill().unwrap();
        helper.child.wait().unwrap();
        let outcome = scx.host.release_all("").unwrap();
        assert_eq!(machine.settings(), before, "round {round}: {outcome:?}");
        for tid in process::threads(machine.vm.pid()).unwrap() {
            assert_eq!(place_of(tid), None, "round {round}: {tid} is inside");
        }
    }
}
