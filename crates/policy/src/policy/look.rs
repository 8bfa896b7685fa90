// SPDX-License-Identifier: MIT OR Apache-2.0
//! A CPU looks again: who is to run on it from now on?

use evenkeel_model::{Instant, Span};

use crate::cpu::{BEST_EFFORT_SLOT, Running};
use crate::decision::Decision;
use crate::ids::ThreadId;
use crate::policy::Policy;
use crate::queue::Place;
use crate::thread::ThreadState;

/// What a CPU is to do.
enum Choice {
    /// Nobody runs.
    Idle,
    /// The same thread goes on, perhaps at another's expense.
    Keep(Running),
    /// Another thread; `aged` if it waited too long. Where it takes over from one of its own
    /// capsule, that one goes to `place` among its equals.
    Switch { next: Running, aged: bool, place: Place },
}

impl Policy {
    /// E3 for whoever runs on the CPU.
    pub(super) fn charge_running(&mut self, cpu: usize, executed: Span) {
        let now = self.now;
        let cpu = &mut self.cpus[cpu];
        cpu.charged_at = now;
        let Some(running) = cpu.running else { return };
        if !running.background {
            cpu.charge(running.slot, executed);
        }
        let thread = self.thread_mut(running.thread);
        thread.slice_used = thread.slice_used.checked_add(executed).unwrap_or(executed);
        thread.boost = thread.boost.saturating_sub(executed);
    }

    /// E3 for a thread that the driver names, which a driver that follows a record may have had run
    /// where this policy would not.
    pub(super) fn charge_thread(&mut self, cpu: usize, thread: ThreadId, executed: Span) {
        if self.cpus[cpu].running.is_some_and(|running| running.thread == thread) {
            return self.charge_running(cpu, executed);
        }
        let capsule = self.capsule(self.thread(thread).capsule);
        let index = self.cpus[cpu].index;
        let slot = capsule.slot(index);
        if capsule.cpus.contains(index) && slot != BEST_EFFORT_SLOT {
            self.cpus[cpu].charge(slot, executed);
        }
    }

    /// Throttles, replenishes, picks, and arms the timer. The CPU's thread has been charged.
    pub(super) fn look(&mut self, cpu: usize, out: &mut Vec<Decision>) {
        let now = self.now;
        let at = &mut self.cpus[cpu];
        if !at.online {
            return;
        }
        let awaited = at.kicked.take();
        at.charged_at = now;
        at.throttle_exhausted(out);
        at.release_due(now, out);
        let displaced = match self.choose(cpu, out) {
            Choice::Keep(running) => {
                self.cpus[cpu].running = Some(running);
                let thread = self.thread_mut(running.thread);
                thread.yielded = false;
                None
            }
            Choice::Switch { next, aged, place } => self.switch(cpu, next, aged, place, out),
            Choice::Idle => self.go_idle(cpu, out),
        };
        self.show(cpu, out);
        self.arm(cpu, out);
        // Another CPU may take who had to leave this one.
        if let Some(thread) = displaced.filter(|t| self.thread(*t).allowed.len() > 1) {
            self.place(thread, out);
        }
        self.place_again(awaited, out);
    }

    /// E2, then the thread inside.
    fn choose(&mut self, cpu: usize, out: &mut Vec<Decision>) -> Choice {
        let (now, tie) = (self.now, self.config.tie);
        let at = &mut self.cpus[cpu];
        let earliest = at.earliest(tie);
        if let Some(slot) = earliest {
            at.count_misses(slot, now, out);
        }
        let (slot, background) = match earliest {
            Some(slot) => (slot, false),
            // Nobody with a budget wants the CPU: it is left over.
            None => (BEST_EFFORT_SLOT, true),
        };
        let running = at.running.filter(|running| running.slot == slot);
        match running {
            Some(Running { thread, .. }) => {
                let same = Running { thread, slot, background };
                self.inside(cpu, same).unwrap_or(Choice::Keep(same))
            }
            None if self.cpus[cpu].servers[slot].queued == 0 => Choice::Idle,
            None => self.first_inside(cpu, slot, background),
        }
    }

    /// Whether a waiting thread of the capsule goes before the one that runs.
    fn inside(&self, cpu: usize, running: Running) -> Option<Choice> {
        let Running { thread, slot, background } = running;
        let at = &self.cpus[cpu];
        let mine = self.thread(thread);
        if at.servers[slot].queued == 0 || mine.boost > Span::ZERO {
            return None;
        }
        let queue = &self.capsule(mine.capsule).queue;
        let switch = |next, aged, place| {
            Some(Choice::Switch { next: Running { thread: next, slot, background }, aged, place })
        };
        if let Some(next) = queue.oldest(&self.threads, at.index).filter(|t| self.is_aged(*t)) {
            return switch(next, true, Place::Front);
        }
        let next = queue.most_urgent(&self.threads, at.index)?;
        let slice = self.config.slice;
        let had_its_turn = mine.yielded || (slice > Span::ZERO && mine.slice_used >= slice);
        match self.thread(next).priority.cmp(&mine.priority) {
            std::cmp::Ordering::Greater => switch(next, false, Place::Front),
            std::cmp::Ordering::Equal if had_its_turn => switch(next, false, Place::Back),
            _ => None,
        }
    }

    /// The thread with which a server begins to run.
    fn first_inside(&self, cpu: usize, slot: usize, background: bool) -> Choice {
        let at = &self.cpus[cpu];
        let queue = &self.capsule(at.servers[slot].capsule).queue;
        let oldest = queue.oldest(&self.threads, at.index);
        let (next, aged) = match oldest.filter(|thread| self.is_aged(*thread)) {
            Some(thread) => (Some(thread), true),
            None => (queue.most_urgent(&self.threads, at.index), false),
        };
        let Some(thread) = next else { return Choice::Idle };
        let next = Running { thread, slot, background };
        Choice::Switch { next, aged, place: Place::Front }
    }

    /// Whether a thread waited too long.
    fn is_aged(&self, thread: ThreadId) -> bool {
        self.now >= self.thread(thread).since.saturating_add(self.config.ageing.after)
    }

    /// Gives the CPU to a waiting thread. Returns the one that had it.
    fn switch(
        &mut self,
        cpu: usize,
        next: Running,
        aged: bool,
        place: Place,
        out: &mut Vec<Decision>,
    ) -> Option<ThreadId> {
        let before = self.cpus[cpu].running.take();
        if let Some(before) = before {
            // First in, then out: a server with another thread to run does not go idle between.
            self.requeue(before.thread, place, out);
        }
        self.dequeue(next.thread, Some(cpu));
        self.cpus[cpu].running = Some(next);
        let (index, boost) = (self.cpus[cpu].index, self.config.ageing.run);
        let thread = self.thread_mut(next.thread);
        thread.state = ThreadState::Running(index);
        thread.last_cpu = index;
        if aged && thread.boost == Span::ZERO {
            thread.boost = boost;
            out.push(Decision::Boost { cpu: index, thread: next.thread });
        }
        before.map(|before| before.thread)
    }

    /// Takes the CPU's thread off it, if it has one. Returns that thread.
    fn go_idle(&mut self, cpu: usize, out: &mut Vec<Decision>) -> Option<ThreadId> {
        let before = self.cpus[cpu].running.take()?;
        self.requeue(before.thread, Place::Front, out);
        Some(before.thread)
    }

    /// Tells the driver who runs, if that is news.
    pub(super) fn show(&mut self, cpu: usize, out: &mut Vec<Decision>) {
        let at = &mut self.cpus[cpu];
        let thread = at.running.map(|running| running.thread);
        if thread == at.shown {
            return;
        }
        at.shown = thread;
        let cpu = at.index;
        out.push(match thread {
            Some(thread) => Decision::Run { cpu, thread },
            None => Decision::Idle { cpu },
        });
    }

    /// A thread that ran waits again.
    fn requeue(&mut self, thread: ThreadId, place: Place, out: &mut Vec<Decision>) {
        if place == Place::Back {
            self.thread_mut(thread).end_turn();
        }
        self.enqueue(thread, place, out);
    }

    /// Arms the CPU's timer for the next instant at which it must look, if that has changed.
    pub(super) fn arm(&mut self, cpu: usize, out: &mut Vec<Decision>) {
        let next = self.next_look(cpu);
        let at = &mut self.cpus[cpu];
        if !at.online || at.timer == next {
            return;
        }
        at.timer = next;
        at.generation = at.generation.wrapping_add(1);
        if next < Instant::NEVER {
            let (cpu, generation) = (at.index, at.generation);
            out.push(Decision::ArmTimer { cpu, at: next, generation });
        }
    }

    /// Replenishment, exhaustion, end of a boost or slice, or a thread that has waited too long.
    fn next_look(&self, cpu: usize) -> Instant {
        let at = &self.cpus[cpu];
        let mut next = at.next_release;
        let Some(running) = at.running else { return next };
        let after = |span: Span| at.charged_at.saturating_add(span);
        if !running.background {
            next = next.min(after(at.left(running.slot).remaining()));
        }
        if at.servers[running.slot].queued == 0 {
            return next;
        }
        let thread = self.thread(running.thread);
        if thread.boost > Span::ZERO {
            return next.min(after(thread.boost));
        }
        let queue = &self.capsule(thread.capsule).queue;
        if let Some(oldest) = queue.oldest(&self.threads, at.index) {
            let since = self.thread(oldest).since;
            next = next.min(since.saturating_add(self.config.ageing.after));
        }
        let slice = self.config.slice;
        let equal = queue
            .most_urgent(&self.threads, at.index)
            .is_some_and(|urgent| self.thread(urgent).priority == thread.priority);
        if equal && slice > Span::ZERO {
            next = next.min(after(slice.saturating_sub(thread.slice_used)));
        }
        next
    }

    /// The CPU's thread leaves it and waits nowhere; its server goes idle if nobody else does (E7).
    pub(super) fn stop(&mut self, cpu: usize) -> Option<ThreadId> {
        let now = self.now;
        let at = &mut self.cpus[cpu];
        let running = at.running.take()?;
        if at.servers[running.slot].queued == 0 {
            at.sleep(running.slot, now);
        }
        let thread = self.thread_mut(running.thread);
        thread.state = ThreadState::Blocked;
        thread.end_turn();
        Some(running.thread)
    }
}
