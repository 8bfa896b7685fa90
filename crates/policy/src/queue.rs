// SPDX-License-Identifier: MIT OR Apache-2.0
//! The waiting threads of a capsule in two orders at once: by priority, first come first served
//! among equals, and by how long they have waited.
//!
//! Both are doubly linked lists whose links are in the threads, so nothing allocates. Walks look at
//! each waiting thread once at most; in a capsule pinned to its CPUs the first one is the answer.

use evenkeel_model::CpuIndex;

use crate::ids::ThreadId;
use crate::thread::{Link, NIL, Thread};

/// The threads, by number; holes are threads that do not exist.
pub(crate) type Threads = [Option<Thread>];

const PRIORITY: usize = 0;
const AGE: usize = 1;

/// Ends of the two lists.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    first: [u32; 2],
    last: [u32; 2],
}

/// Where a thread goes among its equals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before them: it was interrupted.
    Front,
    /// Behind them: it comes, or had its turn.
    Back,
}

fn get(threads: &Threads, index: u32) -> &Thread {
    threads[index as usize].as_ref().expect("a queue holds threads that exist")
}

fn get_mut(threads: &mut Threads, index: u32) -> &mut Thread {
    threads[index as usize].as_mut().expect("a queue holds threads that exist")
}

impl Queue {
    pub fn new() -> Queue {
        Queue { first: [NIL; 2], last: [NIL; 2] }
    }

    /// Lets `thread` wait. Its priority and the time since which it waits are set.
    pub fn insert(&mut self, threads: &mut Threads, thread: ThreadId, place: Place) {
        let (priority, since) = {
            let thread = get(threads, thread.0);
            (thread.priority, thread.since)
        };
        let before = match place {
            Place::Back => self.walk_back(threads, PRIORITY, |other| other.priority < priority),
            Place::Front => self.walk_on(threads, PRIORITY, |other| other.priority > priority),
        };
        self.link(threads, PRIORITY, thread.0, before);
        // Almost always the newest: only a thread that was interrupted in its time after waiting too
        // long goes further to the front.
        let before = self.walk_back(threads, AGE, |other| other.since > since);
        self.link(threads, AGE, thread.0, before);
    }

    /// Takes `thread` out of both lists.
    pub fn remove(&mut self, threads: &mut Threads, thread: ThreadId) {
        for order in [PRIORITY, AGE] {
            let link = get(threads, thread.0).links[order];
            match link.before {
                NIL => self.first[order] = link.after,
                before => get_mut(threads, before).links[order].after = link.after,
            }
            match link.after {
                NIL => self.last[order] = link.before,
                after => get_mut(threads, after).links[order].before = link.before,
            }
            get_mut(threads, thread.0).links[order] = Link::NONE;
        }
    }

    /// The most urgent thread that may run on `cpu`.
    pub fn most_urgent(&self, threads: &Threads, cpu: CpuIndex) -> Option<ThreadId> {
        self.first_allowed(threads, PRIORITY, cpu)
    }

    /// The thread that waits longest of those that may run on `cpu`.
    pub fn oldest(&self, threads: &Threads, cpu: CpuIndex) -> Option<ThreadId> {
        self.first_allowed(threads, AGE, cpu)
    }

    fn first_allowed(&self, threads: &Threads, order: usize, cpu: CpuIndex) -> Option<ThreadId> {
        let mut at = self.first[order];
        while at != NIL {
            let thread = get(threads, at);
            if thread.allowed.contains(cpu) {
                return Some(ThreadId(at));
            }
            at = thread.links[order].after;
        }
        None
    }

    /// From the end: the thread behind which the first for which `passes` fails stands, or `NIL`.
    fn walk_back(&self, threads: &Threads, order: usize, passes: impl Fn(&Thread) -> bool) -> u32 {
        let mut at = self.last[order];
        while at != NIL && passes(get(threads, at)) {
            at = get(threads, at).links[order].before;
        }
        at
    }

    /// From the front: the last thread of those for which `passes` holds, or `NIL`.
    fn walk_on(&self, threads: &Threads, order: usize, passes: impl Fn(&Thread) -> bool) -> u32 {
        let (mut before, mut at) = (NIL, self.first[order]);
        while at != NIL && passes(get(threads, at)) {
            (before, at) = (at, get(threads, at).links[order].after);
        }
        before
    }

    /// Links `thread` in behind `before`, at the front if that is `NIL`.
    fn link(&mut self, threads: &mut Threads, order: usize, thread: u32, before: u32) {
        let after = match before {
            NIL => std::mem::replace(&mut self.first[order], thread),
            _ => std::mem::replace(&mut get_mut(threads, before).links[order].after, thread),
        };
        match after {
            NIL => self.last[order] = thread,
            _ => get_mut(threads, after).links[order].before = thread,
        }
        get_mut(threads, thread).links[order] = Link { before, after };
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Instant;

    use super::*;
    use crate::cpu_mask::CpuMask;
    use crate::ids::CapsuleId;

    fn thread(priority: u8, since: u64, cpus: CpuMask) -> Option<Thread> {
        let mut thread = Thread::new(CapsuleId(1), priority, cpus, cpus);
        thread.since = Instant::from_ns(since);
        Some(thread)
    }

    #[test]
    fn both_orders_hold_through_insertion_and_removal() {
        let (zero, one) = (CpuIndex(0), CpuIndex(1));
        let both = CpuMask::first(2);
        let mut threads = vec![
            thread(1, 0, both),
            thread(2, 1, CpuMask::single(one)),
            thread(1, 2, both),
            thread(1, 3, both),
        ];
        let mut queue = Queue::new();
        queue.insert(&mut threads, ThreadId(0), Place::Back);
        queue.insert(&mut threads, ThreadId(1), Place::Back);
        queue.insert(&mut threads, ThreadId(2), Place::Back);
        queue.insert(&mut threads, ThreadId(3), Place::Front);
        assert_eq!(queue.most_urgent(&threads, one), Some(ThreadId(1)));
        assert_eq!(queue.most_urgent(&threads, zero), Some(ThreadId(3)));
        assert_eq!(queue.oldest(&threads, one), Some(ThreadId(0)));
        for (removed, urgent, oldest) in [(1, Some(3), Some(0)), (3, Some(0), Some(0))] {
            queue.remove(&mut threads, ThreadId(removed));
            assert_eq!(queue.most_urgent(&threads, one), urgent.map(ThreadId));
            assert_eq!(queue.oldest(&threads, one), oldest.map(ThreadId));
        }
        queue.remove(&mut threads, ThreadId(0));
        assert_eq!(queue.oldest(&threads, zero), Some(ThreadId(2)));
        queue.remove(&mut threads, ThreadId(2));
        assert_eq!((queue.first, queue.last), ([NIL; 2], [NIL; 2]));
        assert_eq!(queue.most_urgent(&threads, one), None);
    }
}
