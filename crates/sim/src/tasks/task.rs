// SPDX-License-Identifier: MIT OR Apache-2.0
//! `[[task]]` of a task file.

use evenkeel_model::{CPU_INDEX_MAX, CapsuleName, CpuIndex, Span};
use evenkeel_theory::{Task, TaskError};

use crate::form::{Form, FormError, Place};

/// Shortest period. No timer of Linux fires that often; below it a file most likely has the wrong
/// unit, and analysis would count jobs by the million.
const PERIOD_MIN: Span = Span::from_us(1);

/// Longest deadline and jitter, in periods: a task with a thousand jobs waiting is not late but
/// broken, and analysis looks at each of them.
const PENDING_MAX: u64 = 1_000;

/// A task and where it stands.
#[derive(Debug)]
pub(super) struct TaskTable {
    pub capsule: CapsuleName,
    pub task: Task,
    /// Whether it has a priority of its own.
    pub has_priority: bool,
    pub capsule_place: Place,
    pub name_place: Place,
    pub priority_place: Place,
    pub cpu_place: Place,
}

/// Reads one.
pub(super) fn take(form: &mut Form<'_>) -> Result<TaskTable, FormError> {
    let capsule = form.required("capsule")?;
    let name: CapsuleName = form.required("name")?;
    let (wcet, period): (Span, Span) = (form.required("wcet")?, form.required("period")?);
    let deadline = form.optional("deadline")?.unwrap_or(period);
    let jitter = form.optional("jitter")?.unwrap_or(Span::ZERO);
    let section = form.optional("section")?.unwrap_or(Span::ZERO);
    let priority: Option<u32> = form.optional("priority")?;
    let cpu: Option<u32> = form.optional("cpu")?;
    if period < PERIOD_MIN && period > Span::ZERO {
        let what = format!("{period} is shorter than any timer; use {PERIOD_MIN} or more");
        return Err(form.error_at("period", what));
    }
    for (key, time) in [("deadline", deadline), ("jitter", jitter)] {
        if period.checked_mul(PENDING_MAX).is_some_and(|most| time > most) {
            let what = format!("{time} is more than {PENDING_MAX} periods of {period}");
            return Err(form.error_at(key, what));
        }
    }
    if let Some(beyond) = priority.filter(|priority| !(1..=99).contains(priority)) {
        let what = format!("{beyond} is no real-time priority; use 1 to 99, 99 the most urgent");
        return Err(form.error_at("priority", what));
    }
    if let Some(beyond) = cpu.filter(|&cpu| cpu > CPU_INDEX_MAX) {
        let what = format!("{beyond} is beyond the largest CPU number, {CPU_INDEX_MAX}");
        return Err(form.error_at("cpu", what));
    }
    let made = Task::new(name.as_str(), wcet, period, deadline)
        .and_then(|task| task.with_jitter(jitter))
        .and_then(|task| task.with_section(section));
    let task = made.map_err(|error| form.error_at(blamed(&error), error.to_string()))?;
    let task = task.with_priority(priority.unwrap_or(0));
    Ok(TaskTable {
        capsule,
        task: match cpu {
            Some(cpu) => task.pinned_to(CpuIndex(cpu)),
            None => task,
        },
        has_priority: priority.is_some(),
        capsule_place: form.place("capsule"),
        name_place: form.place("name"),
        priority_place: form.place("priority"),
        cpu_place: form.place("cpu"),
    })
}

/// The key that is to blame.
fn blamed(error: &TaskError) -> &'static str {
    match error {
        TaskError::Zero { what, .. } | TaskError::TooLong { what, .. } => what,
        TaskError::SectionAboveWcet { .. } => "section",
    }
}
