// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether the caller may change what the other checks talk about.

use super::Finding;

const ID: &str = "privileges";

/// Without root every check still runs, and sees less.
pub(super) fn check(root: bool) -> Option<Finding> {
    (!root).then(|| {
        Finding::info(
            ID,
            "not root: /dev/kvm is checked for this user, debugfs and the files of other users' \
             processes may stay unseen",
            "Reading needs no root; capsules are made, changed and deleted as root.",
        )
        .with_fix("sudo evenkeel doctor")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unprivileged_are_told() {
        assert!(check(true).is_none());
        assert!(check(false).is_some());
    }
}
