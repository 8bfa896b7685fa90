// SPDX-License-Identifier: MIT OR Apache-2.0
//! The scheduler feature RT_RUNTIME_SHARE: whether a real-time group may borrow the budget that it
//! does not use on other CPUs.

use std::path::Path;

use super::optional;
use crate::pseudo_file::FileError;

/// Where debugfs is mounted by every distribution.
const PATH: &str = "/sys/kernel/debug/sched/features";

/// Whether it is on; `None` where debugfs is not mounted or may not be read.
pub fn rt_runtime_share() -> Option<bool> {
    from_features(&readable(optional(Path::new(PATH)))?)
}

/// Not being allowed to look is not knowing.
fn readable(text: Result<Option<String>, FileError>) -> Option<String> {
    text.ok().flatten()
}

fn from_features(text: &str) -> Option<bool> {
    text.split_ascii_whitespace().find_map(|feature| match feature {
        "RT_RUNTIME_SHARE" => Some(true),
        "NO_RT_RUNTIME_SHARE" => Some(false),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_says_off() {
        assert_eq!(from_features("PLACE_LAG NO_RT_RUNTIME_SHARE NO_HRTICK"), Some(false));
        assert_eq!(from_features("RT_RUNTIME_SHARE"), Some(true));
        assert_eq!(from_features("PLACE_LAG"), None);
    }
}
