// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be seen of a policy from outside.

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::budget::Budget;
use crate::config::Config;
use crate::ids::{CapsuleId, ServerId, ThreadId};
use crate::policy::Policy;
use crate::thread::ThreadState;

/// What a server is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// It has no work.
    Idle,
    /// It has work and budget; it may be running.
    Ready,
    /// It has work and waits for a budget.
    Throttled,
}

/// One server as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// What it is doing.
    pub state: ServerState,
    /// Its own budget in force: what children leave of it.
    pub budget: Span,
    /// Its period in force.
    pub period: Span,
    /// What is left of its budget, as last charged.
    pub left: Budget,
    /// Its deadline, if it has begun.
    pub deadline: Option<Instant>,
    /// How often it reached its deadline with budget and work left.
    pub misses: u64,
    /// How often it was replenished too late.
    pub lag_resets: u64,
}

impl Policy {
    /// What it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The latest instant it was told of.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Who has a CPU.
    pub fn running(&self, cpu: CpuIndex) -> Option<ThreadId> {
        let running = self.cpus.get(cpu.0 as usize)?.running?;
        Some(running.thread)
    }

    /// For when a CPU's timer is armed.
    pub fn timer(&self, cpu: CpuIndex) -> Option<Instant> {
        let cpu = self.cpus.get(cpu.0 as usize)?;
        (cpu.timer < Instant::NEVER).then_some(cpu.timer)
    }

    /// When the server that a CPU runs will have spent its budget, if all time is executed from
    /// when it was charged last.
    pub fn exhausts_at(&self, cpu: CpuIndex) -> Option<Instant> {
        let cpu = self.cpus.get(cpu.0 as usize)?;
        let running = cpu.running.filter(|running| !running.background)?;
        Some(cpu.charged_at.saturating_add(cpu.left(running.slot).remaining()))
    }

    /// What a thread is doing.
    pub fn thread_state(&self, thread: ThreadId) -> Option<ThreadState> {
        self.known_thread(thread).ok().map(|thread| thread.state)
    }

    /// The capsule of a thread.
    pub fn capsule_of(&self, thread: ThreadId) -> Option<CapsuleId> {
        self.known_thread(thread).ok().map(|thread| thread.capsule)
    }

    /// A server, if the capsule has one on that CPU.
    pub fn server(&self, server: ServerId) -> Option<ServerView> {
        let capsule = self.known_capsule(server.capsule).ok()?;
        let cpu = self.cpus.get(server.cpu.0 as usize)?;
        if !capsule.cpus.contains(server.cpu) {
            return None;
        }
        let slot = capsule.slot(server.cpu);
        let found = &cpu.servers[slot];
        let state = match (cpu.is_idle(slot), cpu.is_ready(slot)) {
            (true, _) => ServerState::Idle,
            (false, true) => ServerState::Ready,
            (false, false) => ServerState::Throttled,
        };
        Some(ServerView {
            state,
            budget: found.params.budget,
            period: found.params.period,
            left: found.left,
            deadline: found.started.then_some(cpu.deadlines[slot]),
            misses: found.misses,
            lag_resets: found.lag_resets,
        })
    }
}
