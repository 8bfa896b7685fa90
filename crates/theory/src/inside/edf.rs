// SPDX-License-Identifier: MIT OR Apache-2.0
//! Earliest deadline first inside a server: demand against supply, at finitely many windows.
//!
//! ```text
//!   never late  <=>  for every t > 0:  dbf(t) + B(t) <= sbf(t)
//! ```
//!
//! B(t) is the longest section of a task whose deadline is longer than t. Three proven horizons
//! bound t, and the least of them is used: the longest busy window; where the line above the demand
//! meets the one below the supply; and the first D plus one common multiple of all periods, after
//! which both sides repeat.
//!
//! Between horizon and zero the test leaps backwards (quick processor-demand analysis): from t to
//! the shortest window that supplies what is demanded in t, because no shorter window above that
//! one can demand more. B(t) falls with t, so each stretch on which it is constant is searched by
//! itself.

use evenkeel_model::{Bandwidth, Span};

use super::misfit::Misfit;
use super::window::{STEPS_MAX, Steps, busy_window};
use crate::demand::{Load, Numbers, hyperperiod, linear_horizon, load, numbers, total_demand};
use crate::{Supply, Task};

/// Why `tasks`, run by earliest deadline inside a server, could be late; `None` where none ever is.
///
/// dbf <= sbf: Shin and Lee, RTSS 2003, theorem 1, sufficient, and necessary where every supply
/// that the bound allows can happen. Sections: Baruah, "Resource sharing in EDF-scheduled systems",
/// RTSS 2006, theorem 1. Leaps: Zhang and Burns, "Schedulability analysis for real-time systems
/// with EDF scheduling", IEEE Trans. Computers 58(9), 2009, theorem 5, with the inverse of the
/// supply in the place of the identity.
///
/// Assumptions, and how Linux breaks them:
/// * jobs are ordered by deadline: no enforcer does that inside a capsule; a guest's own scheduler
///   may (SCHED_DEADLINE inside the guest), less its own timer precision;
/// * switches are free and wake-ups immediate: add their cost to `wcet`;
/// * the supply holds: see the constructors of [`Supply`].
pub fn edf_misfit(tasks: &[Task], supply: Supply) -> Option<Misfit> {
    let set = numbers(tasks);
    let slack = match load(&set, supply) {
        Load::Within { slack } => slack,
        Load::Above => return Some(overload(tasks, &[supply])),
        Load::Unknown => return Some(undecided()),
    };
    let mut sections: Vec<(u128, u128)> = tasks
        .iter()
        .filter(|task| task.section() > Span::ZERO)
        .map(|task| (u128::from(task.deadline().as_ns()), u128::from(task.section().as_ns())))
        .collect();
    sections.sort_unstable();
    let longest_section = sections.iter().map(|&(_, section)| section).max().unwrap_or(0);
    let deadline = set.iter().map(|task| task.deadline).max()?;
    let search = Search { set: &set, supply };
    if total_demand(&set, 0) != Some(0) {
        // A job may become runnable at its deadline or later.
        return Some(search.misfit(0, 0, 0));
    }
    let horizons = [
        busy_window(&set, longest_section, supply, &mut Steps::all()),
        // Beyond the longest deadline nothing blocks, and the lines are those without blocking.
        linear_horizon(&set, supply, slack).map(|t| t.max(deadline)),
        hyperperiod(&set, supply)
            .and_then(|h| supply.time_for_ns(1).map(|first| h + deadline.max(first))),
    ];
    let Some(horizon) = horizons.into_iter().flatten().min() else { return Some(undecided()) };
    // Stretches of constant blocking: (until, blocking), each down to the end of the next.
    let mut stretches = vec![(horizon, 0)];
    let mut blocking = 0;
    for &(deadline, section) in sections.iter().rev() {
        blocking = blocking.max(section);
        stretches.push((horizon.min(deadline - 1), blocking));
    }
    let mut steps = Steps::all();
    // The shortest windows first: the shorter one says more.
    for (i, &(until, blocking)) in stretches.iter().enumerate().rev() {
        let from = stretches.get(i + 1).map_or(0, |next| next.0);
        match search.longest_short(from, until, blocking, &mut steps) {
            Found::None => {}
            Found::Short(window) => return Some(search.misfit(window, blocking, from)),
            Found::Undecided => return Some(undecided()),
        }
    }
    None
}

/// What a stretch of windows holds.
enum Found {
    /// Enough supply everywhere.
    None,
    /// A window that is short of supply.
    Short(u128),
    /// Too many steps.
    Undecided,
}

/// The set and the supply of one search.
struct Search<'a> {
    set: &'a [Numbers],
    supply: Supply,
}

impl Search<'_> {
    /// A window in (from, until] whose demand plus `blocking` exceeds its supply.
    fn longest_short(&self, from: u128, until: u128, blocking: u128, steps: &mut Steps) -> Found {
        let mut window = until;
        while window > from {
            if steps.take().is_none() {
                return Found::Undecided;
            }
            let Some(demand) = total_demand(self.set, window) else { return Found::Short(window) };
            if demand == 0 {
                // Nothing is due this early; a section alone makes nobody late.
                return Found::None;
            }
            let needed = demand.checked_add(blocking).and_then(|d| self.supply.time_for_ns(d));
            match needed {
                Some(needed) if needed < window => window = needed,
                Some(needed) if needed == window => match self.deadline_before(window) {
                    Some(earlier) => window = earlier,
                    None => return Found::None,
                },
                _ => return Found::Short(window),
            }
        }
        Found::None
    }

    /// The latest window shorter than `window` at which a deadline can lie.
    fn deadline_before(&self, window: u128) -> Option<u128> {
        let before = |task: &Numbers| {
            let last = (window - 1 + task.jitter).checked_sub(task.deadline)?;
            // The k-th deadline lies at D − J + k·T; where J exceeds D the first ones lie at or
            // before 0 and count as 0, a window that is never tested.
            let at = last / task.period * task.period + task.deadline;
            Some(at.saturating_sub(task.jitter))
        };
        self.set.iter().filter_map(before).max()
    }

    /// The reason, at the shortest short window that a bounded look finds: it says more than the
    /// longest one.
    fn misfit(&self, found: u128, blocking: u128, from: u128) -> Misfit {
        let mut shortest = found;
        let mut window = self.first_deadline(from + 1);
        for _ in 0..STEPS_MAX {
            if window >= shortest {
                break;
            }
            if self.is_short(window, blocking) {
                shortest = window;
            }
            window = self.first_deadline(window + 1);
        }
        Misfit::Demand {
            window: narrow(shortest),
            demand: narrow(total_demand(self.set, shortest).unwrap_or(u128::MAX)),
            blocking: narrow(blocking),
            supply: narrow(self.supply.bound_ns(shortest)),
        }
    }

    fn is_short(&self, window: u128, blocking: u128) -> bool {
        let demand = total_demand(self.set, window).and_then(|d| d.checked_add(blocking));
        demand.is_none_or(|demand| demand > self.supply.bound_ns(window))
            && total_demand(self.set, window) != Some(0)
    }

    /// The shortest window of at least `window` at which a deadline can lie.
    fn first_deadline(&self, window: u128) -> u128 {
        let after = |task: &Numbers| {
            let first = task.deadline.saturating_sub(task.jitter).max(1);
            if window <= first {
                return first;
            }
            let late = (window + task.jitter).saturating_sub(task.deadline);
            late.div_ceil(task.period) * task.period + task.deadline - task.jitter
        };
        self.set.iter().map(after).min().unwrap_or(u128::MAX)
    }
}

/// The reason of a load above the rate.
pub(super) fn overload(tasks: &[Task], supplies: &[Supply]) -> Misfit {
    Misfit::Overload {
        needed: tasks.iter().map(needed).sum(),
        supplied: supplies.iter().map(|s| Bandwidth::at_most(s.budget(), s.period())).sum(),
    }
}

/// ⌈C/T⌉ in parts per billion; saturates, since nothing keeps a job from being longer than its
/// period.
fn needed(task: &Task) -> Bandwidth {
    let scaled = u128::from(task.wcet().as_ns()) * u128::from(Bandwidth::ONE.as_ppb());
    let ppb = scaled.div_ceil(u128::from(task.period().as_ns()));
    Bandwidth::from_ppb(u64::try_from(ppb).unwrap_or(u64::MAX))
}

/// The reason of an answer that did not come.
fn undecided() -> Misfit {
    Misfit::Undecided { task: None, steps: STEPS_MAX }
}

/// Back to 64 bits; saturates.
pub(super) fn narrow(ns: u128) -> Span {
    Span::from_ns(u64::try_from(ns).unwrap_or(u64::MAX))
}
