// SPDX-License-Identifier: MIT OR Apache-2.0
//! sched_ext: whether the kernel has it, whose scheduler is loaded, and whether ours is where it has
//! capsules to keep.

use evenkeel_sched::ScxError;
use evenkeel_sched::scx::running::{self, Running};

use super::Finding;

const ID: &str = "sched-ext";

/// What was found of our scheduler.
struct Ours {
    /// How many capsules it keeps, or kept until it left.
    capsules: usize,
    /// Why it left, if it did.
    why: Option<String>,
    /// It runs and is of another build than this program's.
    other_build: bool,
}

/// Looks at what runs and at what ours has left behind.
pub(super) fn check() -> Finding {
    match look() {
        Ok((found, ours)) => judge(&found, &ours),
        Err(error) => Finding::unseen(ID, "the state of sched_ext", &error),
    }
}

fn look() -> Result<(Running, Ours), ScxError> {
    let found = running::look()?;
    let capsules = match running::known() {
        Ok(Some(known)) => known.capsules()?.len(),
        // Without rights its maps cannot be opened; whether it runs can be seen all the same.
        Ok(None) | Err(_) => 0,
    };
    let other_build = running::is_of_another_build().unwrap_or(false);
    Ok((found, Ours { capsules, why: running::why_not(), other_build }))
}

fn judge(found: &Running, ours: &Ours) -> Finding {
    let kept = match ours.capsules {
        1 => "1 capsule".to_owned(),
        n => format!("{n} capsules"),
    };
    let stands_in = "Until it is loaded again nothing is guaranteed: a cap and a weight stand in \
                     (cpu.max, cpu.weight).";
    match found {
        Running::Impossible(why) => {
            Finding::info(ID, why.clone(), "Real-time groups do not need it.")
        }
        Running::Ours if ours.other_build => Finding::info(
            ID,
            format!("our sched_ext scheduler of another build is loaded and keeps {kept}"),
            "The next change to any capsule puts this program's in its place.",
        ),
        Running::Ours => {
            Finding::ok(ID, format!("our sched_ext scheduler is loaded and keeps {kept}"))
        }
        Running::Foreign(name) if ours.capsules > 0 => Finding::problem(
            ID,
            format!(
                "the sched_ext scheduler '{name}' is loaded in place of ours, which has {kept}"
            ),
            stands_in,
        )
        .with_fix(format!("stop '{name}'; the next change to any capsule loads ours again")),
        Running::Foreign(name) => Finding::info(
            ID,
            format!("the sched_ext scheduler '{name}' is loaded"),
            "It schedules what is in no capsule, and there is no enforcer scx beside it; real-time \
             groups run before it.",
        ),
        Running::Nothing if ours.capsules > 0 => {
            let why = ours.why.as_ref().map_or(String::new(), |why| format!(" ({why})"));
            Finding::problem(
                ID,
                format!("our sched_ext scheduler has left the kernel{why}: it has {kept}"),
                stands_in,
            )
            .with_fix(
                "the next change to any capsule loads it again, for instance `evenkeel capsule \
                 attach NAME VM`",
            )
        }
        Running::Nothing => Finding::ok(ID, "sched_ext is there, and no scheduler is loaded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    fn ours(capsules: usize) -> Ours {
        Ours { capsules, why: Some("disabled by sysrq-S".to_owned()), other_build: false }
    }

    #[test]
    fn a_foreign_scheduler_is_named() {
        let foreign = Running::Foreign("rusty".to_owned());
        let alone = judge(&foreign, &ours(0));
        assert_eq!(alone.severity, Severity::Info);
        assert!(alone.what.contains("'rusty' is loaded"));
        let instead = judge(&foreign, &ours(2));
        assert_eq!(instead.severity, Severity::Problem);
        assert!(instead.what.contains("which has 2 capsules"));
    }

    #[test]
    fn ours_is_missed_only_where_it_has_capsules() {
        assert_eq!(judge(&Running::Nothing, &ours(0)).severity, Severity::Ok);
        let left = judge(&Running::Nothing, &ours(1));
        assert_eq!(left.severity, Severity::Problem);
        assert!(left.what.contains("(disabled by sysrq-S): it has 1 capsule"), "{}", left.what);
        assert_eq!(judge(&Running::Ours, &ours(1)).severity, Severity::Ok);
        let other = judge(&Running::Ours, &Ours { other_build: true, ..ours(1) });
        assert_eq!(other.severity, Severity::Info);
    }
}
