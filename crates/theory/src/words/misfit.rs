// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why tasks could be late, in words: which task or window, by how much, and because of whom.

use std::fmt;

use crate::Misfit;
use crate::granularity::up_to_microsecond;

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::Overload { needed, supplied } => write!(
                f,
                "the tasks need {needed} of a CPU in the long run, the budget supplies {supplied}"
            ),
            Misfit::Demand { window, demand, blocking, supply } => {
                write!(f, "jobs due within some {window} need {demand}")?;
                if blocking.as_ns() > 0 {
                    write!(f, " and can be held up for {blocking} more")?;
                }
                write!(f, "; the budget supplies only {supply} in that time for certain")
            }
            Misfit::Late { task, deadline, response, ahead } => {
                match response {
                    Some(response) => write!(
                        f,
                        "task '{task}' could take {response}, {} past its deadline of {deadline}",
                        response.saturating_sub(*deadline)
                    )?,
                    None => {
                        write!(
                            f,
                            "task '{task}' could take more than four times its deadline of \
                             {deadline}"
                        )?;
                    }
                }
                match ahead.len() {
                    0 => Ok(()),
                    1 => write!(f, ", because {} goes first", quoted(ahead)),
                    _ => write!(f, ", because {} go first", quoted(ahead)),
                }
            }
            Misfit::Crowded { task, window, demand, supply } => write!(
                f,
                "task '{task}': in the {window} until its deadline, up to {demand} could be in its \
                 way on these CPUs together, of which they supply only {supply} for certain",
                demand = up_to_microsecond(*demand),
            ),
            Misfit::Undecided { task, steps } => {
                let whom = task.as_ref().map_or_else(
                    || "whether the tasks are in time".to_owned(),
                    |task| format!("whether task '{task}' is in time"),
                );
                write!(f, "{whom} could not be decided in {steps} steps, which counts as no")
            }
            Misfit::LongDeadline { .. }
            | Misfit::GlobalSection { .. }
            | Misfit::NoServer { .. }
            | Misfit::HalfPinned { .. } => self.untested(f),
            Misfit::NoBudget => write!(f, "not even a budget of the whole period is enough"),
            Misfit::LateTick { cpu, tick, period, response } => {
                write!(
                    f,
                    "CPU {cpu}: if every capsule above overruns by a tick of {tick}, its budget "
                )?;
                match response {
                    Some(response) => write!(f, "comes after {response} instead of {period}"),
                    None => write!(f, "comes several periods late"),
                }
            }
        }
    }
}

impl Misfit {
    /// What there is no test for, and what to do about it.
    fn untested(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Misfit::LongDeadline { task, deadline, period } => write!(
                f,
                "task '{task}' has a deadline of {deadline} beyond its period of {period}, for \
                 which there is no test on several CPUs; pin the tasks, or use a shorter deadline"
            ),
            Misfit::GlobalSection { task } => write!(
                f,
                "task '{task}' has a section, for which there is no test on several CPUs; pin the \
                 tasks"
            ),
            Misfit::NoServer { task, cpu } => write!(
                f,
                "task '{task}' runs on CPU {cpu}, where its capsule has no budget of its own"
            ),
            Misfit::HalfPinned { pinned, free } => write!(
                f,
                "task '{pinned}' is pinned to a CPU and task '{free}' is not, for which there is \
                 no test; pin all tasks of a capsule, or none"
            ),
            _ => Ok(()),
        }
    }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`.
fn quoted(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
