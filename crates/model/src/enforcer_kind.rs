// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which backend makes the kernel honour a reservation.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The backends that exist. What each needs and promises stands in `evenkeel-sched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnforcerKind {
    /// sched_ext: hard constant bandwidth servers, EDF on each CPU, fixed priorities inside.
    Scx,
    /// Real-time groups: hard, rate monotonic among capsules, fixed priorities inside.
    Rtgroup,
    /// Fair-class quota and weight: a cap, no guarantee.
    Quota,
}

impl EnforcerKind {
    /// The lower-case word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            EnforcerKind::Scx => "scx",
            EnforcerKind::Rtgroup => "rtgroup",
            EnforcerKind::Quota => "quota",
        }
    }
}

impl fmt::Display for EnforcerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
