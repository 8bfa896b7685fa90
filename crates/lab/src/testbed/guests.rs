// SPDX-License-Identifier: MIT OR Apache-2.0
//! Booting the guests of a testbed and putting them on their CPU.
//!
//! They boot at the same time and on all CPUs: nine guests take half the time of nine guests on
//! one CPU. Only then is every thread put on the VMs' CPU; threads that appear later inherit it.

use std::collections::BTreeSet;

use evenkeel_kernel::process::{self, ProcessId};
use evenkeel_kernel::sched;
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{CpuSet, Span};
use evenkeel_vm::{Vm, VmRef, resolve};

use crate::error::LabError;
use crate::guest::{
    Boot, Guest, GuestError, GuestKind, MARK_PREFIX, Network, Qemu, Started, Uml, write_files,
};
use crate::journal::Entry;

use super::name::{CLIENT_ADDRESS, CLIENT_MAC, Names, mac_text};
use super::spec::{TestbedSpec, VmSpec};
use super::{Member, Testbed};

/// How long user-mode-linux guests may take to boot. One needs 1.4 s of CPU time, 64 of them on two
/// CPUs 45 s; twice that.
const UML_BOOT_TIMEOUT: Span = Span::from_s(90);
/// How often the threads of a guest are listed until none is new.
const PIN_ROUNDS_MAX: u32 = 50;

/// What boots the guests of one testbed.
enum Hypervisor {
    Uml(Uml),
    Qemu(Box<Qemu>),
}

impl Hypervisor {
    fn of_host(spec: &TestbedSpec, progress: &mut dyn FnMut(&str)) -> Result<Hypervisor, LabError> {
        Ok(match spec.guest {
            GuestKind::Uml => Hypervisor::Uml(Uml::of_host()?),
            GuestKind::Qemu => Hypervisor::Qemu(Box::new(Qemu::of_host(progress)?)),
        })
    }

    fn label(&self) -> String {
        match self {
            Hypervisor::Uml(uml) => uml.label(),
            Hypervisor::Qemu(qemu) => qemu.label(),
        }
    }

    /// The console's device and the network device, as the guest knows them.
    const fn devices(&self) -> (&'static str, &'static str) {
        match self {
            Hypervisor::Uml(_) => (Uml::console(), Uml::device()),
            Hypervisor::Qemu(_) => (Qemu::console(), Qemu::device()),
        }
    }

    fn start(&self, boot: &Boot) -> Result<Started, GuestError> {
        match self {
            Hypervisor::Uml(uml) => uml.start(boot),
            Hypervisor::Qemu(qemu) => qemu.start(boot),
        }
    }

    fn boot_timeout(&self) -> Span {
        match self {
            Hypervisor::Uml(_) => UML_BOOT_TIMEOUT,
            Hypervisor::Qemu(qemu) => qemu.boot_timeout(),
        }
    }
}

impl Testbed {
    /// Boots all guests and puts them on the VMs' CPU.
    pub(super) fn boot_all(
        &mut self,
        spec: &TestbedSpec,
        names: Vec<Option<Names>>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), LabError> {
        let hypervisor = Hypervisor::of_host(spec, progress)?;
        self.guest_label = hypervisor.label();
        check_room(spec)?;
        write_files(&self.paths)?;
        progress(&format!("booting {} guests ({})", spec.vms.len(), self.guest_label));
        for (vm, names) in spec.vms.iter().zip(names) {
            let boot = self.boot_of(vm, names.as_ref());
            let (console, device) = hypervisor.devices();
            boot.write_settings(&self.program, console, device)?;
            self.journal.record(&Entry::Guest { mark: boot.mark.clone() })?;
            let guest = Guest::new(&boot, hypervisor.start(&boot)?)?;
            let processes = std::iter::once(guest.main_process()).chain(guest.helpers().to_vec());
            let what = format!("guest {}", vm.name);
            let entries: Vec<Entry> =
                processes.map(|id| Entry::Process { what: what.clone(), id }).collect();
            // It belongs to the testbed before anything else can fail.
            let reservation = None;
            self.members.push(Member { spec: vm.clone(), names, guest, reservation });
            self.journal.record_all(&entries)?;
        }
        for member in &mut self.members {
            member.guest.wait_ready(hypervisor.boot_timeout())?;
            let (name, time) = (&member.spec.name, member.guest.boot_time());
            progress(&format!("guest {name} is ready after {time}"));
        }
        let cpus = CpuSet::single(self.layout.vm_cpu);
        self.members.iter().try_for_each(|member| pin(&member.guest, &cpus))
    }

    fn boot_of(&self, vm: &VmSpec, names: Option<&Names>) -> Boot {
        let network = names.map(|names| Network {
            tap: names.tap(),
            mac: mac_text(names.mac()),
            address: names.address(),
            client: (CLIENT_ADDRESS, mac_text(CLIENT_MAC)),
        });
        Boot {
            vm: vm.name.clone(),
            mark: format!("{MARK_PREFIX}{}-{}", vm.name, std::process::id()),
            memory_mib: vm.memory_mib,
            network,
            layout: self.layout,
            paths: self.paths.clone(),
        }
    }
}

/// Refuses to boot into a memory file system that is too full: a guest that cannot touch its
/// memory is killed by SIGBUS, without a word.
fn check_room(spec: &TestbedSpec) -> Result<(), LabError> {
    let path = std::path::Path::new(crate::guest::MEMORY_DIRECTORY);
    let failed = |source| LabError::File { action: "look at", path: path.to_owned(), source };
    let room = rustix::fs::statvfs(path).map_err(|errno| failed(errno.into()))?;
    let free_mib = room.f_bavail.saturating_mul(room.f_frsize) >> 20;
    let needed_mib = spec.memory_mib();
    if free_mib < needed_mib {
        return Err(LabError::NoRoom { path: path.to_owned(), free_mib, needed_mib });
    }
    Ok(())
}

/// What the product says are the guest's processes and threads.
pub(super) fn vm(guest: &Guest) -> Result<Vm, LabError> {
    Ok(resolve(&VmRef::Pid(guest.main_process().pid))?)
}

/// Puts every thread of a guest on `cpus`. A thread that is started meanwhile inherits its
/// creator's CPUs, old or new: all are listed again until none has others.
fn pin(guest: &Guest, cpus: &CpuSet) -> Result<(), LabError> {
    for _ in 0..PIN_ROUNDS_MAX {
        let mut moved = false;
        for tid in threads(&vm(guest)?) {
            moved |= pin_thread(tid, cpus)?;
        }
        if !moved {
            return Ok(());
        }
    }
    let pid: Pid = guest.main_process().pid;
    Err(LabError::NoFixpoint { vm: guest.name().to_owned(), pid })
}

/// Whether it had other CPUs. A thread that has gone has none.
fn pin_thread(tid: Tid, cpus: &CpuSet) -> Result<bool, LabError> {
    match sched::affinity(tid) {
        Ok(found) if found == *cpus => Ok(false),
        Ok(_) => match sched::set_affinity(tid, cpus) {
            Ok(()) => Ok(true),
            Err(error) if error.is_gone() => Ok(false),
            Err(error) => Err(error.into()),
        },
        Err(error) if error.is_gone() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// CPU time that the present threads of a guest have had.
pub(super) fn cpu_time(guest: &Guest) -> Result<Span, LabError> {
    let mut total = Span::ZERO;
    for tid in threads(&vm(guest)?) {
        match process::cpu_time(tid) {
            Ok(time) => total = total + time,
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(total)
}

/// Every thread of every process, those included that have no role.
fn threads(vm: &Vm) -> BTreeSet<Tid> {
    let of_process = |id: &ProcessId| process::threads(id.pid).unwrap_or_default();
    let listed = vm.threads.iter().map(|thread| thread.tid);
    vm.processes.iter().flat_map(of_process).chain(listed).collect()
}
