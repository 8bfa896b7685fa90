// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why tasks do not fit into a supply, as data; words for it are in `words`.

use evenkeel_model::{Bandwidth, Span};
use serde::Serialize;

/// Why there is no bound on a response time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBound {
    /// It exceeds the time up to which it was looked for, or grows for ever.
    Beyond(Span),
    /// The analysis gave up after its written number of steps.
    Undecided,
}

/// One reason why tasks could be late inside a capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Misfit {
    /// In the long run the tasks need more than is supplied.
    Overload {
        /// Σ C/T, rounded up.
        #[serde(rename = "needed_ppb")]
        needed: Bandwidth,
        /// Σ Q/P over the CPUs, rounded down.
        #[serde(rename = "supplied_ppb")]
        supplied: Bandwidth,
    },
    /// By deadlines: jobs that must be finished within some window need more than it supplies.
    Demand {
        /// The shortest window found.
        #[serde(rename = "window_ns")]
        window: Span,
        /// What the jobs need.
        #[serde(rename = "demand_ns")]
        demand: Span,
        /// For how long a less urgent job can hold them up.
        #[serde(rename = "blocking_ns")]
        blocking: Span,
        /// What is supplied for certain.
        #[serde(rename = "supply_ns")]
        supply: Span,
    },
    /// By priorities: a task could finish after its deadline.
    Late {
        /// The task.
        task: String,
        /// Its deadline.
        #[serde(rename = "deadline_ns")]
        deadline: Span,
        /// Its longest response time; `None` where that is beyond four deadlines or unbounded.
        #[serde(rename = "response_ns")]
        response: Option<Span>,
        /// The tasks that go first.
        ahead: Vec<String>,
    },
    /// On several CPUs: what goes first and what the task itself keeps from running in parallel
    /// need more than the CPUs supply before the deadline. A sufficient test: the task may be in
    /// time all the same.
    Crowded {
        /// The task.
        task: String,
        /// The time from release to deadline.
        #[serde(rename = "window_ns")]
        window: Span,
        /// What could be in its way: others' work, and its own in parallel units.
        #[serde(rename = "demand_ns")]
        demand: Span,
        /// What the CPUs supply together for certain.
        #[serde(rename = "supply_ns")]
        supply: Span,
    },
    /// On several CPUs the test needs deadlines within the period.
    LongDeadline {
        /// The task.
        task: String,
        /// Its deadline.
        #[serde(rename = "deadline_ns")]
        deadline: Span,
        /// Its period.
        #[serde(rename = "period_ns")]
        period: Span,
    },
    /// On several CPUs the test knows no sections.
    GlobalSection {
        /// The task that has one.
        task: String,
    },
    /// The analysis gave up after its written number of steps, which counts as no.
    Undecided {
        /// The task, where it was about one.
        task: Option<String>,
        /// The number of steps.
        steps: u32,
    },
    /// A task is pinned to a CPU on which the capsule has no server.
    NoServer {
        /// The task.
        task: String,
        /// The CPU.
        cpu: evenkeel_model::CpuIndex,
    },
    /// Some tasks of a capsule on several CPUs are pinned and others are not, for which there is
    /// no test here.
    HalfPinned {
        /// A task that is pinned.
        pinned: String,
        /// A task that is not.
        free: String,
    },
    /// Not even a whole CPU every period is enough.
    NoBudget,
    /// Budgets are charged at ticks: if every capsule above overruns by one, this one's own comes
    /// late.
    LateTick {
        /// Where.
        cpu: evenkeel_model::CpuIndex,
        /// The tick.
        #[serde(rename = "tick_ns")]
        tick: Span,
        /// The server's period.
        #[serde(rename = "period_ns")]
        period: Span,
        /// When it would have its budget; `None` beyond four periods.
        #[serde(rename = "response_ns")]
        response: Option<Span>,
    },
}

impl Misfit {
    /// Whether it leaves the task of this name in doubt: it names it, or all.
    pub(crate) fn concerns(&self, name: &str) -> bool {
        match self {
            Misfit::Late { task, .. }
            | Misfit::Crowded { task, .. }
            | Misfit::LongDeadline { task, .. }
            | Misfit::GlobalSection { task }
            | Misfit::NoServer { task, .. } => task == name,
            Misfit::Undecided { task: Some(task), .. } => task == name,
            Misfit::HalfPinned { .. }
            | Misfit::Overload { .. }
            | Misfit::Demand { .. }
            | Misfit::Undecided { task: None, .. }
            | Misfit::NoBudget
            | Misfit::LateTick { .. } => true,
        }
    }
}
