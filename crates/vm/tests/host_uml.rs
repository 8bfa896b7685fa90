// SPDX-License-Identifier: MIT OR Apache-2.0
//! user-mode-linux guests that really boot: every process is found, every role has its evidence,
//! and what a killed guest leaves is not taken for a guest.

mod fixture;
#[path = "fixture/group.rs"]
mod group;
#[path = "fixture/guest.rs"]
mod guest;

use std::collections::BTreeSet;

use evenkeel_kernel::Pid;
use evenkeel_model::Role;
use evenkeel_vm::{Vm, VmError, VmKind, VmRef, refresh, resolve, scan};
use group::Group;
use guest::Guest;

/// The guest's processes come and go; at some moment two readings agree.
fn resolved(guest: &Guest, reference: &VmRef) -> Vm {
    fixture::wait_for("a reading without changes", || {
        let before: BTreeSet<_> = guest.processes().into_iter().collect();
        let vm = resolve(reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
        let after: BTreeSet<_> = guest.processes().into_iter().collect();
        let found: BTreeSet<_> = vm.processes.iter().copied().collect();
        let settled = vm.threads.iter().all(|thread| thread.recognised);
        (before == after && found == after && settled).then_some(vm)
    })
}

fn count(vm: &Vm, role: Role) -> usize {
    vm.threads.iter().filter(|thread| thread.role == role).count()
}

#[test]
fn every_process_of_a_guest_has_a_role_with_its_evidence() {
    let name = fixture::name("roles");
    let Some(mut guest) = Guest::boot("roles", &name) else { return };
    let vm = resolved(&guest, &VmRef::Name(name.clone()));
    assert_eq!((vm.kind, vm.label.as_str()), (VmKind::Uml, name.as_str()));
    assert_eq!(vm.main.pid, guest.pid());
    // The kernel itself, at least the two processes of its user mode, at least one helper.
    assert!(count(&vm, Role::Vcpu) >= 3, "{:#?}", vm.threads);
    assert!(count(&vm, Role::Io) >= 1, "{:#?}", vm.threads);
    assert_eq!(count(&vm, Role::Vcpu) + count(&vm, Role::Io), vm.threads.len());
    let main = vm.threads.iter().find(|thread| thread.pid == guest.pid()).unwrap();
    assert_eq!(main.role, Role::Vcpu);
    let traced = format!("traced by process {}", guest.pid());
    let stubs = vm.threads.iter().filter(|thread| thread.evidence.starts_with(&traced));
    assert_eq!(stubs.count(), count(&vm, Role::Vcpu) - 1);

    // By the number of the main process, or of any other part: the whole guest.
    let part = vm.threads.iter().find(|thread| thread.role == Role::Io).unwrap();
    for pid in [guest.pid(), part.pid] {
        let same = resolved(&guest, &VmRef::Pid(pid));
        assert_eq!((same.kind, same.main), (vm.kind, vm.main));
    }
    assert!(scan().unwrap().iter().any(|found| found.main == vm.main && found.label == name));

    // A fifth of a second later other processes are there, and found.
    let before: BTreeSet<Pid> = vm.processes.iter().map(|id| id.pid).collect();
    fixture::wait_for("a new process of the guest", || {
        let now = refresh(&vm).unwrap();
        now.processes.iter().any(|id| !before.contains(&id.pid)).then_some(())
    });

    guest.kill_main();
    assert!(!guest.processes().is_empty(), "6.1 leaves helpers behind; if not, mend uml.rs");
    assert!(matches!(refresh(&vm), Err(VmError::Vanished { .. })));
    let error = resolve(&VmRef::Name(name)).unwrap_err();
    assert!(matches!(error, VmError::NoSuchVm { .. }), "{error}");
}

#[test]
fn a_guest_is_found_through_its_cgroup() {
    let name = fixture::name("group");
    let Some(group) = Group::create("group") else { return };
    let Some(guest) = Guest::boot("group", &name) else { return };
    fixture::wait_for("all processes to be in the group", || {
        let outside: Vec<_> = guest.processes();
        let inside = group.0.processes().unwrap();
        let missing: Vec<_> = outside.iter().filter(|id| !inside.contains(&id.pid)).collect();
        for id in &missing {
            // Ended meanwhile, or not: the next round sees.
            let _ = group.0.add_process(id.pid);
        }
        missing.is_empty().then_some(())
    });
    let vm = resolved(&guest, &VmRef::Cgroup(group.0.path().to_owned()));
    assert_eq!((vm.kind, vm.main.pid), (VmKind::Cgroup, guest.pid()));
    assert!(count(&vm, Role::Io) >= 1 && count(&vm, Role::Vcpu) >= 3, "{:#?}", vm.threads);
    assert_eq!(refresh(&vm).unwrap().main, vm.main);
}

#[test]
fn two_guests_of_one_name_are_ambiguous() {
    let name = fixture::name("twice");
    let Some(one) = Guest::boot("twice", &name) else { return };
    let Some(two) = Guest::boot("twice", &name) else { return };
    let error = resolve(&VmRef::Name(name.clone())).unwrap_err();
    let VmError::Ambiguous { candidates, .. } = &error else { panic!("{error}") };
    for guest in [&one, &two] {
        let expected = format!("pid:{} (uml '{name}')", guest.pid());
        assert!(candidates.contains(&expected), "{error}");
    }
}
