// SPDX-License-Identifier: MIT OR Apache-2.0
//! Planning what goes into a capsule: a VM's threads, and its netdevs.

use std::collections::BTreeSet;

use evenkeel_kernel::Tid;
use evenkeel_kernel::process::{self, ProcessError};
use evenkeel_model::{CapsuleName, NetworkContextKind};
use evenkeel_netctx::{NetdevFound, inspect};
use evenkeel_sched::Enforcer;
use evenkeel_vm::{Vm, VmThread, resolve};

use crate::error::HostError;
use crate::host::Host;
use crate::members::{placement, role_inside};
use crate::plan::{Plan, Step};
use crate::release::found_for;
use crate::request::{AttachRequest, Request};
use crate::state::{CapsuleRecord, ClaimRecord, NetdevRecord, State, ThreadRecord, VmRecord};
use crate::subtree::{self, tell_roles};

impl Host {
    /// [`Request::Attach`].
    pub(crate) fn plan_attach_on(
        &self,
        state: &State,
        request: &AttachRequest,
    ) -> Result<Plan, HostError> {
        let name = &request.name;
        let record = state.capsule(name)?;
        if record.own.is_none() {
            return Err(HostError::NoOwnBudget(name.clone()));
        }
        check_context(request)?;
        let enforcer = self.enforcer(record.enforcer)?;
        let mut vm = resolve(&request.vm)?;
        check_free(state, name, &vm, &*enforcer)?;
        let fresh = record.vms.iter().all(|known| known.main != vm.main);
        let (claim, why_not) = self.own_subtree(record, &vm, &*enforcer)?;
        tell_roles(claim.iter().map(|claim| &claim.claim), &mut vm.threads);
        let mut steps = Vec::from_iter(claim_step(name, record, claim));
        steps.extend(adopt_steps(name, record, &vm, &*enforcer)?);
        steps.push(Step::AdoptRest { capsule: name.clone(), vm: VmRecord::from(&vm), fresh });
        // A netdev that is in this capsule already stays as it is.
        let wanted: Vec<String> = request
            .netdevs
            .iter()
            .filter(|wanted| record.netdevs.iter().all(|known| known.found.name != **wanted))
            .cloned()
            .collect();
        let found = self.inspect_netdevs(state, &wanted, &*enforcer)?;
        steps.extend(found.into_iter().map(|found| Step::Dedicate {
            capsule: name.clone(),
            netdev: NetdevRecord { vm: Some(vm.main), found },
        }));
        Ok(Plan {
            request: Request::Attach(request.clone()),
            steps,
            verdict: None,
            notes: unrecognised(&vm).into_iter().chain(why_not).collect(),
            after: state.capsules.clone(),
            generation: state.generation,
        })
    }

    /// The VM's own subtree of control groups, if the backend takes such; else why there is none,
    /// where that is worth saying.
    fn own_subtree(
        &self,
        record: &CapsuleRecord,
        vm: &Vm,
        enforcer: &dyn Enforcer,
    ) -> Result<(Option<ClaimRecord>, Option<String>), HostError> {
        let Some(root) = self.mounts.v2.as_ref().filter(|_| enforcer.takes_subtrees()) else {
            return Ok((None, None));
        };
        // What it was before is known once it is ours; whoever is in it then is inside.
        let known = record.claims.iter().find(|known| known.vm == vm.main);
        match subtree::find(root, vm, known.map(|known| &known.claim))? {
            subtree::Found::Own(claim) => Ok((Some(ClaimRecord { vm: vm.main, claim }), None)),
            subtree::Found::None(why) => Ok((None, why)),
        }
    }

    /// What each of `names` is now; refused where it serves a capsule already.
    pub(crate) fn inspect_netdevs(
        &self,
        state: &State,
        names: &[String],
        enforcer: &dyn Enforcer,
    ) -> Result<Vec<NetdevFound>, HostError> {
        let mut seen = BTreeSet::new();
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            if !seen.insert(name) {
                return Err(HostError::Netdevs(format!("netdev '{name}' is named twice")));
            }
            let netdev = inspect(name, enforcer)?;
            let serves = |record: &CapsuleRecord| {
                record.netdevs.iter().any(|known| known.found.ifindex == netdev.ifindex)
            };
            if let Some((capsule, _)) = state.capsules.iter().find(|(_, record)| serves(record)) {
                let (netdev, capsule) = (netdev.name, capsule.clone());
                return Err(HostError::NetdevTaken { netdev, capsule });
            }
            found.push(netdev);
        }
        Ok(found)
    }
}

/// `dedicated` needs netdevs, `shared` has none.
fn check_context(request: &AttachRequest) -> Result<(), HostError> {
    match (request.context, request.netdevs.is_empty()) {
        (NetworkContextKind::Dedicated, true) => Err(HostError::Netdevs(
            "the network context 'dedicated' needs the VM's own netdev; name it with --netdev"
                .to_owned(),
        )),
        (NetworkContextKind::Shared, false) => Err(HostError::Netdevs(
            "the network context 'shared' leaves netdevs as they are; use 'dedicated' for netdevs \
             that belong to this VM alone"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

/// No thread of `vm` may be in another capsule, and no other capsule may have it on record.
fn check_free(
    state: &State,
    name: &CapsuleName,
    vm: &Vm,
    enforcer: &dyn Enforcer,
) -> Result<(), HostError> {
    let taken = |capsule: &CapsuleName| HostError::AlreadyInCapsule {
        vm: vm.label.clone(),
        capsule: capsule.clone(),
    };
    let others = state.capsules.iter().filter(|(other, _)| *other != name);
    for (other, record) in others {
        if record.vms.iter().any(|known| known.main == vm.main) {
            return Err(taken(other));
        }
    }
    for thread in &vm.threads {
        match enforcer.capsule_of(thread.tid) {
            Ok(Some(capsule)) if capsule != *name => return Err(taken(&capsule)),
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The step that takes a subtree in; none where the capsule has it as it is.
fn claim_step(
    name: &CapsuleName,
    record: &CapsuleRecord,
    claim: Option<ClaimRecord>,
) -> Option<Step> {
    let claim = claim?;
    let before = record.claims.iter().find(|known| known.claim.path == claim.claim.path).cloned();
    (before.as_ref() != Some(&claim)).then(|| Step::Claim { capsule: name.clone(), claim, before })
}

/// One step for each thread that is outside, or inside with another role.
fn adopt_steps(
    name: &CapsuleName,
    record: &CapsuleRecord,
    vm: &Vm,
    enforcer: &dyn Enforcer,
) -> Result<Vec<Step>, HostError> {
    let inside: BTreeSet<Tid> = enforcer.members(name)?.into_iter().collect();
    let mut steps = Vec::new();
    for thread in &vm.threads {
        let step = match inside.contains(&thread.tid) {
            true => role_step(name, record, thread, enforcer),
            false => adopt_step(name, record, thread, enforcer),
        };
        match step {
            Ok(step) => steps.extend(step),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(steps)
}

/// The step that takes one thread in, with what it is now; none for one that has ended.
pub(crate) fn adopt_step(
    name: &CapsuleName,
    record: &CapsuleRecord,
    thread: &VmThread,
    enforcer: &dyn Enforcer,
) -> Result<Option<Step>, HostError> {
    let stat = process::stat(thread.tid)?;
    if stat.exiting {
        return Ok(None);
    }
    Ok(Some(Step::Adopt {
        capsule: name.clone(),
        thread: ThreadRecord {
            tid: thread.tid,
            start_ticks: stat.start_ticks,
            pid: thread.pid,
            comm: thread.comm.clone(),
            role: thread.role,
            found: enforcer.capture(thread.tid)?,
        },
        becomes: placement(record, thread.role).to_string(),
    }))
}

/// The step that gives a thread that is inside the role it has been recognised by.
fn role_step(
    name: &CapsuleName,
    record: &CapsuleRecord,
    thread: &VmThread,
    enforcer: &dyn Enforcer,
) -> Result<Option<Step>, HostError> {
    let stat = process::stat(thread.tid)?;
    let before = role_inside(record, &stat)?;
    if before == thread.role {
        return Ok(None);
    }
    let found = found_for(record, &stat).unwrap_or_else(|| enforcer.neutral(record.cpus.clone()));
    Ok(Some(Step::SetRole {
        capsule: name.clone(),
        thread: ThreadRecord {
            tid: thread.tid,
            start_ticks: stat.start_ticks,
            pid: thread.pid,
            comm: thread.comm.clone(),
            role: thread.role,
            found,
        },
        before,
    }))
}

/// Whether the error says that a thread has ended.
pub(crate) fn is_gone(error: &HostError) -> bool {
    match error {
        HostError::Enforcer(error) => error.is_gone(),
        HostError::Netctx(error) => error.is_gone(),
        HostError::Process(error) => ProcessError::is_gone(error),
        HostError::Cgroup(error) => error.is_gone(),
        _ => false,
    }
}

/// What could not be recognised is taken in as `vmm`, and said.
fn unrecognised(vm: &Vm) -> Vec<String> {
    let unknown: Vec<String> = vm
        .threads
        .iter()
        .filter(|thread| !thread.recognised)
        .map(|thread| format!("{} '{}'", thread.tid, thread.comm))
        .collect();
    match unknown.is_empty() {
        true => Vec::new(),
        false => vec![format!(
            "threads of {} that could not be recognised, counted as vmm: {}",
            vm.label,
            unknown.join(", ")
        )],
    }
}
