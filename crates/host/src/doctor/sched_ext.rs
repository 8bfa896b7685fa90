// SPDX-License-Identifier: MIT OR Apache-2.0
//! sched_ext: whether the kernel has it, and whether somebody's scheduler is loaded.

use evenkeel_kernel::features::{self, SchedExt};

use super::Finding;

const ID: &str = "sched-ext";

/// It does not touch real-time groups; it is what a later enforcer needs.
pub(super) fn check() -> Finding {
    match features::sched_ext() {
        Ok(found) => judge(found.as_ref()),
        Err(error) => Finding::unseen(ID, "the state of sched_ext", &error),
    }
}

fn judge(found: Option<&SchedExt>) -> Finding {
    match found {
        None => Finding::info(
            ID,
            "this kernel has no sched_ext (CONFIG_SCHED_CLASS_EXT)",
            "Real-time groups do not need it.",
        ),
        Some(SchedExt { scheduler: Some(name), state }) => Finding::info(
            ID,
            format!("the sched_ext scheduler '{name}' is loaded ({state})"),
            "It schedules what is in no capsule; real-time groups run before it.",
        ),
        Some(SchedExt { scheduler: None, state }) => {
            Finding::ok(ID, format!("sched_ext is there and {state}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_loaded_scheduler_is_named() {
        assert_eq!(judge(None).severity, Severity::Info);
        let state = "enabled".to_owned();
        let loaded = SchedExt { state, scheduler: Some("rusty".to_owned()) };
        assert!(judge(Some(&loaded)).what.contains("'rusty' is loaded"));
        let idle = SchedExt { state: "disabled".to_owned(), scheduler: None };
        assert_eq!(judge(Some(&idle)).severity, Severity::Ok);
    }
}
