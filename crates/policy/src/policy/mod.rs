// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler: one state, changed by events, answering with decisions.
//!
//! A CPU with work looks again (`look.rs`) when an event names it: charge, throttle, replenish, pick
//! the earliest deadline, pick the thread inside. A thread that begins to wait readies the idle
//! servers of its capsule on every CPU it may use, and one CPU is sent for (`place.rs`). Capsules
//! come and go in `change.rs`, threads in `threads.rs`.

mod audit;
mod change;
mod look;
mod place;
mod threads;
mod view;

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::budget::Params;
use crate::capsule::Capsule;
use crate::config::{Config, ConfigError};
use crate::cpu::Cpu;
use crate::cpu_mask::CpuMask;
use crate::decision::Decision;
use crate::error::PolicyError;
use crate::event::Event;
use crate::ids::{CapsuleId, ThreadId};
use crate::server::Server;
use crate::thread::{Thread, ThreadState};

pub use view::{ServerState, ServerView};

/// The capsule scheduler.
#[derive(Clone, Debug)]
pub struct Policy {
    config: Config,
    now: Instant,
    cpus: Vec<Cpu>,
    /// By number; number zero always exists.
    capsules: Vec<Option<Capsule>>,
    /// By number.
    threads: Vec<Option<Thread>>,
}

/// What a policy without a configuration of its own for best effort gives it: nothing of its own,
/// the period is never used.
const NOTHING: Params = Params { budget: Span::ZERO, period: Span::from_ms(100) };

impl Policy {
    /// All CPUs online and idle, no capsules, no threads.
    pub fn new(config: Config) -> Result<Policy, ConfigError> {
        config.check()?;
        let params = config.best_effort.map_or(NOTHING, Params::from);
        let server = || Server::new(CapsuleId::BEST_EFFORT, params, Instant::ORIGIN);
        let cpus: Vec<Cpu> =
            (0..config.cpus).map(|index| Cpu::new(CpuIndex(index), server())).collect();
        let rest = Capsule::new(None, None, CpuMask::first(config.cpus), cpus.len());
        let now = Instant::ORIGIN;
        Ok(Policy { config, now, cpus, capsules: vec![Some(rest)], threads: Vec::new() })
    }

    /// Takes an event at `now` and appends what follows to `out`, which the caller empties. An event
    /// that is not taken changes nothing. Time does not go backwards: an earlier `now` counts as
    /// the latest there was.
    pub fn handle(
        &mut self,
        now: Instant,
        event: Event,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let now = now.max(self.now);
        match event {
            Event::Wake { thread } => self.wake(now, thread, out),
            Event::Block { thread, executed } => self.block(now, thread, executed, out),
            Event::Yield { thread, executed } => self.step_back(now, thread, executed, out),
            Event::Tick { cpu, executed } => {
                let cpu = self.known_cpu(cpu)?;
                self.now = now;
                self.charge_running(cpu, executed);
                self.look(cpu, out);
                Ok(())
            }
            Event::Timer { cpu, generation, executed } => {
                let cpu = self.known_cpu(cpu)?;
                self.now = now;
                self.charge_running(cpu, executed);
                if self.cpus[cpu].generation == generation {
                    self.cpus[cpu].timer = Instant::NEVER;
                    self.look(cpu, out);
                }
                Ok(())
            }
            Event::Charge { cpu, thread, executed } => {
                let cpu = self.known_cpu(cpu)?;
                self.known_thread(thread)?;
                self.now = now;
                self.charge_thread(cpu, thread, executed);
                Ok(())
            }
            Event::CreateCapsule { capsule, parent, reservation, cpus } => {
                self.create(now, capsule, parent, reservation, cpus, out)
            }
            Event::ChangeCapsule { capsule, reservation } => {
                self.change(now, capsule, reservation, out)
            }
            Event::DeleteCapsule { capsule } => self.delete(now, capsule, out),
            Event::AddThread { thread, capsule, priority, affinity } => {
                self.add_thread(thread, capsule, priority, affinity)
            }
            Event::ChangeThread { thread, capsule, priority, affinity } => {
                self.change_thread(now, thread, capsule, priority, affinity, out)
            }
            Event::RemoveThread { thread } => self.remove_thread(now, thread, out),
            Event::CpuOffline { cpu } => self.offline(now, cpu, out),
            Event::CpuOnline { cpu } => self.online(now, cpu, out),
        }
    }

    fn known_cpu(&self, cpu: CpuIndex) -> Result<usize, PolicyError> {
        let index = cpu.0 as usize;
        if index < self.cpus.len() {
            return Ok(index);
        }
        Err(PolicyError::UnknownCpu { cpu, cpus: self.config.cpus })
    }

    fn known_thread(&self, thread: ThreadId) -> Result<&Thread, PolicyError> {
        let found = self.threads.get(thread.index()).and_then(Option::as_ref);
        found.ok_or(PolicyError::UnknownThread(thread))
    }

    fn known_capsule(&self, capsule: CapsuleId) -> Result<&Capsule, PolicyError> {
        let found = self.capsules.get(capsule.index()).and_then(Option::as_ref);
        found.ok_or(PolicyError::UnknownCapsule(capsule))
    }

    /// A thread that is known to exist.
    fn thread(&self, thread: ThreadId) -> &Thread {
        self.threads[thread.index()].as_ref().expect("queues and CPUs hold threads that exist")
    }

    /// A thread that is known to exist.
    fn thread_mut(&mut self, thread: ThreadId) -> &mut Thread {
        self.threads[thread.index()].as_mut().expect("queues and CPUs hold threads that exist")
    }

    /// A capsule that is known to exist.
    fn capsule(&self, capsule: CapsuleId) -> &Capsule {
        self.capsules[capsule.index()]
            .as_ref()
            .expect("threads and servers are of capsules that exist")
    }

    fn wake(
        &mut self,
        now: Instant,
        thread: ThreadId,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        if self.known_thread(thread)?.state != ThreadState::Blocked {
            return Ok(());
        }
        self.now = now;
        self.enqueue(thread, crate::queue::Place::Back, out);
        self.place(thread, out);
        Ok(())
    }

    fn block(
        &mut self,
        now: Instant,
        thread: ThreadId,
        executed: Span,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let state = self.known_thread(thread)?.state;
        self.now = now;
        match state {
            ThreadState::Blocked => {}
            ThreadState::Queued => self.leave_queue(thread, out),
            ThreadState::Running(cpu) => {
                let cpu = cpu.0 as usize;
                self.charge_running(cpu, executed);
                self.stop(cpu);
                self.look(cpu, out);
            }
        }
        Ok(())
    }

    fn step_back(
        &mut self,
        now: Instant,
        thread: ThreadId,
        executed: Span,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let state = self.known_thread(thread)?.state;
        self.now = now;
        if let ThreadState::Running(cpu) = state {
            let cpu = cpu.0 as usize;
            self.charge_running(cpu, executed);
            self.thread_mut(thread).yielded = true;
            self.look(cpu, out);
        }
        Ok(())
    }

    fn offline(
        &mut self,
        now: Instant,
        cpu: CpuIndex,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let index = self.known_cpu(cpu)?;
        self.now = now;
        let cpu = &mut self.cpus[index];
        cpu.online = false;
        let awaited = cpu.kicked.take();
        cpu.stop_all();
        cpu.timer = Instant::NEVER;
        // What was armed before is stale.
        cpu.generation = cpu.generation.wrapping_add(1);
        if let Some(running) = cpu.running.take() {
            self.show(index, out);
            self.enqueue(running.thread, crate::queue::Place::Front, out);
            self.place(running.thread, out);
        }
        self.place_again(awaited, out);
        Ok(())
    }

    fn online(
        &mut self,
        now: Instant,
        cpu: CpuIndex,
        out: &mut Vec<Decision>,
    ) -> Result<(), PolicyError> {
        let index = self.known_cpu(cpu)?;
        self.now = now;
        let rule = self.config.wake_rule;
        let cpu = &mut self.cpus[index];
        if !cpu.online {
            cpu.online = true;
            for slot in crate::cpu::slots(cpu.used) {
                if cpu.servers[slot].queued > 0 {
                    cpu.wake(slot, rule, now, out);
                }
            }
            self.look(index, out);
        }
        Ok(())
    }
}
