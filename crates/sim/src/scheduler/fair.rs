// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's fair scheduler with one group a capsule, and `cpu.max` on top if asked for.
//!
//! Each CPU has a queue of capsules by weight, each capsule there a queue of its threads; a pick
//! goes down both ([`super::fair_queue`]). Threads stay on their first CPU: the balancing of load
//! between CPUs is not modelled. Slices and quotas that end are noticed at the next tick, or, with
//! a tick of zero, exactly.
//!
//! With run-to-parity a thread that wakes does not take the CPU from one whose slice is not used
//! up, as the kernel has it by default; without, the pick decides at each wake-up.

use evenkeel_model::{Instant, Span};

use crate::scenario::{Machine, Scenario};
use crate::scheduler::cpu_max::Bandwidth;
use crate::scheduler::fair_queue::{Entity, FairQueue};
use crate::scheduler::{CapsuleId, Cpu, Order, Orders, Scheduler, ThreadId, ThreadSpec};

/// EEVDF, with or without `cpu.max`.
#[derive(Debug)]
pub(crate) struct Fair {
    slice_ns: u64,
    tick: Span,
    run_to_parity: bool,
    /// Whether quotas hold kernel threads.
    holds_kernel: bool,
    capsules: usize,
    threads: Vec<ThreadState>,
    /// As entities inside their capsule.
    inner: Vec<Entity>,
    cpus: Vec<CpuState>,
    /// By capsule; empty without `cpu.max`.
    bandwidth: Vec<Bandwidth>,
    released: Vec<usize>,
}

#[derive(Debug)]
struct ThreadState {
    capsule: usize,
    cpu: usize,
    kernel: bool,
    awake: bool,
}

#[derive(Debug)]
struct CpuState {
    /// The capsules as entities here.
    outer: Vec<Entity>,
    queue: FairQueue,
    /// By capsule.
    inside: Vec<FairQueue>,
    current: Option<usize>,
    /// A slice was used up or a budget ran out since the last pick.
    due: bool,
}

impl Fair {
    /// The fair scheduler for `scenario`; with `cpu.max` where there are quotas, one a capsule.
    pub(crate) fn new(
        scenario: &Scenario,
        threads: &[ThreadSpec],
        quotas: Option<&[Span]>,
    ) -> Fair {
        let Machine { cpus, tick, slice, run_to_parity, kthread_bandwidth, .. } = scenario.machine;
        let cpus = cpus as usize;
        let capsules = scenario.capsules.len();
        let state = |thread: &ThreadSpec| ThreadState {
            capsule: thread.capsule.0,
            cpu: thread.cpus.first().map_or(0, |cpu| cpu.0),
            kernel: thread.kernel,
            awake: false,
        };
        let cpu = |_| CpuState {
            outer: scenario.capsules.iter().map(|capsule| Entity::new(capsule.weight)).collect(),
            queue: FairQueue::default(),
            inside: vec![FairQueue::default(); capsules],
            current: None,
            due: false,
        };
        let bandwidth = scenario.capsules.iter().zip(quotas.unwrap_or_default());
        let bandwidth = bandwidth.map(|(capsule, &quota)| {
            Bandwidth::new(quota, capsule.reservation.period(), capsule.phase, cpus)
        });
        Fair {
            slice_ns: slice.as_ns(),
            tick,
            run_to_parity,
            holds_kernel: kthread_bandwidth,
            capsules,
            threads: threads.iter().map(state).collect(),
            // All threads of a capsule have the weight of nice 0.
            inner: threads.iter().map(|_| Entity::new(100)).collect(),
            cpus: (0..cpus).map(cpu).collect(),
            bandwidth: bandwidth.collect(),
            released: Vec::with_capacity(cpus),
        }
    }

    /// Whether `thread` may not run because its capsule's quota is spent.
    fn is_held(&self, thread: usize) -> bool {
        let ThreadState { capsule, cpu, kernel, .. } = self.threads[thread];
        let throttled =
            self.bandwidth.get(capsule).is_some_and(|bandwidth| bandwidth.is_throttled(cpu));
        throttled && (self.holds_kernel || !kernel)
    }

    fn enqueue(&mut self, thread: usize) {
        let ThreadState { capsule, cpu, .. } = self.threads[thread];
        let slice_ns = self.slice_ns;
        let cpu = &mut self.cpus[cpu];
        cpu.inside[capsule].enqueue(&mut self.inner, thread, slice_ns);
        cpu.queue.enqueue(&mut cpu.outer, capsule, slice_ns);
    }

    /// Looks whether the capsules that run out of quota must stop, here.
    fn enforce(&mut self, cpu: usize, capsule: usize, orders: &mut Orders) {
        let Some(bandwidth) = self.bandwidth.get_mut(capsule) else { return };
        if !bandwidth.check(cpu) {
            return;
        }
        orders.push(Order::Throttled(Cpu(cpu), CapsuleId(capsule)));
        let held = |fair: &Fair| {
            let members = fair.cpus[cpu].inside[capsule].members();
            members.iter().copied().find(|&thread| fair.is_held(thread))
        };
        while let Some(thread) = held(self) {
            let inside = &mut self.cpus[cpu].inside[capsule];
            inside.remove(&mut self.inner, thread, self.slice_ns);
        }
        let state = &mut self.cpus[cpu];
        if state.inside[capsule].runnable(&self.inner) == 0 {
            state.queue.remove(&mut state.outer, capsule, self.slice_ns);
        }
        state.due = true;
    }

    /// Picks anew on `cpu`, says what changes, and arms its timer.
    fn reschedule(&mut self, now: Instant, cpu: usize, orders: &mut Orders) {
        // Each turn but the last takes a capsule out of the queue or throttles one.
        for _ in 0..=2 * self.capsules {
            let Some(capsule) = self.pick_capsule(cpu) else {
                self.switch(cpu, None, orders);
                break;
            };
            let state = &mut self.cpus[cpu];
            let picked = state.inside[capsule].pick(&mut self.inner, state.current);
            let Some(thread) = picked else {
                // Only sleepers were left inside, and they have gone.
                state.queue.remove(&mut state.outer, capsule, 0);
                continue;
            };
            self.enforce(cpu, capsule, orders);
            if !self.is_held(thread) {
                self.switch(cpu, Some(thread), orders);
                break;
            }
        }
        self.cpus[cpu].due = false;
        self.arm(now, cpu, orders);
    }

    fn pick_capsule(&mut self, cpu: usize) -> Option<usize> {
        let current = self.cpus[cpu].current.map(|thread| self.threads[thread].capsule);
        let state = &mut self.cpus[cpu];
        state.queue.pick(&mut state.outer, current)
    }

    fn switch(&mut self, cpu: usize, thread: Option<usize>, orders: &mut Orders) {
        if self.cpus[cpu].current == thread {
            return;
        }
        self.cpus[cpu].current = thread;
        orders.push(match thread {
            Some(thread) => Order::Run(Cpu(cpu), ThreadId(thread)),
            None => Order::Idle(Cpu(cpu)),
        });
    }

    /// When `cpu` must be looked at again: at the next tick, or when a slice or quota ends.
    fn arm(&mut self, now: Instant, cpu: usize, orders: &mut Orders) {
        let state = &self.cpus[cpu];
        let Some(thread) = state.current else {
            orders.push(Order::Disarm(cpu));
            return;
        };
        let capsule = self.threads[thread].capsule;
        let others = state.queue.members().len() > 1 || state.inside[capsule].members().len() > 1;
        let quota = self.bandwidth.get(capsule).filter(|_| !self.escapes(thread));
        if !others && quota.is_none() {
            orders.push(Order::Disarm(cpu));
            return;
        }
        let at = if self.tick > Span::ZERO {
            let tick_ns = self.tick.as_ns();
            Instant::from_ns((now.as_ns() / tick_ns + 1).saturating_mul(tick_ns))
        } else {
            let slice = state.outer[capsule].left_ns().min(self.inner[thread].left_ns());
            let quota = quota.map_or(u64::MAX, |bandwidth| bandwidth.left_ns(cpu));
            now.saturating_add(Span::from_ns(slice.min(quota).max(1)))
        };
        orders.push(Order::Arm(cpu, at));
    }

    /// Whether no quota holds `thread`.
    fn escapes(&self, thread: usize) -> bool {
        self.threads[thread].kernel && !self.holds_kernel
    }

    fn refill(&mut self, now: Instant, capsule: usize, orders: &mut Orders) {
        let mut released = std::mem::take(&mut self.released);
        self.bandwidth[capsule].refill(&mut released);
        orders.push(Order::Arm(self.cpus.len() + capsule, self.bandwidth[capsule].next_period()));
        for cpu in released.drain(..) {
            orders.push(Order::Replenished(Cpu(cpu), CapsuleId(capsule)));
            for thread in 0..self.threads.len() {
                let state = &self.threads[thread];
                if state.capsule == capsule && state.cpu == cpu && state.awake {
                    self.enqueue(thread);
                }
            }
            self.woken(now, cpu, orders);
        }
        self.released = released;
    }

    /// Somebody has come to the queue of `cpu`.
    fn woken(&mut self, now: Instant, cpu: usize, orders: &mut Orders) {
        let state = &self.cpus[cpu];
        if state.current.is_none() || state.due || !self.run_to_parity {
            self.reschedule(now, cpu, orders);
        } else {
            self.arm(now, cpu, orders);
        }
    }
}

impl Scheduler for Fair {
    fn timers(&self) -> usize {
        self.cpus.len() + self.bandwidth.len()
    }

    fn timer_cpu(&self, timer: usize) -> Option<Cpu> {
        (timer < self.cpus.len()).then_some(Cpu(timer))
    }

    fn start(&mut self, orders: &mut Orders) {
        for (capsule, bandwidth) in self.bandwidth.iter().enumerate() {
            orders.push(Order::Arm(self.cpus.len() + capsule, bandwidth.next_period()));
        }
    }

    fn charge(&mut self, cpu: Cpu, thread: ThreadId, executed: Span) {
        let capsule = self.threads[thread.0].capsule;
        let executed_ns = executed.as_ns();
        let state = &mut self.cpus[cpu.0];
        state.due |= self.inner[thread.0].charge(executed_ns, self.slice_ns);
        state.due |= state.outer[capsule].charge(executed_ns, self.slice_ns);
        if let Some(bandwidth) = self.bandwidth.get_mut(capsule) {
            bandwidth.charge(cpu.0, executed_ns);
            state.due |= bandwidth.left_ns(cpu.0) == 0;
        }
    }

    fn wake(&mut self, now: Instant, thread: ThreadId, orders: &mut Orders) {
        self.threads[thread.0].awake = true;
        if self.is_held(thread.0) {
            return;
        }
        self.enqueue(thread.0);
        self.woken(now, self.threads[thread.0].cpu, orders);
    }

    fn block(&mut self, now: Instant, _: Cpu, thread: ThreadId, orders: &mut Orders) {
        let ThreadState { capsule, cpu, .. } = self.threads[thread.0];
        self.threads[thread.0].awake = false;
        let slice_ns = self.slice_ns;
        let state = &mut self.cpus[cpu];
        if self.inner[thread.0].is_queued() {
            state.inside[capsule].sleep(&mut self.inner, thread.0, slice_ns);
        }
        if state.inside[capsule].runnable(&self.inner) == 0 && state.outer[capsule].is_runnable() {
            state.queue.sleep(&mut state.outer, capsule, slice_ns);
            if let Some(bandwidth) = self.bandwidth.get_mut(capsule) {
                bandwidth.sleep(cpu);
            }
        }
        if self.cpus[cpu].current == Some(thread.0) {
            self.reschedule(now, cpu, orders);
        }
    }

    fn timer(&mut self, now: Instant, timer: usize, orders: &mut Orders) {
        match timer.checked_sub(self.cpus.len()) {
            Some(capsule) => self.refill(now, capsule, orders),
            None if self.cpus[timer].due => self.reschedule(now, timer, orders),
            None => self.arm(now, timer, orders),
        }
    }
}
