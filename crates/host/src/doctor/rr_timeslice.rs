// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns of SCHED_RR: how long one busy thread of a capsule keeps its siblings waiting.

use evenkeel_kernel::features;
use evenkeel_model::Span;

use super::Finding;

const ID: &str = "rr-timeslice";

/// Longest turn that is not worth a word: half of 20 ms, the shortest period that is good at
/// HZ=250, so that two busy threads of one role both run in every other period at the latest. The
/// kernel's default is 100 ms.
const TURN_GOOD_MAX: Span = Span::from_ms(10);

/// User threads of one role in one capsule take turns.
pub(super) fn check() -> Option<Finding> {
    match features::rr_timeslice() {
        Ok(turn) => turn.and_then(judge),
        Err(error) => Some(Finding::unseen(ID, "the length of a turn", &error)),
    }
}

fn judge(turn: Span) -> Option<Finding> {
    if turn <= TURN_GOOD_MAX {
        return None;
    }
    Some(
        Finding::info(
            ID,
            format!("threads of one role in a capsule take turns of {turn} on a CPU"),
            "A turn is CPU time: of a small budget it lasts several periods, while the VM's other \
             threads of that role wait. Between capsules nothing changes.",
        )
        .with_fix("sysctl kernel.sched_rr_timeslice_ms=4"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_default_is_worth_a_word() {
        assert_eq!(judge(Span::from_ms(4)), None);
        assert_eq!(judge(Span::from_ms(10)), None);
        assert!(judge(Span::from_ms(100)).unwrap().what.contains("turns of 100ms"));
    }
}
