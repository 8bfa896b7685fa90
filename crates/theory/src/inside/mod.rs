// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks inside one capsule: whether its servers supply what they demand in time, and if not, why.
//!
//! The outer scheduler (among capsules) gives every server its supply; what happens inside depends
//! on that supply alone. So each test here takes a [`Supply`], not a host: that is what makes the
//! analysis compositional (Shin and Lee, RTSS 2003; Davis and Burns, RTSS 2005).

mod edf;
mod edf_response;
mod fixed_priority;
mod global;
mod misfit;
mod nested;
mod window;

use serde::{Deserialize, Serialize};

pub use edf::edf_misfit;
pub use edf_response::edf_response_time;
pub use fixed_priority::{fixed_priority_response_time, fixed_priority_response_times};
pub use global::{global_misfits, partition_by_cpu};
pub use misfit::{Misfit, NoBound};
pub use nested::server_as_task;

use crate::{Supply, Task};

/// How the tasks of a capsule share its supply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scheduler {
    /// The highest priority first, preemptive: what every enforcer does.
    #[default]
    #[serde(rename = "fp")]
    FixedPriority,
    /// The earliest deadline first, preemptive: a guest or a runtime may do it, no enforcer does.
    #[serde(rename = "edf")]
    Edf,
}

impl Scheduler {
    /// The word in files and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scheduler::FixedPriority => "fp",
            Scheduler::Edf => "edf",
        }
    }
}

/// Why `tasks` under `scheduler` could be late inside one server that supplies `supply`; empty
/// where none ever is.
///
/// The tests: [`edf_misfit`], [`fixed_priority_response_times`].
pub fn misfits(scheduler: Scheduler, tasks: &[Task], supply: Supply) -> Vec<Misfit> {
    match scheduler {
        Scheduler::Edf => edf_misfit(tasks, supply).into_iter().collect(),
        Scheduler::FixedPriority => fixed_priority::misfits(tasks, supply),
    }
}

/// Whether `tasks` under `scheduler` are always in time inside one server.
pub fn fits_inside(scheduler: Scheduler, tasks: &[Task], supply: Supply) -> bool {
    match scheduler {
        Scheduler::Edf => edf_misfit(tasks, supply).is_none(),
        Scheduler::FixedPriority => fixed_priority::all_in_time(tasks, supply),
    }
}

/// The longest time from arrival to completion of the `index`-th of `tasks`, within four
/// deadlines: beyond that "too late" says all there is to say.
///
/// # Errors
/// Why there is no bound.
///
/// # Panics
/// If there is no such task.
pub fn response_time(
    scheduler: Scheduler,
    tasks: &[Task],
    index: usize,
    supply: Supply,
) -> Result<evenkeel_model::Span, NoBound> {
    match scheduler {
        Scheduler::Edf => edf_response_time(tasks, index, supply),
        Scheduler::FixedPriority => fixed_priority_response_time(tasks, index, supply),
    }
}
