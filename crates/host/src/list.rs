// SPDX-License-Identifier: MIT OR Apache-2.0
//! `list`: every capsule, those that only the kernel or only the record knows included.

use evenkeel_kernel::process::is_alive;
use evenkeel_model::{CapsuleName, CpuSet, NetworkContextKind};

use crate::error::HostError;
use crate::host::Host;
use crate::state::{CapsuleRecord, State};
use crate::view::{CapsuleStatus, CapsuleSummary, RunView, VmView};

impl Host {
    /// Every capsule of this host, by name.
    pub fn list(&self) -> Result<Vec<CapsuleSummary>, HostError> {
        let state = self.load()?;
        let mut list = Vec::with_capacity(state.capsules.len());
        for (name, record) in &state.capsules {
            list.push(self.summary(&state, name, record)?);
        }
        let under_way = self.store.is_locked();
        if let Some(enforcer) = self.any_enforcer() {
            for name in enforcer.groups()? {
                if state.capsules.contains_key(&name) || (under_way && state.is_half_done(&name)) {
                    continue;
                }
                // A group may go between listing and looking.
                let threads = enforcer.members(&name).map_or(0, |members| members.len());
                let status = match state.is_half_done(&name) {
                    true => CapsuleStatus::HalfDone,
                    false => CapsuleStatus::Orphan,
                };
                list.push(without_record(name, status, threads));
            }
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    pub(crate) fn summary(
        &self,
        state: &State,
        name: &CapsuleName,
        record: &CapsuleRecord,
    ) -> Result<CapsuleSummary, HostError> {
        let enforcer = self.enforcer(record.enforcer)?;
        let status = match () {
            () if !enforcer.exists(name) => CapsuleStatus::GroupMissing,
            () if state.is_half_done(name) && !self.store.is_locked() => CapsuleStatus::HalfDone,
            () => CapsuleStatus::InForce,
        };
        Ok(CapsuleSummary {
            name: name.clone(),
            status,
            reservation: Some(record.reservation),
            bandwidth_ppb: Some(record.reservation.bandwidth()),
            cpus: record.cpus.clone(),
            parent: record.parent.clone(),
            enforcer: Some(record.enforcer),
            context: record.context(),
            vms: record.vms.iter().map(vm_view).collect(),
            netdevs: record.netdevs.iter().map(|netdev| netdev.found.name.clone()).collect(),
            thread_count: enforcer.members(name).map_or(0, |members| members.len()),
            run: record.run.map(|run| RunView { pid: run.pid, gone: !is_alive(&run) }),
        })
    }
}

fn vm_view(vm: &crate::state::VmRecord) -> VmView {
    VmView { label: vm.label.clone(), kind: vm.kind, pid: vm.main.pid, gone: !is_alive(&vm.main) }
}

/// A group that no capsule on record goes with.
fn without_record(name: CapsuleName, status: CapsuleStatus, thread_count: usize) -> CapsuleSummary {
    CapsuleSummary {
        name,
        status,
        reservation: None,
        bandwidth_ppb: None,
        cpus: CpuSet::empty(),
        parent: None,
        enforcer: None,
        context: NetworkContextKind::Shared,
        vms: Vec::new(),
        netdevs: Vec::new(),
        thread_count,
        run: None,
    }
}
