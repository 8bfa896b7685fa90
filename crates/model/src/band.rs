// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bands of real-time priorities: one capsule's roles, never interleaved with another's.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Role;

/// How many bands fit: SCHED_FIFO and SCHED_RR have priorities 1 to 99
/// (include/uapi/linux/sched/types.h), six roles make a band, and 97 to 99 stay free for the host's
/// own watchdogs. ⌊96 / 6⌋ = 16.
pub const BANDS_MAX: u8 = 16;

/// The six consecutive real-time priorities of one capsule. A higher band outranks a lower one
/// whatever the roles, which is what makes capsules rate monotonic among each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Band(u8);

impl Band {
    /// Band `index`, 0 (lowest) to 15; `None` beyond.
    pub const fn new(index: u8) -> Option<Band> {
        if index < BANDS_MAX { Some(Band(index)) } else { None }
    }

    /// 0 (lowest) to 15 (highest).
    pub const fn index(self) -> u8 {
        self.0
    }

    /// The real-time priority of `role` in this band, 1 to 96.
    pub const fn priority(self, role: Role) -> u8 {
        1 + self.0 * Role::COUNT + role.level()
    }
}

impl TryFrom<u8> for Band {
    type Error = String;

    fn try_from(index: u8) -> Result<Band, String> {
        Band::new(index)
            .ok_or_else(|| format!("band {index} is beyond the last, {}", BANDS_MAX - 1))
    }
}

impl From<Band> for u8 {
    fn from(band: Band) -> u8 {
        band.0
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_do_not_interleave_and_stay_below_the_watchdogs() {
        let mut last = 0;
        for index in 0..BANDS_MAX {
            let band = Band::new(index).unwrap();
            for role in Role::ALL.iter().rev() {
                let priority = band.priority(*role);
                assert_eq!(priority, last + 1);
                last = priority;
            }
        }
        assert_eq!(last, 96);
        assert_eq!(Band::new(16), None);
    }
}
