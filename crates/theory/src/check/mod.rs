// SPDX-License-Identifier: MIT OR Apache-2.0
//! A whole host on paper: capsules with the tasks inside them; is anything ever late, and why.
//!
//! Two levels, each judged by the test that is valid for it:
//!
//! ```text
//!   among capsules   scx: ΣQ/P per CPU        rtgroup: response times and the kernel's sum
//!        |  every server gets its supply
//!   inside each      fp: response times       edf: demand against supply
//!                    several CPUs: pinned tasks by their CPU's server, free ones together
//! ```

mod outside;
mod report;
mod resolve;

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation, Span};

use self::outside::Servers;
use crate::inside::partition_by_cpu;
use crate::{
    FlattenError, GridError, Limits, Misfit, Scheduler, Supply, Task, global_misfits, misfits,
    response_time,
};

pub use report::{CapsuleReport, CheckNote, CheckReport, Needed, PartReport, TaskReport};

/// A capsule and what runs inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: CapsuleName,
    /// What it holds, or that the least that does is to be found.
    pub wanted: Wanted,
    /// Its CPUs.
    pub cpus: CpuSet,
    /// The capsule whose reservation its own comes out of.
    pub parent: Option<CapsuleName>,
    /// How its tasks share its supply.
    pub inside: Scheduler,
    /// What it runs.
    pub tasks: Vec<Task>,
    /// Whether the priorities of its tasks were made from their deadlines.
    pub by_deadline: bool,
}

/// What a capsule holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// This.
    Reservation(Reservation),
    /// The least budget at this period in which its tasks are never late.
    Budget {
        /// The period.
        period: Span,
    },
    /// The least bandwidth, over many periods, in which its tasks are never late.
    Bandwidth {
        /// The shortest period tried.
        period_min: Span,
        /// The longest period tried.
        period_max: Span,
        /// What each period of the server costs for switching.
        overhead: Span,
    },
}

/// Why a host on paper cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// The capsules form no forest.
    #[error(transparent)]
    Flatten(#[from] FlattenError),
    /// There are no periods to search.
    #[error("capsule '{name}': {source}")]
    Grid {
        /// The capsule.
        name: CapsuleName,
        /// Why not.
        source: GridError,
    },
    /// The least reservation of a capsule with children: what it needs for them depends on theirs.
    #[error("capsule '{0}' has children, so its budget and period must be given")]
    ParentWithout(CapsuleName),
    /// A quota guarantees nothing.
    #[error("the enforcer quota guarantees nothing, so there is nothing to check")]
    NoGuarantee,
}

/// Whether nothing on this host is ever late, and why not.
///
/// Compositional: among capsules by [`crate::admit_scx`]'s or [`crate::admit_rtgroup`]'s test on
/// the flattened set; inside each capsule by [`crate::misfits`] or [`global_misfits`] on the supply
/// of its servers. Papers and the assumptions that Linux breaks: there. With a tick in `limits`, a
/// real-time group's supply carries a debt of one tick, and its response time one overrun of each
/// group above.
///
/// # Errors
/// If the question makes no sense; see [`CheckError`].
pub fn check(
    components: &[Component],
    enforcer: EnforcerKind,
    limits: &Limits,
) -> Result<CheckReport, CheckError> {
    if enforcer == EnforcerKind::Quota {
        return Err(CheckError::NoGuarantee);
    }
    let resolved = resolve::resolve(components, enforcer, limits)?;
    let servers = Servers::of(&resolved, enforcer, limits)?;
    let mut capsules = Vec::with_capacity(components.len());
    for (component, resolved) in components.iter().zip(&resolved) {
        let (parts, reasons) = match resolved.reservation {
            None => (Vec::new(), vec![Misfit::NoBudget]),
            Some(_) => inside(component, &servers),
        };
        let needed = resolve::needed(component, resolved, &servers, enforcer, limits);
        capsules.push(CapsuleReport {
            name: component.name.clone(),
            reservation: resolved.reservation,
            searched: resolved.searched,
            cpus: component.cpus.clone(),
            parent: component.parent.clone(),
            inside: component.inside,
            schedulable: reasons.is_empty(),
            parts,
            reasons,
            needed,
        });
    }
    let reasons = servers.refusals(limits);
    let schedulable = reasons.is_empty() && capsules.iter().all(|capsule| capsule.schedulable);
    let notes = report::notes(components, enforcer, limits);
    Ok(CheckReport { schedulable, enforcer, reasons, capsules, notes })
}

/// The tasks of one capsule on its servers.
fn inside(component: &Component, servers: &Servers) -> (Vec<PartReport>, Vec<Misfit>) {
    let groups = match partition_by_cpu(&component.tasks, &component.cpus) {
        Ok(groups) => groups,
        Err(misfit) => return (Vec::new(), vec![misfit]),
    };
    let (mut parts, mut reasons) = (Vec::new(), servers.late_ticks(&component.name));
    for (cpu, tasks) in groups.into_iter().filter(|(_, tasks)| !tasks.is_empty()) {
        let on: Vec<CpuIndex> =
            component.cpus.iter().filter(|&k| cpu.is_none_or(|cpu| cpu == k)).collect();
        let with = |&k: &CpuIndex| servers.supply(&component.name, k).map(|supply| (k, supply));
        let supplies: Vec<(CpuIndex, Supply)> = on.iter().filter_map(with).collect();
        if supplies.is_empty() {
            let first = tasks.first().map_or_else(String::new, |task| task.name().to_owned());
            let cpu = on.first().copied().unwrap_or(CpuIndex(0));
            reasons.push(Misfit::NoServer { task: first, cpu });
            continue;
        }
        let (part, misfits) = part(component.inside, &tasks, &supplies);
        parts.push(part);
        reasons.extend(misfits);
    }
    (parts, reasons)
}

/// Tasks that share one server, or several.
fn part(
    scheduler: Scheduler,
    tasks: &[Task],
    supplies: &[(CpuIndex, Supply)],
) -> (PartReport, Vec<Misfit>) {
    let cpus: CpuSet = supplies.iter().map(|(cpu, _)| *cpu).collect();
    let supplied: Vec<Supply> = supplies.iter().map(|(_, supply)| *supply).collect();
    let reasons = part_misfits(scheduler, tasks, &supplied);
    let report = |(i, task): (usize, &Task)| {
        let response = match supplied.as_slice() {
            [supply] => response_time(scheduler, tasks, i, *supply).ok(),
            // The global test says yes or no, and no time.
            _ => None,
        };
        TaskReport { task: task.clone(), in_time: in_time(task, response, &reasons), response }
    };
    let tasks = tasks.iter().enumerate().map(report).collect();
    (PartReport { cpus, supplies: supplied, tasks }, reasons)
}

/// Why tasks that share these servers could be late.
fn part_misfits(scheduler: Scheduler, tasks: &[Task], supplies: &[Supply]) -> Vec<Misfit> {
    match supplies {
        [supply] => misfits(scheduler, tasks, *supply),
        several => global_misfits(scheduler, tasks, several),
    }
}

/// Whether one task is in time for certain.
fn in_time(task: &Task, response: Option<Span>, reasons: &[Misfit]) -> bool {
    match response {
        Some(response) => response <= task.deadline(),
        None => !reasons.iter().any(|reason| reason.concerns(task.name())),
    }
}
