// SPDX-License-Identifier: MIT OR Apache-2.0
//! Swap: a budget of CPU time does not shorten the wait for a page.

use evenkeel_kernel::features;

use super::Finding;

const ID: &str = "swap";

/// Looks for swap areas in use.
pub(super) fn check() -> Option<Finding> {
    match features::swap_areas() {
        Ok(areas) => judge(&areas),
        Err(error) => Some(Finding::unseen(ID, "the swap areas", &error)),
    }
}

fn judge(areas: &[String]) -> Option<Finding> {
    if areas.is_empty() {
        return None;
    }
    Some(
        Finding::info(
            ID,
            format!("memory may be swapped to {}", areas.join(", ")),
            "A thread that waits for its memory uses none of its budget and is late all the same.",
        )
        .with_fix(
            "lock the memory of VMs with deadlines (QEMU: -overcommit mem-lock=on), or swapoff -a",
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_swap_is_nothing_to_say() {
        assert_eq!(judge(&[]), None);
        assert!(judge(&["/dev/sda2".to_owned()]).unwrap().what.ends_with("/dev/sda2"));
    }
}
