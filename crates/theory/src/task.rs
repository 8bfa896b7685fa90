// SPDX-License-Identifier: MIT OR Apache-2.0
//! A task inside a capsule, as analysis sees it: jobs that arrive at least a period apart, each of
//! which needs some time by its deadline.
//!
//! ```text
//!   arrival          release                     deadline
//!   |<--- jitter at most --->|                      |
//!   |<------------------ deadline ----------------->|        next arrival: a period or more later
//! ```
//!
//! Tasks are independent but for sections that cannot be preempted, and do not suspend themselves:
//! time spent waiting inside a job counts as `wcet` or makes two tasks of one.

use evenkeel_model::{CpuIndex, Span};
use serde::Serialize;

/// Times beyond 2^63 ns (292 years) are refused, so that every sum below fits 128 bits with room.
const TIME_MAX: Span = Span::from_ns(i64::MAX.unsigned_abs());

/// A sporadic task. Its numbers are checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Task {
    name: String,
    #[serde(rename = "wcet_ns")]
    wcet: Span,
    #[serde(rename = "period_ns")]
    period: Span,
    #[serde(rename = "deadline_ns")]
    deadline: Span,
    #[serde(rename = "jitter_ns")]
    jitter: Span,
    #[serde(rename = "section_ns")]
    section: Span,
    priority: u32,
    cpu: Option<CpuIndex>,
}

/// Why numbers make no task.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A time of nothing where there must be some.
    #[error("the {what} of task '{task}' is zero; it must be above 0")]
    Zero {
        /// The task.
        task: String,
        /// Which time.
        what: &'static str,
    },
    /// A time beyond 2^63 ns.
    #[error("the {what} of task '{task}' is longer than any time this program can handle")]
    TooLong {
        /// The task.
        task: String,
        /// Which time.
        what: &'static str,
    },
    /// A section that is longer than the job it is part of.
    #[error(
        "the section of task '{task}' is {section}, longer than its whole job of {wcet}; it is \
         part of the job"
    )]
    SectionAboveWcet {
        /// The task.
        task: String,
        /// Its section.
        section: Span,
        /// Its job.
        wcet: Span,
    },
}

impl Task {
    /// Jobs of at most `wcet`, at least `period` apart, each due `deadline` after its arrival. No
    /// jitter, preemptible everywhere, priority 0, on any CPU of its capsule.
    pub fn new(
        name: impl Into<String>,
        wcet: Span,
        period: Span,
        deadline: Span,
    ) -> Result<Task, TaskError> {
        let name = name.into();
        for (what, time) in [("wcet", wcet), ("period", period), ("deadline", deadline)] {
            if time == Span::ZERO {
                return Err(TaskError::Zero { task: name, what });
            }
            if time > TIME_MAX {
                return Err(TaskError::TooLong { task: name, what });
            }
        }
        let (jitter, section) = (Span::ZERO, Span::ZERO);
        Ok(Task { name, wcet, period, deadline, jitter, section, priority: 0, cpu: None })
    }

    /// The same task, whose jobs may become runnable up to `jitter` after their arrival.
    pub fn with_jitter(self, jitter: Span) -> Result<Task, TaskError> {
        if jitter > TIME_MAX {
            return Err(TaskError::TooLong { task: self.name, what: "jitter" });
        }
        Ok(Task { jitter, ..self })
    }

    /// The same task, which may hold up more urgent tasks of its capsule for up to `section`: with
    /// preemption switched off, or holding what they need (under a protocol that lets one such
    /// section delay a job once).
    pub fn with_section(self, section: Span) -> Result<Task, TaskError> {
        if section > self.wcet {
            let (task, wcet) = (self.name, self.wcet);
            return Err(TaskError::SectionAboveWcet { task, section, wcet });
        }
        Ok(Task { section, ..self })
    }

    /// The same task at another priority; larger is more urgent, as of SCHED_FIFO.
    pub fn with_priority(self, priority: u32) -> Task {
        Task { priority, ..self }
    }

    /// The same task, which may run on `cpu` only.
    pub fn pinned_to(self, cpu: CpuIndex) -> Task {
        Task { cpu: Some(cpu), ..self }
    }

    /// What it is called in reasons.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// C, the longest time that one job needs.
    pub const fn wcet(&self) -> Span {
        self.wcet
    }

    /// T, the least distance of arrivals.
    pub const fn period(&self) -> Span {
        self.period
    }

    /// D, from arrival.
    pub const fn deadline(&self) -> Span {
        self.deadline
    }

    /// J, the longest time from arrival until the job can run.
    pub const fn jitter(&self) -> Span {
        self.jitter
    }

    /// The longest time in which more urgent tasks cannot preempt it.
    pub const fn section(&self) -> Span {
        self.section
    }

    /// Larger is more urgent.
    pub const fn priority(&self) -> u32 {
        self.priority
    }

    /// The only CPU on which it may run, if it is pinned.
    pub const fn cpu(&self) -> Option<CpuIndex> {
        self.cpu
    }
}

/// The same tasks with priorities by deadline, the shortest the most urgent; equal deadlines in the
/// order given.
///
/// Leung and Whitehead, "On the complexity of fixed-priority scheduling of periodic, real-time
/// tasks", Performance Evaluation 2(4), 1982: the best fixed order where deadlines are at most the
/// periods, the CPU is whole and nothing has jitter. Inside a server it stays a good one; the test
/// judges the order that is used, so safety does not depend on it.
pub fn deadline_monotonic(tasks: &[Task]) -> Vec<Task> {
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&i| tasks[i].deadline);
    let mut priorities = vec![0; tasks.len()];
    // The least urgent has priority 1; there are far fewer than 2^32 tasks.
    for (priority, &i) in (1..).zip(order.iter().rev()) {
        priorities[i] = priority;
    }
    tasks.iter().zip(priorities).map(|(task, p)| task.clone().with_priority(p)).collect()
}
