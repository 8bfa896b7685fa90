// SPDX-License-Identifier: MIT OR Apache-2.0
//! Taking the threads of a running VM into a capsule, until none is left outside.
//!
//! A thread that is inside creates threads and processes inside; one that is outside creates them
//! outside, while we look. So all are listed again until two rounds in a row find nothing to do.
//! One would do were the listing atomic; the second catches a thread that was born behind the
//! reader's back by one that was then still outside.

use std::collections::BTreeSet;

use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::process::{self, ProcessId, is_alive};
use evenkeel_kernel::{Pid, Tid, cpu};
use evenkeel_model::{CapsuleName, Role};
use evenkeel_sched::{Enforcer, EnforcerError};
use evenkeel_vm::{Vm, VmError, VmThread, refresh};

use crate::apply::{Executor, is_same};
use crate::error::HostError;
use crate::members::{Aspect, ROUNDS_MAX, conform_round, placement};
use crate::plan::Step;
use crate::plan_attach::{adopt_step, is_gone};
use crate::state::{ThreadRecord, VmRecord};
use crate::subtree::tell_roles;

/// Rounds in a row that must find nothing to do.
const QUIET_ROUNDS: u32 = 2;

impl Executor<'_> {
    /// Puts one thread into the capsule; one that has ended meanwhile needs nothing. A kernel
    /// thread that the kernel does not let go stays where it is, and is told.
    pub(crate) fn adopt(
        &mut self,
        name: &CapsuleName,
        thread: &ThreadRecord,
    ) -> Result<(), HostError> {
        if !is_same(thread) {
            return Ok(());
        }
        let record = self.record(name)?;
        let enforcer = self.host.enforcer(record.enforcer)?;
        match enforcer.adopt(name, thread.tid, &placement(record, thread.role)) {
            Ok(()) => self.remember(name, thread.clone()),
            Err(error) if error.is_gone() => Ok(()),
            Err(error) if is_bound_kernel_thread(thread.tid, &error) => {
                enforcer.put_back(thread.tid, &thread.found, &cpu::online()?)?;
                self.immovable.insert(thread.tid);
                self.notes.push(format!(
                    "kernel thread {} '{}' stays outside capsule '{name}': {error}",
                    thread.tid, thread.comm
                ));
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts one thread back to what it was.
    pub(crate) fn give_back(
        &mut self,
        name: &CapsuleName,
        thread: &ThreadRecord,
    ) -> Result<(), HostError> {
        if !is_same(thread) {
            return Ok(());
        }
        let enforcer = self.host.enforcer(self.record(name)?.enforcer)?;
        let notes = enforcer.put_back(thread.tid, &thread.found, &cpu::online()?)?;
        self.notes.extend(notes.iter().map(|note| format!("thread {}: {note}", thread.tid)));
        Ok(())
    }

    /// Looks again until nothing of the VM is outside, or inside with other settings.
    pub(crate) fn adopt_rest(
        &mut self,
        name: &CapsuleName,
        vm: &VmRecord,
    ) -> Result<(), HostError> {
        let enforcer = self.host.enforcer(self.record(name)?.enforcer)?;
        let died = || HostError::VmDied { vm: vm.label.clone(), capsule: name.clone() };
        let mut known = vm.as_vm();
        let mut quiet = 0;
        let mut restless = vm.main.pid;
        for _ in 0..ROUNDS_MAX {
            known = match look_again(&known) {
                Ok(now) => now,
                Err(_) if !is_alive(&vm.main) => return Err(died()),
                Err(error) => return Err(error.into()),
            };
            tell_roles(self.record(name)?.subtrees(), &mut known.threads);
            let newcomers = self.newcomers(name, &known, &*enforcer)?;
            let conformed = conform_round(&*enforcer, name, self.record(name)?, Aspect::All)?;
            restless = newcomers.first().map_or(restless, |thread| thread.pid);
            let nothing_to_do = newcomers.is_empty() && conformed == 0;
            self.take_in(name, newcomers)?;
            quiet = if nothing_to_do { quiet + 1 } else { 0 };
            if quiet == QUIET_ROUNDS {
                break;
            }
        }
        if !is_alive(&vm.main) {
            return Err(died());
        }
        if quiet < QUIET_ROUNDS {
            return Err(no_fixpoint(name, restless));
        }
        self.forget_ended(name)?;
        self.remember_vm(name, VmRecord::from(&known))
    }

    /// Threads of the VM that are outside now.
    fn newcomers(
        &self,
        name: &CapsuleName,
        vm: &Vm,
        enforcer: &dyn Enforcer,
    ) -> Result<Vec<ThreadRecord>, HostError> {
        let inside: BTreeSet<Tid> = enforcer.members(name)?.into_iter().collect();
        let record = self.record(name)?;
        let mut newcomers = Vec::new();
        for thread in &vm.threads {
            if inside.contains(&thread.tid) || self.immovable.contains(&thread.tid) {
                continue;
            }
            match adopt_step(name, record, thread, enforcer) {
                Ok(Some(Step::Adopt { thread, .. })) => newcomers.push(thread),
                Ok(_) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(newcomers)
    }

    /// On record first, then in.
    fn take_in(
        &mut self,
        name: &CapsuleName,
        newcomers: Vec<ThreadRecord>,
    ) -> Result<(), HostError> {
        if newcomers.is_empty() {
            return Ok(());
        }
        let becomes = "inside".to_owned();
        let steps = newcomers.iter().map(|thread| Step::Adopt {
            capsule: name.clone(),
            thread: thread.clone(),
            becomes: becomes.clone(),
        });
        self.journal_mut().found.extend(steps);
        self.host.store.save(self.state)?;
        newcomers.iter().try_for_each(|thread| self.adopt(name, thread))
    }
}

/// The VM as it is now, and whoever was seen to belong to it before: a process whose parent has
/// ended belongs to init and cannot be found by descent any more, and one that has been moved out
/// of the control group by which the VM was named is not listed there.
fn look_again(known: &Vm) -> Result<Vm, VmError> {
    let mut now = match refresh(known) {
        Ok(now) => now,
        Err(VmError::EmptyCgroup { .. }) if is_alive(&known.main) => {
            Vm { threads: Vec::new(), processes: Vec::new(), ..known.clone() }
        }
        Err(error) => return Err(error),
    };
    now.main = known.main;
    let lost: Vec<ProcessId> =
        known.processes.iter().filter(|id| !now.processes.contains(id)).copied().collect();
    for id in lost.into_iter().filter(is_alive) {
        let descendants = process::descendants(id.pid).unwrap_or_default();
        for pid in std::iter::once(id.pid).chain(descendants) {
            add_process(&mut now, pid);
        }
    }
    Ok(now)
}

/// Adds a process that discovery has lost sight of; its threads count as `vmm`.
fn add_process(vm: &mut Vm, pid: Pid) {
    let Ok(id) = process::identity(pid) else { return };
    if vm.processes.contains(&id) {
        return;
    }
    vm.processes.push(id);
    for tid in process::threads(pid).unwrap_or_default() {
        let Ok(stat) = process::stat(tid) else { continue };
        vm.threads.push(VmThread {
            tid,
            pid,
            role: Role::Vmm,
            comm: stat.comm,
            evidence: "of a process that belonged to the VM before: counted as vmm".to_owned(),
            recognised: false,
            kernel_thread: false,
        });
    }
}

fn no_fixpoint(name: &CapsuleName, pid: Pid) -> HostError {
    HostError::NoFixpoint { pid, capsule: name.clone(), rounds: ROUNDS_MAX }
}

/// Whether the kernel refused because the thread is one of its own that is bound to its CPU or
/// group.
fn is_bound_kernel_thread(tid: Tid, error: &EnforcerError) -> bool {
    matches!(error, EnforcerError::Cgroup(CgroupError::ThreadRefused { .. }))
        && process::stat(tid).is_ok_and(|stat| stat.kernel_thread)
}
