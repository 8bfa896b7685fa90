// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tasks of one capsule on several CPUs: pinned ones by the CPU's own server, free ones by a global
//! demand test over all servers.
//!
//! ```text
//!   Σ_{others that can go first} min( W_i(L), L − C + 1 )  +  m·(C − 1)  <  Σ_cpus sbf(L)
//! ```
//!
//! L = D − J is the time from release to deadline, W_i the most work that another task can do in
//! it. Why that suffices, in whole nanoseconds: say the job is not done after L. Then there are
//! L − C + 1 nanoseconds in which it did not run although it could; whatever was supplied in them
//! went to others, to each at most W_i and at most one CPU at a time. In the C − 1 others the
//! supply was at most m a nanosecond. So the whole supply was at most the left side.

use evenkeel_model::{CpuIndex, CpuSet, Span};

use super::Scheduler;
use super::edf::overload;
use super::misfit::Misfit;
use crate::{Supply, Task, parallel_supply};

/// Why free `tasks` could be late on servers of several CPUs, under global scheduling: at any time
/// the most urgent run, each on one CPU. Empty where none ever is.
///
/// Bertogna, Cirinei and Lipari, "Improved schedulability analysis of EDF on multiprocessor
/// platforms", ECRTS 2005, theorem 6, and for fixed priorities theorem 8 (the demand test known by
/// their initials), with the supply of servers in the place of whole CPUs as Shin, Easwaran and
/// Lee, ECRTS 2008, do for theirs. On whole CPUs it is exactly the original test. Sufficient, not
/// necessary: a task that fails may be in time all the same.
///
/// Needs deadlines of at most the period, and no sections (a job can be held up by several of them,
/// once whenever it is preempted); a task that differs is a reason of its own.
///
/// Assumptions, and how Linux breaks them:
/// * the most urgent tasks run wherever there is supply: a thread is pulled to another CPU only
///   when that one looks for work, so a free CPU can be missed for a moment;
/// * migration is free;
/// * the supply holds: see the constructors of [`Supply`].
pub fn global_misfits(scheduler: Scheduler, tasks: &[Task], supplies: &[Supply]) -> Vec<Misfit> {
    if exceeds(tasks, supplies) {
        return vec![overload(tasks, supplies)];
    }
    let untestable: Vec<Misfit> = tasks.iter().filter_map(beyond_the_test).collect();
    if !untestable.is_empty() {
        return untestable;
    }
    tasks.iter().enumerate().filter_map(|(i, _)| judge(scheduler, tasks, i, supplies)).collect()
}

/// Whether the load is above the rate for certain, both rounded towards "no".
fn exceeds(tasks: &[Task], supplies: &[Supply]) -> bool {
    let Misfit::Overload { needed, supplied } = overload(tasks, supplies) else { return false };
    // Each of both sides is off by less than one part per billion an item.
    let items = u64::try_from(tasks.len() + supplies.len()).unwrap_or(u64::MAX);
    needed.as_ppb() > supplied.as_ppb().saturating_add(items)
}

/// What the test has no answer for.
fn beyond_the_test(task: &Task) -> Option<Misfit> {
    let name = task.name().to_owned();
    if task.deadline() > task.period() {
        let (deadline, period) = (task.deadline(), task.period());
        return Some(Misfit::LongDeadline { task: name, deadline, period });
    }
    (task.section() > Span::ZERO).then_some(Misfit::GlobalSection { task: name })
}

/// The reason why the `index`-th task could be late.
fn judge(
    scheduler: Scheduler,
    tasks: &[Task],
    index: usize,
    supplies: &[Supply],
) -> Option<Misfit> {
    let task = &tasks[index];
    let name = || task.name().to_owned();
    let window = task.deadline().saturating_sub(task.jitter());
    let others = tasks.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, other)| other);
    let first: Vec<&Task> = match scheduler {
        Scheduler::Edf => others.collect(),
        Scheduler::FixedPriority => others.filter(|o| o.priority() >= task.priority()).collect(),
    };
    let l = wide(window);
    let c = wide(task.wcet());
    let supply = parallel_supply(supplies, window);
    let cpus = supplies.len() as u128;
    let alone = (l + 1).saturating_sub(c);
    let interference: u128 = first.iter().map(|o| work(scheduler, o, l).min(alone)).sum();
    // C − 1 in parallel units, and one nanosecond for the strict comparison.
    let needed = interference + cpus * (c - 1) + 1;
    let fits = c <= l && needed <= wide(supply);
    let demand = Span::from_ns(u64::try_from(needed).unwrap_or(u64::MAX));
    (!fits).then(|| Misfit::Crowded { task: name(), window, demand, supply })
}

/// The most work that jobs of `task` do in a window of length `l`, none of them late.
///
/// Fixed priorities: the first job as late as its deadline lets it, all others at once (Bertogna,
/// Cirinei and Lipari, TPDS 20(4), 2009, equation 8). Deadlines: only jobs due within the window
/// are as urgent, the last due at its very end (ECRTS 2005, equation 9).
fn work(scheduler: Scheduler, task: &Task, l: u128) -> u128 {
    let (c, t, d) = (wide(task.wcet()), wide(task.period()), wide(task.deadline()));
    match scheduler {
        Scheduler::FixedPriority => {
            // c > d leaves nothing to be late by; then the task fails its own test.
            let span = l + d.saturating_sub(c);
            span / t * c + c.min(span % t)
        }
        Scheduler::Edf => {
            let jobs = if l >= d { (l - d) / t + 1 } else { 0 };
            jobs * c + c.min(l.saturating_sub(jobs * t))
        }
    }
}

fn wide(span: Span) -> u128 {
    u128::from(span.as_ns())
}

/// Tasks pinned to one CPU, or free tasks without one.
pub type TasksOnCpu = (Option<CpuIndex>, Vec<Task>);

/// `tasks` by the CPU they are pinned to, where all of them are, or all together where none is.
///
/// # Errors
/// Where some are and some are not, or one is pinned to a CPU outside `cpus`.
pub fn partition_by_cpu(tasks: &[Task], cpus: &CpuSet) -> Result<Vec<TasksOnCpu>, Misfit> {
    let name = |task: &Task| task.name().to_owned();
    for task in tasks {
        if let Some(cpu) = task.cpu().filter(|&cpu| !cpus.contains(cpu)) {
            return Err(Misfit::NoServer { task: name(task), cpu });
        }
    }
    if cpus.len() == 1 {
        return Ok(vec![(cpus.iter().next(), tasks.to_vec())]);
    }
    let pinned = tasks.iter().find(|task| task.cpu().is_some());
    let free = tasks.iter().find(|task| task.cpu().is_none());
    match (pinned, free) {
        (Some(pinned), Some(free)) => {
            Err(Misfit::HalfPinned { pinned: name(pinned), free: name(free) })
        }
        (None, _) => Ok(vec![(None, tasks.to_vec())]),
        (Some(_), None) => {
            let on = |cpu| tasks.iter().filter(|t| t.cpu() == Some(cpu)).cloned().collect();
            let parts = cpus.iter().map(|cpu| (Some(cpu), on(cpu)));
            Ok(parts.filter(|(_, tasks): &TasksOnCpu| !tasks.is_empty()).collect())
        }
    }
}
