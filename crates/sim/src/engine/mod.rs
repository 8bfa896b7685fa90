// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine: moves time from event to event, lets work progress, and carries out what the
//! scheduler orders.
//!
//! ```text
//!   calendar -> one event: something completes | an interrupt ends | a timer of the scheduler
//!                          | work arrives | a sleep ends | a device may interrupt again
//!            -> account(cpu): what ran since the last event is charged, stolen time told apart
//!            -> the event changes what is to be done; the scheduler is told and orders
//!            -> carry out: switch, arm timers; what now runs completes at ...
//! ```
//!
//! Between events nothing changes, so an event costs the same however long nothing happened. All
//! state is in vectors by dense numbers; queues have limits; nothing is allocated for an event once
//! the queues have grown to what the scenario needs.

mod build;
mod interrupt;
mod network;
mod queue;
mod source;
mod state;
mod work;

use evenkeel_model::{Instant, Span};

use crate::calendar::Calendar;
use crate::engine::build::Slots;
use crate::engine::state::{Costs, Counts, CpuState, ENDLESS_NS, PollState, ThreadState};
use crate::record::{Mark, Record};
use crate::scenario::Scenario;
use crate::scheduler::{Cpu, Order, Orders, Scheduler, ThreadId};

pub(crate) use build::threads_of;
pub(crate) use state::{CapsuleState, WorkState};

/// Most events of one run: a quarter of an hour of computing. Beyond, the scenario asks for more
/// than anybody waits for, or time does not move.
pub(crate) const EVENTS_MAX: u64 = 4_000_000_000;

/// A simulation under way.
pub(crate) struct Engine<S, R> {
    pub(crate) now: Instant,
    pub(crate) end: Instant,
    warmup: Instant,
    irq_accounting: bool,
    costs: Costs,
    calendar: Calendar,
    slots: Slots,
    scheduler: S,
    orders: Orders,
    /// The scheduler's timer that is being delivered, unless it has been armed anew.
    fired: Option<usize>,
    pub(crate) recorder: R,
    cpus: Vec<CpuState>,
    pub(crate) capsules: Vec<CapsuleState>,
    threads: Vec<ThreadState>,
    pub(crate) work: Vec<WorkState>,
    polls: Vec<PollState>,
    /// Of the uplink, where there is one.
    uplink: Option<usize>,
    pub(crate) counts: Counts,
}

/// What ended a run early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooManyEvents {
    pub(crate) at: Instant,
}

impl<S: Scheduler, R: Record> Engine<S, R> {
    /// An engine at instant zero for a scenario that has been checked.
    pub(crate) fn new(scenario: &Scenario, scheduler: S, recorder: R) -> Engine<S, R> {
        build::engine(scenario, scheduler, recorder)
    }

    /// Runs to the end of the scenario.
    pub(crate) fn run(&mut self) -> Result<(), TooManyEvents> {
        self.start();
        while let Some((slot, at)) = self.calendar.first() {
            if at > self.end {
                break;
            }
            self.now = at;
            self.counts.events += 1;
            if self.counts.events > EVENTS_MAX {
                return Err(TooManyEvents { at });
            }
            self.dispatch(slot);
        }
        self.now = self.end;
        (0..self.cpus.len()).for_each(|cpu| self.account(Cpu(cpu)));
        self.finish();
        Ok(())
    }

    fn start(&mut self) {
        self.scheduler.start(&mut self.orders);
        self.carry_out();
        if self.warmup > Instant::ORIGIN {
            self.calendar.set(self.slots.warmup, self.warmup);
        }
        (0..self.work.len()).for_each(|index| self.start_source(index));
    }

    #[inline]
    fn dispatch(&mut self, slot: usize) {
        let slots = self.slots;
        if slot < slots.irqs {
            self.counts.completions += 1;
            self.complete(Cpu(slot));
        } else if slot < slots.timers {
            self.counts.interrupts += 1;
            self.end_irq(Cpu(slot - slots.irqs));
        } else if slot < slots.sources {
            self.counts.timers += 1;
            self.deliver_timer(slot);
        } else if slot < slots.resumes {
            self.counts.arrivals += 1;
            self.arrive(slot - slots.sources);
        } else if slot < slots.devices {
            self.counts.completions += 1;
            self.resume(slot - slots.resumes);
        } else if slot < slots.warmup {
            self.calendar.cancel(slot);
            self.fire(slot - slots.devices);
        } else {
            self.calendar.cancel(slot);
            self.end_warmup();
        }
    }

    fn deliver_timer(&mut self, slot: usize) {
        let timer = slot - self.slots.timers;
        match self.scheduler.timer_cpu(timer) {
            Some(cpu) => self.account(cpu),
            None => (0..self.cpus.len()).for_each(|cpu| self.account(Cpu(cpu))),
        }
        self.fired = Some(slot);
        self.scheduler.timer(self.now, timer, &mut self.orders);
        self.carry_out();
        if let Some(slot) = self.fired.take() {
            self.calendar.cancel(slot);
        }
    }

    /// Accounts for what this CPU did since it was last looked at.
    #[inline]
    fn account(&mut self, cpu: Cpu) {
        let state = &mut self.cpus[cpu.0];
        let since = std::mem::replace(&mut state.since, self.now);
        let wall_ns = self.now.as_ns() - since.as_ns();
        if wall_ns == 0 {
            return;
        }
        let stolen = state.irq.is_some();
        if stolen {
            state.stolen_ns += wall_ns;
        }
        let Some(id) = state.current else { return };
        let thread = &mut self.threads[id.0];
        let capsule = &mut self.capsules[thread.capsule.0];
        if stolen {
            capsule.stolen_ns += wall_ns;
        } else {
            if thread.left_ns != ENDLESS_NS {
                thread.left_ns -= wall_ns;
            }
            capsule.supply_ns += wall_ns;
            state.ran_ns += wall_ns;
        }
        self.recorder.ran(cpu, id, since, self.now, stolen);
        if !(stolen && self.irq_accounting) {
            self.scheduler.charge(cpu, id, Span::from_ns(wall_ns));
        }
    }

    /// Accounts for all CPUs that `thread` may use: its coming or going may change any of them.
    fn account_for(&mut self, thread: ThreadId) {
        for index in 0..self.threads[thread.0].cpus.len() {
            self.account(self.threads[thread.0].cpus[index]);
        }
    }

    /// Tells the scheduler that `thread` has work.
    fn wake(&mut self, thread: ThreadId) {
        let state = &mut self.threads[thread.0];
        if std::mem::replace(&mut state.awake, true) {
            return;
        }
        self.recorder.work(self.now, thread, true);
        self.account_for(thread);
        self.scheduler.wake(self.now, thread, &mut self.orders);
        self.carry_out();
    }

    /// Tells the scheduler that `thread`, which runs and has been accounted for, has no more work.
    fn block(&mut self, thread: ThreadId) {
        let cpu = self.home(thread.0);
        self.threads[thread.0].awake = false;
        self.recorder.work(self.now, thread, false);
        self.account_for(thread);
        self.scheduler.block(self.now, cpu, thread, &mut self.orders);
        self.carry_out();
    }

    /// Does what the scheduler has ordered.
    fn carry_out(&mut self) {
        let mut orders = std::mem::take(&mut self.orders);
        for order in orders.drain(..) {
            match order {
                Order::Run(cpu, thread) => self.switch(cpu, Some(thread)),
                Order::Idle(cpu) => self.switch(cpu, None),
                Order::Arm(timer, at) => {
                    let slot = self.slots.timers + timer;
                    // What is overdue comes at once; time does not run backwards.
                    self.calendar.set(slot, at.max(self.now));
                    if self.fired == Some(slot) {
                        self.fired = None;
                    }
                }
                Order::Disarm(timer) => self.calendar.cancel(self.slots.timers + timer),
                Order::Throttled(cpu, capsule) => {
                    self.capsules[capsule.0].throttled += 1;
                    self.recorder.mark(self.now, cpu, capsule, Mark::Throttled);
                }
                Order::Replenished(cpu, capsule) => {
                    self.counts.replenishments += 1;
                    self.recorder.mark(self.now, cpu, capsule, Mark::Replenished);
                }
                Order::Missed(cpu, capsule) => {
                    self.capsules[capsule.0].server_misses += 1;
                    self.recorder.mark(self.now, cpu, capsule, Mark::ServerMissed);
                }
            }
        }
        self.orders = orders;
    }

    fn switch(&mut self, cpu: Cpu, next: Option<ThreadId>) {
        self.account(cpu);
        // Who comes from another CPU is accounted for there first.
        if let Some(from) = next.and_then(|next| self.threads[next.0].on).filter(|on| *on != cpu) {
            self.account(from);
        }
        let state = &mut self.cpus[cpu.0];
        let before = std::mem::replace(&mut state.current, next);
        if before == next {
            return;
        }
        if let Some(before) = before {
            let thread = &mut self.threads[before.0];
            state.left_at_ns[thread.capsule.0] = state.ran_ns;
            state.last = Some(thread.capsule);
            // A scheduler may have let it run elsewhere already.
            if thread.on == Some(cpu) {
                thread.on = None;
            }
        }
        if let Some(next) = next {
            self.counts.switches += 1;
            self.switch_in(cpu, next);
        }
        self.arm_completion(cpu);
    }

    /// What coming in costs: the switch itself, and caches that others have used meanwhile.
    fn switch_in(&mut self, cpu: Cpu, next: ThreadId) {
        let state = &self.cpus[cpu.0];
        let thread = &mut self.threads[next.0];
        thread.on = Some(cpu);
        let mut extra_ns = self.costs.switch_ns;
        if state.last != Some(thread.capsule) {
            let foreign_ns = state.ran_ns - state.left_at_ns[thread.capsule.0];
            extra_ns += self.costs.refill_ns(foreign_ns);
        }
        if extra_ns > 0 {
            self.capsules[thread.capsule.0].overhead_ns += extra_ns;
            if thread.left_ns != ENDLESS_NS {
                thread.left_ns += extra_ns;
            }
        }
    }

    /// What runs on this CPU completes when its work is done, unless an interrupt is in the way.
    #[inline]
    fn arm_completion(&mut self, cpu: Cpu) {
        let state = &self.cpus[cpu.0];
        match state.current {
            Some(thread) if state.irq.is_none() => match self.threads[thread.0].left_ns {
                ENDLESS_NS => self.calendar.cancel(cpu.0),
                left_ns => {
                    self.calendar.set(cpu.0, self.now.saturating_add(Span::from_ns(left_ns)));
                }
            },
            _ => self.calendar.cancel(cpu.0),
        }
    }

    /// Forgets what was measured so far.
    fn end_warmup(&mut self) {
        (0..self.cpus.len()).for_each(|cpu| self.account(Cpu(cpu)));
        self.capsules.iter_mut().for_each(CapsuleState::forget);
        self.work.iter_mut().for_each(WorkState::forget);
        self.cpus.iter_mut().for_each(|cpu| cpu.stolen_ns = 0);
    }

    /// CPU time stolen by interrupts, all CPUs together, from threads and from idleness.
    pub(crate) fn stolen(&self) -> Span {
        Span::from_ns(self.cpus.iter().map(|cpu| cpu.stolen_ns).sum())
    }
}
