// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real-time bandwidth: the host's ceiling, the groups that hold some of it, what is left.
//!
//! The kernel admits a group if the sum of Q/P over all groups, on whatever CPUs, stays within the
//! root's limit (kernel/sched/rt.c, `tg_rt_schedulable`): what is left is one number for the whole
//! host. A group inside another is part of its share, so only those at the top count.

use std::path::Path;

use evenkeel_kernel::cgroup::{Cgroup, CgroupError};
use evenkeel_kernel::rt_limits::{self, RtLimits};
use evenkeel_model::{Bandwidth, Span};
use serde::Serialize;

use super::Finding;

const ID: &str = "rt-ceiling";
/// Groups that are not capsules.
const ID_FOREIGN: &str = "rt-groups-foreign";

/// The prefix of the directory of every capsule's group.
pub(super) const CAPSULE_PREFIX: &str = "evenkeel-";

/// Real-time bandwidth of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RtBudget {
    /// What all groups together may have of each CPU.
    pub ceiling_ppb: Bandwidth,
    /// What can still be reserved, on every CPU.
    pub left_ppb: Bandwidth,
    /// The groups that hold some, capsules and others.
    pub groups: Vec<RtGroup>,
}

/// A group that holds real-time bandwidth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RtGroup {
    /// Its directory in the root of the hierarchy.
    pub directory: String,
    /// Whether it is a capsule's.
    pub capsule: bool,
    /// Budget.
    pub budget_ns: Span,
    /// Period.
    pub period_ns: Span,
    /// ⌈Q/P⌉.
    pub bandwidth_ppb: Bandwidth,
}

/// Looks at the ceiling, and where there are real-time groups at who holds them.
pub(super) fn check(hierarchy: Option<&Path>, findings: &mut Vec<Finding>) -> Option<RtBudget> {
    let limits = match rt_limits::read() {
        Ok(limits) => limits,
        Err(error) => {
            findings.push(Finding::unseen(ID, "the ceiling of real-time work", &error));
            return None;
        }
    };
    let Some(hierarchy) = hierarchy else {
        findings.push(judge_ceiling(&limits, None));
        return None;
    };
    let groups = match groups(hierarchy) {
        Ok(groups) => groups,
        Err(error) => {
            findings.push(Finding::unseen(ID_FOREIGN, "the real-time groups", &error));
            Vec::new()
        }
    };
    let budget = budget(&limits, groups);
    findings.push(judge_ceiling(&limits, Some(&budget)));
    findings.extend(judge_foreign(&budget.groups));
    Some(budget)
}

/// The groups at the top of the hierarchy that hold bandwidth.
fn groups(hierarchy: &Path) -> Result<Vec<RtGroup>, CgroupError> {
    let mut groups = Vec::new();
    for group in Cgroup::at(hierarchy).subgroups()? {
        // A group may go while we look; then it holds nothing.
        let Ok(rt) = group.rt() else { continue };
        let Some(budget) = rt.runtime.filter(|budget| *budget > Span::ZERO) else { continue };
        let directory = group.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let directory = directory.unwrap_or_default();
        groups.push(RtGroup {
            capsule: directory.starts_with(CAPSULE_PREFIX),
            directory,
            budget_ns: budget,
            period_ns: rt.period,
            bandwidth_ppb: Bandwidth::of(budget, rt.period),
        });
    }
    groups.sort_by(|a, b| a.directory.cmp(&b.directory));
    Ok(groups)
}

fn budget(limits: &RtLimits, groups: Vec<RtGroup>) -> RtBudget {
    // Without a limit a group may still not have more than the whole CPU.
    let ceiling = limits.runtime.map_or(Bandwidth::ONE, |runtime| {
        Bandwidth::of(runtime, limits.period).min(Bandwidth::ONE)
    });
    let held: Bandwidth = groups.iter().map(|group| group.bandwidth_ppb).sum();
    RtBudget { ceiling_ppb: ceiling, left_ppb: ceiling.saturating_sub(held), groups }
}

fn judge_ceiling(limits: &RtLimits, budget: Option<&RtBudget>) -> Finding {
    let left = budget.map_or_else(String::new, |budget| {
        format!("; {} of a CPU is left to reserve", budget.left_ppb)
    });
    match limits.runtime {
        None => Finding::warning(
            ID,
            format!("real-time work has no ceiling (kernel.sched_rt_runtime_us is -1){left}"),
            "A capsule or a foreign real-time thread that spins can take a whole CPU for ever, \
             and with it the kernel's own threads there.",
        )
        .with_fix("sysctl kernel.sched_rt_runtime_us=950000"),
        Some(Span::ZERO) => Finding::problem(
            ID,
            "real-time work is forbidden (kernel.sched_rt_runtime_us is 0)",
            "No group can be given a budget.",
        )
        .with_fix("sysctl kernel.sched_rt_runtime_us=950000"),
        Some(runtime) => Finding {
            why: "The kernel counts every group on every CPU, wherever its threads run, and \
                  throttles all real-time work of a CPU that reaches the ceiling."
                .to_owned(),
            ..Finding::ok(
                ID,
                format!(
                    "real-time work may have {runtime} every {} ({}) of each CPU{left}",
                    limits.period,
                    Bandwidth::of(runtime, limits.period)
                ),
            )
        },
    }
}

fn judge_foreign(groups: &[RtGroup]) -> Option<Finding> {
    let foreign: Vec<&RtGroup> = groups.iter().filter(|group| !group.capsule).collect();
    if foreign.is_empty() {
        return None;
    }
    let held: Bandwidth = foreign.iter().map(|group| group.bandwidth_ppb).sum();
    let names: Vec<String> = foreign
        .iter()
        .map(|group| {
            format!("/{} ({} every {})", group.directory, group.budget_ns, group.period_ns)
        })
        .collect();
    let finding = Finding::warning(
        ID_FOREIGN,
        format!("groups that are not capsules hold {held} of each CPU: {}", names.join(", ")),
        "What they hold cannot be reserved, and the priorities of their threads are not ours: a \
         higher one delays capsules.",
    );
    Some(
        finding.with_fix("remove a group that is not needed: rmdir its directory once it is empty"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn group(directory: &str, budget_ms: u64, period_ms: u64) -> RtGroup {
        let (budget_ns, period_ns) = (Span::from_ms(budget_ms), Span::from_ms(period_ms));
        RtGroup {
            directory: directory.to_owned(),
            capsule: directory.starts_with(CAPSULE_PREFIX),
            budget_ns,
            period_ns,
            bandwidth_ppb: Bandwidth::of(budget_ns, period_ns),
        }
    }

    fn usual() -> RtLimits {
        RtLimits { runtime: Some(Span::from_ms(950)), period: Span::from_s(1) }
    }

    #[test]
    fn what_is_held_is_taken_off_the_ceiling() {
        let groups = vec![group("evenkeel-web", 6, 20), group("other", 10, 100)];
        let budget = budget(&usual(), groups);
        assert_eq!(budget.ceiling_ppb.to_string(), "95 %");
        assert_eq!(budget.left_ppb.to_string(), "55 %");
        let finding = judge_ceiling(&usual(), Some(&budget));
        assert_eq!(finding.severity, Severity::Ok);
        assert_eq!(
            finding.what,
            "real-time work may have 950ms every 1s (95 %) of each CPU; 55 % of a CPU is left to \
             reserve"
        );
    }

    #[test]
    fn foreign_groups_are_named_and_capsules_are_not() {
        assert_eq!(judge_foreign(&[group("evenkeel-web", 6, 20)]), None);
        let finding =
            judge_foreign(&[group("evenkeel-web", 6, 20), group("jack", 10, 100)]).unwrap();
        assert!(finding.what.ends_with("hold 10 % of each CPU: /jack (10ms every 100ms)"));
    }

    #[test]
    fn no_ceiling_is_a_warning_and_a_ban_a_problem() {
        let none = RtLimits { runtime: None, ..usual() };
        assert_eq!(judge_ceiling(&none, None).severity, Severity::Warning);
        assert_eq!(budget(&none, Vec::new()).ceiling_ppb, Bandwidth::ONE);
        let banned = RtLimits { runtime: Some(Span::ZERO), ..usual() };
        assert_eq!(judge_ceiling(&banned, None).severity, Severity::Problem);
    }
}
