// SPDX-License-Identifier: MIT OR Apache-2.0
//! The event loop: threads of tasks walk through phases, slices and calls.
//!
//! ```text
//!            request                    slice ends
//!   Idle ------------> Begin -> Slice ------------> Choose --- call, waits --> Slice (at the reply)
//!    ^                   ^                            |  \---- call, no wait -> Slice
//!    |                   |                            v
//!    +---- last phase ---+------- next phase ----- phase ends (phase 1: reply or forward)
//! ```
//!
//! A thread keeps its core while it makes requests that it does not wait for; a reply puts the
//! caller in front of the server's own later phases. Both are what lqsim does.
//!
//! Within one instant, threads that can go on stand on a stack of ready threads, so that chains of
//! calls that take no time need no recursion.

use super::calendar::Calendar;
use super::code::{CallCode, Code, PhaseCode};
use super::fifo::{Fifo, Links, NONE};
use super::host::Host;
use super::random::Random;
use super::tally::Tally;

/// Threads of infinite tasks, and requests under way; beyond it the model is taken for unstable.
/// A million requests in one queue is a mean waiting time of a million services.
const POPULATION_MAX: usize = 1_000_000;
/// Steps within one instant; a model that cycles without taking time makes no progress.
const INSTANT_STEPS_MAX: u64 = 10_000_000;

/// Why a replication stopped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Requests pile up in front of this task.
    Unstable(u32),
    /// This task cycles without taking time.
    Instant(u32),
    /// Nothing will ever happen again.
    Dead,
}

/// What a thread does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Idle,
    Cycle,
    Begin,
    Slice,
    Choose,
    End,
}

/// What the processor does for a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    Pause,
    Executing,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    task: u32,
    entry: u32,
    /// Index in the table of phases.
    phase: u32,
    next: u32,
    message: u32,
    /// Of a deterministic phase: the call it is at, and how many of it are left.
    call: u32,
    left: u32,
    /// The call that ended a run of requests nobody waits for.
    chosen: Option<CallCode>,
    step: Step,
    timer: Timer,
    /// Work of the slice, and what of it a preemption left over.
    work: f64,
    rest: f64,
    submitted: f64,
    began: f64,
    phase_began: f64,
    busy_since: f64,
}

#[derive(Debug, Clone, Copy)]
struct Message {
    entry: u32,
    /// Thread that waits for the reply.
    caller: u32,
    /// Slot of the call that made the request, and of the hop it is on now.
    slot: u32,
    hop: u32,
    next: u32,
    sent: f64,
    queued: f64,
}

impl Links for [Thread] {
    fn next(&self, element: u32) -> u32 {
        self[element as usize].next
    }
    fn set_next(&mut self, element: u32, next: u32) {
        self[element as usize].next = next;
    }
}

impl Links for [Message] {
    fn next(&self, element: u32) -> u32 {
        self[element as usize].next
    }
    fn set_next(&mut self, element: u32, next: u32) {
        self[element as usize].next = next;
    }
}

#[derive(Debug, Default)]
struct Server {
    idle: Vec<u32>,
    queue: Vec<Fifo>,
    threads: u32,
}

pub(crate) struct Engine<'a> {
    code: &'a Code,
    random: Random,
    now: f64,
    pub(crate) events: u64,
    instant_steps: u64,
    calendar: Calendar,
    threads: Vec<Thread>,
    messages: Vec<Message>,
    free_message: u32,
    servers: Vec<Server>,
    hosts: Vec<Host>,
    ready: Vec<u32>,
    pub(crate) tally: Tally,
    tally_since: f64,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(code: &'a Code, seed: u64, stream: u64) -> Result<Self, Stop> {
        let mut engine = Self {
            code,
            random: Random::new(seed, stream),
            now: 0.0,
            events: 0,
            instant_steps: 0,
            calendar: Calendar::default(),
            threads: Vec::new(),
            messages: Vec::new(),
            free_message: NONE,
            servers: Vec::new(),
            hosts: code.processors.iter().map(Host::new).collect(),
            ready: Vec::new(),
            tally: Tally::new(code.phases.len(), code.entries.len(), code.slots),
            tally_since: 0.0,
        };
        engine.calendar.grow(engine.first_thread_source());
        for (index, task) in code.tasks.iter().enumerate() {
            let queue = vec![Fifo::default(); task.ranks as usize];
            engine.servers.push(Server { idle: Vec::new(), queue, threads: 0 });
            if task.reference {
                for _ in 0..task.threads.unwrap_or(1) {
                    let thread = engine.new_thread(index)?;
                    engine.pause(thread, task.think, Step::Cycle);
                }
            }
        }
        for (index, entry) in code.entries.iter().enumerate() {
            if entry.arrival_rate > 0.0 {
                engine.next_arrival(index);
            }
        }
        engine.settle()?;
        Ok(engine)
    }

    /// Runs for so many events.
    pub(crate) fn run_events(&mut self, events: u64) -> Result<(), Stop> {
        let end = self.events + events;
        while self.events < end {
            let (time, source) = self.calendar.pop().ok_or(Stop::Dead)?;
            self.event(time, source)?;
        }
        Ok(())
    }

    /// Runs for so much simulated time.
    pub(crate) fn run_time(&mut self, span: f64) -> Result<(), Stop> {
        let end = self.tally_since + span;
        loop {
            let (time, source) = self.calendar.pop().ok_or(Stop::Dead)?;
            if time > end {
                self.calendar.set(source, time);
                self.now = end;
                return Ok(());
            }
            self.event(time, source)?;
        }
    }

    /// The sums since the last call; a new block begins.
    pub(crate) fn cut(&mut self) -> Tally {
        for thread in &mut self.threads {
            if !matches!(thread.step, Step::Idle | Step::Cycle) {
                let phase = &mut self.tally.phases[thread.phase as usize];
                phase.busy += self.now - thread.busy_since;
                thread.busy_since = self.now;
            }
        }
        self.tally.time = self.now - self.tally_since;
        self.tally_since = self.now;
        let code = self.code;
        let empty = Tally::new(code.phases.len(), code.entries.len(), code.slots);
        std::mem::replace(&mut self.tally, empty)
    }

    fn first_thread_source(&self) -> usize {
        self.code.entries.len() + self.code.processors.len()
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "tables and threads are bounded")]
    fn source_of_thread(&self, thread: u32) -> u32 {
        self.first_thread_source() as u32 + thread
    }

    #[expect(clippy::cast_possible_truncation, reason = "POPULATION_MAX is far below 2^32")]
    fn new_thread(&mut self, task: usize) -> Result<u32, Stop> {
        let id = self.threads.len() as u32;
        // Finite tasks are the model's choice; only those that grow without bound are unstable.
        if self.servers[task].threads as usize
            >= POPULATION_MAX.max(self.code.tasks[task].threads.unwrap_or(0) as usize)
        {
            return Err(Stop::Unstable(task as u32));
        }
        self.servers[task].threads += 1;
        self.threads.push(Thread {
            task: task as u32,
            entry: 0,
            phase: 0,
            next: NONE,
            message: NONE,
            call: 0,
            left: 0,
            chosen: None,
            step: Step::Idle,
            timer: Timer::Pause,
            work: 0.0,
            rest: 0.0,
            submitted: 0.0,
            began: 0.0,
            phase_began: 0.0,
            busy_since: 0.0,
        });
        self.calendar.grow(self.first_thread_source() + self.threads.len());
        Ok(id)
    }

    fn next_arrival(&mut self, entry: usize) {
        let pause = self.random.exponential() / self.code.entries[entry].arrival_rate;
        #[expect(clippy::cast_possible_truncation, reason = "entries are bounded")]
        self.calendar.set(entry as u32, self.now + pause);
    }

    #[inline]
    fn event(&mut self, time: f64, source: u32) -> Result<(), Stop> {
        self.events += 1;
        self.now = time;
        self.instant_steps = 0;
        let entries = self.code.entries.len();
        let source = source as usize;
        if let Some(thread) = source.checked_sub(self.first_thread_source()) {
            #[expect(clippy::cast_possible_truncation, reason = "threads are bounded")]
            let thread = thread as u32;
            if self.threads[thread as usize].timer == Timer::Executing {
                self.slice_ended(thread);
                if self.sends(thread)? {
                    return self.settle();
                }
                self.release(thread);
            }
            self.ready.push(thread);
        } else if let Some(processor) = source.checked_sub(entries) {
            if let Host::Sharing(sharing) = &mut self.hosts[processor]
                && let Some(thread) = sharing.leave(time)
            {
                self.slice_ended(thread);
                self.ready.push(thread);
                self.reschedule(processor);
            }
        } else {
            self.next_arrival(source);
            let slot = self.code.entries[source].open_slot;
            #[expect(clippy::cast_possible_truncation, reason = "entries are bounded")]
            self.send(source as u32, NONE, slot)?;
        }
        self.settle()
    }

    /// Lets everybody go on who can at this instant.
    #[inline]
    fn settle(&mut self) -> Result<(), Stop> {
        while let Some(thread) = self.ready.pop() {
            self.go_on(thread)?;
        }
        Ok(())
    }

    fn go_on(&mut self, id: u32) -> Result<(), Stop> {
        loop {
            self.instant_steps += 1;
            if self.instant_steps > INSTANT_STEPS_MAX {
                return Err(Stop::Instant(self.threads[id as usize].task));
            }
            let thread = self.threads[id as usize];
            let phase = self.code.phases[thread.phase as usize];
            match thread.step {
                Step::Idle => return Ok(()),
                Step::Cycle => self.start_cycle(id),
                Step::Begin => {
                    if phase.think > 0.0 {
                        self.pause(id, phase.think, Step::Slice);
                        return Ok(());
                    }
                    self.threads[id as usize].step = Step::Slice;
                }
                Step::Slice => {
                    self.threads[id as usize].step = Step::Choose;
                    let work = phase.slice.draw(&mut self.random);
                    if work > 0.0 {
                        self.submit(id, work);
                        return Ok(());
                    }
                }
                Step::End => {
                    if self.end_phase(id)? {
                        return Ok(());
                    }
                }
                Step::Choose => match self.chosen(id, &phase) {
                    Some(call) => {
                        self.threads[id as usize].step = Step::Slice;
                        let caller = if call.waits { id } else { NONE };
                        self.send(call.to, caller, call.slot)?;
                        if call.waits {
                            return Ok(());
                        }
                    }
                    None => {
                        if self.end_phase(id)? {
                            return Ok(());
                        }
                    }
                },
            }
        }
    }

    /// The call chosen before, or now.
    #[inline]
    fn chosen(&mut self, id: u32, phase: &PhaseCode) -> Option<CallCode> {
        let before = self.threads[id as usize].chosen.take();
        before.or_else(|| self.choose(id, phase))
    }

    /// Which call follows a slice; `None` ends the phase.
    #[inline]
    fn choose(&mut self, id: u32, phase: &PhaseCode) -> Option<CallCode> {
        let code = self.code;
        let calls = &code.calls[phase.calls.iter()];
        if calls.is_empty() {
            return None;
        }
        if !phase.deterministic {
            let draw = self.random.uniform() * phase.slices;
            return calls.iter().find(|c| draw < c.cumulative).copied();
        }
        let thread = &mut self.threads[id as usize];
        while thread.left == 0 {
            thread.call += 1;
            thread.left = calls.get(thread.call as usize)?.times;
        }
        thread.left -= 1;
        Some(calls[thread.call as usize])
    }

    /// After a slice: requests that nobody waits for do not give up the core. Makes those that
    /// come now; true if the next slice follows at once. The call that ends the run, if any, is
    /// left for `choose`.
    fn sends(&mut self, id: u32) -> Result<bool, Stop> {
        let phase = self.code.phases[self.threads[id as usize].phase as usize];
        if !phase.sends {
            return Ok(false);
        }
        while let Some(call) = self.choose(id, &phase) {
            if call.waits {
                self.threads[id as usize].chosen = Some(call);
                return Ok(false);
            }
            self.send(call.to, NONE, call.slot)?;
            let work = phase.slice.draw(&mut self.random);
            if work > 0.0 {
                let thread = &mut self.threads[id as usize];
                (thread.work, thread.rest, thread.submitted) = (work, work, self.now);
                self.calendar.set(self.source_of_thread(id), self.now + work);
                return Ok(true);
            }
        }
        self.threads[id as usize].step = Step::End;
        Ok(false)
    }

    fn start_cycle(&mut self, id: u32) {
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
    fn start(&mut self, id: u32, entry: u32, message: u32) {
        let phase = self.code.entries[entry as usize].phases.from;
        let thread = &mut self.threads[id as usize];
        (thread.entry, thread.message, thread.began) = (entry, message, self.now);
        self.start_phase(id, phase);
    }

    #[inline]
    fn start_phase(&mut self, id: u32, phase: u32) {
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

    fn pause(&mut self, id: u32, mean: f64, then: Step) {
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
    fn end_phase(&mut self, id: u32) -> Result<bool, Stop> {
        let code = self.code;
        let now = self.now;
        let thread = &mut self.threads[id as usize];
        let tally = &mut self.tally.phases[thread.phase as usize];
        let service = now - thread.phase_began;
        tally.ended += 1.0;
        tally.service += service;
        tally.service_squared += service * service;
        tally.busy += now - thread.busy_since;
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

    /// Counts an entry that has ended; true if the thread has nothing to do now.
    fn end_entry(&mut self, id: u32) -> bool {
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
    fn finish(&mut self, id: u32) -> bool {
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

    fn accept(&mut self, id: u32, message: u32) {
        let m = &self.messages[message as usize];
        let tally = &mut self.tally.slots[m.hop as usize];
        tally.accepted += 1.0;
        tally.waiting += self.now - m.queued;
        let entry = m.entry;
        self.start(id, entry, message);
    }

    /// Phase 1 has ended: the request goes on to another entry, or its caller may.
    fn reply(&mut self, entry: u32, message: u32) -> Result<(), Stop> {
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

    fn send(&mut self, entry: u32, caller: u32, slot: u32) -> Result<(), Stop> {
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
    fn deliver(&mut self, message: u32) -> Result<(), Stop> {
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

    /// A thread asks its processor for a slice.
    #[inline]
    fn submit(&mut self, id: u32, work: f64) {
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
    fn preempt(&mut self, id: u32) -> bool {
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
    fn slice_ended(&mut self, id: u32) {
        let thread = &self.threads[id as usize];
        let tally = &mut self.tally.phases[thread.phase as usize];
        tally.executed += thread.work;
        tally.processor_waiting += (self.now - thread.submitted - thread.work).max(0.0);
    }

    /// The core of a slice that has ended goes to whoever is next.
    #[inline]
    fn release(&mut self, id: u32) {
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

    fn reschedule(&mut self, processor: usize) {
        let Host::Sharing(sharing) = &self.hosts[processor] else { return };
        #[expect(clippy::cast_possible_truncation, reason = "processors are bounded")]
        let source = (self.code.entries.len() + processor) as u32;
        match sharing.next_end() {
            Some(end) => self.calendar.set(source, end),
            None => self.calendar.clear(source),
        }
    }
}
