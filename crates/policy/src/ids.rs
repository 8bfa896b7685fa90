// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of capsules, threads and servers. Dense numbers that the driver chooses, so that looking
//! one up is an index and nothing on the hot path hashes or allocates.

use std::fmt;

use evenkeel_model::CpuIndex;
use serde::{Deserialize, Serialize};

/// Largest number of a capsule. 64 servers fit on one CPU and 128 CPUs in one policy, so 8192
/// servers is all there can be; half as many capsules leaves two CPUs for each on a full host.
pub const CAPSULES_MAX: u32 = 4095;
/// Largest number of a thread: a host with 4096 capsules of sixteen threads.
pub const THREADS_MAX: u32 = 65_535;

/// A capsule. Zero is the class of threads outside all capsules.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct CapsuleId(pub u32);

impl CapsuleId {
    /// The class of threads outside all capsules. It always exists, on every CPU.
    pub const BEST_EFFORT: CapsuleId = CapsuleId(0);

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Its place among equal deadlines: lower numbers first, threads outside capsules last.
    pub(crate) const fn rank(self) -> u32 {
        self.0.wrapping_sub(1)
    }
}

impl fmt::Display for CapsuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            CapsuleId::BEST_EFFORT => f.pad("best effort"),
            CapsuleId(number) => f.pad(&format!("capsule {number}")),
        }
    }
}

/// A thread.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ThreadId(pub u32);

impl ThreadId {
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("thread {}", self.0))
    }
}

/// The server of one capsule on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerId {
    /// Whose.
    pub capsule: CapsuleId,
    /// Where.
    pub cpu: CpuIndex,
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} on CPU {}", self.capsule, self.cpu))
    }
}

#[cfg(test)]
mod tests {
    use super::CapsuleId;

    #[test]
    fn best_effort_loses_every_tie() {
        assert!(CapsuleId(1).rank() < CapsuleId(2).rank());
        assert!(CapsuleId(4095).rank() < CapsuleId::BEST_EFFORT.rank());
    }
}
