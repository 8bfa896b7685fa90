// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the answer of a check rests on, in words.

use std::fmt;

use super::names;
use crate::CheckNote;

impl fmt::Display for CheckNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CheckNote::EdfInside { capsules } => write!(
                f,
                "no enforcer runs the threads of a capsule by deadline; {} must do that by itself, \
                 in a guest or a runtime",
                names(capsules)
            ),
            CheckNote::ByDeadline { capsules } => write!(
                f,
                "no task of {} has a priority, so the shorter deadline goes first; the threads \
                 must be given priorities in that order",
                names(capsules)
            ),
            CheckNote::Sufficient { capsules } => write!(
                f,
                "tasks of {} move between CPUs; the test for them is sufficient, not necessary",
                names(capsules)
            ),
            CheckNote::Outranked => write!(
                f,
                "interrupts, and threads of scheduling classes above the enforcer's, are taken to \
                 use no more than was said; switches cost nothing that is not in the tasks' times"
            ),
            CheckNote::NoTick => write!(
                f,
                "no tick was given, so budgets are taken to end exactly; the kernel ends those of \
                 real-time groups at its tick"
            ),
        }
    }
}
