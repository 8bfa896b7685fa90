// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads come, go, and change capsule, priority or affinity.

use evenkeel_model::Instant;

use crate::cpu_mask::CpuMask;
use crate::decision::Decision;
use crate::error::PolicyError;
use crate::event::PRIORITY_MAX;
use crate::ids::{CapsuleId, THREADS_MAX, ThreadId};
use crate::policy::Policy;
use crate::queue::Place;
use crate::thread::{Thread, ThreadState};

impl Policy {
    pub(super) fn add_thread(
        &mut self,
        thread: ThreadId,
        capsule: CapsuleId,
        priority: u8,
        affinity: CpuMask,
    ) -> Result<(), PolicyError> {
        if thread.0 > THREADS_MAX {
            return Err(PolicyError::ThreadTooLarge(thread));
        }
        if self.known_thread(thread).is_ok() {
            return Err(PolicyError::ThreadInUse(thread));
        }
        let allowed = self.allowed(thread, capsule, priority, affinity)?;
        if self.threads.len() <= thread.index() {
            self.threads.resize(thread.index() + 1, None);
        }
        self.threads[thread.index()] = Some(Thread::new(capsule, priority, affinity, allowed));
        self.count_threads(capsule, 1);
        Ok(())
    }

    /// The CPUs that a thread would have in a capsule, on each of which the capsule has a budget of
    /// its own.
    fn allowed(
        &self,
        thread: ThreadId,
        capsule: CapsuleId,
        priority: u8,
        affinity: CpuMask,
    ) -> Result<CpuMask, PolicyError> {
        let home = self.known_capsule(capsule)?;
        if priority > PRIORITY_MAX {
            return Err(PolicyError::Priority { thread, priority });
        }
        let allowed = affinity & home.cpus;
        if allowed.is_empty() {
            return Err(PolicyError::NoCpu { thread, affinity, capsule, cpus: home.cpus });
        }
        let nothing = |index: evenkeel_model::CpuIndex| {
            let server = &self.cpus[index.0 as usize].servers[home.slot(index)];
            server.target().budget.as_ns() == 0
        };
        if capsule != CapsuleId::BEST_EFFORT && allowed.iter().any(nothing) {
            return Err(PolicyError::NothingOwn(capsule));
        }
        Ok(allowed)
    }

    pub(super) fn change_thread(
        &mut self,
        now: Instant,
        thread: ThreadId,
        capsule: CapsuleId,
        priority: u8,
        affinity: CpuMask,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        self.known_thread(thread)?;
        let allowed = self.allowed(thread, capsule, priority, affinity)?;
        self.now = now;
        self.move_thread(thread, capsule, priority, affinity, allowed, out);
        Ok(())
    }

    /// Moves a thread in whatever state; all is known to be in order.
    pub(super) fn move_thread(
        &mut self,
        thread: ThreadId,
        capsule: CapsuleId,
        priority: u8,
        affinity: CpuMask,
        allowed: CpuMask,
        out: &mut Vec<Decision>,
    ) {
        let state = self.thread(thread).state;
        let former = self.take_off(thread, out);
        self.count_threads(former, -1);
        self.count_threads(capsule, 1);
        let moved = self.thread_mut(thread);
        (moved.capsule, moved.priority) = (capsule, priority);
        (moved.affinity, moved.allowed) = (affinity, allowed);
        if state == ThreadState::Blocked {
            return;
        }
        self.enqueue(thread, Place::Front, out);
        match state {
            // Who ran may well run on: then nothing is to be said.
            ThreadState::Running(cpu) => {
                self.look(cpu.0 as usize, out);
                self.place(thread, out);
            }
            _ => self.place(thread, out),
        }
    }

    pub(super) fn remove_thread(
        &mut self,
        now: Instant,
        thread: ThreadId,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let state = self.known_thread(thread)?.state;
        self.now = now;
        let capsule = self.take_off(thread, out);
        self.count_threads(capsule, -1);
        self.threads[thread.index()] = None;
        if let ThreadState::Running(cpu) = state {
            self.look(cpu.0 as usize, out);
        }
        Ok(())
    }

    /// Takes a thread off its CPU or out of its queue. Returns its capsule. A CPU that loses its
    /// thread has yet to look.
    fn take_off(&mut self, thread: ThreadId, out: &mut Vec<Decision>) -> CapsuleId {
        match self.thread(thread).state {
            ThreadState::Blocked => {}
            ThreadState::Queued => self.leave_queue(thread, out),
            ThreadState::Running(cpu) => {
                self.stop(cpu.0 as usize);
            }
        }
        self.thread(thread).capsule
    }

    fn count_threads(&mut self, capsule: CapsuleId, change: i32) {
        let home = self.capsules[capsule.index()].as_mut().expect("a thread's capsule exists");
        home.threads = home.threads.saturating_add_signed(change);
    }
}
