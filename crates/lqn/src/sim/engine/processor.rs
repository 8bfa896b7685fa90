// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads on their processors: who gets a core, who is preempted, who is next.

use super::{Engine, Thread, Timer};
use crate::sim::host::Host;

impl Engine<'_> {
    /// A thread asks its processor for a slice.
    #[inline]
    pub(super) fn submit(&mut self, id: u32, work: f64) {
        let now = self.now;
        let thread = &mut self.threads[id as usize];
        (thread.work, thread.rest, thread.submitted) = (work, work, now);
        thread.timer = Timer::Executing;
        let task = self.code.tasks[thread.task as usize];
        match &mut self.hosts[task.processor as usize] {
            Host::Delay => self.calendar.set(self.source_of_thread(id), now + work),
            Host::Queue { free, preemptive, running, .. } => {
                if *free > 0 {
                    *free -= 1;
                    if *preemptive {
                        running.push(id);
                    }
                    self.calendar.set(self.source_of_thread(id), now + work);
                    return;
                }
                if *preemptive && self.preempt(id) {
                    return;
                }
                if let Host::Queue { waiting, .. } = &mut self.hosts[task.processor as usize] {
                    waiting[task.rank as usize].push_back(self.threads.as_mut_slice(), id);
                }
            }
            Host::Random { free, waiting } => {
                if *free > 0 {
                    *free -= 1;
                    self.calendar.set(self.source_of_thread(id), now + work);
                } else {
                    waiting.push(id);
                }
            }
            Host::Sharing(sharing) => {
                sharing.enter(now, task.bucket, id, work);
                self.reschedule(task.processor as usize);
            }
        }
    }

    /// Takes a core from the running slice of the lowest priority, if it is lower than ours.
    pub(super) fn preempt(&mut self, id: u32) -> bool {
        let task = self.code.tasks[self.threads[id as usize].task as usize];
        let code = self.code;
        let rank = |t: u32, threads: &[Thread]| code.tasks[threads[t as usize].task as usize].rank;
        let Host::Queue { waiting, running, .. } = &mut self.hosts[task.processor as usize] else {
            return false;
        };
        let lowest = (0..running.len()).max_by_key(|&i| rank(running[i], &self.threads));
        let Some(at) = lowest.filter(|&i| rank(running[i], &self.threads) > task.rank) else {
            return false;
        };
        let victim = std::mem::replace(&mut running[at], id);
        let victim_rank = rank(victim, &self.threads) as usize;
        waiting[victim_rank].push_front(self.threads.as_mut_slice(), victim);
        let source = self.source_of_thread(victim);
        if let Some(end) = self.calendar.time_of(source) {
            self.threads[victim as usize].rest = end - self.now;
        }
        self.calendar.clear(source);
        let work = self.threads[id as usize].work;
        self.calendar.set(self.source_of_thread(id), self.now + work);
        true
    }

    /// Counts a slice that has ended.
    #[inline]
    pub(super) fn slice_ended(&mut self, id: u32) {
        let thread = &self.threads[id as usize];
        let tally = &mut self.tally.phases[thread.phase as usize];
        tally.executed += thread.work;
        tally.processor_waiting += (self.now - thread.submitted - thread.work).max(0.0);
    }

    /// The core of a slice that has ended goes to whoever is next.
    #[inline]
    pub(super) fn release(&mut self, id: u32) {
        let processor = self.code.tasks[self.threads[id as usize].task as usize].processor;
        let next = match &mut self.hosts[processor as usize] {
            Host::Delay | Host::Sharing(_) => return,
            Host::Queue { free, preemptive, waiting, running } => {
                if *preemptive {
                    running.retain(|&r| r != id);
                }
                let threads = self.threads.as_slice();
                let next =
                    waiting.iter_mut().find(|q| !q.is_empty()).and_then(|q| q.pop_front(threads));
                match next {
                    Some(next) if *preemptive => running.push(next),
                    Some(_) => {}
                    None => *free += 1,
                }
                next
            }
            Host::Random { free, waiting } => {
                if waiting.is_empty() {
                    *free += 1;
                    None
                } else {
                    let at = self.random.below(waiting.len());
                    Some(waiting.swap_remove(at))
                }
            }
        };
        if let Some(next) = next {
            let rest = self.threads[next as usize].rest;
            self.calendar.set(self.source_of_thread(next), self.now + rest);
        }
    }

    pub(super) fn reschedule(&mut self, processor: usize) {
        let Host::Sharing(sharing) = &self.hosts[processor] else { return };
        #[expect(clippy::cast_possible_truncation, reason = "processors are bounded")]
        let source = (self.code.entries.len() + processor) as u32;
        match sharing.next_end() {
            Some(end) => self.calendar.set(source, end),
            None => self.calendar.clear(source),
        }
    }
}
