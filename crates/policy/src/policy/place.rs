// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads that begin or cease to wait, and which CPU is sent for.
//!
//! **invariant:** a server is idle exactly if its CPU runs no thread of its capsule and none waits
//! that may run there. So a thread that begins to wait wakes the idle servers on all its CPUs (E1),
//! and one that ceases to wait leaves those idle that have nobody else (E7, uncharged).

use crate::cpu::Running;
use crate::decision::Decision;
use crate::ids::{CapsuleId, ThreadId};
use crate::policy::Policy;
use crate::queue::Place;
use crate::thread::{Thread, ThreadState};

/// How well a CPU would do for a waiting thread: the least value is the best. The order is part of
/// the policy, since another order is another trace:
/// where it ran last if that is idle, then idle CPUs, CPUs that run leftovers, CPUs on which its
/// server has the earlier deadline (where it ran last, then the latest deadline that would be
/// displaced), and last those that run a less urgent thread of its own capsule, the least urgent
/// first. With that, the most urgent threads of a capsule run on whatever CPUs its servers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    LastIdle,
    Idle,
    Leftover,
    LastEarlier,
    Earlier(std::cmp::Reverse<evenkeel_model::Instant>),
    LessUrgent(u8),
}

impl Policy {
    /// A thread begins to wait. If it had to leave its CPU within its time after waiting too long,
    /// it counts as waiting since then.
    pub(super) fn enqueue(&mut self, thread: ThreadId, place: Place, out: &mut Vec<Decision>) {
        let (now, rule) = (self.now, self.config.wake_rule);
        let waiting = self.threads[thread.index()].as_mut().expect("the caller knows the thread");
        waiting.state = ThreadState::Queued;
        if waiting.boost.as_ns() == 0 {
            waiting.since = now;
        }
        let (capsule, allowed) = (waiting.capsule, waiting.allowed);
        let capsule = self.capsules[capsule.index()].as_mut().expect("a thread has a capsule");
        capsule.queue.insert(&mut self.threads, thread, place);
        for index in allowed.iter() {
            let slot = capsule.slot(index);
            let cpu = &mut self.cpus[index.0 as usize];
            cpu.servers[slot].queued += 1;
            if cpu.online && cpu.is_idle(slot) {
                cpu.wake(slot, rule, now, out);
            }
        }
    }

    /// A thread ceases to wait, to run on CPU `to` if there is one.
    pub(super) fn dequeue(&mut self, thread: ThreadId, to: Option<usize>) {
        let now = self.now;
        let waiting = self.thread(thread);
        let (capsule, allowed) = (waiting.capsule, waiting.allowed);
        let capsule = self.capsules[capsule.index()].as_mut().expect("a thread has a capsule");
        capsule.queue.remove(&mut self.threads, thread);
        for index in allowed.iter() {
            let slot = capsule.slot(index);
            let cpu = &mut self.cpus[index.0 as usize];
            cpu.servers[slot].queued -= 1;
            let idle = cpu.servers[slot].queued == 0 && !cpu.runs(slot);
            if idle && to != Some(index.0 as usize) && !cpu.is_idle(slot) {
                cpu.sleep(slot, now);
            }
        }
    }

    /// A waiting thread blocks, or goes elsewhere.
    pub(super) fn leave_queue(&mut self, thread: ThreadId, out: &mut Vec<Decision>) {
        self.dequeue(thread, None);
        let thread = self.thread_mut(thread);
        thread.state = ThreadState::Blocked;
        thread.end_turn();
        let allowed = thread.allowed;
        for index in allowed.iter() {
            self.arm(index.0 as usize, out);
        }
    }

    /// Finds a CPU for a waiting thread: an idle one looks at once, a busy one is sent for.
    pub(super) fn place(&mut self, thread: ThreadId, out: &mut Vec<Decision>) {
        let allowed = self.thread(thread).allowed;
        // An idle CPU may take another thread that waits; then it is busy, and the next is tried.
        for _ in 0..=allowed.len() {
            if self.thread(thread).state != ThreadState::Queued {
                break;
            }
            let fits = allowed.iter().filter_map(|index| {
                let cpu = index.0 as usize;
                self.fit(cpu, thread).map(|fit| (fit, cpu))
            });
            let Some((_, cpu)) = fits.min() else { break };
            let at = &mut self.cpus[cpu];
            if at.running.is_some() {
                at.kicked = Some(thread);
                out.push(Decision::Preempt { cpu: at.index });
                break;
            }
            self.look(cpu, out);
        }
        // A new waiter can end a slice, or let a server wait for its release.
        for index in allowed.iter() {
            if self.cpus[index.0 as usize].kicked.is_none() {
                self.arm(index.0 as usize, out);
            }
        }
    }

    /// A CPU that was sent for has looked, or is gone: the thread that it was sent for may have
    /// been passed by.
    pub(super) fn place_again(&mut self, awaited: Option<ThreadId>, out: &mut Vec<Decision>) {
        let Some(thread) = awaited else { return };
        let waits = |thread: &Thread| thread.state == ThreadState::Queued;
        if self.known_thread(thread).is_ok_and(waits) {
            self.place(thread, out);
        }
    }

    /// How well a CPU would do for a waiting thread; `None` if it would not run there now, or if the
    /// CPU is about to look anyway.
    fn fit(&self, cpu: usize, thread: ThreadId) -> Option<Fit> {
        let at = &self.cpus[cpu];
        if !at.online || at.kicked.is_some() {
            return None;
        }
        let waiting = self.thread(thread);
        let slot = self.capsule(waiting.capsule).slot(at.index);
        let last = waiting.last_cpu == at.index;
        let (ready, leftover) = (at.is_ready(slot), waiting.capsule == CapsuleId::BEST_EFFORT);
        let Some(Running { thread: current, slot: occupied, background }) = at.running else {
            let idle = if last { Fit::LastIdle } else { Fit::Idle };
            return (ready || leftover).then_some(idle);
        };
        if occupied == slot {
            let current = self.thread(current);
            let goes = waiting.priority > current.priority && current.boost.as_ns() == 0;
            return goes.then_some(Fit::LessUrgent(current.priority));
        }
        if !ready {
            return None;
        }
        if background {
            return Some(Fit::Leftover);
        }
        let deadline = at.deadlines[occupied];
        at.goes_before(slot, occupied, self.config.tie).then_some(match last {
            true => Fit::LastEarlier,
            false => Fit::Earlier(std::cmp::Reverse(deadline)),
        })
    }
}
