// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU processes that really run: found by name, number and monitor, with and without named
//! threads; a monitor that is busy, and one whose process has died.

#[path = "fixture/emulator.rs"]
mod emulator;
mod fixture;

use std::os::unix::net::UnixStream;

use emulator::Emulator;
use evenkeel_model::Role;
use evenkeel_vm::{QmpError, Vm, VmError, VmKind, VmRef, refresh, resolve, scan};

fn evidence(vm: &Vm, role: Role) -> Vec<&str> {
    vm.threads.iter().filter(|t| t.role == role).map(|t| t.evidence.as_str()).collect()
}

#[test]
fn named_threads_say_their_roles() {
    let name = fixture::name("named");
    let option = format!("guest={name},debug-threads=on");
    let Some(qemu) = Emulator::start("named", &option, "tcg,thread=multi") else { return };
    for reference in
        [VmRef::QemuName(name.clone()), VmRef::Name(name.clone()), VmRef::Pid(qemu.pid())]
    {
        let vm = resolve(&reference).unwrap();
        assert_eq!((vm.kind, vm.label.as_str(), vm.main.pid), (VmKind::Qemu, &*name, qemu.pid()));
        let cpus = ["thread name 'CPU 0/TCG'", "thread name 'CPU 1/TCG'"];
        assert_eq!(evidence(&vm, Role::Vcpu), cpus);
        assert_eq!(evidence(&vm, Role::Io), ["thread name 'IO iothread0'"]);
        assert!(evidence(&vm, Role::Vmm).contains(&"QEMU's main thread"));
    }
    assert!(scan().unwrap().iter().any(|vm| vm.main.pid == qemu.pid() && vm.label == name));
}

#[test]
fn without_names_the_monitor_knows_and_nothing_is_guessed() {
    let name = fixture::name("unnamed");
    let Some(mut qemu) = Emulator::start("unnamed", &name, "tcg,thread=multi") else { return };
    let by_name = resolve(&VmRef::Name(name.clone())).unwrap();
    assert!(by_name.threads.iter().all(|thread| thread.role == Role::Vmm));
    let unknown = by_name.threads.iter().filter(|thread| !thread.recognised);
    assert!(unknown.clone().count() >= 4);
    assert!(unknown.clone().all(|t| t.evidence == "not recognised: counted as vmm"));

    let told = resolve(&VmRef::Qmp(qemu.socket())).unwrap();
    assert_eq!((told.kind, told.main, &told.label), (VmKind::Qemu, by_name.main, &name));
    assert_eq!(evidence(&told, Role::Vcpu), ["QMP: CPU 0", "QMP: CPU 1"]);
    assert_eq!(evidence(&told, Role::Io), ["QMP: I/O thread 'iothread0'"]);

    // The monitor serves one client at a time; what it said once is not forgotten meanwhile.
    let other = UnixStream::connect(qemu.socket()).unwrap();
    let error = resolve(&VmRef::Qmp(qemu.socket())).unwrap_err();
    assert!(matches!(error, VmError::Qmp(QmpError::Silent { .. })), "{error}");
    assert!(error.to_string().contains("one client at a time"), "{error}");
    assert_eq!(evidence(&refresh(&told).unwrap(), Role::Vcpu), ["QMP: CPU 0", "QMP: CPU 1"]);
    drop(other);

    qemu.kill();
    assert!(matches!(refresh(&told), Err(VmError::Vanished { .. })));
    assert!(matches!(refresh(&by_name), Err(VmError::Vanished { .. })));
    assert!(resolve(&VmRef::QemuName(name)).unwrap_err().is_gone());
    let error = resolve(&VmRef::Qmp(qemu.socket())).unwrap_err();
    assert!(error.to_string().contains("nobody listens"), "{error}");
}

#[test]
fn two_of_one_name_are_ambiguous() {
    let name = fixture::name("double");
    let Some(one) = Emulator::start("double", &name, "tcg") else { return };
    let Some(two) = Emulator::start("double", &name, "tcg") else { return };
    let error = resolve(&VmRef::QemuName(name.clone())).unwrap_err();
    let VmError::Ambiguous { candidates, .. } = &error else { panic!("{error}") };
    let mut expected = [&one, &two].map(|qemu| format!("pid:{} (qemu '{name}')", qemu.pid()));
    expected.sort();
    assert_eq!(candidates.as_slice(), expected);
}

#[test]
fn kernel_threads_of_a_kvm_guest_are_its_own() {
    let name = fixture::name("kvm");
    let option = format!("{name},debug-threads=on");
    if !std::path::Path::new("/dev/kvm").exists() {
        return fixture::skip("kvm", "no /dev/kvm");
    }
    let Some(qemu) = Emulator::start("kvm", &option, "kvm") else { return };
    let vm = resolve(&VmRef::QemuName(name)).unwrap();
    let cpus = ["thread name 'CPU 0/KVM'", "thread name 'CPU 1/KVM'"];
    assert_eq!(evidence(&vm, Role::Vcpu), cpus);
    let timer = vm.threads.iter().find(|thread| thread.kernel_thread);
    let Some(timer) = timer else {
        return fixture::skip("kvm", "this KVM has no kvm-pit thread");
    };
    assert_eq!(timer.comm, format!("kvm-pit/{}", qemu.pid()));
    assert_eq!((timer.role, timer.recognised), (Role::Io, true));
    assert!(vm.processes.iter().all(|id| id.pid != timer.pid));
}
