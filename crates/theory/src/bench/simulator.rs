// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks inside one server, or several, step by step: nothing of the analysis is used here, so that
//! it can judge it.
//!
//! ```text
//!   each step:  jobs become runnable -> the most urgent ones run, one a CPU that is supplied
//! ```
//!
//! A step is one nanosecond of the analysis. Supply is a pattern over time, arrivals are strictly
//! periodic from a phase on; all jobs that arrived before the phase plus their delay become runnable
//! at once there, which is the worst that release jitter can do.

use crate::Scheduler;

/// A task in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimTask {
    /// C.
    pub wcet: u32,
    /// T.
    pub period: u32,
    /// D, from arrival.
    pub deadline: u32,
    /// J.
    pub jitter: u32,
    /// The first steps of each job in which nothing preempts it; on one CPU only.
    pub section: u32,
}

/// When a task's jobs arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// The first job becomes runnable at this step.
    pub phase: u32,
    /// It arrived so many steps before; at most the jitter.
    pub delay: u32,
}

/// The jobs of one task that are not done; they run one after the other.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    /// How many are runnable.
    pending: u32,
    /// When the first of them arrived.
    arrival: i64,
    /// What it still needs.
    left: u32,
    /// When the next one arrives.
    next: i64,
}

/// How jobs are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By priority (tasks in the order given, the first the most urgent) or by deadline.
    pub scheduler: Scheduler,
    /// Among equal deadlines: the last task first, instead of the first.
    pub last_first: bool,
}

/// Most tasks of one run.
pub const TASKS_MAX: usize = 4;

/// The longest response of each task, over `steps` steps in which `cpus(step)` CPUs are supplied.
/// A job that is not done at the end counts with the time it has had, if its deadline has passed.
///
/// # Panics
/// If there are more than [`TASKS_MAX`] tasks, or not as many arrivals.
pub fn responses(
    tasks: &[SimTask],
    arrivals: &[Arrival],
    order: Order,
    steps: u32,
    cpus: impl Fn(u32) -> usize,
) -> [u32; TASKS_MAX] {
    let mut longest = [0; TASKS_MAX];
    let mut queues = [Queue::default(); TASKS_MAX];
    for (queue, arrival) in queues.iter_mut().zip(arrivals) {
        queue.next = i64::from(arrival.phase) - i64::from(arrival.delay);
    }
    for step in 0..steps {
        let now = i64::from(step);
        for (i, task) in tasks.iter().enumerate() {
            // What arrived before the phase waits for it.
            if step >= arrivals[i].phase {
                queues[i].release(task, now);
            }
        }
        let mut ran = [false; TASKS_MAX];
        for _ in 0..cpus(step) {
            let ready = |&i: &usize| queues[i].pending > 0 && !ran[i];
            let holds = (0..tasks.len()).find(|&i| queues[i].in_section(&tasks[i]));
            let first =
                (0..tasks.len()).filter(ready).min_by_key(|&i| order.rank(i, tasks, &queues[i]));
            let Some(first) = holds.or(first) else { break };
            ran[first] = true;
            if let Some(arrival) = queues[first].run(&tasks[first]) {
                note(&mut longest[first], arrival, now + 1);
            }
        }
    }
    let end = i64::from(steps);
    for (i, (task, queue)) in tasks.iter().zip(&queues).enumerate() {
        if queue.pending > 0 && queue.arrival + i64::from(task.deadline) < end {
            note(&mut longest[i], queue.arrival, end);
        }
    }
    longest
}

fn note(longest: &mut u32, arrival: i64, end: i64) {
    let response = u32::try_from(end - arrival).unwrap_or(u32::MAX);
    *longest = response.max(*longest);
}

impl Queue {
    /// Takes in what has arrived by `now`.
    fn release(&mut self, task: &SimTask, now: i64) {
        while self.next <= now {
            if self.pending == 0 {
                (self.arrival, self.left) = (self.next, task.wcet);
            }
            self.pending += 1;
            self.next += i64::from(task.period);
        }
    }

    /// Whether the first job has begun its section and not ended it.
    fn in_section(&self, task: &SimTask) -> bool {
        let done = task.wcet - self.left.min(task.wcet);
        self.pending > 0 && 0 < done && done < task.section
    }

    /// Runs the first job for one step; the arrival of the job if that ends it.
    fn run(&mut self, task: &SimTask) -> Option<i64> {
        self.left -= 1;
        if self.left > 0 {
            return None;
        }
        let done = self.arrival;
        self.pending -= 1;
        (self.arrival, self.left) = (self.arrival + i64::from(task.period), task.wcet);
        Some(done)
    }
}

impl Order {
    /// The smaller, the more urgent.
    fn rank(self, index: usize, tasks: &[SimTask], queue: &Queue) -> (i64, usize) {
        let among = if self.last_first { tasks.len() - index } else { index };
        match self.scheduler {
            Scheduler::FixedPriority => (0, index),
            Scheduler::Edf => (queue.arrival + i64::from(tasks[index].deadline), among),
        }
    }
}

/// Supply in steps: Q in the first W steps of every P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimServer {
    /// Q.
    pub budget: u32,
    /// P.
    pub period: u32,
    /// W.
    pub within: u32,
}

impl SimServer {
    /// Every way to place Q steps among W, as bits.
    pub fn placements(self) -> Vec<u32> {
        let all = 0_u32..1 << self.within;
        all.filter(|bits| bits.count_ones() == self.budget).collect()
    }

    /// As early as can be.
    pub fn early(self) -> u32 {
        (1 << self.budget) - 1
    }

    /// As late as can be.
    pub fn late(self) -> u32 {
        self.early() << (self.within - self.budget)
    }
}

/// A supply pattern: some periods as they are given, then one for ever, seen from `offset` steps
/// after the first period's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The server.
    pub server: SimServer,
    /// The first periods.
    pub first: Vec<u32>,
    /// All later ones.
    pub rest: u32,
    /// Where time 0 lies in the first period.
    pub offset: u32,
}

impl Pattern {
    /// Whether there is supply in `step`.
    pub fn supplied(&self, step: u32) -> bool {
        let at = step + self.offset;
        let (period, place) = (at / self.server.period, at % self.server.period);
        let first = usize::try_from(period).ok().and_then(|period| self.first.get(period));
        first.unwrap_or(&self.rest) >> place & 1 == 1
    }
}
