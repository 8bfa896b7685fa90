// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer of [`super::check`] as data. Words for its parts are in `words`.

use evenkeel_model::{CapsuleName, CpuSet, EnforcerKind, Reservation, Span};
use serde::Serialize;

use super::Component;
use crate::verdict::Reason;
use crate::{Limits, Misfit, Scheduler, Supply, Task};

/// Whether anything on a host is ever late.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Whether nothing ever is.
    pub schedulable: bool,
    /// Whose tests were used among capsules.
    pub enforcer: EnforcerKind,
    /// Why servers could miss their guarantees; empty where none can.
    pub reasons: Vec<Reason>,
    /// The capsules, in the order given.
    pub capsules: Vec<CapsuleReport>,
    /// What the answer rests on.
    pub notes: Vec<CheckNote>,
}

/// One capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CapsuleReport {
    /// Its name.
    pub name: CapsuleName,
    /// What it holds, children included; `None` where no budget is enough.
    pub reservation: Option<Reservation>,
    /// Whether the reservation was searched for.
    pub searched: bool,
    /// Its CPUs.
    pub cpus: CpuSet,
    /// The capsule whose reservation its own comes out of.
    pub parent: Option<CapsuleName>,
    /// How its tasks share its supply.
    pub inside: Scheduler,
    /// Whether its tasks are never late, if its servers keep their guarantees.
    pub schedulable: bool,
    /// Tasks that share a server, or several.
    pub parts: Vec<PartReport>,
    /// Why its tasks could be late.
    pub reasons: Vec<Misfit>,
    /// The least that would do at its period; `None` where nothing would, or was asked.
    pub needed: Option<Needed>,
}

/// What a capsule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// The least own part in which its tasks are never late, whatever runs beside it.
    pub own: Reservation,
    /// That budget and what its children take.
    #[serde(rename = "with_children_ns")]
    pub with_children: Span,
}

/// Tasks that share the same servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartReport {
    /// The CPUs of the servers.
    pub cpus: CpuSet,
    /// What each supplies for certain.
    pub supplies: Vec<Supply>,
    /// The tasks.
    pub tasks: Vec<TaskReport>,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskReport {
    /// The task.
    #[serde(flatten)]
    pub task: Task,
    /// The longest time from arrival to completion; `None` where there is no bound, or on several
    /// CPUs, whose test finds none.
    #[serde(rename = "response_ns")]
    pub response: Option<Span>,
    /// Whether it is in time for certain.
    pub in_time: bool,
}

/// What an answer rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum CheckNote {
    /// No enforcer runs the threads of a capsule by deadline.
    EdfInside {
        /// The capsules that are said to.
        capsules: Vec<CapsuleName>,
    },
    /// Priorities were made from deadlines.
    ByDeadline {
        /// The capsules.
        capsules: Vec<CapsuleName>,
    },
    /// The test for free tasks on several CPUs is sufficient, not necessary.
    Sufficient {
        /// The capsules.
        capsules: Vec<CapsuleName>,
    },
    /// Other scheduling classes and interrupts are counted as given.
    Outranked,
    /// The kernel's tick was not given, so budgets were taken as exact.
    NoTick,
}

/// What applies to these capsules.
pub(super) fn notes(
    components: &[Component],
    enforcer: EnforcerKind,
    limits: &Limits,
) -> Vec<CheckNote> {
    let those = |applies: &dyn Fn(&Component) -> bool| -> Vec<CapsuleName> {
        let those = components.iter().filter(|c| !c.tasks.is_empty() && applies(c));
        those.map(|component| component.name.clone()).collect()
    };
    let free = |c: &Component| c.cpus.len() > 1 && c.tasks.iter().any(|t| t.cpu().is_none());
    let edf = those(&|c| c.inside == Scheduler::Edf);
    let by_deadline = those(&|c| c.by_deadline && c.inside == Scheduler::FixedPriority);
    let sufficient = those(&free);
    let mut notes = Vec::new();
    if !edf.is_empty() {
        notes.push(CheckNote::EdfInside { capsules: edf });
    }
    if !by_deadline.is_empty() {
        notes.push(CheckNote::ByDeadline { capsules: by_deadline });
    }
    if !sufficient.is_empty() {
        notes.push(CheckNote::Sufficient { capsules: sufficient });
    }
    if enforcer == EnforcerKind::Rtgroup && limits.tick.is_none() {
        notes.push(CheckNote::NoTick);
    }
    notes.push(CheckNote::Outranked);
    notes
}
