// SPDX-License-Identifier: MIT OR Apache-2.0
//! Task files: capsules and the tasks inside them, as `evenkeel check` reads them.
//!
//! ```toml
//! schema = "evenkeel.tasks/1"
//! enforcer = "scx"                 # or "rtgroup"
//!
//! [[capsule]]
//! name = "web"
//! budget = "6ms"                   # or "smallest"
//! period = "20ms"                  # or "smallest"
//!
//! [[task]]
//! capsule = "web"
//! name = "rx"
//! wcet = "1ms"
//! period = "20ms"
//! ```
//!
//! The rest has defaults: `docs/schema/tasks.v1.json` has all keys. What is judged by looking
//! at several tables (names that come twice, parents in a circle) has its place as well.

mod build;
mod capsule;
mod task;

use evenkeel_model::{Bandwidth, CpuSet, EnforcerKind, Reservation, Span};
use evenkeel_theory::{CheckError, CheckReport, Component, Limits, check};

use crate::form::{Form, FormError, read};

/// Name and version of this form.
pub const SCHEMA: &str = "evenkeel.tasks/1";

/// Most capsules of one file: more than a host has CPUs times ten.
const CAPSULES_MAX: usize = 1_000;
/// Most tasks of one file.
const TASKS_MAX: usize = 4_096;

/// A whole task file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskFile {
    /// What keeps the reservations.
    pub enforcer: EnforcerKind,
    /// What the host allows.
    pub limits: Limits,
    /// The capsules and their tasks.
    pub components: Vec<Component>,
}

impl TaskFile {
    /// Whether anything in it is ever late.
    ///
    /// # Errors
    /// If the question makes no sense; what can be seen in the text was refused before.
    pub fn check(&self) -> Result<CheckReport, CheckError> {
        check(&self.components, self.enforcer, &self.limits)
    }
}

/// Where to look for the least bandwidth.
#[derive(Clone, Copy, Debug)]
struct Search {
    period_min: Span,
    period_max: Span,
    overhead: Span,
}

/// Reads a task file.
///
/// # Errors
/// The first thing wrong, with line and key.
pub fn parse(text: &str) -> Result<TaskFile, FormError> {
    read(text, |form| {
        take_schema(form)?;
        let enforcers = [("scx", EnforcerKind::Scx), ("rtgroup", EnforcerKind::Rtgroup)];
        let enforcer = form.choice("enforcer", &enforcers)?.unwrap_or(EnforcerKind::Scx);
        let limits = form.table("host", take_host)?.unwrap_or_else(|| limits(None));
        let search = form.table("search", take_search)?.unwrap_or(SEARCH);
        let capsules = form.tables("capsule", CAPSULES_MAX, |form| capsule::take(form, search))?;
        if capsules.is_empty() {
            return Err(form.error_at("capsule", "is missing; a file has at least one [[capsule]]"));
        }
        let tasks = form.tables("task", TASKS_MAX, task::take)?;
        Ok(TaskFile { enforcer, limits, components: build::components(capsules, tasks)? })
    })
}

/// `schema`, which says what kind of file this is.
fn take_schema(form: &mut Form<'_>) -> Result<(), FormError> {
    let schema: String = form.required("schema")?;
    if schema == SCHEMA {
        return Ok(());
    }
    let what = format!("'{schema}' is another kind of file; this reads \"{SCHEMA}\"");
    Err(form.error_at("schema", what))
}

/// The range of a search that does not say: below a millisecond the kernel's budgets are mostly
/// overhead, beyond a tenth of a second a VM waits longer than its peers do (TCP's least timeout is
/// 200 ms); a switch into a server and out of it costs some ten microseconds with its cache misses.
const SEARCH: Search = Search {
    period_min: Span::from_ms(1),
    period_max: Span::from_ms(100),
    overhead: Span::from_us(10),
};

/// `[search]`.
fn take_search(form: &mut Form<'_>) -> Result<Search, FormError> {
    let search = Search {
        period_min: form.optional("period_min")?.unwrap_or(SEARCH.period_min),
        period_max: form.optional("period_max")?.unwrap_or(SEARCH.period_max),
        overhead: form.optional("overhead")?.unwrap_or(SEARCH.overhead),
    };
    for (key, period) in [("period_min", search.period_min), ("period_max", search.period_max)] {
        // The same range as that of any reservation, at the key that is to blame.
        Reservation::new(period, period).map_err(|error| form.error_at(key, error.to_string()))?;
    }
    if search.period_min > search.period_max {
        let what = format!("is longer than period_max, {}", search.period_max);
        return Err(form.error_at("period_min", what));
    }
    Ok(search)
}

/// `[host]`.
fn take_host(form: &mut Form<'_>) -> Result<Limits, FormError> {
    let second = Span::from_s(1);
    let tick: Option<Span> = form.optional("tick")?;
    if tick.is_some_and(|tick| tick == Span::ZERO || tick > Span::from_ms(10)) {
        let what = "is no tick that Linux can have; use 1ms to 10ms (1 s / CONFIG_HZ)";
        return Err(form.error_at("tick", what));
    }
    let mut limits = limits(tick);
    if let Some(ceiling) = form.optional::<Span>("ceiling")? {
        limits.ceiling = Reservation::new(ceiling, second).map_err(|_| {
            form.error_at("ceiling", "is a part of each second; use more than 0 and at most 1s")
        })?;
    }
    if let Some(foreign) = form.optional::<Span>("foreign")? {
        if foreign > second {
            return Err(form.error_at("foreign", "is a part of each second; use at most 1s"));
        }
        limits.foreign = Bandwidth::of(foreign, second);
    }
    Ok(limits)
}

/// The limits of a stock kernel: 950 ms of each second (`sched_rt_runtime_us`).
fn limits(tick: Option<Span>) -> Limits {
    let ceiling = Reservation::new(Span::from_ms(950), Span::from_s(1));
    Limits {
        ceiling: ceiling.expect("950 ms of 1 s is a reservation"),
        foreign: Bandwidth::ZERO,
        tick,
        online: CpuSet::empty(),
    }
}
