// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real-time budget of a v1 `cpu` group: `cpu.rt_runtime_us` in every `cpu.rt_period_us`.
//!
//! The two limits are two files, and the kernel checks the pair at every write. Between the two
//! writes another pair is in force, and [`write_order`] chooses it such that it takes no more of
//! the CPU than the larger of old and new: nobody else's guarantee suffers, and the kernel does
//! not refuse in between what it would accept in the end.

use std::fmt;

use evenkeel_model::Span;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{Cgroup, CgroupError};
use crate::pseudo_file::FileError;
use crate::rt_limits::runtime_from_us;

const RUNTIME: &str = "cpu.rt_runtime_us";
const PERIOD: &str = "cpu.rt_period_us";

/// What a group's real-time tasks may have of each CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RtBudget {
    /// Time in each period; zero forbids real-time tasks; `None` is no limit (-1).
    #[serde(rename = "runtime_ns")]
    pub runtime: Option<Span>,
    /// The period.
    #[serde(rename = "period_ns")]
    pub period: Span,
}

impl fmt::Display for RtBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.runtime {
            Some(runtime) => write!(f, "{runtime} every {}", self.period),
            None => write!(f, "unlimited every {}", self.period),
        }
    }
}

/// Which file is written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    Period,
    Runtime,
}

impl Cgroup {
    /// Its real-time budget.
    pub fn rt(&self) -> Result<RtBudget, CgroupError> {
        let runtime = self.read(RUNTIME).map_err(|e| self.without_rt(e))?;
        let period_path = self.path().join(PERIOD);
        let period = self.read(PERIOD)?;
        let period_us = period.trim().parse().map_err(|_| {
            FileError::unexpected(&period_path, period.trim(), "a number of microseconds")
        })?;
        Ok(RtBudget {
            runtime: runtime_from_us(&self.path().join(RUNTIME), &runtime)?,
            period: Span::from_us(period_us),
        })
    }

    /// Gives it the real-time budget `asked`.
    ///
    /// Where the second of the two writes fails, the first is undone, so that the group has
    /// either what was asked or what it had.
    pub fn set_rt(&self, asked: RtBudget) -> Result<(), CgroupError> {
        let found = self.rt()?;
        if found == asked {
            return Ok(());
        }
        let runtime = match asked.runtime {
            Some(runtime) => self.microseconds(runtime)?,
            None => "-1".to_owned(),
        };
        let period = self.microseconds(asked.period)?;
        let found_runtime = match found.runtime {
            Some(runtime) => runtime.as_us().to_string(),
            None => "-1".to_owned(),
        };
        let found_period = found.period.as_us().to_string();
        let (first, second) = match write_order(found, asked) {
            First::Period => ((PERIOD, period, found_period), (RUNTIME, runtime)),
            First::Runtime => ((RUNTIME, runtime, found_runtime), (PERIOD, period)),
        };
        self.write(first.0, &first.1).map_err(|e| self.rt_refused(asked, e))?;
        if let Err(error) = self.write(second.0, &second.1) {
            let error = self.rt_refused(asked, error);
            // What was in force a moment ago fits again, unless somebody took it meanwhile; then
            // the smaller budget stays, and the error below is still the one to report.
            let _ = self.write(first.0, &first.2);
            return Err(error);
        }
        Ok(())
    }

    /// Zeroes the real-time budget of a group that has one and is about to be removed.
    pub(super) fn give_back_rt(&self) -> Result<(), CgroupError> {
        if !self.path().join(RUNTIME).exists() {
            return Ok(());
        }
        match self.write(RUNTIME, "0") {
            // Somebody came in meanwhile: the removal itself will say so.
            Err(CgroupError::File(error)) if error.errno() == Some(Errno::BUSY) => Ok(()),
            Err(error) if error.is_gone() => Ok(()),
            result => result,
        }
    }

    /// `span` in the unit of the files.
    pub(super) fn microseconds(&self, span: Span) -> Result<String, CgroupError> {
        if !span.as_ns().is_multiple_of(1_000) {
            return Err(CgroupError::NotMicroseconds { path: self.path().to_owned(), asked: span });
        }
        Ok(span.as_us().to_string())
    }

    fn without_rt(&self, error: CgroupError) -> CgroupError {
        match error {
            CgroupError::File(error) if error.is_gone() => {
                CgroupError::NoRtGroups(self.path().to_owned())
            }
            other => other,
        }
    }

    fn rt_refused(&self, asked: RtBudget, error: CgroupError) -> CgroupError {
        let CgroupError::File(source) = error else { return error };
        let zero = asked.runtime == Some(Span::ZERO);
        let above = asked.runtime.is_some_and(|runtime| runtime > asked.period);
        // kernel/sched/rt.c, tg_rt_schedulable() and tg_set_rt_bandwidth().
        let meaning = match source.errno() {
            Some(Errno::BUSY) if zero => "it holds real-time tasks, which would never run again",
            Some(Errno::BUSY) => "real-time groups are switched off (rt_group_sched=0 at boot)",
            Some(Errno::INVAL) if above => "the budget exceeds the period",
            Some(Errno::INVAL) if zero => "the root group must keep a budget",
            Some(Errno::INVAL) => {
                "with it the groups would exceed what their parent has, or the host's limit \
                 (sched_rt_runtime_us), or its own subgroups would exceed it"
            }
            Some(Errno::ACCESS | Errno::PERM) => "root is missing",
            _ => return CgroupError::File(source),
        };
        CgroupError::RtRefused {
            path: self.path().to_owned(),
            asked,
            meaning,
            source: Box::new(source),
        }
    }
}

/// A longer (or equal) period goes first: (Q, P') takes no more than (Q, P). A shorter one goes
/// last: (Q', P) takes no more than (Q', P'). A period under an unlimited runtime means nothing, so
/// that it is written while the runtime is unlimited.
fn write_order(found: RtBudget, asked: RtBudget) -> First {
    match (found.runtime, asked.runtime) {
        (None, Some(_)) => First::Period,
        (Some(_), None) => First::Runtime,
        _ if asked.period >= found.period => First::Period,
        _ => First::Runtime,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(runtime_us: u64, period_us: u64) -> RtBudget {
        RtBudget { runtime: Some(Span::from_us(runtime_us)), period: Span::from_us(period_us) }
    }

    /// Whether a/b <= c/d.
    fn at_most(a: (u64, u64), c: (u64, u64)) -> bool {
        u128::from(a.0) * u128::from(c.1) <= u128::from(c.0) * u128::from(a.1)
    }

    proptest! {
        #[test]
        fn in_between_never_more_than_before_or_after(
            old_period in 1u64..10_000_000, old_part in 0u64..=1000,
            new_period in 1u64..10_000_000, new_part in 0u64..=1000,
        ) {
            let old = (old_period * old_part / 1000, old_period);
            let new = (new_period * new_part / 1000, new_period);
            let between = match write_order(budget(old.0, old.1), budget(new.0, new.1)) {
                First::Period => (old.0, new.1),
                First::Runtime => (new.0, old.1),
            };
            prop_assert!(between.0 <= between.1, "the kernel would refuse {between:?}");
            prop_assert!(at_most(between, old) || at_most(between, new));
        }
    }

    #[test]
    fn the_period_of_an_unlimited_group_is_written_while_it_is_unlimited() {
        let unlimited = RtBudget { runtime: None, period: Span::from_ms(1) };
        assert_eq!(write_order(unlimited, budget(6_000, 20_000)), First::Period);
        assert_eq!(write_order(budget(6_000, 20_000), unlimited), First::Runtime);
    }

    #[test]
    fn a_budget_reads_like_a_reservation() {
        assert_eq!(budget(6_000, 20_000).to_string(), "6ms every 20ms");
        let json = serde_json::to_string(&budget(6_000, 20_000)).unwrap();
        assert_eq!(json, r#"{"runtime_ns":6000000,"period_ns":20000000}"#);
    }
}
