// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking threads out of a capsule: each gets back what it had, or what its creator had.

use std::collections::BTreeSet;

use evenkeel_kernel::process::{self, ThreadStat};
use evenkeel_kernel::{Pid, Tid, cpu};
use evenkeel_model::{CapsuleName, CpuSet};
use evenkeel_sched::{Enforcer, EnforcerError, Found};
use evenkeel_vm::refresh;

use crate::apply::is_same;
use crate::error::HostError;
use crate::members::ROUNDS_MAX;
use crate::state::{CapsuleRecord, VmRecord};

/// How many generations of processes are followed upwards to whom a thread descends from. Guests
/// and their helpers are a handful deep; numbers reused meanwhile could form a ring.
const GENERATIONS_MAX: usize = 64;

/// What a thread inside gets back: what is on record for it; else, for one born inside, what is on
/// record for its process, its nearest ancestor, the VM's main process, or the thread that started
/// processes inside; `None` where nothing is known.
pub fn found_for(record: &CapsuleRecord, stat: &ThreadStat) -> Option<Found> {
    if let Some(known) = record.thread(stat.tid, stat.start_ticks) {
        return Some(known.found.clone());
    }
    let mut kthreads = record.netdevs.iter().flat_map(|netdev| &netdev.found.kthreads);
    if let Some(known) = kthreads.find(|k| k.tid == stat.tid && k.start_ticks == stat.start_ticks) {
        return Some(known.found.clone());
    }
    let by_descent = ancestry(stat).into_iter().find_map(|pid| found_of_process(record, pid));
    let by_vm = || record.vms.iter().find_map(|vm| found_of_process(record, vm.main.pid));
    by_descent.or_else(|| record.launcher.clone()).or_else(by_vm)
}

/// What is on record for a process: for its first thread, else for any of its threads.
fn found_of_process(record: &CapsuleRecord, pid: Pid) -> Option<Found> {
    let of_process = || record.threads.iter().filter(|known| known.pid == pid);
    let first = of_process().find(|known| known.tid == pid.leader());
    first.or_else(|| of_process().next()).map(|known| known.found.clone())
}

/// A thread's process and the processes it descends from, nearest first.
fn ancestry(stat: &ThreadStat) -> Vec<Pid> {
    let mut chain = vec![stat.pid];
    let mut parent = stat.ppid;
    while parent.0 > 1 && chain.len() < GENERATIONS_MAX && !chain.contains(&parent) {
        chain.push(parent);
        parent = process::stat(parent.leader()).map_or(Pid(0), |stat| stat.ppid);
    }
    chain
}

/// Which members are to go.
pub enum Whom<'a> {
    /// Everyone.
    All,
    /// The threads of one VM: whoever belongs to none of the VMs that stay.
    Vm {
        /// Those that stay.
        stay: &'a [VmRecord],
    },
}

/// Puts members back, until a round finds nobody to go. The answer tells what could not be as it
/// was. Threads that end meanwhile need nothing.
///
/// Whoever is on record is put back whether he is inside or not: a process that was killed here may
/// have got him out and no further.
pub fn release(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    record: Option<&CapsuleRecord>,
    whom: &Whom<'_>,
) -> Result<Vec<String>, HostError> {
    let online = cpu::online()?;
    let mut notes = release_recorded(enforcer, record, whom, &online)?;
    let mut last = None;
    for _ in 0..ROUNDS_MAX {
        let staying = processes_of(whom);
        let members = match enforcer.occupants(name) {
            Ok(members) => members,
            Err(error) if error.is_gone() => return Ok(notes),
            Err(error) => return Err(error.into()),
        };
        let mut moved = 0;
        for tid in members {
            match release_one(enforcer, record, tid, staying.as_ref(), &online) {
                Ok(None) => {}
                Ok(Some(told)) => {
                    moved += 1;
                    notes.extend(told.iter().map(|note| format!("thread {tid}: {note}")));
                    last = process::process_of(tid).ok().or(last);
                }
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if moved == 0 {
            return Ok(notes);
        }
    }
    match last {
        Some(pid) => Err(HostError::NoFixpoint { pid, capsule: name.clone(), rounds: ROUNDS_MAX }),
        None => Ok(notes),
    }
}

/// Puts back whoever is on record and still the same thread.
fn release_recorded(
    enforcer: &dyn Enforcer,
    record: Option<&CapsuleRecord>,
    whom: &Whom<'_>,
    online: &CpuSet,
) -> Result<Vec<String>, HostError> {
    let mut notes = Vec::new();
    let staying = processes_of(whom);
    for known in record.iter().flat_map(|record| &record.threads).filter(|known| is_same(known)) {
        match release_one(enforcer, record, known.tid, staying.as_ref(), online) {
            Ok(told) => notes
                .extend(told.iter().flatten().map(|note| format!("thread {}: {note}", known.tid))),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(notes)
}

/// `None` for a thread that stays.
fn release_one(
    enforcer: &dyn Enforcer,
    record: Option<&CapsuleRecord>,
    tid: Tid,
    staying: Option<&BTreeSet<Pid>>,
    online: &CpuSet,
) -> Result<Option<Vec<String>>, EnforcerError> {
    let stat = process::stat(tid)?;
    let stays = |pids: &BTreeSet<Pid>| ancestry(&stat).iter().any(|pid| pids.contains(pid));
    if staying.is_some_and(stays) {
        return Ok(None);
    }
    let is_napi = record.is_some_and(|record| {
        let mut kthreads = record.netdevs.iter().flat_map(|netdev| &netdev.found.kthreads);
        kthreads.any(|k| k.tid == tid && k.start_ticks == stat.start_ticks)
    });
    if is_napi && staying.is_some() {
        // NAPI threads go with their netdev, not with a VM.
        return Ok(None);
    }
    let found = record.and_then(|record| found_for(record, &stat));
    let found = found.unwrap_or_else(|| enforcer.neutral(online.clone()));
    enforcer.put_back(tid, &found, online).map(Some)
}

/// The processes of the VMs that stay, as they are now; `None` where nobody stays.
fn processes_of(whom: &Whom<'_>) -> Option<BTreeSet<Pid>> {
    let Whom::Vm { stay } = whom else { return None };
    let mut pids = BTreeSet::new();
    for vm in *stay {
        pids.extend(vm.processes.iter().map(|process| process.pid));
        if let Ok(now) = refresh(&vm.as_vm()) {
            pids.extend(now.processes.iter().map(|process| process.pid));
        }
    }
    Some(pids)
}
