// SPDX-License-Identifier: MIT OR Apache-2.0
//! One CPU, deferrable servers, fixed priorities, tick by tick: what the kernel does with real-time
//! groups, small enough to try every phase and every pattern of work.
//!
//! ```text
//!   each step:  replenish whose period begins (debt is carried) -> throttle whose budget is spent
//!               -> run the first that has work and is not throttled -> charge it
//! ```
//!
//! A server's work is a pattern over time that does not depend on what it was served: at each step
//! it has endless work or none. That is as bad as any arrival of real jobs can be, since a server
//! may keep its budget for any instant.

/// One server: budget, period and phase in steps, and when it has work.
#[derive(Clone, Debug)]
pub struct Server {
    /// Q.
    pub budget: i64,
    /// P.
    pub period: i64,
    /// Its periods begin at this step and every P later; work before the first is served, too,
    /// from a budget that is full at step 0.
    pub phase: i64,
    /// Whether it has work in a step.
    pub work: Work,
}

/// When a server has work.
#[derive(Clone, Debug)]
pub enum Work {
    /// From this step on.
    From(i64),
    /// In the steps whose bits are set, counted from step 0; always after the last bit.
    Bits {
        /// The steps.
        bits: u64,
        /// How many bits count.
        length: i64,
    },
}

impl Work {
    fn at(&self, step: i64) -> bool {
        match self {
            Work::From(start) => step >= *start,
            Work::Bits { bits, length } => step >= *length || bits >> step & 1 == 1,
        }
    }
}

/// A server that had work from the start of a period on and did not have its budget at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    /// Which server, counted from the highest priority.
    pub server: usize,
    /// Start of the period.
    pub start: i64,
    /// What it had by the period's end.
    pub had: i64,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Which server ran in each step.
    pub ran: Vec<Option<usize>>,
    /// The first miss, at which the simulation ends.
    pub miss: Option<Miss>,
}

/// Simulates `servers`, highest priority first, for `steps` steps, or up to the first miss. The
/// kernel looks at budgets only in steps that are multiples of `grain`; 1 is exact.
///
/// A server that begins a period in debt is not owed that period: it had the time before.
pub fn simulate(servers: &[Server], steps: i64, grain: i64) -> History {
    let mut state: Vec<State> = servers.iter().map(State::new).collect();
    let mut history = History::default();
    for step in 0..steps {
        for (index, (server, state)) in servers.iter().zip(&mut state).enumerate() {
            if let Some(miss) = state.begin_step(server, index, step, grain) {
                history.miss = Some(miss);
                return history;
            }
        }
        let runnable =
            |(server, state): (&Server, &State)| server.work.at(step) && !state.throttled;
        let first = servers.iter().zip(&state).position(runnable);
        if let Some(first) = first {
            state[first].left -= 1;
            state[first].had += 1;
        }
        history.ran.push(first);
    }
    history
}

/// What changes of a server over time.
struct State {
    left: i64,
    throttled: bool,
    /// Service since the period began, and whether the server is owed its budget by its end.
    had: i64,
    owed: bool,
    started: i64,
}

impl State {
    fn new(server: &Server) -> State {
        State { left: server.budget, throttled: false, had: 0, owed: false, started: 0 }
    }

    fn begin_step(&mut self, server: &Server, index: usize, step: i64, grain: i64) -> Option<Miss> {
        let mut miss = None;
        if step >= server.phase && (step - server.phase) % server.period == 0 {
            if self.owed && self.had < server.budget {
                miss = Some(Miss { server: index, start: self.started, had: self.had });
            }
            self.left = (self.left + server.budget).min(server.budget);
            self.owed = self.left == server.budget;
            (self.had, self.started) = (0, step);
            // The kernel releases a group at its period's start if debt leaves it anything.
            self.throttled = self.left <= 0;
        }
        // A pause without work ends the promise for this period.
        self.owed &= server.work.at(step);
        if step % grain == 0 && self.left <= 0 {
            self.throttled = true;
        }
        miss
    }
}
