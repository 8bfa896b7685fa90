// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bare machine: the smallest driver of a policy. CPUs execute exactly, switching costs nothing
//! and nothing is stolen; interrupts of timers and between CPUs may come late by a random time.
//!
//! It shows how a driver behaves, and is what the tests and benchmarks of the policy run on. The
//! simulator proper, with workloads, networks and interference, is the crate `sim`.
//!
//! ```text
//!   the earliest of: a thread has executed all it wanted -> a CPU that was sent for looks
//!                    -> a timer fires -> a job arrives     (in this order within an instant)
//! ```

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::config::{Config, ConfigError};
use crate::decision::Decision;
use crate::error::PolicyError;
use crate::event::Event;
use crate::ids::ThreadId;
use crate::policy::Policy;
use crate::thread::ThreadState;
use crate::trace::Trace;

/// A job that never ends.
pub const ENDLESS: Span = Span::from_ns(u64::MAX);

/// A thread had a CPU from one instant to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The CPU.
    pub cpu: CpuIndex,
    /// The thread.
    pub thread: ThreadId,
    /// From.
    pub from: Instant,
    /// To.
    pub to: Instant,
}

/// A thread wanted a CPU from one instant to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// The thread.
    pub thread: ThreadId,
    /// From.
    pub from: Instant,
    /// To.
    pub to: Instant,
}

/// What a step of the machine was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A thread has executed all it wanted, and sleeps.
    Finished(ThreadId),
    /// Something else.
    Other,
    /// Nothing happens before the end.
    End,
}

/// What one CPU is doing.
#[derive(Clone, Copy, Debug)]
struct Lane {
    running: Option<ThreadId>,
    /// Since when its thread runs, and since when that is not charged.
    from: Instant,
    charged: Instant,
    timer: Option<(Instant, u32)>,
    kick: Option<Instant>,
}

/// What a thread still wants, and since when it wants a CPU.
#[derive(Clone, Copy, Debug, Default)]
struct Want {
    left: Span,
    since: Instant,
}

/// The kinds of things that happen, in the order in which they do within an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Finish(usize),
    Kick(usize),
    Timer(usize),
    Arrival,
}

/// A policy and CPUs that do what it says.
#[derive(Clone, Debug)]
pub struct Machine {
    policy: Policy,
    now: Instant,
    lanes: Vec<Lane>,
    wants: Vec<Want>,
    /// Jobs to come: time, order of submission, thread, length.
    arrivals: BinaryHeap<Reverse<(Instant, u64, ThreadId, Span)>>,
    sequence: u64,
    decisions: Vec<Decision>,
    delay_max: Span,
    random: Random,
    /// Who had which CPU when. Grows until the caller empties it.
    pub segments: Vec<Segment>,
    /// Who wanted one when. Grows until the caller empties it.
    pub busy: Vec<Busy>,
    /// All that was told and decided, if wanted.
    pub trace: Option<Trace>,
    /// How much happened.
    pub counts: Counts,
}

/// How much happened on a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events that the policy took.
    pub events: u64,
    /// Servers that reached a deadline with budget and work left.
    pub misses: u64,
    /// Servers replenished too late.
    pub lag_resets: u64,
}

/// Numbers that depend on a seed alone: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Copy, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub const fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `0` to `most`. The bias of the remainder is below 2^-20 for the ranges here.
    pub const fn up_to(&mut self, most: u64) -> u64 {
        match most.checked_add(1) {
            Some(count) => self.next() % count,
            None => self.next(),
        }
    }

    /// A number from `least` to `most`.
    pub const fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.up_to(most.saturating_sub(least))
    }
}

impl Machine {
    /// Idle CPUs at the origin of time.
    pub fn new(config: Config) -> Result<Machine, ConfigError> {
        let lane = Lane {
            running: None,
            from: Instant::ORIGIN,
            charged: Instant::ORIGIN,
            timer: None,
            kick: None,
        };
        Ok(Machine {
            policy: Policy::new(config)?,
            now: Instant::ORIGIN,
            lanes: vec![lane; config.cpus as usize],
            wants: Vec::new(),
            arrivals: BinaryHeap::new(),
            sequence: 0,
            decisions: Vec::new(),
            delay_max: Span::ZERO,
            random: Random::new(0),
            segments: Vec::new(),
            busy: Vec::new(),
            trace: None,
            counts: Counts::default(),
        })
    }

    /// Lets every interrupt come late by a random time of at most `delay_max`, so that servers
    /// overrun by as much.
    pub fn set_delay(&mut self, delay_max: Span, seed: u64) {
        self.delay_max = delay_max;
        self.random = Random::new(seed);
    }

    /// The policy as it stands.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The present.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Submits a job: at `at` the thread wants the CPU for `length` more.
    pub fn submit(&mut self, at: Instant, thread: ThreadId, length: Span) {
        self.sequence += 1;
        self.arrivals.push(Reverse((at.max(self.now), self.sequence, thread, length)));
    }

    /// Tells the policy of something now, all CPUs charged: capsules and threads come, change, go.
    pub fn tell(&mut self, event: Event) -> Result<(), PolicyError> {
        for lane in 0..self.lanes.len() {
            if let Some(thread) = self.lanes[lane].running {
                let (cpu, executed) = (cpu_of(lane), self.execute(lane));
                self.handle(Event::Charge { cpu, thread, executed })?;
            }
        }
        self.handle(event)
    }

    /// What the CPU executed since it was charged last; counts as charged now.
    fn execute(&mut self, lane: usize) -> Span {
        let lane = &mut self.lanes[lane];
        let executed = self.now.saturating_since(lane.charged);
        lane.charged = self.now;
        let Some(thread) = lane.running else { return Span::ZERO };
        let want = &mut self.wants[thread.0 as usize];
        if want.left != ENDLESS {
            want.left = want.left.saturating_sub(executed);
        }
        executed
    }

    fn handle(&mut self, event: Event) -> Result<(), PolicyError> {
        let mut decisions = std::mem::take(&mut self.decisions);
        let taken = self.policy.handle(self.now, event, &mut decisions);
        self.counts.events += 1;
        if let Some(trace) = self.trace.as_mut().filter(|_| taken.is_ok()) {
            trace.event(self.now, event);
            trace.decisions(self.now, &decisions);
        }
        for decision in &decisions {
            self.obey(*decision);
        }
        decisions.clear();
        self.decisions = decisions;
        taken
    }

    fn obey(&mut self, decision: Decision) {
        match decision {
            Decision::Run { cpu, thread } => self.switch(cpu, Some(thread)),
            Decision::Idle { cpu } => self.switch(cpu, None),
            Decision::Preempt { cpu } => {
                let at = self.now.saturating_add(self.delay());
                self.lanes[cpu.0 as usize].kick = Some(at);
            }
            Decision::ArmTimer { cpu, at, generation } => {
                let at = at.saturating_add(self.delay());
                self.lanes[cpu.0 as usize].timer = Some((at, generation));
            }
            Decision::ServerMiss { .. } => self.counts.misses += 1,
            Decision::LagReset { .. } => self.counts.lag_resets += 1,
            _ => {}
        }
    }

    fn delay(&mut self) -> Span {
        match self.delay_max {
            Span::ZERO => Span::ZERO,
            most => Span::from_ns(self.random.up_to(most.as_ns())),
        }
    }

    fn switch(&mut self, cpu: CpuIndex, next: Option<ThreadId>) {
        let now = self.now;
        let lane = &mut self.lanes[cpu.0 as usize];
        let ended = lane.running.map(|thread| Segment { cpu, thread, from: lane.from, to: now });
        (lane.running, lane.from, lane.charged) = (next, now, now);
        self.segments.extend(ended.filter(|segment| segment.from < segment.to));
    }

    /// The next thing that happens, and when.
    fn next(&self) -> Option<(Instant, Next)> {
        let mut next: Option<(Instant, Next)> = None;
        let mut offer = |at: Instant, what: Next| {
            if next.is_none_or(|best| (at, what) < best) {
                next = Some((at, what));
            }
        };
        if let Some(Reverse((at, ..))) = self.arrivals.peek() {
            offer(*at, Next::Arrival);
        }
        for (index, lane) in self.lanes.iter().enumerate() {
            if let Some((at, _)) = lane.timer {
                offer(at, Next::Timer(index));
            }
            if let Some(at) = lane.kick {
                offer(at, Next::Kick(index));
            }
            let left = lane.running.map_or(ENDLESS, |thread| self.wants[thread.0 as usize].left);
            if left != ENDLESS {
                offer(lane.charged.saturating_add(left), Next::Finish(index));
            }
        }
        next
    }

    /// Lets the next thing happen, if that is before `end`.
    pub fn step(&mut self, end: Instant) -> Result<Step, PolicyError> {
        let Some((at, next)) = self.next().filter(|(at, _)| *at < end) else {
            self.now = self.now.max(end);
            return Ok(Step::End);
        };
        self.now = self.now.max(at);
        match next {
            Next::Finish(lane) => return self.finish(lane),
            Next::Kick(lane) => {
                self.lanes[lane].kick = None;
                let (cpu, executed) = (cpu_of(lane), self.execute(lane));
                self.handle(Event::Tick { cpu, executed })?;
            }
            Next::Timer(lane) => {
                let (cpu, executed) = (cpu_of(lane), self.execute(lane));
                if let Some((_, generation)) = self.lanes[lane].timer.take() {
                    self.handle(Event::Timer { cpu, generation, executed })?;
                }
            }
            Next::Arrival => self.arrive()?,
        }
        Ok(Step::Other)
    }

    fn finish(&mut self, lane: usize) -> Result<Step, PolicyError> {
        let executed = self.execute(lane);
        let Some(thread) = self.lanes[lane].running else { return Ok(Step::Other) };
        let from = self.wants[thread.0 as usize].since;
        self.busy.push(Busy { thread, from, to: self.now });
        self.handle(Event::Block { thread, executed })?;
        Ok(Step::Finished(thread))
    }

    fn arrive(&mut self) -> Result<(), PolicyError> {
        let Some(Reverse((_, _, thread, length))) = self.arrivals.pop() else { return Ok(()) };
        let index = thread.0 as usize;
        if self.wants.len() <= index {
            self.wants.resize(index + 1, Want::default());
        }
        let want = &mut self.wants[index];
        want.left = want.left.checked_add(length).unwrap_or(ENDLESS);
        match self.policy.thread_state(thread) {
            Some(ThreadState::Blocked) => {
                want.since = self.now;
                self.handle(Event::Wake { thread })
            }
            // It gets to the new job after the ones before; or it is gone.
            _ => Ok(()),
        }
    }

    /// Runs up to `end`, and writes down what is under way then as if it ended there.
    pub fn run(&mut self, end: Instant) -> Result<(), PolicyError> {
        while self.step(end)? != Step::End {}
        self.close();
        Ok(())
    }

    /// Writes down what is under way as if it ended now; it goes on in a new segment.
    pub fn close(&mut self) {
        for lane in 0..self.lanes.len() {
            let (cpu, running) = (cpu_of(lane), self.lanes[lane].running);
            let charged = self.lanes[lane].charged;
            self.switch(cpu, running);
            self.lanes[lane].charged = charged;
        }
        for (index, want) in self.wants.iter_mut().enumerate() {
            // At most 65536 threads.
            let thread = ThreadId(u32::try_from(index).unwrap_or(u32::MAX));
            let state = self.policy.thread_state(thread);
            if state.is_some_and(|state| state != ThreadState::Blocked) {
                self.busy.push(Busy { thread, from: want.since, to: self.now });
                want.since = self.now;
            }
        }
    }
}

fn cpu_of(lane: usize) -> CpuIndex {
    // At most 128 lanes.
    CpuIndex(u32::try_from(lane).unwrap_or(u32::MAX))
}
