// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who pays for interrupts: the thread that happened to be interrupted, or nobody.

use evenkeel_kernel::facts::{ConfigValue, KernelConfig};

use super::Finding;

const ID: &str = "irq-time";

/// CONFIG_IRQ_TIME_ACCOUNTING decides.
pub(super) fn check(config: Option<&KernelConfig>) -> Finding {
    judge(config.map(|config| config.get("CONFIG_IRQ_TIME_ACCOUNTING") == ConfigValue::Yes))
}

fn judge(accounted: Option<bool>) -> Finding {
    match accounted {
        Some(true) => Finding::ok(ID, "interrupt time is accounted apart from threads"),
        Some(false) => Finding::warning(
            ID,
            "interrupt time is charged to whoever is interrupted (CONFIG_IRQ_TIME_ACCOUNTING is \
             not set)",
            "Packets for one VM, received in softirq, use up the budget of another.",
        )
        .with_fix(
            "give every VM a network context of its own: evenkeel capsule attach NAME VM --netdev \
             DEVICE",
        ),
        None => Finding::info(
            ID,
            "who pays for interrupts is unknown: the kernel's configuration cannot be read",
            "Distribution kernels charge whoever is interrupted.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn charging_the_interrupted_has_a_remedy() {
        assert_eq!(judge(Some(true)).severity, Severity::Ok);
        assert!(judge(Some(false)).fix.unwrap().contains("--netdev"));
        assert_eq!(judge(None).severity, Severity::Info);
    }
}
