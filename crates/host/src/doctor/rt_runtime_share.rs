// SPDX-License-Identifier: MIT OR Apache-2.0
//! RT_RUNTIME_SHARE: whether real-time groups borrow budget from other CPUs.

use evenkeel_kernel::features;

use super::Finding;

const ID: &str = "rt-runtime-share";

/// Off since Linux 5.10; on before, and wherever somebody switched it.
pub(super) fn check() -> Option<Finding> {
    judge(features::rt_runtime_share())
}

fn judge(on: Option<bool>) -> Option<Finding> {
    match on {
        Some(true) => Some(
            Finding::problem(
                ID,
                "real-time groups borrow budget from other CPUs (RT_RUNTIME_SHARE is on)",
                "A capsule can then exceed its budget on one CPU, up to the whole CPU.",
            )
            .with_fix("echo NO_RT_RUNTIME_SHARE > /sys/kernel/debug/sched/features"),
        ),
        Some(false) => Some(Finding::ok(ID, "real-time groups borrow nothing from other CPUs")),
        // debugfs is often not mounted, and the feature off for years: not worth a line.
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn borrowing_breaks_the_limit() {
        assert_eq!(judge(Some(true)).unwrap().severity, Severity::Problem);
        assert_eq!(judge(Some(false)).unwrap().severity, Severity::Ok);
        assert_eq!(judge(None), None);
    }
}
