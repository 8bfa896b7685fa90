// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work inside a thread: jobs in order of arrival, what happens when one is done.

use evenkeel_model::Span;

use crate::engine::Engine;
use crate::engine::state::{Item, Role};
use crate::record::Record;
use crate::scenario::WorkloadKind;
use crate::scheduler::{Cpu, Scheduler, ThreadId};

/// Most jobs that wait for one thread, packets aside, which the socket bounds. Beyond, a workload
/// is so far behind that more of the same says nothing new; what arrives then counts as dropped.
const ITEMS_MAX: usize = 10_000;

impl<S: Scheduler, R: Record> Engine<S, R> {
    /// Gives a thread one more piece of work, and wakes it if it has had none.
    pub(super) fn add_item(&mut self, index: usize, item: Item) {
        let work = &mut self.work[index];
        if item.packets == 0 && work.items.len() >= ITEMS_MAX {
            work.dropped += 1;
            return;
        }
        let first = work.items.is_empty();
        let thread = work.thread;
        work.items.push_back(item);
        if first {
            self.threads[thread.0].left_ns = item.work_ns;
            self.wake(thread);
        }
    }

    /// What the thread of this CPU had in hand is done.
    pub(super) fn complete(&mut self, cpu: Cpu) {
        self.account(cpu);
        if let Some(thread) = self.cpus[cpu.0].current {
            match self.threads[thread.0].role {
                Role::Poll(poll) => self.end_poll(poll, thread),
                Role::Work(index) => self.end_item(index, thread),
            }
        }
        self.arm_completion(cpu);
    }

    fn end_item(&mut self, index: usize, thread: ThreadId) {
        let suspended = self.suspend(index);
        if suspended || !self.next_item(index) {
            self.block(thread);
        }
    }

    /// Sleeps, if the job in hand has a sleep to come here.
    fn suspend(&mut self, index: usize) -> bool {
        let work = &mut self.work[index];
        let WorkloadKind::Suspending { suspend, .. } = work.kind else { return false };
        let Some(item) = work.items.front_mut().filter(|item| item.rounds > 0) else {
            return false;
        };
        item.rounds -= 1;
        self.calendar.set(self.slots.resumes + index, self.now.saturating_add(suspend));
        true
    }

    /// A sleep has ended: the job computes again.
    pub(super) fn resume(&mut self, index: usize) {
        self.calendar.cancel(self.slots.resumes + index);
        let thread = self.work[index].thread;
        self.threads[thread.0].left_ns = self.draw_cost(index);
        self.wake(thread);
    }

    /// What one stretch of computing of this workload costs.
    pub(super) fn draw_cost(&mut self, index: usize) -> u64 {
        let work = &mut self.work[index];
        let cost = match work.kind {
            WorkloadKind::Periodic { cost, .. }
            | WorkloadKind::Sporadic { cost, .. }
            | WorkloadKind::Bursty { cost, .. }
            | WorkloadKind::Suspending { cost, .. }
            | WorkloadKind::Requests { cost, .. } => cost,
            WorkloadKind::Saturated | WorkloadKind::Stream { .. } | WorkloadKind::Flood { .. } => {
                return 0;
            }
        };
        let drawn = match cost.least == cost.most {
            true => cost.least,
            false => work.random.between(cost.least, cost.most),
        };
        self.costs.with_factor(drawn)
    }

    /// Takes the item that is done out and the next one in hand; whether there is one.
    fn next_item(&mut self, index: usize) -> bool {
        let work = &mut self.work[index];
        let Some(done) = work.items.pop_front() else { return false };
        if done.answers && done.arrived >= self.warmup {
            let response = self.now.saturating_since(done.arrived);
            let late = work.kind.deadline().is_some_and(|deadline| response > deadline);
            work.responses.add(response);
            work.missed += u64::from(late);
            if late {
                self.recorder.late(self.now, work.thread);
            }
        }
        if done.packets > 0 {
            work.packets -= done.packets;
            work.packets_done += u64::from(done.packets);
            if matches!(work.kind, WorkloadKind::Stream { .. }) {
                self.send_again(index, done.packets);
            }
        }
        let work = &self.work[index];
        let Some(next) = work.items.front() else { return false };
        self.threads[work.thread.0].left_ns = next.work_ns;
        true
    }

    /// Packets of a stream arrive again after its delay.
    pub(super) fn send_again(&mut self, index: usize, packets: u32) {
        let work = &mut self.work[index];
        let WorkloadKind::Stream { delay, .. } = work.kind else { return };
        let at = self.now.saturating_add(delay);
        match work.returns.back_mut() {
            Some((last, count)) if *last == at => *count += packets,
            _ => work.returns.push_back((at, packets)),
        }
        if work.returns.len() == 1 {
            self.calendar.set(self.slots.sources + index, at);
        }
    }

    /// At the end: jobs that are late already and not done count as late, too.
    pub(super) fn finish(&mut self) {
        for work in &mut self.work {
            let Some(deadline) = work.kind.deadline() else { continue };
            let overdue = |item: &&Item| {
                let late = self.end.saturating_since(item.arrived) > deadline;
                item.answers && item.arrived >= self.warmup && late
            };
            let overdue = work.items.iter().filter(overdue).count() as u64;
            work.missed += overdue;
            work.unfinished += overdue;
        }
    }

    /// A span of a workload, with the cache factor.
    pub(super) fn item_of(&mut self, index: usize, rounds: u32) -> Item {
        Item {
            work_ns: self.draw_cost(index),
            arrived: self.now,
            packets: 0,
            answers: true,
            rounds,
        }
    }

    /// Later by a random part of `jitter`.
    pub(super) fn jittered(&mut self, index: usize, jitter: Span) -> Span {
        match jitter {
            Span::ZERO => Span::ZERO,
            most => self.work[index].random.between(Span::ZERO, most),
        }
    }
}
