// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a capsule: what breaks its guarantee now, and what else a reader should know.

use std::collections::BTreeMap;

use evenkeel_kernel::Tid;
use evenkeel_kernel::process::{self, is_alive};
use evenkeel_model::CapsuleName;
use evenkeel_netctx::{GRO_FLUSH_TIMEOUT, NAPI_DEFER_HARD_IRQS};
use evenkeel_sched::Enforcer;
use evenkeel_vm::VmThread;

use crate::state::State;
use crate::view::{CapsuleStatus, NetdevView, ThreadView};

/// What breaks the guarantee, one sentence each.
pub fn violations(present: bool, threads: &[ThreadView], netdevs: &[NetdevView]) -> Vec<String> {
    let mut violations = Vec::new();
    if !present {
        violations.push("its group is missing: somebody removed it".to_owned());
    }
    let drifted = threads.iter().filter(|thread| !thread.drift.is_empty());
    violations
        .extend(drifted.map(|t| format!("thread {} '{}' {}", t.tid, t.comm, t.drift.join(", "))));
    let inside: Vec<Tid> = threads.iter().map(|thread| thread.tid).collect();
    violations.extend(netdevs.iter().flat_map(|netdev| of_netdev(netdev, &inside)));
    violations
}

fn of_netdev(netdev: &NetdevView, inside: &[Tid]) -> Vec<String> {
    let name = &netdev.name;
    if netdev.gone {
        return vec![format!("netdev {name} has gone")];
    }
    let mut violations = Vec::new();
    if !netdev.threaded {
        violations.push(format!("netdev {name}: threaded NAPI has been switched off"));
    }
    if !netdev.gro {
        violations.push(format!("netdev {name}: GRO has been switched off"));
    }
    if netdev.gro_flush_timeout_ns < GRO_FLUSH_TIMEOUT {
        let now = netdev.gro_flush_timeout_ns;
        violations.push(format!(
            "netdev {name}: gro_flush_timeout is {now} instead of {GRO_FLUSH_TIMEOUT}"
        ));
    }
    if netdev.napi_defer_hard_irqs < NAPI_DEFER_HARD_IRQS {
        let now = netdev.napi_defer_hard_irqs;
        violations.push(format!(
            "netdev {name}: napi_defer_hard_irqs is {now} instead of {NAPI_DEFER_HARD_IRQS}"
        ));
    }
    let strangers = netdev.kthreads.iter().filter(|tid| !inside.contains(tid));
    violations.extend(strangers.map(|tid| {
        format!(
            "netdev {name}: its NAPI thread {tid} is outside the capsule (the kernel makes a new \
             one when the link goes down and up); detach and attach again"
        )
    }));
    violations
}

/// Threads of the VMs that are not inside.
pub fn outside(
    recognised: &BTreeMap<Tid, VmThread>,
    inside: &[Tid],
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
) -> Vec<String> {
    let missing = recognised.values().filter(|thread| !inside.contains(&thread.tid));
    missing
        // One that was born after the members were listed is inside by now; one that has ended
        // is nowhere.
        .filter(|thread| {
            enforcer.capsule_of(thread.tid).is_ok_and(|capsule| capsule.as_ref() != Some(name))
                && process::stat(thread.tid).is_ok_and(|stat| !stat.exiting)
        })
        .map(|thread| format!("thread {} '{}' is outside the capsule", thread.tid, thread.comm))
        .collect()
}

/// What else a reader should know.
pub fn warnings(state: &State, name: &CapsuleName, status: CapsuleStatus) -> Vec<String> {
    let mut warnings = Vec::new();
    if status == CapsuleStatus::HalfDone {
        let operation = state.journal.as_ref().map_or("", |journal| &journal.operation);
        warnings.push(format!("'{operation}' was interrupted; the next change clears it up"));
    }
    let Some(record) = state.capsules.get(name) else { return warnings };
    if record.suspended {
        warnings.push(format!(
            "it holds nothing: others have been admitted beside what its children had; \
             `evenkeel capsule set {name}` asks for its reservation again"
        ));
    }
    for vm in record.vms.iter().filter(|vm| !is_alive(&vm.main)) {
        warnings.push(format!("vm gone: {} (process {})", vm.label, vm.main));
    }
    if let Some(run) = record.run.filter(|run| !is_alive(run)) {
        warnings.push(format!(
            "`evenkeel run` (process {run}) was killed: `evenkeel capsule delete {name}` releases it"
        ));
    }
    warnings
}
