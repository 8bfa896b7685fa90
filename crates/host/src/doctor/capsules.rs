// SPDX-License-Identifier: MIT OR Apache-2.0
//! Capsules on record whose guarantee is broken, and groups of ours that nobody has on record.

use evenkeel_model::{CapsuleName, EnforcerKind, Span};

use super::Finding;
use crate::view::{CapsuleStatus, CapsuleSummary};
use crate::{Host, HostError, HostOptions};

const ID: &str = "capsules";

/// Most violations of one capsule that are named; the rest is counted, and `show` names them all.
const VIOLATIONS_NAMED_MAX: usize = 4;

/// Compares the state file with the kernel.
pub(super) fn check() -> Vec<Finding> {
    match look() {
        Ok(capsules) => judge(&capsules),
        Err(error) => vec![Finding::unseen(ID, "the record of capsules", &error)],
    }
}

/// The guarantee that capsules on record have, if there are any.
pub(super) fn in_use() -> Option<EnforcerKind> {
    let host = Host::open(HostOptions::default()).ok()?;
    let state = host.load().ok()?;
    let kinds = [EnforcerKind::Rtgroup, EnforcerKind::Scx];
    kinds.into_iter().find(|kind| state.capsules.values().any(|record| record.enforcer == *kind))
}

/// A capsule, and what breaks its guarantee now, in words.
struct Seen {
    summary: CapsuleSummary,
    violations: Vec<String>,
}

fn look() -> Result<Vec<Seen>, HostError> {
    let host = Host::open(HostOptions::default())?;
    let mut capsules = Vec::new();
    for summary in host.list()? {
        let violations = match summary.status {
            CapsuleStatus::InForce => match host.show(&summary.name, Span::ZERO) {
                Ok(view) => view.violations,
                // Deleted since it was listed.
                Err(HostError::NoSuchCapsule { .. }) => continue,
                Err(error) => return Err(error),
            },
            // The status itself says it.
            _ => Vec::new(),
        };
        capsules.push(Seen { summary, violations });
    }
    Ok(capsules)
}

fn judge(capsules: &[Seen]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = capsules.iter().flat_map(judge_one).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            ID,
            match capsules.len() {
                0 => "no capsules".to_owned(),
                1 => "1 capsule, in force".to_owned(),
                n => format!("{n} capsules, all in force"),
            },
        ));
    }
    findings
}

fn judge_one(seen: &Seen) -> Vec<Finding> {
    let capsule = &seen.summary;
    let name = &capsule.name;
    let delete = format!("evenkeel capsule delete {name}");
    let mut findings: Vec<Finding> = judge_violations(name, &seen.violations).into_iter().collect();
    match capsule.status {
        CapsuleStatus::InForce => {}
        CapsuleStatus::HalfDone => findings.push(
            Finding::warning(
                ID,
                format!("an operation on capsule '{name}' was interrupted"),
                "The next change to any capsule clears it up.",
            )
            .with_fix(delete.clone()),
        ),
        CapsuleStatus::GroupMissing => findings.push(
            Finding::problem(
                ID,
                format!("capsule '{name}' is on record, and its group is gone"),
                "Somebody removed it: nothing is reserved for this capsule.",
            )
            .with_fix(format!("{delete}, and create it again")),
        ),
        CapsuleStatus::Orphan => findings.push(
            Finding::warning(
                ID,
                format!("group evenkeel-{name} belongs to no capsule on record"),
                "It may hold bandwidth that nobody uses.",
            )
            .with_fix(delete.clone()),
        ),
    }
    if capsule.run.is_some_and(|run| run.gone) {
        findings.push(
            Finding::warning(
                ID,
                format!("capsule '{name}' was made by `evenkeel run`, which was killed"),
                "Its reservation stays in force.",
            )
            .with_fix(delete.clone()),
        );
    }
    let gone: Vec<&str> =
        capsule.vms.iter().filter(|vm| vm.gone).map(|vm| vm.label.as_str()).collect();
    if !gone.is_empty() {
        findings.push(
            Finding::info(
                ID,
                format!("capsule '{name}' holds a VM that has ended: {}", gone.join(", ")),
                "",
            )
            .with_fix(format!("evenkeel capsule detach {name}")),
        );
    }
    findings
}

/// Threads and network devices that are not as they were set.
fn judge_violations(name: &CapsuleName, violations: &[String]) -> Option<Finding> {
    if violations.is_empty() {
        return None;
    }
    let mut named: Vec<&str> =
        violations.iter().take(VIOLATIONS_NAMED_MAX).map(String::as_str).collect();
    let more = format!("{} more", violations.len().saturating_sub(VIOLATIONS_NAMED_MAX));
    if violations.len() > VIOLATIONS_NAMED_MAX {
        named.push(&more);
    }
    Some(
        Finding::problem(
            ID,
            format!("capsule '{name}' is not as it was set: {}", named.join("; ")),
            "What is outside, or has another policy or other CPUs, is neither guaranteed nor \
             limited.",
        )
        .with_fix(format!(
            "evenkeel capsule show {name}, then attach its VM again: evenkeel capsule attach \
             {name} VM"
        )),
    )
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::Pid;
    use evenkeel_model::{CpuSet, NetworkContextKind};

    use super::*;
    use crate::RunView;
    use crate::doctor::Severity;

    fn seen(status: CapsuleStatus) -> Seen {
        let summary = CapsuleSummary {
            name: "web".parse().unwrap(),
            status,
            reservation: None,
            bandwidth_ppb: None,
            cpus: CpuSet::empty(),
            parent: None,
            enforcer: Some(EnforcerKind::Rtgroup),
            context: NetworkContextKind::Shared,
            vms: Vec::new(),
            netdevs: Vec::new(),
            thread_count: 0,
            run: None,
        };
        Seen { summary, violations: Vec::new() }
    }

    fn severities(seen: Seen) -> Vec<Severity> {
        judge(&[seen]).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_capsule_in_force_is_ok_and_a_missing_group_is_a_problem() {
        assert_eq!(severities(seen(CapsuleStatus::InForce)), [Severity::Ok]);
        assert_eq!(severities(seen(CapsuleStatus::GroupMissing)), [Severity::Problem]);
        assert_eq!(severities(seen(CapsuleStatus::Orphan)), [Severity::Warning]);
        assert_eq!(severities(seen(CapsuleStatus::HalfDone)), [Severity::Warning]);
        assert_eq!(judge(&[])[0].what, "no capsules");
    }

    #[test]
    fn a_killed_run_still_holds_its_reservation() {
        let mut killed = seen(CapsuleStatus::InForce);
        killed.summary.run = Some(RunView { pid: Pid(7), gone: true });
        assert_eq!(severities(killed), [Severity::Warning]);
    }

    #[test]
    fn violations_are_named_up_to_a_point() {
        let mut broken = seen(CapsuleStatus::InForce);
        broken.violations = (0..6).map(|n| format!("thread {n} is outside the capsule")).collect();
        let findings = judge(&[broken]);
        assert_eq!(findings[0].severity, Severity::Problem);
        assert!(findings[0].what.ends_with("thread 3 is outside the capsule; 2 more"));
    }
}
