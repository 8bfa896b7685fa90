// SPDX-License-Identifier: MIT OR Apache-2.0
//! The capsules of a testbed: made, changed and released by the product, as a user would.

use std::process::{Child, Command};

use evenkeel_host::{
    AttachRequest, CreateRequest, EnforcerChoice, Host, HostError, Plan, Request, SetRequest,
};
use evenkeel_kernel::cgroup::CgroupMounts;
use evenkeel_kernel::process::ProcessError;
use evenkeel_model::{
    CapsuleName, CpuIndex, CpuSet, EnforcerKind, NetworkContextKind, Reservation, Role, Span,
};
use evenkeel_sched::{Enforcer, enforcer};
use evenkeel_vm::VmRef;

use crate::cpu_layout::{Layout, mask};
use crate::error::LabError;
use crate::journal::Entry;
use crate::paths::PREFIX;

use super::spec::{SINK, is_name};
use super::{Testbed, nic, way};

/// The product, and where the VMs are.
pub(crate) struct Capsules {
    host: Host,
    cpu: CpuIndex,
    enforcer: Box<dyn Enforcer>,
}

impl std::fmt::Debug for Capsules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Capsules").field("cpu", &self.cpu).finish_non_exhaustive()
    }
}

/// The capsule of a VM.
pub(super) fn capsule_name(vm: &str) -> CapsuleName {
    format!("{PREFIX}{vm}").parse().expect("names of VMs are letters and digits")
}

/// Whether a capsule is one that a lab makes.
pub(crate) fn is_capsule(name: &CapsuleName) -> bool {
    name.as_str().strip_prefix(PREFIX).is_some_and(is_name)
}

impl Capsules {
    pub(crate) fn new(host: Host, layout: Layout) -> Result<Capsules, LabError> {
        let mounts = CgroupMounts::discover().map_err(ProcessError::from)?;
        let enforcer = enforcer(EnforcerKind::Rtgroup, &mounts).map_err(HostError::from)?;
        Ok(Capsules { host, cpu: layout.vm_cpu, enforcer })
    }

    /// One read of a kernel counter.
    pub(crate) fn supply(&self, vm: &str) -> Result<Span, LabError> {
        let supply = self.enforcer.usage(&capsule_name(vm)).map_err(HostError::from)?;
        Ok(supply.total)
    }

    fn apply(&self, request: Request) -> Result<(), LabError> {
        let plan: Plan = self.host.plan(&request)?;
        if let Some(verdict) = plan.verdict.as_ref().filter(|verdict| !verdict.admitted) {
            return Err(HostError::Refused(Box::new(verdict.clone())).into());
        }
        self.host.apply(&plan)?;
        Ok(())
    }

    pub(super) fn create(&self, vm: &str, reservation: Reservation) -> Result<(), LabError> {
        self.apply(Request::Create(CreateRequest {
            name: capsule_name(vm),
            reservation,
            cpus: CpuSet::single(self.cpu),
            parent: None,
            enforcer: EnforcerChoice::Rtgroup,
        }))
    }

    /// Starts a program inside.
    pub(super) fn spawn(
        &self,
        name: &CapsuleName,
        role: Role,
        command: &mut Command,
    ) -> Result<Child, LabError> {
        Ok(self.host.spawn_inside(name, role, command)?)
    }

    fn set(&self, vm: &str, reservation: Reservation) -> Result<(), LabError> {
        let (name, reservation) = (capsule_name(vm), Some(reservation));
        self.apply(Request::Set(SetRequest { name, reservation, cpus: None }))
    }

    fn attach(&self, vm: &str, reference: VmRef, netdev: Option<String>) -> Result<(), LabError> {
        let context = match netdev {
            Some(_) => NetworkContextKind::Dedicated,
            None => NetworkContextKind::Shared,
        };
        let netdevs = netdev.into_iter().collect();
        let name = capsule_name(vm);
        self.apply(Request::Attach(AttachRequest { name, vm: reference, netdevs, context }))
    }

    fn detach(&self, vm: &str) -> Result<(), LabError> {
        self.apply(Request::Detach { name: capsule_name(vm), vm: None })
    }

    pub(super) fn delete(&self, vm: &str) -> Result<(), LabError> {
        self.apply(Request::Delete { name: capsule_name(vm) })
    }
}

impl Testbed {
    /// Gives a VM (or [`SINK`]) this reservation: a capsule is made and the VM put into it, or an
    /// existing one is changed in place. `None` releases it: the VM is an ordinary process in the
    /// root group again, and its network work an ordinary softirq on the VMs' CPU.
    pub fn set_reservation(
        &mut self,
        vm: &str,
        asked: Option<Reservation>,
    ) -> Result<(), LabError> {
        match (self.reservation(vm)?, asked) {
            (Some(held), Some(asked)) if held == asked => return Ok(()),
            (Some(_), Some(asked)) => self.capsules.set(vm, asked)?,
            (None, Some(asked)) => {
                self.journal.record(&Entry::Capsule { name: capsule_name(vm) })?;
                self.capsules.create(vm, asked)?;
                self.note_reservation(vm, Some(asked))?;
                self.put_inside(vm)?;
            }
            (Some(_), None) => {
                self.capsules.delete(vm)?;
                self.steer_outside(vm)?;
            }
            (None, None) => self.steer_outside(vm)?,
        }
        self.note_reservation(vm, asked)
    }

    /// Leads frames to all guests another way. Capsules keep their reservations; what was inside
    /// them is taken out and put in again, network devices with `dedicated` only.
    pub fn set_context(&mut self, context: NetworkContextKind) -> Result<(), LabError> {
        if context == self.context {
            return Ok(());
        }
        let vms: Vec<String> = self.vms().map(str::to_owned).collect();
        for vm in vms.iter().filter(|vm| self.has_capsule(vm)) {
            self.capsules.detach(vm)?;
        }
        let guests: Vec<_> =
            self.members.iter().filter_map(|member| member.names.clone()).collect();
        way::lead(&guests, context)?;
        self.context = context;
        for vm in &vms {
            match self.has_capsule(vm) {
                true => self.put_inside(vm)?,
                false => self.steer_outside(vm)?,
            }
        }
        Ok(())
    }

    fn has_capsule(&self, vm: &str) -> bool {
        self.reservation(vm).is_ok_and(|reservation| reservation.is_some())
    }

    /// Attaches a VM to its capsule. A dedicated function is then served by its NAPI thread, which
    /// is where it should be: no steering.
    fn put_inside(&self, vm: &str) -> Result<(), LabError> {
        let pid = match &self.sink {
            Some(sink) if vm == SINK => sink.pid,
            _ => self.member(vm)?.guest.main_process().pid,
        };
        let is_dedicated = vm == SINK || self.context == NetworkContextKind::Dedicated;
        let netdev = match self.names(vm) {
            Ok(names) if is_dedicated => Some(names.function()),
            _ => None,
        };
        if let Some(function) = &netdev {
            nic::set_rps(function, "0")?;
        }
        self.capsules.attach(vm, VmRef::Pid(pid), netdev)
    }

    /// Without a capsule the receive work of the VM's function is a softirq on the VMs' CPU, as the
    /// interrupt of a host's NIC would be: not on the NIC's, where it would cost nobody anything.
    fn steer_outside(&self, vm: &str) -> Result<(), LabError> {
        match self.names(vm) {
            Ok(names) => nic::set_rps(&names.function(), &mask(self.layout.vm_cpu)),
            Err(LabError::NoNetwork(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn note_reservation(
        &mut self,
        vm: &str,
        reservation: Option<Reservation>,
    ) -> Result<(), LabError> {
        if let Some(sink) = self.sink.as_mut().filter(|_| vm == SINK) {
            sink.reservation = reservation;
            return Ok(());
        }
        let missing = self.no_such(vm);
        let member = self.members.iter_mut().find(|member| member.spec.name == vm);
        member.ok_or(missing)?.reservation = reservation;
        Ok(())
    }
}
