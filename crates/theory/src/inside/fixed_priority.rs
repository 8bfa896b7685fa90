// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fixed priorities inside a server: response times of a task within its busy window.
//!
//! ```text
//!   w_q = supply⁻¹( B + (q + 1)·C + Σ_{as urgent or more} ⌈(w_q + J_j)/T_j⌉·C_j )
//!   R   = max over the jobs q of the busy window of  w_q − (q·T − J)
//! ```
//!
//! The window opens when the supply is at its worst and everything arrives at once. A job of equal
//! priority counts as more urgent: it may be queued in front (SCHED_FIFO) or take turns (SCHED_RR).

use evenkeel_model::Span;

use super::edf::{narrow, overload};
use super::misfit::{Misfit, NoBound};
use super::window::{STEPS_MAX, Steps, fixed_point};
use crate::demand::{Load, Numbers, hyperperiod, load, total_request};
use crate::{Supply, Task};

/// Response times are looked for up to this many deadlines. Only words depend on it.
const DEADLINES_MAX: u128 = 4;

/// The longest time from arrival to completion of the `index`-th of `tasks` under fixed priorities
/// inside a server, if within four of its deadlines.
///
/// A task is never late if and only if this is at most its deadline. Shin and Lee, RTSS 2003,
/// theorem 2, and Davis and Burns, RTSS 2005, section 4 (request bound against supply bound); busy
/// windows of several jobs, for deadlines beyond the period and for jitter: Tindell, Burns and
/// Wellings, "An extendible approach for analyzing fixed priority hard real-time tasks", Real-Time
/// Systems 6(2), 1994. Sections of less urgent tasks: Sha, Rajkumar and Lehoczky, IEEE Trans.
/// Computers 39(9), 1990. That only the jobs of one common multiple of all periods need a look:
/// beyond it demand grows by no more than supply, so w_{q + H/T} <= w_q + H.
///
/// Assumptions, and how Linux breaks them:
/// * switches are free and wake-ups immediate: add their cost to `wcet`;
/// * less urgent tasks block for one section at most: a lock without priority inheritance, or a
///   spinlock inside the guest, is no such section;
/// * jobs do not wait for each other: a vCPU that waits for its vhost worker does;
/// * the supply holds: see the constructors of [`Supply`].
///
/// # Errors
/// Why there is no bound.
///
/// # Panics
/// If there is no such task.
pub fn fixed_priority_response_time(
    tasks: &[Task],
    index: usize,
    supply: Supply,
) -> Result<Span, NoBound> {
    let level = Level::of(tasks, index);
    let limit = level.own.deadline * DEADLINES_MAX;
    level.response_time(supply, limit, &mut Steps::all()).map(narrow)
}

/// The response time of each task; `Err` where it exceeds the task's own deadline, that is, where
/// the task can be late.
///
/// Paper, formula and assumptions: [`fixed_priority_response_time`].
pub fn fixed_priority_response_times(tasks: &[Task], supply: Supply) -> Vec<Result<Span, NoBound>> {
    let within_deadline = |index: usize| {
        let level = Level::of(tasks, index);
        level.response_time(supply, level.own.deadline, &mut Steps::all()).map(narrow)
    };
    (0..tasks.len()).map(within_deadline).collect()
}

/// Whether no task is ever late.
pub(super) fn all_in_time(tasks: &[Task], supply: Supply) -> bool {
    // Level by level; the least urgent has the longest way to go and is looked at first.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|&index| tasks[index].priority());
    order.into_iter().all(|index| {
        let level = Level::of(tasks, index);
        level.response_time(supply, level.own.deadline, &mut Steps::all()).is_ok()
    })
}

/// Why tasks could be late: the overload, or each late task.
pub(super) fn misfits(tasks: &[Task], supply: Supply) -> Vec<Misfit> {
    let all: Vec<Numbers> = tasks.iter().map(Numbers::from).collect();
    let mut found = Vec::new();
    if load(&all, supply) == Load::Above {
        found.push(overload(tasks, &[supply]));
    }
    for (index, task) in tasks.iter().enumerate() {
        match fixed_priority_response_time(tasks, index, supply) {
            Ok(response) if response <= task.deadline() => {}
            Ok(response) => found.push(late(tasks, index, Some(response))),
            Err(NoBound::Beyond(_)) => found.push(late(tasks, index, None)),
            Err(NoBound::Undecided) => {
                found.push(Misfit::Undecided {
                    task: Some(task.name().to_owned()),
                    steps: STEPS_MAX,
                });
            }
        }
    }
    found
}

fn late(tasks: &[Task], index: usize, response: Option<Span>) -> Misfit {
    let task = &tasks[index];
    let ahead = tasks.iter().enumerate().filter(|(i, other)| goes_first(*i, other, index, task));
    Misfit::Late {
        task: task.name().to_owned(),
        deadline: task.deadline(),
        response,
        ahead: ahead.map(|(_, other)| other.name().to_owned()).collect(),
    }
}

fn goes_first(i: usize, other: &Task, index: usize, task: &Task) -> bool {
    i != index && other.priority() >= task.priority()
}

/// One task, what goes first, and what can hold it up.
struct Level {
    own: Numbers,
    first: Vec<Numbers>,
    blocking: u128,
}

impl Level {
    fn of(tasks: &[Task], index: usize) -> Level {
        let task = &tasks[index];
        let first =
            tasks.iter().enumerate().filter(|(i, other)| goes_first(*i, other, index, task));
        let lower = tasks.iter().filter(|other| other.priority() < task.priority());
        Level {
            own: task.into(),
            first: first.map(|(_, other)| other.into()).collect(),
            blocking: u128::from(lower.map(|other| other.section().as_ns()).max().unwrap_or(0)),
        }
    }

    /// The longest response time, if within `limit`.
    fn response_time(
        &self,
        supply: Supply,
        limit: u128,
        steps: &mut Steps,
    ) -> Result<u128, NoBound> {
        let beyond = NoBound::Beyond(narrow(limit));
        let all: Vec<Numbers> = self.first.iter().copied().chain([self.own]).collect();
        let load = load(&all, supply);
        if load == Load::Above {
            return Err(beyond);
        }
        // The last job to look at, where the busy window does not end before it.
        let jobs = hyperperiod(&all, supply).map_or(u128::MAX, |h| h / self.own.period);
        let (mut longest, mut start) = (0, 1);
        for job in 0..jobs {
            let window = self.window(job, start, supply, steps).ok_or(NoBound::Undecided)?;
            // From arrival; the first job of the window arrived its jitter earlier.
            let response = (window + self.own.jitter).saturating_sub(job * self.own.period);
            if response > limit {
                return Err(beyond);
            }
            longest = longest.max(response);
            // The next job is released after the window has ended.
            if window + self.own.jitter <= (job + 1) * self.own.period {
                return Ok(longest);
            }
            start = window;
        }
        // The load is within the rate, or there would be no common multiple to stop at.
        Ok(longest)
    }

    /// How long it takes until jobs 0 to `job` are done.
    fn window(&self, job: u128, start: u128, supply: Supply, steps: &mut Steps) -> Option<u128> {
        let own = (job + 1).checked_mul(self.own.wcet)?.checked_add(self.blocking)?;
        let demand = |window| total_request(&self.first, window)?.checked_add(own);
        fixed_point(start, supply, steps, demand)
    }
}
