// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules come, go and change while others run, without breaking their guarantees or their own.
//!
//! A capsule's own part on a CPU is what its children there leave: Q − Σ ⌈q·P/p⌉. So each of these
//! changes at most the servers of one capsule and of its parent. All is tested before anything
//! changes; then what shrinks is set before what grows:
//!
//! * A server with work keeps its old parameters until its next replenishment, at its deadline (or,
//!   if it waits for its zero lag, until then); an idle one begins anew at its zero lag,
//!   t0 = d − c·P/Q. The bandwidth it gives up is free from that instant on, not before.
//! * A server that grows, or begins, and needs bandwidth that is not yet free, waits until it is.
//!
//! Between two replenishments no server's parameters change, and the bandwidths in force never add
//! up to more than the limit; so each piece of the schedule is one of plain hard constant bandwidth
//! servers. In the piece in which a server changes from (Q, P) to (Q', P') its gap is at most
//! (P − Q) + (P' − Q').
//!
//! Zero lag as the instant at which bandwidth is free: Lipari and Baruah, "Greedy reclamation of
//! unused bandwidth in constant-bandwidth servers", ECRTS 2000 (the inactive state); Santinelli,
//! Buttazzo and Bini, "Multi-moded resource reservations", RTAS 2011.

use evenkeel_model::{CpuIndex, Instant, Reservation, Span};

use crate::admission;
use crate::budget::{self, Params};
use crate::capsule::{Capsule, share_in_parent};
use crate::cpu::{BEST_EFFORT_SLOT, SERVERS_PER_CPU_MAX, slots};
use crate::cpu_mask::CpuMask;
use crate::decision::Decision;
use crate::error::PolicyError;
use crate::ids::{CAPSULES_MAX, CapsuleId, ThreadId};
use crate::policy::Policy;
use crate::server::Server;

/// A new target for a server; `slot` is `None` for a server that does not exist yet.
struct Step {
    cpu: usize,
    slot: Option<usize>,
    target: Params,
}

/// A capsule, and what it would hold: nothing if it is to go.
type Proposal = (CapsuleId, Option<Reservation>);

impl Policy {
    pub(super) fn create(
        &mut self,
        now: Instant,
        capsule: CapsuleId,
        parent: Option<CapsuleId>,
        reservation: Reservation,
        cpus: CpuMask,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let free = self.capsules.get(capsule.index()).is_none_or(Option::is_none);
        if !free || capsule == CapsuleId::BEST_EFFORT || capsule.0 > CAPSULES_MAX {
            return Err(PolicyError::CapsuleInUse(capsule));
        }
        let allowed = match parent {
            Some(CapsuleId::BEST_EFFORT) => return Err(PolicyError::BestEffortIsFixed),
            Some(parent) => self.known_capsule(parent)?.cpus,
            None => CpuMask::first(self.config.cpus),
        };
        if cpus.is_empty() || !cpus.is_subset(allowed) {
            return Err(PolicyError::CapsuleCpus { capsule, cpus, allowed });
        }
        let mut steps = self.parent_steps(parent, cpus, (capsule, Some(reservation)))?;
        for index in cpus.iter() {
            let cpu = index.0 as usize;
            if self.cpus[cpu].used.count_ones() as usize >= SERVERS_PER_CPU_MAX {
                return Err(PolicyError::TooManyServers(index));
            }
            steps.push(Step { cpu, slot: None, target: reservation.into() });
        }
        self.admit(capsule, &steps)?;
        self.now = now;
        if self.capsules.len() <= capsule.index() {
            self.capsules.resize(capsule.index() + 1, None);
        }
        let home = Capsule::new(parent, Some(reservation), cpus, self.cpus.len());
        self.capsules[capsule.index()] = Some(home);
        self.count_children(parent, 1);
        self.apply(capsule, steps, out);
        Ok(())
    }

    pub(super) fn change(
        &mut self,
        now: Instant,
        capsule: CapsuleId,
        reservation: Reservation,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        if capsule == CapsuleId::BEST_EFFORT {
            return Err(PolicyError::BestEffortIsFixed);
        }
        let home = self.known_capsule(capsule)?;
        let mut steps = self.parent_steps(home.parent, home.cpus, (capsule, Some(reservation)))?;
        for index in home.cpus.iter() {
            let target = self.own_part(capsule, reservation, index, None)?;
            steps.push(Step { cpu: index.0 as usize, slot: Some(home.slot(index)), target });
        }
        self.admit(capsule, &steps)?;
        self.now = now;
        if let Some(home) = &mut self.capsules[capsule.index()] {
            home.reservation = Some(reservation);
        }
        self.apply(capsule, steps, out);
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        now: Instant,
        capsule: CapsuleId,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        if capsule == CapsuleId::BEST_EFFORT {
            return Err(PolicyError::BestEffortIsFixed);
        }
        let home = self.known_capsule(capsule)?;
        if home.children > 0 {
            return Err(PolicyError::HasChildren { capsule, children: home.children });
        }
        let (parent, cpus) = (home.parent, home.cpus);
        let steps = self.parent_steps(parent, cpus, (capsule, None))?;
        self.now = now;
        self.evacuate(capsule, parent.unwrap_or(CapsuleId::BEST_EFFORT), out);
        for index in cpus.iter() {
            let slot = self.capsule(capsule).slot(index);
            let cpu = &mut self.cpus[index.0 as usize];
            let (server, account) = (&cpu.servers[slot], cpu.account(slot));
            let free_from = match server.started {
                true => budget::zero_lag(server.params, account),
                false => server.not_before,
            };
            let amount = admission::upper(server.params);
            cpu.freed.hold(amount, free_from, now);
            cpu.remove(slot);
        }
        self.capsules[capsule.index()] = None;
        self.count_children(parent, -1);
        self.apply(parent.unwrap_or(capsule), steps, out);
        Ok(())
    }

    /// Moves all threads of a capsule to another, which has all its CPUs.
    fn evacuate(&mut self, from: CapsuleId, to: CapsuleId, out: &mut Vec<Decision>) {
        let cpus = self.capsule(to).cpus;
        for index in 0..self.threads.len() {
            let Some(thread) = &self.threads[index] else { continue };
            if thread.capsule == from {
                let (priority, affinity) = (thread.priority, thread.affinity);
                // Indices of threads are numbers of at most 65535.
                let id = ThreadId(u32::try_from(index).unwrap_or(u32::MAX));
                self.move_thread(id, to, priority, affinity, affinity & cpus, out);
            }
        }
    }

    /// What a capsule keeps on a CPU of `reservation`, where one of its children is about to change.
    fn own_part(
        &self,
        capsule: CapsuleId,
        reservation: Reservation,
        cpu: CpuIndex,
        changed: Option<Proposal>,
    ) -> Result<Params, PolicyError> {
        let mut needed = Span::ZERO;
        for (index, child) in self.capsules.iter().enumerate() {
            let Some(child) = child else { continue };
            let is_changed = changed.is_some_and(|(id, _)| id.index() == index);
            if child.parent == Some(capsule) && child.cpus.contains(cpu) && !is_changed {
                let held = child.reservation.unwrap_or(reservation);
                needed = needed + share_in_parent(held, reservation.period());
            }
        }
        if let Some((_, Some(held))) = changed {
            needed = needed + share_in_parent(held, reservation.period());
        }
        let budget = reservation.budget();
        if needed > budget {
            let parent = capsule;
            return Err(PolicyError::ChildrenExceed { parent, cpu, reservation, needed });
        }
        let home = self.known_capsule(capsule)?;
        if needed == budget && home.threads > 0 {
            return Err(PolicyError::NothingOwn(capsule));
        }
        Ok(Params { budget: budget - needed, period: reservation.period() })
    }

    /// What becomes of a parent's servers on `cpus` when a child changes.
    fn parent_steps(
        &self,
        parent: Option<CapsuleId>,
        cpus: CpuMask,
        child: Proposal,
    ) -> Result<Vec<Step>, PolicyError> {
        let Some(parent) = parent else { return Ok(Vec::new()) };
        let home = self.known_capsule(parent)?;
        let Some(reservation) = home.reservation else { return Ok(Vec::new()) };
        let step = |index: CpuIndex| {
            let target = self.own_part(parent, reservation, index, Some(child))?;
            Ok(Step { cpu: index.0 as usize, slot: Some(home.slot(index)), target })
        };
        cpus.iter().map(step).collect()
    }

    /// What all servers of capsules on a CPU will hold, with `steps` taken.
    fn targets(&self, cpu: usize, steps: &[Step]) -> Vec<Params> {
        let at = &self.cpus[cpu];
        let here = || steps.iter().filter(|step| step.cpu == cpu);
        let old = slots(at.used).filter(|slot| *slot != BEST_EFFORT_SLOT).map(|slot| {
            let step = here().find(|step| step.slot == Some(slot));
            step.map_or_else(|| at.servers[slot].target(), |step| step.target)
        });
        let new = here().filter(|step| step.slot.is_none()).map(|step| step.target);
        old.chain(new).collect()
    }

    /// EDF admission on each CPU that is concerned.
    fn admit(&self, capsule: CapsuleId, steps: &[Step]) -> Result<(), PolicyError> {
        let limit = self.config.limit;
        for step in steps {
            let parts = self.targets(step.cpu, steps);
            if !admission::fits(&parts, limit) {
                let (cpu, held) = (self.cpus[step.cpu].index, admission::held(&parts));
                return Err(PolicyError::DoesNotFit { capsule, cpu, held, limit });
            }
        }
        Ok(())
    }

    /// Takes admitted steps: what shrinks first, then what grows, then what is new.
    fn apply(&mut self, capsule: CapsuleId, steps: Vec<Step>, out: &mut Vec<Decision>) {
        let (now, limit) = (self.now, self.config.limit);
        let is_shrink = |step: &Step, policy: &Policy| match step.slot {
            Some(slot) => step.target.is_at_most(policy.cpus[step.cpu].servers[slot].base()),
            None => false,
        };
        let (shrinks, others): (Vec<Step>, Vec<Step>) =
            steps.into_iter().partition(|step| is_shrink(step, self));
        for step in &shrinks {
            if let Some(slot) = step.slot {
                self.shrink(step.cpu, slot, step.target);
            }
        }
        for step in &others {
            // All that grows on this CPU is counted from the start, so that the order of steps
            // does not matter.
            let parts = self.targets(step.cpu, &others);
            let from = self.cpus[step.cpu].freed.usable_from(&parts, limit, now);
            match step.slot {
                Some(slot) => self.grow(step.cpu, slot, step.target, from),
                None => self.begin(capsule, step.cpu, step.target, from),
            }
        }
        for step in shrinks.iter().chain(&others) {
            self.arm(step.cpu, out);
        }
    }

    /// Less bandwidth for a server: at its next replenishment, or at its zero lag if it is idle.
    fn shrink(&mut self, cpu: usize, slot: usize, target: Params) {
        let now = self.now;
        let at = &mut self.cpus[cpu];
        let account = at.account(slot);
        let (idle, throttled) = (at.is_idle(slot), !at.is_ready(slot));
        let free_from = match (&at.servers[slot], idle, throttled) {
            (server, true, _) if server.started => budget::zero_lag(server.params, account),
            (server, true, _) => server.not_before,
            (_, false, true) => at.release_of(slot),
            (_, false, false) => account.deadline,
        };
        let server = &mut at.servers[slot];
        let given_up = admission::upper(server.base()) - admission::upper(target);
        server.shrink = Some(target);
        server.grow = None;
        at.freed.hold(given_up, free_from, now);
        if idle {
            at.settle_idle(slot, now);
        }
    }

    /// More bandwidth for a server, from `from` on.
    fn grow(&mut self, cpu: usize, slot: usize, target: Params, from: Instant) {
        let now = self.now;
        let at = &mut self.cpus[cpu];
        let server = &mut at.servers[slot];
        server.grow = Some((target, from));
        let without = server.params.budget == Span::ZERO;
        if at.is_idle(slot) {
            at.settle_idle(slot, now);
        } else if without {
            // Threads wait in a server that had nothing: it begins when it may.
            at.set_release(slot, from.max(now));
        }
    }

    /// A server that may begin at `from`.
    fn begin(&mut self, capsule: CapsuleId, cpu: usize, params: Params, from: Instant) {
        let at = &mut self.cpus[cpu];
        let index = at.index.0 as usize;
        let Some(slot) = at.insert(Server::new(capsule, params, from)) else { return };
        if let Some(home) = &mut self.capsules[capsule.index()] {
            // A slot is below 64.
            home.slots[index] = u8::try_from(slot).unwrap_or(u8::MAX);
        }
    }

    fn count_children(&mut self, parent: Option<CapsuleId>, change: i32) {
        let home = parent.and_then(|parent| self.capsules[parent.index()].as_mut());
        if let Some(home) = home {
            home.children = home.children.saturating_add_signed(change);
        }
    }
}
