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
//! An entry with an activity graph is an instance that several threads may execute at once (see
//! `graph`); each of them walks through one activity as if it were a phase.
//!
//! Within one instant, threads that can go on stand on a stack of ready threads, so that chains of
//! calls that take no time need no recursion.

mod graph;
mod processor;
mod server;

use self::graph::Instance;
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
    /// A request to this task waits for ever at a join.
    Unjoined(u32),
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
    /// The run of an activity graph that it executes a part of, or `NONE`.
    instance: u32,
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
    instances: Vec<Instance>,
    free_instances: Vec<u32>,
    /// Threads that execute concurrent branches and have none now, per task.
    free_strands: Vec<Vec<u32>>,
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
            instances: Vec::new(),
            free_instances: Vec::new(),
            free_strands: vec![Vec::new(); code.tasks.len()],
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
        self.cut_instances();
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

    #[expect(clippy::cast_possible_truncation, reason = "tasks are bounded")]
    fn new_thread(&mut self, task: usize) -> Result<u32, Stop> {
        // Finite tasks are the model's choice; only those that grow without bound are unstable.
        if self.servers[task].threads as usize
            >= POPULATION_MAX.max(self.code.tasks[task].threads.unwrap_or(0) as usize)
        {
            return Err(Stop::Unstable(task as u32));
        }
        self.servers[task].threads += 1;
        Ok(self.add_thread(task as u32))
    }

    #[expect(clippy::cast_possible_truncation, reason = "threads of all kinds are bounded")]
    fn add_thread(&mut self, task: u32) -> u32 {
        let id = self.threads.len() as u32;
        self.threads.push(Thread {
            task,
            entry: 0,
            phase: 0,
            next: NONE,
            message: NONE,
            instance: NONE,
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
        id
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
}
