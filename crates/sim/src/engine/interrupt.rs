// SPDX-License-Identifier: MIT OR Apache-2.0
//! Interrupts and softirqs: work that no scheduler sees, done before anything else.
//!
//! A hard interrupt of a NAPI instance wakes its thread and stays off until that thread has emptied
//! its ring, and for the time of coalescing. Softirq processing of the `shared` context takes
//! packets from the CPU's backlog, poll after poll, as long as there are any. What the CPU's thread loses meanwhile is charged to it or
//! not ([`crate::scenario::Machine::irq_accounting`]); it does not progress either way.

use evenkeel_model::Span;

use crate::engine::Engine;
use crate::engine::state::Role;
use crate::record::Record;
use crate::scheduler::{Cpu, Scheduler};

/// What a CPU does in interrupt context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IrqJob {
    /// The hard interrupt of a NAPI instance.
    Hard(usize),
    /// A softirq poll of what is in hand.
    Softirq,
}

impl<S: Scheduler, R: Record> Engine<S, R> {
    /// The device of NAPI instance `poll` has packets.
    pub(super) fn raise(&mut self, poll: usize) {
        if std::mem::replace(&mut self.polls[poll].scheduled, true) {
            return;
        }
        let quiet_until = self.polls[poll].quiet_until;
        if quiet_until > self.now {
            self.calendar.set(self.slots.devices + poll, quiet_until);
        } else {
            self.fire(poll);
        }
    }

    /// The interrupt of NAPI instance `poll` reaches its CPU.
    pub(super) fn fire(&mut self, poll: usize) {
        let state = &mut self.polls[poll];
        state.quiet_until = self.now.saturating_add(self.costs.coalesce);
        let cpu = self.home(self.polls[poll].thread.0);
        self.cpus[cpu.0].hard.push_back(poll);
        self.interrupt(cpu);
    }

    /// Where a thread runs, or else first would.
    pub(super) fn home(&self, thread: usize) -> Cpu {
        let state = &self.threads[thread];
        state.on.or_else(|| state.cpus.first().copied()).unwrap_or(Cpu(0))
    }

    /// Lets `cpu` see to its interrupts, unless it is at it.
    pub(super) fn interrupt(&mut self, cpu: Cpu) {
        if self.cpus[cpu.0].irq.is_none() {
            self.account(cpu);
            self.next_irq(cpu, true);
        }
    }

    /// What was done in interrupt context takes effect.
    pub(super) fn end_irq(&mut self, cpu: Cpu) {
        self.account(cpu);
        if let Some(job) = self.cpus[cpu.0].irq {
            self.effect(cpu, job);
        }
        self.cpus[cpu.0].irq = None;
        self.next_irq(cpu, false);
    }

    /// Begins the next job in interrupt context, or goes back to the thread. Jobs without cost take
    /// effect at once; there are as many as packets and interrupts wait, at most.
    fn next_irq(&mut self, cpu: Cpu, entering: bool) {
        // The way in costs an interrupt; hard interrupts cost one each anyway.
        let mut entry_ns = if entering { self.costs.interrupt_ns } else { 0 };
        loop {
            let state = &mut self.cpus[cpu.0];
            let (job, cost_ns) = if let Some(poll) = state.hard.pop_front() {
                (IrqJob::Hard(poll), self.costs.interrupt_ns)
            } else if !state.backlog.is_empty() {
                let packets = state.backlog.poll(self.costs.poll, &mut state.in_hand);
                (IrqJob::Softirq, u64::from(packets) * self.costs.softirq_ns + entry_ns)
            } else {
                self.calendar.cancel(self.slots.irqs + cpu.0);
                self.arm_completion(cpu);
                return;
            };
            entry_ns = 0;
            if cost_ns > 0 {
                self.cpus[cpu.0].irq = Some(job);
                let at = self.now.saturating_add(Span::from_ns(cost_ns));
                self.calendar.set(self.slots.irqs + cpu.0, at);
                self.calendar.cancel(cpu.0);
                return;
            }
            self.effect(cpu, job);
        }
    }

    fn effect(&mut self, cpu: Cpu, job: IrqJob) {
        match job {
            IrqJob::Hard(poll) => self.start_poll(poll),
            IrqJob::Softirq => {
                let mut in_hand = std::mem::take(&mut self.cpus[cpu.0].in_hand);
                in_hand.drain(..).for_each(|batch| self.hand_over(batch));
                self.cpus[cpu.0].in_hand = in_hand;
            }
        }
    }

    /// Takes the first poll in hand and wakes the thread of a NAPI instance.
    pub(super) fn start_poll(&mut self, poll: usize) {
        let thread = self.polls[poll].thread;
        if !self.threads[thread.0].awake {
            self.next_poll(poll);
            debug_assert_eq!(self.threads[thread.0].role, Role::Poll(poll));
            self.wake(thread);
        }
    }
}
