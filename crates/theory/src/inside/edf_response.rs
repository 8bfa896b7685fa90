// SPDX-License-Identifier: MIT OR Apache-2.0
//! Response times under earliest deadline first inside a server.
//!
//! The longest response need not be that of a job that arrives with all others, so every arrival
//! time a within the longest busy window at which anything changes is tried:
//!
//! ```text
//!   w_a = supply⁻¹( B + (⌊(a + J)/T⌋ + 1)·C
//!                 + Σ_j min( ⌈(w_a + J_j)/T_j⌉, ⌊(a + D − D_j + J_j)/T_j⌋ + 1 )·C_j )
//!   R   = max over a of  w_a − a
//! ```

use evenkeel_model::Span;

use super::edf::narrow;
use super::misfit::NoBound;
use super::window::{STEPS_MAX, Steps, busy_window, fixed_point};
use crate::demand::{Load, Numbers, load, numbers};
use crate::{Supply, Task};

/// The longest time from arrival to completion of the `index`-th of `tasks`, run by earliest
/// deadline inside a server.
///
/// Spuri, "Analysis of deadline scheduled real-time systems", INRIA report 2772, 1996, section 4;
/// as abstract response-time analysis, Bozhko and Brandenburg, ECRTS 2020, theorem 31; with the
/// inverse of the supply bound in the place of the identity. The bound is also right for a set that
/// misses deadlines. Assumptions that Linux breaks: those of [`super::edf_misfit`].
///
/// # Errors
/// Why there is no bound.
///
/// # Panics
/// If there is no such task.
pub fn edf_response_time(tasks: &[Task], index: usize, supply: Supply) -> Result<Span, NoBound> {
    let set = numbers(tasks);
    if load(&set, supply) == Load::Above {
        return Err(NoBound::Beyond(Span::from_ns(u64::MAX)));
    }
    let longest_section = tasks.iter().map(|task| task.section().as_ns()).max().unwrap_or(0);
    let mut steps = Steps::all();
    let busy = busy_window(&set, u128::from(longest_section), supply, &mut steps);
    let busy = busy.ok_or(NoBound::Undecided)?;
    let own = Own { tasks, set: &set, index, supply };
    let mut longest = 0;
    for at in own.arrivals(busy).ok_or(NoBound::Undecided)? {
        longest = longest.max(own.response(at, &mut steps).ok_or(NoBound::Undecided)?);
    }
    Ok(narrow(longest))
}

/// The task in question among all. Arrivals are counted from J before the window opens, so that
/// they are never negative: `at` = a + J.
struct Own<'a> {
    tasks: &'a [Task],
    set: &'a [Numbers],
    index: usize,
    supply: Supply,
}

impl Own<'_> {
    fn task(&self) -> &Numbers {
        &self.set[self.index]
    }

    /// The arrival times at which the demand changes, within a window of `busy`; `None` where they
    /// are too many.
    fn arrivals(&self, busy: u128) -> Option<Vec<u128>> {
        let own = self.task();
        let mut arrivals = Vec::new();
        let end = busy + own.jitter;
        for (i, other) in self.set.iter().enumerate() {
            // a = k·T_j + D_j − J_j − D, where the other's k-th job becomes as urgent; at = a + J.
            let shift = other.deadline + own.jitter;
            let back = other.jitter + own.deadline;
            let mut at = if i == self.index { 0 } else { shift };
            let back = if i == self.index { 0 } else { back };
            // The first k that is not before the window.
            if at < back {
                at += (back - at).div_ceil(other.period) * other.period;
            }
            at -= back;
            while at < end {
                if arrivals.len() >= STEPS_MAX as usize {
                    return None;
                }
                arrivals.push(at);
                at += other.period;
            }
        }
        arrivals.push(0);
        arrivals.sort_unstable();
        arrivals.dedup();
        Some(arrivals)
    }

    /// The response time of the job that arrives at `at`.
    fn response(&self, at: u128, steps: &mut Steps) -> Option<u128> {
        let own = self.task();
        let due = at + own.deadline;
        let jobs = at / own.period + 1;
        let fixed = jobs.checked_mul(own.wcet)?.checked_add(self.blocking(due))?;
        let others = self.set.iter().enumerate().filter(|(i, _)| *i != self.index);
        let others: Vec<&Numbers> = others.map(|(_, other)| other).collect();
        let window = fixed_point(1, self.supply, steps, |window| {
            others.iter().try_fold(fixed, |sum, other| {
                // Both sides shifted by J: due − J + J_j − D_j.
                let urgent = (due + other.jitter).checked_sub(other.deadline + own.jitter);
                let urgent = urgent.map_or(0, |after| after / other.period + 1);
                let released = (window + other.jitter).div_ceil(other.period);
                sum.checked_add(urgent.min(released).checked_mul(other.wcet)?)
            })
        })?;
        Some((window + own.jitter).saturating_sub(at))
    }

    /// The longest section of a job that is less urgent than one due at `due` (counted from J
    /// before the window opens) and began before the window.
    fn blocking(&self, due: u128) -> u128 {
        let jitter = self.task().jitter;
        let others = self.tasks.iter().zip(self.set).enumerate();
        let longer = others.filter(|(i, (_, set))| *i != self.index && set.deadline + jitter > due);
        let sections = longer.map(|(_, (task, _))| u128::from(task.section().as_ns()));
        sections.max().unwrap_or(0)
    }
}
