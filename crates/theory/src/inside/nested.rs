// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server inside a server: seen from outside the inner one is a task, seen from inside a supply.
//!
//! Two ways to nest capsules. *Compositional*: the child's server runs inside the parent's, which
//! schedules it beside its own tasks; test the parent with [`server_as_task`] of each child among
//! its tasks, then each child with its own supply. *Flattened*: every capsule becomes a server of
//! its own beside its parent, whose budget shrinks ([`crate::flatten`]). Every enforcer flattens.
//! The compositional way costs more: the child waits for its parent's worst gap and then for its
//! own, so a child of (q, p) needs a parent of clearly more than q/p.

use evenkeel_model::Reservation;

use super::Scheduler;
use crate::Task;

/// The server of a nested capsule as a task of its parent: q every p, due at p.
///
/// Shin and Lee, RTSS 2003, section 5: a periodic server is a periodic task to the level above.
/// By deadlines, a hard constant bandwidth server demands no more than that (Biondi, Melani and
/// Bertogna, SIES 2014). By priorities it keeps its budget while it idles, so it may take two
/// budgets back to back: jitter p − q on what it asks of others (Davis and Burns, RTSS 2005),
/// which counts from when it could have run, so its own deadline moves by as much.
///
/// Assumption that Linux breaks: nested real-time groups of the kernel replenish at unrelated
/// moments and a child inside a throttled parent is stopped with it; that is why every enforcer
/// flattens, and why this serves to compare.
pub fn server_as_task(name: &str, child: Reservation, scheduler: Scheduler, priority: u32) -> Task {
    let (budget, period) = (child.budget(), child.period());
    let task = Task::new(name, budget, period, period).expect("a reservation has positive times");
    let task = match scheduler {
        Scheduler::Edf => task,
        Scheduler::FixedPriority => {
            let jitter = period - budget;
            let due = period.checked_add(jitter).expect("two periods are far below 584 years");
            Task::new(name, budget, period, due)
                .and_then(|task| task.with_jitter(jitter))
                .expect("two periods are far below 292 years")
        }
    };
    task.with_priority(priority)
}
