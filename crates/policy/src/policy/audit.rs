// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether a policy is in a state that it should be in: for tests and simulators, after any event.

use crate::cpu::slots;
use crate::ids::{CapsuleId, ThreadId};
use crate::policy::Policy;
use crate::thread::{Thread, ThreadState};

impl Policy {
    /// What is wrong, in words; nothing, if all is well.
    ///
    /// Always: who is counted waits, who runs is known to run, and a server is idle exactly if it
    /// has nobody to run. While no CPU is sent for, also: each CPU runs the ready server that goes
    /// first, none is idle beside work that may run, and no thread of a capsule runs where a more
    /// urgent one waits.
    pub fn audit(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for cpu in 0..self.cpus.len() {
            self.audit_servers(cpu, &mut wrong);
        }
        for (thread, found) in self.all_threads() {
            self.audit_thread(thread, found, &mut wrong);
        }
        if self.cpus.iter().all(|cpu| cpu.kicked.is_none()) {
            for cpu in 0..self.cpus.len() {
                self.audit_choice(cpu, &mut wrong);
            }
        }
        wrong
    }

    fn all_threads(&self) -> impl Iterator<Item = (ThreadId, &Thread)> {
        let known = (0_u32..).zip(&self.threads);
        known.filter_map(|(index, thread)| Some((ThreadId(index), thread.as_ref()?)))
    }

    fn audit_servers(&self, cpu: usize, wrong: &mut Vec<String>) {
        let at = &self.cpus[cpu];
        if at.ready & at.throttled != 0 || (at.ready | at.throttled) & !at.used != 0 {
            wrong.push(format!("CPU {cpu}: a server is in two states, or has none"));
        }
        for slot in slots(at.used) {
            let server = &at.servers[slot];
            let waits = |thread: &Thread| {
                thread.state == ThreadState::Queued
                    && thread.capsule == server.capsule
                    && thread.allowed.contains(at.index)
            };
            let waiting = self.all_threads().filter(|(_, thread)| waits(thread)).count();
            let name = at.name(slot);
            if waiting != server.queued as usize {
                wrong.push(format!("{name}: {waiting} threads wait, {} count", server.queued));
            }
            let has_work = at.online && (waiting > 0 || at.runs(slot));
            if has_work == at.is_idle(slot) {
                wrong.push(format!("{name}: work {has_work}, idle {}", at.is_idle(slot)));
            }
            if at.is_ready(slot) && server.left.is_spent() && !at.runs(slot) {
                wrong.push(format!("{name}: ready with {}", server.left));
            }
        }
    }

    fn audit_thread(&self, thread: ThreadId, found: &Thread, wrong: &mut Vec<String>) {
        if let ThreadState::Running(cpu) = found.state {
            let runs = self.running(cpu) == Some(thread);
            if !runs || !found.allowed.contains(cpu) {
                wrong.push(format!("{thread} does not run on CPU {cpu}, or must not"));
            }
        }
    }

    fn audit_choice(&self, cpu: usize, wrong: &mut Vec<String>) {
        let at = &self.cpus[cpu];
        if !at.online {
            return;
        }
        let earliest = at.earliest(self.config.tie);
        let leftover = at.servers[0].queued > 0;
        let Some(running) = at.running else {
            if earliest.is_some() || leftover {
                wrong.push(format!("CPU {cpu} is idle beside work"));
            }
            return;
        };
        let first = match earliest {
            Some(slot) => slot == running.slot && !running.background,
            None => running.background && running.slot == 0,
        };
        if !first {
            wrong.push(format!("CPU {cpu} does not run the server that goes first"));
        }
        let mine = self.thread(running.thread);
        let more_urgent = |thread: &Thread| {
            thread.state == ThreadState::Queued
                && thread.capsule == mine.capsule
                && thread.allowed.contains(at.index)
                && thread.priority > mine.priority
        };
        let boosted = mine.boost.as_ns() > 0;
        if !boosted && self.all_threads().any(|(_, thread)| more_urgent(thread)) {
            wrong.push(format!("CPU {cpu} runs {} although a more urgent waits", running.thread));
        }
        if at.shown != Some(running.thread) {
            wrong.push(format!("CPU {cpu} runs {} without saying so", running.thread));
        }
        if at.servers[running.slot].capsule == CapsuleId::BEST_EFFORT && running.slot != 0 {
            wrong.push(format!("CPU {cpu} has best effort in a capsule's slot"));
        }
    }
}
