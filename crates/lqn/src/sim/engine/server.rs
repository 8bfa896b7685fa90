// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads as servers: requests are queued, accepted, served phase by phase, answered.

use super::{Engine, Message, POPULATION_MAX, Step, Stop, Timer};
use crate::sim::fifo::NONE;

impl Engine<'_> {
    pub(super) fn start_cycle(&mut self, id: u32) {
        let task = self.threads[id as usize].task as usize;
        let code = self.code;
        let entries = &code.task_entries[task];
        let entry = match entries.as_slice() {
            [only] => *only,
            many => many[self.random.below(many.len())],
        };
        self.start(id, entry, NONE);
    }

    /// A thread begins an entry.
    pub(super) fn start(&mut self, id: u32, entry: u32, message: u32) {
        let code = &self.code.entries[entry as usize];
        if code.graph != NONE {
            self.start_graph(id, entry, message);
            return;
        }
        let thread = &mut self.threads[id as usize];
        (thread.entry, thread.message, thread.began) = (entry, message, self.now);
        self.start_phase(id, code.phases.from);
    }

    #[inline]
    pub(super) fn start_phase(&mut self, id: u32, phase: u32) {
        let code = &self.code.phases[phase as usize];
        let first =
            if code.deterministic { self.code.calls.get(code.calls.from as usize) } else { None };
        let thread = &mut self.threads[id as usize];
        thread.step = Step::Begin;
        thread.phase = phase;
        thread.phase_began = self.now;
        thread.busy_since = self.now;
        (thread.call, thread.left) = (0, first.map_or(0, |c| c.times));
    }

    pub(super) fn pause(&mut self, id: u32, mean: f64, then: Step) {
        let thread = &mut self.threads[id as usize];
        thread.step = then;
        thread.timer = Timer::Pause;
        if mean > 0.0 {
            let end = self.now + mean * self.random.exponential();
            self.calendar.set(self.source_of_thread(id), end);
        } else {
            self.ready.push(id);
        }
    }

    /// Ends the phase; true if the thread has nothing to do now.
    pub(super) fn end_phase(&mut self, id: u32) -> Result<bool, Stop> {
        let code = self.code;
        self.count_phase(id);
        if self.threads[id as usize].instance != NONE {
            return self.end_node(id);
        }
        let thread = &mut self.threads[id as usize];
        let entry = &code.entries[thread.entry as usize];
        let (entry_id, message, phase) = (thread.entry, thread.message, thread.phase);
        let others = self.ready.len();
        if phase == entry.phases.from && message != NONE {
            thread.message = NONE;
            self.reply(entry_id, message)?;
        }
        let following = (phase + 1..entry.phases.to).find(|&p| !code.phases[p as usize].empty);
        let done = match following {
            Some(next) => {
                self.start_phase(id, next);
                false
            }
            None => self.end_entry(id),
        };
        // Who was woken by the reply or forward goes first, the server comes back to its processor
        // behind.
        if done || self.ready.len() == others {
            return Ok(done);
        }
        self.ready.insert(others, id);
        Ok(true)
    }

    #[inline]
    fn count_phase(&mut self, id: u32) {
        let thread = &self.threads[id as usize];
        let tally = &mut self.tally.phases[thread.phase as usize];
        let service = self.now - thread.phase_began;
        tally.ended += 1.0;
        tally.service += service;
        tally.service_squared += service * service;
        tally.busy += self.now - thread.busy_since;
    }

    /// Counts an entry that has ended; true if the thread has nothing to do now.
    pub(super) fn end_entry(&mut self, id: u32) -> bool {
        let now = self.now;
        let thread = &self.threads[id as usize];
        let service = now - thread.began;
        let tally = &mut self.tally.entries[thread.entry as usize];
        tally.ended += 1.0;
        tally.service += service;
        tally.service_squared += service * service;
        self.finish(id)
    }

    /// The thread has ended an entry; true if it has nothing to do now.
    pub(super) fn finish(&mut self, id: u32) -> bool {
        let task = self.threads[id as usize].task as usize;
        let code = &self.code.tasks[task];
        if code.reference {
            if code.think > 0.0 {
                self.pause(id, code.think, Step::Cycle);
                return true;
            }
            self.threads[id as usize].step = Step::Cycle;
            return false;
        }
        let messages = self.messages.as_slice();
        let next = self.servers[task].queue.iter_mut().find_map(|q| q.pop_front(messages));
        match next {
            Some(message) => {
                self.accept(id, message);
                false
            }
            None => {
                self.threads[id as usize].step = Step::Idle;
                self.servers[task].idle.push(id);
                true
            }
        }
    }

    pub(super) fn accept(&mut self, id: u32, message: u32) {
        let m = &self.messages[message as usize];
        let tally = &mut self.tally.slots[m.hop as usize];
        tally.accepted += 1.0;
        tally.waiting += self.now - m.queued;
        let entry = m.entry;
        self.start(id, entry, message);
    }

    /// Phase 1 has ended: the request goes on to another entry, or its caller may.
    pub(super) fn reply(&mut self, entry: u32, message: u32) -> Result<(), Stop> {
        let code = self.code;
        let forwards = &code.forwards[code.entries[entry as usize].forwards.iter()];
        if !forwards.is_empty() {
            let draw = self.random.uniform();
            if let Some(f) = forwards.iter().find(|f| draw < f.cumulative) {
                let m = &mut self.messages[message as usize];
                (m.entry, m.hop, m.queued) = (f.to, f.slot, self.now);
                return self.deliver(message);
            }
        }
        let m = self.messages[message as usize];
        let tally = &mut self.tally.slots[m.slot as usize];
        tally.answered += 1.0;
        tally.response += self.now - m.sent;
        self.messages[message as usize].next = self.free_message;
        self.free_message = message;
        if m.caller != NONE {
            self.ready.push(m.caller);
        }
        Ok(())
    }

    pub(super) fn send(&mut self, entry: u32, caller: u32, slot: u32) -> Result<(), Stop> {
        let now = self.now;
        let message =
            Message { entry, caller, slot, hop: slot, next: NONE, sent: now, queued: now };
        let id = self.free_message;
        if id == NONE {
            if self.messages.len() >= POPULATION_MAX {
                return Err(Stop::Unstable(self.code.entries[entry as usize].task));
            }
            self.messages.push(message);
            #[expect(clippy::cast_possible_truncation, reason = "POPULATION_MAX is below 2^32")]
            let id = self.messages.len() as u32 - 1;
            return self.deliver(id);
        }
        self.free_message = self.messages[id as usize].next;
        self.messages[id as usize] = message;
        self.deliver(id)
    }

    /// Gives a request to an idle thread, or queues it.
    pub(super) fn deliver(&mut self, message: u32) -> Result<(), Stop> {
        let entry = &self.code.entries[self.messages[message as usize].entry as usize];
        let task = entry.task as usize;
        let server = &mut self.servers[task];
        let thread = match server.idle.pop() {
            Some(thread) => thread,
            None if self.code.tasks[task].threads.is_none_or(|n| server.threads < n) => {
                self.new_thread(task)?
            }
            None => {
                server.queue[entry.rank as usize].push_back(self.messages.as_mut_slice(), message);
                return Ok(());
            }
        };
        self.accept(thread, message);
        self.ready.push(thread);
        Ok(())
    }
}
