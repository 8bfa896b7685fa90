// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sets of CPUs in the kernel's list form (`0-3,8`).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Largest CPU number accepted; CONFIG_NR_CPUS is at most 8192 on x86-64 (arch/x86/Kconfig).
pub const CPU_INDEX_MAX: u32 = 8191;

/// The number of one CPU, as in `/sys/devices/system/cpu/cpuN`. An index, not a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CpuIndex(pub u32);

impl fmt::Display for CpuIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A set of CPUs. Serialised as its list form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CpuSet(BTreeSet<CpuIndex>);

/// Why a text is not a CPU set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpuSetError {
    /// Not a list of numbers and ranges.
    #[error("'{0}' is not a CPU list; write for example 0, 0-3 or 0-3,8")]
    Malformed(String),
    /// A CPU number beyond [`CPU_INDEX_MAX`].
    #[error("CPU {0} is beyond the largest CPU number, {CPU_INDEX_MAX}")]
    TooLarge(u64),
    /// A range whose end comes first.
    #[error("the CPU range {0}-{1} runs backwards")]
    Backwards(u32, u32),
}

impl CpuSet {
    /// The set without CPUs.
    pub const fn empty() -> CpuSet {
        CpuSet(BTreeSet::new())
    }

    /// The set of one CPU.
    pub fn single(cpu: CpuIndex) -> CpuSet {
        CpuSet(BTreeSet::from([cpu]))
    }

    /// Whether no CPU is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many CPUs are in it.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether `cpu` is in it.
    pub fn contains(&self, cpu: CpuIndex) -> bool {
        self.0.contains(&cpu)
    }

    /// Its CPUs, smallest first.
    pub fn iter(&self) -> impl Iterator<Item = CpuIndex> + '_ {
        self.0.iter().copied()
    }

    /// The CPUs of `self` that `other` lacks.
    pub fn difference(&self, other: &CpuSet) -> CpuSet {
        CpuSet(self.0.difference(&other.0).copied().collect())
    }

    /// The CPUs of both.
    pub fn intersection(&self, other: &CpuSet) -> CpuSet {
        CpuSet(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether every CPU of `self` is in `other`.
    pub fn is_subset(&self, other: &CpuSet) -> bool {
        self.0.is_subset(&other.0)
    }
}

impl FromIterator<CpuIndex> for CpuSet {
    fn from_iter<I: IntoIterator<Item = CpuIndex>>(cpus: I) -> CpuSet {
        CpuSet(cpus.into_iter().collect())
    }
}

impl FromStr for CpuSet {
    type Err = CpuSetError;

    /// Reads the kernel's list form. The empty text is the empty set, as in `cpulist` files.
    fn from_str(text: &str) -> Result<CpuSet, CpuSetError> {
        let malformed = || CpuSetError::Malformed(text.to_owned());
        let number = |part: &str| -> Result<u32, CpuSetError> {
            let n: u64 = part.parse().map_err(|_| malformed())?;
            match u32::try_from(n) {
                Ok(n) if n <= CPU_INDEX_MAX => Ok(n),
                _ => Err(CpuSetError::TooLarge(n)),
            }
        };
        let mut cpus = BTreeSet::new();
        let text_trimmed = text.trim();
        if text_trimmed.is_empty() {
            return Ok(CpuSet(cpus));
        }
        for part in text_trimmed.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(CpuSetError::Backwards(first, last));
            }
            cpus.extend((first..=last).map(CpuIndex));
        }
        Ok(CpuSet(cpus))
    }
}

impl TryFrom<String> for CpuSet {
    type Error = CpuSetError;

    fn try_from(text: String) -> Result<CpuSet, CpuSetError> {
        text.parse()
    }
}

impl From<CpuSet> for String {
    fn from(set: CpuSet) -> String {
        set.to_string()
    }
}

impl fmt::Display for CpuSet {
    /// The kernel's list form, ranges joined.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for CpuIndex(cpu) in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == cpu => *last = cpu,
                _ => ranges.push((cpu, cpu)),
            }
        }
        let parts: Vec<String> = ranges
            .into_iter()
            .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
            .collect();
        f.pad(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_form_round_trips() {
        for text in ["", "0", "0-3", "0-3,8", "1,3,5-6"] {
            assert_eq!(text.parse::<CpuSet>().unwrap().to_string(), text);
        }
        assert_eq!("3,1,2".parse::<CpuSet>().unwrap().to_string(), "1-3");
    }

    #[test]
    fn bad_lists_are_refused() {
        for text in ["a", "0-", "-1", "0,,1", "0 1"] {
            assert!(matches!(text.parse::<CpuSet>(), Err(CpuSetError::Malformed(_))), "{text}");
        }
        assert_eq!("3-1".parse::<CpuSet>(), Err(CpuSetError::Backwards(3, 1)));
        assert_eq!("0-99999999999".parse::<CpuSet>(), Err(CpuSetError::TooLarge(99_999_999_999)));
    }
}
