// SPDX-License-Identifier: MIT OR Apache-2.0
//! Planning removals: a VM out of a capsule, everything out of it, the capsule off the host.

use evenkeel_kernel::Tid;
use evenkeel_kernel::process::{ProcessId, is_alive, process_of};
use evenkeel_model::{CapsuleName, EnforcerKind};
use evenkeel_sched::{Enforcer, EnforcerError};
use evenkeel_vm::{VmRef, refresh, resolve};

use crate::admission::{give_back, set_own_parts};
use crate::change::reservation_steps;
use crate::error::HostError;
use crate::host::Host;
use crate::plan::{Plan, Step};
use crate::request::Request;
use crate::state::{CapsuleRecord, State, VmRecord, children_of};

impl Host {
    /// [`Request::Delete`]. A name that only the kernel knows (an orphan), or only an interrupted
    /// operation, can be deleted, too.
    pub(crate) fn plan_delete_on(
        &self,
        state: &State,
        name: &CapsuleName,
    ) -> Result<Plan, HostError> {
        let Some(record) = state.capsules.get(name) else {
            return self.plan_delete_unknown(state, name);
        };
        let children = children_of(&state.capsules, name);
        if !children.is_empty() {
            return Err(HostError::HasChildren { name: name.clone(), children });
        }
        let enforcer = self.enforcer(record.enforcer)?;
        let mut steps = undedicate_steps(name, record, |_| true);
        steps.extend(unclaim_steps(name, record, |_| true));
        let threads = members_now(&*enforcer, name)?;
        if threads > 0 || !record.vms.is_empty() {
            steps.push(Step::Release { capsule: name.clone(), vm: None, threads });
        }
        steps.push(Step::RemoveGroup {
            capsule: name.clone(),
            enforcer: record.enforcer,
            reservation: record.own,
        });
        let mut after = state.capsules.clone();
        after.remove(name);
        let mut notes = Vec::from_iter(active_run(name, record));
        let foreign = enforcer.foreign(&state.names())?;
        let limits = self.facts()?.limits(enforcer.kind(), foreign);
        notes.extend(give_back(&mut after, record.parent.as_ref(), &limits)?);
        set_own_parts(&mut after)?;
        let (shrink, grow) = reservation_steps(&state.capsules, &after);
        steps.extend(shrink.into_iter().chain(grow));
        Ok(Plan {
            request: Request::Delete { name: name.clone() },
            steps,
            verdict: None,
            notes,
            after,
            generation: state.generation,
        })
    }

    fn plan_delete_unknown(&self, state: &State, name: &CapsuleName) -> Result<Plan, HostError> {
        let mut steps = Vec::new();
        let mut notes = Vec::new();
        let half_done = state.is_half_done(name);
        match self.any_enforcer().filter(|enforcer| enforcer.exists(name)) {
            Some(enforcer) if !half_done => {
                let threads = members_now(&*enforcer, name)?;
                steps.push(Step::Release { capsule: name.clone(), vm: None, threads });
                steps.push(Step::RemoveGroup {
                    capsule: name.clone(),
                    enforcer: enforcer.kind(),
                    reservation: None,
                });
                notes.push(format!(
                    "no record says what the threads of '{name}' were: they go to the root group \
                     as SCHED_OTHER on all CPUs"
                ));
            }
            _ if half_done => {
                notes.push(format!("the interrupted operation on '{name}' is cleared up"));
            }
            _ => return Err(state.capsule(name).err().unwrap_or(HostError::NotRoot)),
        }
        Ok(Plan {
            request: Request::Delete { name: name.clone() },
            steps,
            verdict: None,
            notes,
            after: state.capsules.clone(),
            generation: state.generation,
        })
    }

    /// A backend that can see groups by name, the stronger first.
    pub(crate) fn any_enforcer(&self) -> Option<Box<dyn Enforcer>> {
        let ours = self.enforcer(EnforcerKind::Scx).ok();
        let ours = ours.filter(|scx| scx.groups().is_ok_and(|groups| !groups.is_empty()));
        let kinds = [EnforcerKind::Rtgroup, EnforcerKind::Quota];
        ours.or_else(|| kinds.into_iter().find_map(|kind| self.enforcer(kind).ok()))
    }

    /// [`Request::Detach`].
    pub(crate) fn plan_detach_on(
        &self,
        state: &State,
        name: &CapsuleName,
        vm: Option<&VmRef>,
    ) -> Result<Plan, HostError> {
        let record = state.capsule(name)?;
        let enforcer = self.enforcer(record.enforcer)?;
        let known = vm.map(|vm| find_vm(name, record, vm)).transpose()?;
        let main = known.as_ref().map(|vm| vm.main);
        let mut steps = undedicate_steps(name, record, |served| main.is_none() || served == main);
        steps.extend(unclaim_steps(name, record, |vm| main.is_none_or(|main| vm == main)));
        let threads = match &known {
            Some(vm) => members_of(&*enforcer, name, vm)?,
            None => members_now(&*enforcer, name)?,
        };
        steps.push(Step::Release { capsule: name.clone(), vm: known, threads });
        Ok(Plan {
            request: Request::Detach { name: name.clone(), vm: vm.cloned() },
            steps,
            verdict: None,
            notes: Vec::new(),
            after: state.capsules.clone(),
            generation: state.generation,
        })
    }
}

/// Words about a `run` of another process that is still active.
fn active_run(name: &CapsuleName, record: &CapsuleRecord) -> Option<String> {
    let run = record.run.filter(is_alive).filter(|run| run.pid.0 != std::process::id())?;
    Some(format!(
        "`evenkeel run` (process {run}) is active in '{name}': its command goes on outside"
    ))
}

/// How many threads are inside; none where the group has gone.
fn members_now(enforcer: &dyn Enforcer, name: &CapsuleName) -> Result<usize, EnforcerError> {
    match enforcer.members(name) {
        Ok(members) => Ok(members.len()),
        Err(error) if error.is_gone() => Ok(0),
        Err(error) => Err(error),
    }
}

/// How many threads of one VM are inside.
fn members_of(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    vm: &VmRecord,
) -> Result<usize, EnforcerError> {
    let processes = refresh(&vm.as_vm()).map_or(vm.processes.clone(), |now| now.processes);
    let is_of_vm = |tid: &Tid| {
        let pid = process_of(*tid);
        pid.is_ok_and(|pid| processes.iter().any(|process| process.pid == pid))
    };
    match enforcer.members(name) {
        Ok(members) => Ok(members.iter().filter(|tid| is_of_vm(tid)).count()),
        Err(error) if error.is_gone() => Ok(0),
        Err(error) => Err(error),
    }
}

/// Takes back the netdevs whose VM `of` accepts, the last one first.
fn undedicate_steps(
    name: &CapsuleName,
    record: &CapsuleRecord,
    of: impl Fn(Option<ProcessId>) -> bool,
) -> Vec<Step> {
    let chosen = record.netdevs.iter().rev().filter(|netdev| of(netdev.vm));
    chosen
        .map(|netdev| Step::Undedicate { capsule: name.clone(), netdev: netdev.clone() })
        .collect()
}

/// Takes back the subtrees whose VM `of` accepts, the last one first.
fn unclaim_steps(
    name: &CapsuleName,
    record: &CapsuleRecord,
    of: impl Fn(ProcessId) -> bool,
) -> Vec<Step> {
    let chosen = record.claims.iter().rev().filter(|claim| of(claim.vm));
    chosen.map(|claim| Step::Unclaim { capsule: name.clone(), claim: claim.clone() }).collect()
}

/// The VM of `record` that `vm` names: by what it resolves to or, where that has gone, by its main
/// process number, its label or how it was found.
fn find_vm(name: &CapsuleName, record: &CapsuleRecord, vm: &VmRef) -> Result<VmRecord, HostError> {
    let main = resolve(vm).ok().map(|vm| vm.main);
    let is_meant = |known: &&VmRecord| match (main, vm) {
        (Some(main), _) => known.main == main || known.processes.contains(&main),
        (None, VmRef::Pid(pid)) => *pid == known.main.pid,
        (None, VmRef::Name(name) | VmRef::QemuName(name)) => known.label == *name,
        (None, other) => known.reference == *other,
    };
    record
        .vms
        .iter()
        .find(is_meant)
        .cloned()
        .ok_or_else(|| HostError::NotInCapsule { vm: vm.to_string(), capsule: name.clone() })
}
