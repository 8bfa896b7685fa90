// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fixed priorities: SCHED_FIFO and SCHED_RR as they are, or in real-time groups with budgets.
//!
//! Capsules rank by period, the shorter one first, unless the scenario gives priorities; inside a
//! capsule its threads rank by theirs. With groups (kernel/sched/rt.c):
//!
//! ```text
//!   charged at ticks and switches; rt_time >= runtime: throttled, noticed at the next tick
//!   period boundary: rt_time := max(0, rt_time - runtime); below runtime again: released
//! ```
//!
//! An idle group keeps what it has to the next boundary: a deferrable server. Periods are aligned
//! to the capsule's phase; the kernel begins them when a group first has work. With a tick of zero
//! budgets end exactly. Not modelled: the global limit of 95 % and the sharing of runtime between
//! CPUs, which is off by default.

use evenkeel_model::{Instant, Span};

use crate::scenario::Scenario;
use crate::scheduler::{CapsuleId, Cpu, Order, Orders, Scheduler, ThreadId, ThreadSpec};

/// SCHED_FIFO or SCHED_RR, with or without group budgets.
#[derive(Debug)]
pub(crate) struct FixedPriority {
    tick: Span,
    rr_slice: Span,
    threads: Vec<ThreadState>,
    cpus: Vec<CpuState>,
    /// By capsule; empty without groups.
    groups: Vec<Group>,
    /// Order of arrival, for first in first out.
    arrivals: u64,
}

#[derive(Debug)]
struct ThreadState {
    capsule: usize,
    cpu: usize,
    /// Higher first: the capsule's, then the thread's.
    rank: (u32, u8),
    /// Place among equals while awake.
    arrival: u64,
    /// What is left of its turn.
    turn: Span,
}

#[derive(Debug, Default)]
struct CpuState {
    awake: Vec<usize>,
    current: Option<usize>,
}

#[derive(Debug)]
struct Group {
    budget: Span,
    period: Span,
    next_period: Instant,
    /// `rt_time` and whether it is throttled, by CPU.
    spent: Vec<(Span, bool)>,
}

impl FixedPriority {
    /// Fixed priorities for `scenario`; `reservations`: the budget of each capsule's group, where
    /// there are groups.
    pub(crate) fn new(
        scenario: &Scenario,
        threads: &[ThreadSpec],
        budgets: Option<&[Option<Span>]>,
    ) -> FixedPriority {
        let cpus = scenario.machine.cpus as usize;
        let ranks = ranks(scenario);
        let state = |thread: &ThreadSpec| ThreadState {
            capsule: thread.capsule.0,
            cpu: thread.cpus.first().map_or(0, |cpu| cpu.0),
            rank: (ranks[thread.capsule.0], thread.priority),
            arrival: 0,
            turn: scenario.machine.rr_slice,
        };
        let group = |(capsule, budget): (&crate::scenario::CapsuleSpec, &Option<Span>)| {
            let period = capsule.reservation.period();
            let first = if capsule.phase == Span::ZERO { period } else { capsule.phase };
            Group {
                budget: budget.unwrap_or(Span::ZERO),
                period,
                next_period: Instant::from_ns(first.as_ns()),
                spent: vec![(Span::ZERO, false); cpus],
            }
        };
        let groups = budgets.map(|b| scenario.capsules.iter().zip(b).map(group).collect());
        FixedPriority {
            tick: scenario.machine.tick,
            rr_slice: scenario.machine.rr_slice,
            threads: threads.iter().map(state).collect(),
            cpus: (0..cpus).map(|_| CpuState::default()).collect(),
            groups: groups.unwrap_or_default(),
            arrivals: 0,
        }
    }

    fn is_throttled(&self, thread: usize) -> bool {
        let ThreadState { capsule, cpu, .. } = self.threads[thread];
        self.groups.get(capsule).is_some_and(|group| group.spent[cpu].1)
    }

    /// Throttles the group that runs here if its budget is spent; ends a turn that is over.
    fn enforce(&mut self, cpu: usize, orders: &mut Orders) {
        let Some(thread) = self.cpus[cpu].current else { return };
        let capsule = self.threads[thread].capsule;
        if let Some(group) = self.groups.get_mut(capsule) {
            let (spent, throttled) = &mut group.spent[cpu];
            if *spent >= group.budget && !*throttled {
                *throttled = true;
                orders.push(Order::Throttled(Cpu(cpu), CapsuleId(capsule)));
            }
        }
        if self.rr_slice > Span::ZERO && self.threads[thread].turn == Span::ZERO {
            self.arrivals += 1;
            self.threads[thread].arrival = self.arrivals;
            self.threads[thread].turn = self.rr_slice;
        }
    }

    fn first(&self, cpu: usize) -> Option<usize> {
        let runnable =
            self.cpus[cpu].awake.iter().copied().filter(|&thread| !self.is_throttled(thread));
        runnable.min_by_key(|&thread| {
            let ThreadState { rank, arrival, .. } = self.threads[thread];
            (std::cmp::Reverse(rank), arrival)
        })
    }

    fn reschedule(&mut self, now: Instant, cpu: usize, orders: &mut Orders) {
        let mut first = self.first(cpu);
        if self.cpus[cpu].current != first {
            // Who leaves the CPU is charged, and found out if its budget is spent.
            self.enforce(cpu, orders);
            first = self.first(cpu);
        }
        if self.cpus[cpu].current != first {
            self.cpus[cpu].current = first;
            orders.push(match first {
                Some(thread) => Order::Run(Cpu(cpu), ThreadId(thread)),
                None => Order::Idle(Cpu(cpu)),
            });
        }
        self.arm(now, cpu, orders);
    }

    /// When the CPU must be looked at again: at the next tick, or when a budget or turn ends.
    fn arm(&mut self, now: Instant, cpu: usize, orders: &mut Orders) {
        let limit = self.cpus[cpu].current.and_then(|thread| {
            let ThreadState { capsule, turn, .. } = self.threads[thread];
            let group = self.groups.get(capsule);
            let budget = group.map(|group| group.budget.saturating_sub(group.spent[cpu].0));
            let turn = (self.rr_slice > Span::ZERO).then_some(turn);
            [budget, turn].into_iter().flatten().min()
        });
        orders.push(match limit {
            None => Order::Disarm(cpu),
            Some(_) if self.tick > Span::ZERO => {
                let tick_ns = self.tick.as_ns();
                let next_ns = (now.as_ns() / tick_ns + 1).saturating_mul(tick_ns);
                Order::Arm(cpu, Instant::from_ns(next_ns))
            }
            Some(limit) => Order::Arm(cpu, now.saturating_add(limit)),
        });
    }

    fn new_period(&mut self, now: Instant, capsule: usize, orders: &mut Orders) {
        let timer = self.cpus.len() + capsule;
        let group = &mut self.groups[capsule];
        group.next_period = group.next_period + group.period;
        orders.push(Order::Arm(timer, group.next_period));
        for cpu in 0..self.cpus.len() {
            let group = &mut self.groups[capsule];
            let (spent, throttled) = &mut group.spent[cpu];
            *spent = spent.saturating_sub(group.budget);
            if *throttled && *spent < group.budget {
                *throttled = false;
                orders.push(Order::Replenished(Cpu(cpu), CapsuleId(capsule)));
            }
            self.reschedule(now, cpu, orders);
        }
    }
}

/// The rank of each capsule, higher first: explicit priorities, else by period, the first of equals
/// first.
fn ranks(scenario: &Scenario) -> Vec<u32> {
    let key = |index: usize| {
        let capsule = &scenario.capsules[index];
        (capsule.priority, std::cmp::Reverse((capsule.reservation.period(), index)))
    };
    let mut order: Vec<usize> = (0..scenario.capsules.len()).collect();
    order.sort_by_key(|&index| key(index));
    let mut ranks = vec![0; order.len()];
    for (rank, index) in (1..).zip(order) {
        ranks[index] = rank;
    }
    ranks
}

impl Scheduler for FixedPriority {
    fn timers(&self) -> usize {
        self.cpus.len() + self.groups.len()
    }

    fn timer_cpu(&self, timer: usize) -> Option<Cpu> {
        (timer < self.cpus.len()).then_some(Cpu(timer))
    }

    fn start(&mut self, orders: &mut Orders) {
        for (capsule, group) in self.groups.iter().enumerate() {
            orders.push(Order::Arm(self.cpus.len() + capsule, group.next_period));
        }
    }

    fn charge(&mut self, cpu: Cpu, thread: ThreadId, executed: Span) {
        let state = &mut self.threads[thread.0];
        state.turn = state.turn.saturating_sub(executed);
        if let Some(group) = self.groups.get_mut(state.capsule) {
            let spent = &mut group.spent[cpu.0].0;
            *spent = *spent + executed;
        }
    }

    fn wake(&mut self, now: Instant, thread: ThreadId, orders: &mut Orders) {
        self.arrivals += 1;
        let state = &mut self.threads[thread.0];
        state.arrival = self.arrivals;
        let cpu = state.cpu;
        self.cpus[cpu].awake.push(thread.0);
        self.reschedule(now, cpu, orders);
    }

    fn block(&mut self, now: Instant, _: Cpu, thread: ThreadId, orders: &mut Orders) {
        let cpu = self.threads[thread.0].cpu;
        self.enforce(cpu, orders);
        self.cpus[cpu].awake.retain(|&awake| awake != thread.0);
        self.reschedule(now, cpu, orders);
    }

    fn timer(&mut self, now: Instant, timer: usize, orders: &mut Orders) {
        match timer.checked_sub(self.cpus.len()) {
            Some(capsule) => self.new_period(now, capsule, orders),
            None => {
                self.enforce(timer, orders);
                self.reschedule(now, timer, orders);
            }
        }
    }
}
