// SPDX-License-Identifier: MIT OR Apache-2.0
//! A set of CPUs in one machine word, for affinities on the hot path. The text and JSON form is that
//! of [`CpuSet`].

use std::fmt;
use std::ops::BitAnd;

use evenkeel_model::{CpuIndex, CpuSet};
use serde::{Deserialize, Serialize};

/// How many CPUs one policy schedules: the bits of a mask. A larger host is several policies, one
/// for each part of it: servers are partitioned anyway.
pub const CPUS_MAX: u32 = u128::BITS;

/// CPUs 0 to 127, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "CpuSet", into = "CpuSet")]
pub struct CpuMask(u128);

/// A CPU that a mask has no bit for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CPU {0} is beyond the last CPU of a policy, {last}", last = CPUS_MAX - 1)]
pub struct CpuMaskError(pub CpuIndex);

impl CpuMask {
    /// No CPU.
    pub const EMPTY: CpuMask = CpuMask(0);

    /// One CPU; none where its number is [`CPUS_MAX`] or more.
    pub const fn single(cpu: CpuIndex) -> CpuMask {
        match 1_u128.checked_shl(cpu.0) {
            Some(bit) => CpuMask(bit),
            None => CpuMask::EMPTY,
        }
    }

    /// CPUs 0 to `count - 1`, at most [`CPUS_MAX`] of them.
    pub const fn first(count: u32) -> CpuMask {
        match 1_u128.checked_shl(count) {
            Some(bit) => CpuMask(bit - 1),
            None => CpuMask(u128::MAX),
        }
    }

    /// Whether no CPU is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many CPUs are in it.
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether `cpu` is in it.
    pub const fn contains(self, cpu: CpuIndex) -> bool {
        self.0 & CpuMask::single(cpu).0 != 0
    }

    /// Whether every CPU of `self` is in `other`.
    pub const fn is_subset(self, other: CpuMask) -> bool {
        self.0 & !other.0 == 0
    }

    /// The CPUs of `self` that `other` lacks.
    pub const fn without(self, other: CpuMask) -> CpuMask {
        CpuMask(self.0 & !other.0)
    }

    /// The CPUs of either.
    pub const fn union(self, other: CpuMask) -> CpuMask {
        CpuMask(self.0 | other.0)
    }

    /// Its CPUs, smallest first.
    pub fn iter(self) -> impl Iterator<Item = CpuIndex> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let cpu = left.trailing_zeros();
            left &= left.checked_sub(1)?;
            Some(CpuIndex(cpu))
        })
    }
}

impl BitAnd for CpuMask {
    type Output = CpuMask;

    fn bitand(self, other: CpuMask) -> CpuMask {
        CpuMask(self.0 & other.0)
    }
}

impl TryFrom<&CpuSet> for CpuMask {
    type Error = CpuMaskError;

    fn try_from(set: &CpuSet) -> Result<CpuMask, CpuMaskError> {
        let mut mask = CpuMask::EMPTY;
        for cpu in set.iter() {
            let bit = CpuMask::single(cpu);
            if bit.is_empty() {
                return Err(CpuMaskError(cpu));
            }
            mask = mask.union(bit);
        }
        Ok(mask)
    }
}

impl TryFrom<CpuSet> for CpuMask {
    type Error = CpuMaskError;

    fn try_from(set: CpuSet) -> Result<CpuMask, CpuMaskError> {
        CpuMask::try_from(&set)
    }
}

impl From<CpuMask> for CpuSet {
    fn from(mask: CpuMask) -> CpuSet {
        mask.iter().collect()
    }
}

impl fmt::Display for CpuMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&CpuSet::from(*self), f)
    }
}

impl fmt::Debug for CpuMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("CpuMask({self})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_has_its_cpu_and_no_other() {
        let mask = CpuMask::single(CpuIndex(0)).union(CpuMask::single(CpuIndex(127)));
        assert_eq!(mask.iter().collect::<Vec<_>>(), [CpuIndex(0), CpuIndex(127)]);
        assert!(CpuMask::single(CpuIndex(128)).is_empty());
        assert_eq!(CpuMask::first(128).len(), 128);
        assert_eq!(CpuMask::first(3).to_string(), "0-2");
        assert_eq!(CpuMask::EMPTY.iter().count(), 0);
    }

    #[test]
    fn json_is_the_list_form() {
        let mask = CpuMask::first(4);
        let json = serde_json::to_string(&mask).unwrap();
        assert_eq!(json, r#""0-3""#);
        assert_eq!(serde_json::from_str::<CpuMask>(&json).unwrap(), mask);
        assert!(serde_json::from_str::<CpuMask>(r#""128""#).is_err());
    }
}
