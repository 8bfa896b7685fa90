// SPDX-License-Identifier: MIT OR Apache-2.0
//! Carrying out a plan: journal, steps, record; and taking steps back.
//!
//! ```text
//!   journal written -> step, step, step -> record written, journal cleared
//!                        | failure
//!                        v
//!          back: steps undone in reverse      forward: the remaining removals done anyway
//! ```
//!
//! Before a step is begun the journal on disk counts it as begun; threads that turn up on the way
//! are in the journal before they are touched. So whatever kills this process, [`crate::recover`]
//! knows what may have been done.

use std::collections::BTreeSet;

use evenkeel_kernel::{Tid, process};
use evenkeel_model::{Band, CapsuleName, CpuSet, EnforcerKind, Reservation, Role};
use evenkeel_netctx::{NetctxError, Target, disengage, engage};
use evenkeel_sched::EnforcerError;

use crate::error::HostError;
use crate::host::{Host, Outcome};
use crate::members::{Aspect, ask_for_cpus, conform, placement};
use crate::plan::{Direction, Plan, Step};
use crate::plan_attach::is_gone;
use crate::release::{Whom, release};
use crate::request::Request;
use crate::state::{
    CapsuleRecord, Capsules, ClaimRecord, Journal, NetdevRecord, State, ThreadRecord, VmRecord,
};

/// One operation under way.
pub struct Executor<'a> {
    pub(crate) host: &'a Host,
    pub(crate) state: &'a mut State,
    /// The capsules as they are now, step by step.
    pub(crate) now: Capsules,
    /// What could not be as it was, or as it was asked.
    pub(crate) notes: Vec<String>,
    /// Kernel threads that cannot leave their group.
    pub(crate) immovable: BTreeSet<Tid>,
}

impl Request {
    /// Which way it is cleared up if it is interrupted.
    fn direction(&self) -> Direction {
        match self {
            Request::Create(_) | Request::Run { .. } | Request::Attach(_) | Request::Set(_) => {
                Direction::Back
            }
            Request::Detach { .. } | Request::Delete { .. } => Direction::Forward,
        }
    }
}

impl<'a> Executor<'a> {
    /// Writes the journal. Nothing on the host has changed if this fails.
    pub fn start(
        host: &'a Host,
        state: &'a mut State,
        plan: &Plan,
    ) -> Result<Executor<'a>, HostError> {
        state.generation += 1;
        state.journal = Some(Journal {
            operation: format!("{} {}", plan.request.verb(), plan.request.capsule()),
            direction: plan.request.direction(),
            steps: plan.steps.clone(),
            begun: 0,
            found: Vec::new(),
            after: plan.after.clone(),
        });
        if let Err(error) = host.store.save(state) {
            state.journal = None;
            return Err(error);
        }
        Ok(Executor::resume(host, state))
    }

    /// An executor for the journal that is on record.
    pub fn resume(host: &'a Host, state: &'a mut State) -> Executor<'a> {
        let mut now = state.capsules.clone();
        // A capsule that is being made has its record in the journal only.
        for (name, record) in state.journal.iter().flat_map(|journal| &journal.after) {
            now.entry(name.clone()).or_insert_with(|| record.clone());
        }
        Executor { host, state, now, notes: Vec::new(), immovable: BTreeSet::new() }
    }

    /// All steps, and the record after them.
    pub fn run(mut self, plan: &Plan, outcome: &mut Outcome) -> Result<(), HostError> {
        let result = match plan.request.direction() {
            Direction::Back => self.run_back(),
            Direction::Forward => self.run_forward(),
        };
        outcome.notes.append(&mut self.notes);
        result
    }

    fn run_back(&mut self) -> Result<(), HostError> {
        match self.all_steps().and_then(|()| self.commit()) {
            Ok(()) => Ok(()),
            Err(cause) => {
                let mut left = self.take_all_back();
                if let Err(error) = self.close() {
                    left.push(error.to_string());
                }
                match left.is_empty() {
                    true => Err(cause),
                    false => Err(HostError::RollbackIncomplete { cause: Box::new(cause), left }),
                }
            }
        }
    }

    fn all_steps(&mut self) -> Result<(), HostError> {
        let steps = self.journal().steps.clone();
        for (i, step) in steps.iter().enumerate() {
            self.begin(i, &steps)?;
            self.carry_out(i, step)?;
        }
        Ok(())
    }

    /// Removals go on after a failure; the first one is the answer.
    pub(crate) fn run_forward(&mut self) -> Result<(), HostError> {
        let steps = self.journal().steps.clone();
        let mut failed: Option<HostError> = None;
        for (i, step) in steps.iter().enumerate() {
            if failed.is_some() && matches!(step, Step::SetReservation { .. }) {
                // What was not freed cannot be handed on.
                continue;
            }
            let result = self.begin(i, &steps).and_then(|()| self.carry_out(i, step));
            failed = failed.or(result.err());
        }
        match failed {
            None => self.commit(),
            Some(error) => {
                self.state.capsules = std::mem::take(&mut self.now);
                self.close()?;
                Err(error)
            }
        }
    }

    /// Counts step `i` as begun, on disk. A run of adoptions is counted at its beginning.
    fn begin(&mut self, i: usize, steps: &[Step]) -> Result<(), HostError> {
        if i < self.journal().begun {
            return Ok(());
        }
        let is_adoption = |step: &&Step| matches!(step, Step::Adopt { .. } | Step::SetRole { .. });
        let run = steps[i..].iter().take_while(is_adoption).count();
        self.journal_mut().begun = i + run.max(1);
        self.host.store.save(self.state)
    }

    /// The record after the last step.
    fn commit(&mut self) -> Result<(), HostError> {
        let Some(journal) = self.state.journal.take() else { return Ok(()) };
        let before = std::mem::take(&mut self.state.capsules);
        let sequence_before = self.state.sequence_next;
        self.state.capsules = merged(journal.after.clone(), &self.now);
        let sequences = self.state.capsules.values().map(|record| record.sequence + 1);
        self.state.sequence_next = sequences.max().unwrap_or(0).max(sequence_before);
        self.state.generation += 1;
        self.host.store.save(self.state).inspect_err(|_| {
            self.state.capsules = before;
            self.state.sequence_next = sequence_before;
            self.state.journal = Some(journal);
        })
    }

    /// Clears the journal; the record is what it says now.
    pub(crate) fn close(&mut self) -> Result<(), HostError> {
        self.state.journal = None;
        self.state.generation += 1;
        self.host.store.save(self.state)
    }

    /// Takes back everything that was begun, last first. The answer tells what could not be.
    pub(crate) fn take_all_back(&mut self) -> Vec<String> {
        let journal = self.journal();
        let begun = journal.begun.min(journal.steps.len());
        let steps: Vec<Step> =
            journal.steps[..begun].iter().chain(&journal.found).cloned().collect();
        let mut left = Vec::new();
        for step in steps.iter().rev() {
            match self.take_back(step) {
                Ok(()) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) => left.push(format!("{step} ({error})")),
            }
        }
        left
    }

    fn carry_out(&mut self, i: usize, step: &Step) -> Result<(), HostError> {
        let name = step.capsule();
        match step {
            Step::SetReservation { after, .. } => self.set_reservation(name, *after),
            Step::Reband { after, .. } => self.reband(name, *after),
            Step::SetCpus { after, .. } => self.set_cpus(name, after),
            Step::CreateGroup { enforcer, own, cpus, .. } => {
                Ok(self.host.enforcer(*enforcer)?.create(name, *own, cpus)?)
            }
            Step::Claim { claim, .. } => self.claim(name, claim),
            Step::Unclaim { claim, .. } => self.unclaim(name, claim),
            Step::Adopt { thread, .. } => self.adopt(name, thread),
            Step::SetRole { thread, .. } => self.set_role(name, thread, thread.role),
            Step::AdoptRest { vm, .. } => self.adopt_rest(name, vm),
            Step::Dedicate { netdev, .. } => self.dedicate(i, name, netdev),
            Step::Undedicate { netdev, .. } => self.undedicate(name, netdev),
            Step::Release { vm, .. } => self.release(name, vm.as_ref()),
            Step::RemoveGroup { enforcer, .. } => self.remove_group(name, *enforcer),
        }
    }

    fn take_back(&mut self, step: &Step) -> Result<(), HostError> {
        let name = step.capsule();
        match step {
            Step::SetReservation { before, .. } => self.set_reservation(name, *before),
            Step::Reband { before, .. } => self.reband(name, *before),
            Step::SetCpus { before, .. } => self.set_cpus(name, before),
            Step::CreateGroup { enforcer, .. } => self.remove_group(name, *enforcer),
            Step::Claim { claim, before, .. } => self.take_claim_back(name, claim, before.as_ref()),
            Step::Adopt { thread, .. } => self.give_back(name, thread),
            Step::SetRole { thread, before, .. } => self.set_role(name, thread, *before),
            Step::AdoptRest { vm, fresh: true, .. } => self.release(name, Some(vm)),
            Step::AdoptRest { fresh: false, .. } => Ok(()),
            Step::Dedicate { netdev, .. } => self.undedicate(name, netdev),
            // Removals are completed, never taken back.
            Step::Unclaim { .. }
            | Step::Undedicate { .. }
            | Step::Release { .. }
            | Step::RemoveGroup { .. } => Ok(()),
        }
    }

    fn set_reservation(
        &mut self,
        name: &CapsuleName,
        own: Option<Reservation>,
    ) -> Result<(), HostError> {
        let record = self.record(name)?;
        let enforcer = self.host.enforcer(record.enforcer)?;
        enforcer.set_reservation(name, own, &record.cpus)?;
        for claim in record.subtrees() {
            // The cap and the weight of the subtree follow.
            enforcer.claim(name, claim, own, &record.cpus)?;
        }
        self.record_mut(name)?.own = own;
        Ok(())
    }

    fn reband(&mut self, name: &CapsuleName, band: Band) -> Result<(), HostError> {
        self.record_mut(name)?.band = Some(band);
        self.conform(name, Aspect::Policy)
    }

    fn set_cpus(&mut self, name: &CapsuleName, cpus: &CpuSet) -> Result<(), HostError> {
        let record = self.record(name)?.clone();
        if record.enforcer == EnforcerKind::Scx {
            // Servers on the CPUs before and after, while threads move from one to the other.
            let both = record.cpus.iter().chain(cpus.iter()).collect();
            self.host.enforcer(record.enforcer)?.set_reservation(name, record.own, &both)?;
        }
        self.record_mut(name)?.cpus = cpus.clone();
        match ask_for_cpus(&*self.host.enforcer(record.enforcer)?, name, self.record(name)?) {
            Err(error) if !error.is_gone() => return Err(error.into()),
            // A group that has gone has no members.
            _ => self.conform(name, Aspect::All)?,
        }
        if record.enforcer != EnforcerKind::Rtgroup {
            // A quota is shared by all CPUs, so that it depends on their number; our scheduler has
            // a server on each.
            self.set_reservation(name, record.own)?;
        }
        Ok(())
    }

    /// Every member as its capsule says; a group that has gone has none.
    fn conform(&self, name: &CapsuleName, aspect: Aspect) -> Result<(), HostError> {
        let record = self.record(name)?;
        match conform(&*self.host.enforcer(record.enforcer)?, name, record, aspect) {
            Ok(_) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn set_role(
        &mut self,
        name: &CapsuleName,
        thread: &ThreadRecord,
        role: Role,
    ) -> Result<(), HostError> {
        if !is_same(thread) {
            return Ok(());
        }
        let record = self.record(name)?;
        let placement = placement(record, role);
        let enforcer = self.host.enforcer(record.enforcer)?;
        match enforcer.adopt(name, thread.tid, &placement) {
            Ok(()) => {}
            Err(error) if error.is_gone() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        self.remember(name, ThreadRecord { role, ..thread.clone() })
    }

    fn dedicate(
        &mut self,
        i: usize,
        name: &CapsuleName,
        netdev: &NetdevRecord,
    ) -> Result<(), HostError> {
        let record = self.record(name)?.clone();
        let enforcer = self.host.enforcer(record.enforcer)?;
        let target = Target {
            enforcer: &*enforcer,
            capsule: name,
            placement: placement(&record, Role::Napi),
        };
        let mut found = netdev.found.clone();
        engage(&mut found, &target, |found| -> Result<(), HostError> {
            let netdev = NetdevRecord { found: found.clone(), ..netdev.clone() };
            let step = Step::Dedicate { capsule: name.clone(), netdev };
            if let Some(begun) = self.journal_mut().steps.get_mut(i) {
                *begun = step;
            }
            self.host.store.save(self.state)
        })?;
        let netdevs = &mut self.record_mut(name)?.netdevs;
        netdevs.push(NetdevRecord { found, ..netdev.clone() });
        Ok(())
    }

    fn undedicate(&mut self, name: &CapsuleName, netdev: &NetdevRecord) -> Result<(), HostError> {
        let enforcer = self.host.enforcer(self.record(name)?.enforcer)?;
        match disengage(&netdev.found, &*enforcer) {
            Ok(notes) => self.notes.extend(notes),
            Err(error) if NetctxError::is_gone(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let netdevs = &mut self.record_mut(name)?.netdevs;
        netdevs.retain(|known| known.found.ifindex != netdev.found.ifindex);
        Ok(())
    }

    fn release(&mut self, name: &CapsuleName, vm: Option<&VmRecord>) -> Result<(), HostError> {
        let record = self.now.get(name).map(|record| self.with_journal(name, record));
        let enforcer = match &record {
            Some(record) => Some(self.host.enforcer(record.enforcer)?),
            None => self.host.any_enforcer(),
        };
        let Some(enforcer) = enforcer else { return Ok(()) };
        let mut stay = record.as_ref().map_or(Vec::new(), |record| record.vms.clone());
        stay.retain(|known| vm.is_some_and(|vm| vm.main != known.main));
        let whom = if vm.is_some() { Whom::Vm { stay: &stay } } else { Whom::All };
        let notes = release(&*enforcer, name, record.as_ref(), &whom)?;
        self.notes.extend(notes);
        if let Some(record) = self.now.get_mut(name) {
            record.vms = stay;
            record.threads.retain(|known| {
                enforcer.capsule_of(known.tid).is_ok_and(|capsule| capsule.as_ref() == Some(name))
            });
        }
        Ok(())
    }

    /// The record with what an unfinished operation has put on record in its journal.
    fn with_journal(&self, name: &CapsuleName, record: &CapsuleRecord) -> CapsuleRecord {
        let mut record = record.clone();
        let steps = self.state.journal.iter().flat_map(|j| j.steps.iter().chain(&j.found));
        for step in steps.filter(|step| step.capsule() == name) {
            match step {
                Step::Adopt { thread, .. }
                    if record.thread(thread.tid, thread.start_ticks).is_none() =>
                {
                    record.threads.push(thread.clone());
                }
                Step::Dedicate { netdev, .. } => record.netdevs.push(netdev.clone()),
                _ => {}
            }
        }
        record
    }

    /// Somebody may have come in since the plan was made.
    fn remove_group(&mut self, name: &CapsuleName, kind: EnforcerKind) -> Result<(), HostError> {
        self.release(name, None)?;
        self.host.enforcer(kind)?.remove(name)?;
        self.now.remove(name);
        Ok(())
    }

    /// Whoever is in the VM's control groups, or comes into them. Where the kernel does not let us, or
    /// somebody else has come in since the plan was made, its threads are taken in one by one alone.
    fn claim(&mut self, name: &CapsuleName, wanted: &ClaimRecord) -> Result<(), HostError> {
        let record = self.record(name)?;
        let enforcer = self.host.enforcer(record.enforcer)?;
        let claimed = match enforcer.claim(name, &wanted.claim, record.own, &record.cpus) {
            Err(EnforcerError::Cgroup(error)) if !error.is_gone() => Err(error),
            result => Ok(result?),
        };
        if let Err(error) = claimed {
            self.notes.extend(enforcer.unclaim(&wanted.claim)?);
            self.notes.push(format!(
                "{} does not become part of capsule '{name}', its threads do: {error}",
                wanted.claim
            ));
            return Ok(());
        }
        let claims = &mut self.record_mut(name)?.claims;
        claims.retain(|known| known.claim.path != wanted.claim.path);
        claims.push(wanted.clone());
        Ok(())
    }

    fn unclaim(&mut self, name: &CapsuleName, claim: &ClaimRecord) -> Result<(), HostError> {
        let enforcer = self.host.enforcer(self.record(name)?.enforcer)?;
        self.notes.extend(enforcer.unclaim(&claim.claim)?);
        let claims = &mut self.record_mut(name)?.claims;
        claims.retain(|known| known.claim.path != claim.claim.path);
        Ok(())
    }

    fn take_claim_back(
        &mut self,
        name: &CapsuleName,
        claim: &ClaimRecord,
        before: Option<&ClaimRecord>,
    ) -> Result<(), HostError> {
        self.unclaim(name, claim)?;
        before.map_or(Ok(()), |before| self.claim(name, before))
    }

    pub(crate) fn record(&self, name: &CapsuleName) -> Result<&CapsuleRecord, HostError> {
        self.now.get(name).ok_or_else(|| HostError::NoSuchCapsule {
            name: name.clone(),
            existing: self.now.keys().cloned().collect(),
        })
    }

    fn record_mut(&mut self, name: &CapsuleName) -> Result<&mut CapsuleRecord, HostError> {
        let existing = || self.state.capsules.keys().cloned().collect();
        self.now
            .get_mut(name)
            .ok_or_else(|| HostError::NoSuchCapsule { name: name.clone(), existing: existing() })
    }

    /// Puts a thread's record in place of an earlier one of the same thread.
    pub(crate) fn remember(
        &mut self,
        name: &CapsuleName,
        thread: ThreadRecord,
    ) -> Result<(), HostError> {
        let threads = &mut self.record_mut(name)?.threads;
        threads.retain(|known| known.tid != thread.tid);
        threads.push(thread);
        Ok(())
    }

    /// Drops the records of threads that have ended, but for those of first threads: whoever their
    /// processes left behind is given back what they had.
    pub(crate) fn forget_ended(&mut self, name: &CapsuleName) -> Result<(), HostError> {
        let threads = &mut self.record_mut(name)?.threads;
        threads.retain(|known| known.tid == known.pid.leader() || is_same(known));
        Ok(())
    }

    /// Puts the VM's record in place of an earlier one of the same VM.
    pub(crate) fn remember_vm(
        &mut self,
        name: &CapsuleName,
        vm: VmRecord,
    ) -> Result<(), HostError> {
        let vms = &mut self.record_mut(name)?.vms;
        vms.retain(|known| known.main != vm.main);
        vms.push(vm);
        Ok(())
    }

    /// # Panics
    /// Without a journal: an executor has one until it commits or closes.
    fn journal(&self) -> &Journal {
        self.state.journal.as_ref().expect("an executor has a journal")
    }

    /// See [`Executor::journal`].
    pub(crate) fn journal_mut(&mut self) -> &mut Journal {
        self.state.journal.as_mut().expect("an executor has a journal")
    }
}

/// Whether the thread of a record still lives, and is no later one of the same number.
pub(crate) fn is_same(thread: &ThreadRecord) -> bool {
    process::stat(thread.tid).is_ok_and(|stat| stat.start_ticks == thread.start_ticks)
}

/// The planned record, with the members as they turned out.
fn merged(after: Capsules, now: &Capsules) -> Capsules {
    let merge = |(name, planned): (CapsuleName, CapsuleRecord)| {
        let members = now.get(&name).cloned().unwrap_or_else(|| planned.clone());
        let CapsuleRecord { vms, threads, netdevs, claims, .. } = members;
        (name, CapsuleRecord { vms, threads, netdevs, claims, ..planned })
    };
    after.into_iter().map(merge).collect()
}
