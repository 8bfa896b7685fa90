// SPDX-License-Identifier: MIT OR Apache-2.0
//! The preemption model: how long kernel code of others may delay a capsule that becomes ready.

use evenkeel_kernel::facts::{self, Preemption};

use super::Finding;

const ID: &str = "preemption";

/// Asks the kernel.
pub(super) fn check() -> Option<Finding> {
    facts::preemption().map(judge)
}

fn judge(model: Preemption) -> Finding {
    let what = format!("the preemption model is {model}");
    match model {
        Preemption::Full | Preemption::Realtime => Finding::ok(ID, what),
        Preemption::None | Preemption::Voluntary | Preemption::Lazy => Finding::info(
            ID,
            what,
            "A long system call of any process delays a capsule on its CPU; no budget is lost, \
             only time until it starts.",
        )
        .with_fix("boot with the parameter preempt=full, on a kernel with CONFIG_PREEMPT_DYNAMIC"),
    }
}
