// SPDX-License-Identifier: MIT OR Apache-2.0
//! The quota of the fair class: `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1), `cpu.max` (v2).
//!
//! A cap and no guarantee; from Linux 6.18 on it does not bound kernel threads.

use std::fmt;
use std::path::Path;

use evenkeel_model::Span;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{Cgroup, CgroupError, Version};
use crate::pseudo_file::FileError;
use crate::rt_limits::runtime_from_us;

const QUOTA_V1: &str = "cpu.cfs_quota_us";
const PERIOD_V1: &str = "cpu.cfs_period_us";
const MAX_V2: &str = "cpu.max";

/// How much CPU time, all CPUs together, the fair tasks of a group may use in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    /// Time in each period; `None` is no limit.
    #[serde(rename = "quota_ns")]
    pub quota: Option<Span>,
    /// The period, 1 ms to 1 s.
    #[serde(rename = "period_ns")]
    pub period: Span,
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.quota {
            Some(quota) => write!(f, "{quota} every {}", self.period),
            None => write!(f, "unlimited every {}", self.period),
        }
    }
}

/// How often the quota bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaStat {
    /// Periods in which the group wanted to run.
    pub periods: u64,
    /// Of those, periods in which it was throttled.
    pub throttled: u64,
    /// How long it was throttled, summed over CPUs.
    #[serde(rename = "throttled_time_ns")]
    pub throttled_time: Span,
}

impl Cgroup {
    /// Its quota.
    pub fn quota(&self) -> Result<Quota, CgroupError> {
        match self.version()? {
            Version::V1 => {
                let quota = self.read_cpu(QUOTA_V1)?;
                let period = self.read_cpu(PERIOD_V1)?;
                let period_path = self.path().join(PERIOD_V1);
                Ok(Quota {
                    quota: runtime_from_us(&self.path().join(QUOTA_V1), &quota)?,
                    period: microseconds(&period_path, period.trim())?,
                })
            }
            Version::V2 => {
                let text = self.read_cpu(MAX_V2)?;
                Ok(parse_max(&self.path().join(MAX_V2), &text)?)
            }
        }
    }

    /// Gives it the quota `asked`.
    ///
    /// In version 1 the two limits are two files; as with real-time budgets a longer period is
    /// written first and a shorter one last. Where the second write fails, the first is undone.
    pub fn set_quota(&self, asked: Quota) -> Result<(), CgroupError> {
        let found = self.quota()?;
        if found == asked {
            return Ok(());
        }
        let period = self.microseconds(asked.period)?;
        let quota = asked.quota.map(|quota| self.microseconds(quota)).transpose()?;
        let refused = |error| self.quota_refused(asked, error);
        if self.version()? == Version::V2 {
            let quota = quota.unwrap_or_else(|| "max".to_owned());
            return self.write(MAX_V2, &format!("{quota} {period}")).map_err(refused);
        }
        let quota = quota.unwrap_or_else(|| "-1".to_owned());
        let found_quota = found.quota.map_or("-1".to_owned(), |quota| quota.as_us().to_string());
        let found_period = found.period.as_us().to_string();
        let period_first = match (found.quota, asked.quota) {
            (None, Some(_)) => true,
            (Some(_), None) => false,
            _ => asked.period >= found.period,
        };
        let (first, second) = match period_first {
            true => ((PERIOD_V1, period, found_period), (QUOTA_V1, quota)),
            false => ((QUOTA_V1, quota, found_quota), (PERIOD_V1, period)),
        };
        self.write(first.0, &first.1).map_err(refused)?;
        if let Err(error) = self.write(second.0, &second.1) {
            // The old pair was valid; if it is not any more, the error below matters more.
            let _ = self.write(first.0, &first.2);
            return Err(refused(error));
        }
        Ok(())
    }

    /// How often its quota bit.
    pub fn quota_stat(&self) -> Result<QuotaStat, CgroupError> {
        let text = self.read_cpu("cpu.stat")?;
        Ok(parse_stat(&self.path().join("cpu.stat"), &text)?)
    }

    /// Reads a file that only groups with a `cpu` controller have.
    pub(super) fn read_cpu(&self, file: &'static str) -> Result<String, CgroupError> {
        self.read(file).map_err(|error| match error {
            CgroupError::File(error) if error.is_gone() => {
                CgroupError::NoCpuController { path: self.path().to_owned(), file }
            }
            other => other,
        })
    }

    fn quota_refused(&self, asked: Quota, error: CgroupError) -> CgroupError {
        match error {
            CgroupError::File(source) if source.errno() == Some(Errno::INVAL) => {
                CgroupError::QuotaRefused {
                    path: self.path().to_owned(),
                    asked: asked.to_string(),
                    source: Box::new(source),
                }
            }
            other => other,
        }
    }
}

fn microseconds(path: &Path, text: &str) -> Result<Span, FileError> {
    let bad = |_| FileError::unexpected(path, text, "a number of microseconds");
    text.parse().map(Span::from_us).map_err(bad)
}

/// `max 100000` or `6000 20000`.
fn parse_max(path: &Path, text: &str) -> Result<Quota, FileError> {
    let expected = "a quota (or 'max') and a period";
    let (quota, period) =
        text.trim().split_once(' ').ok_or_else(|| FileError::unexpected(path, text, expected))?;
    let quota = match quota {
        "max" => None,
        number => Some(microseconds(path, number)?),
    };
    Ok(Quota { quota, period: microseconds(path, period)? })
}

/// Version 1 counts throttled time in ns under `throttled_time`, version 2 in µs under
/// `throttled_usec`.
fn parse_stat(path: &Path, text: &str) -> Result<QuotaStat, FileError> {
    let value = |key: &str| -> Option<u64> {
        text.lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(name, _)| *name == key)
            .and_then(|(_, value)| value.trim().parse().ok())
    };
    let missing = || FileError::unexpected(path, text, "nr_periods, nr_throttled, throttled_*");
    let throttled_time = value("throttled_time")
        .map(Span::from_ns)
        .or_else(|| value("throttled_usec").map(Span::from_us));
    Ok(QuotaStat {
        periods: value("nr_periods").ok_or_else(missing)?,
        throttled: value("nr_throttled").ok_or_else(missing)?,
        throttled_time: throttled_time.ok_or_else(missing)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn version_two_is_one_line() {
        let path = Path::new("cpu.max");
        let quota = parse_max(path, "max 100000\n").unwrap();
        assert_eq!(quota, Quota { quota: None, period: Span::from_ms(100) });
        assert_eq!(parse_max(path, "6000 20000\n").unwrap().to_string(), "6ms every 20ms");
        for text in ["", "max", "x 100000", "6000 max"] {
            assert!(parse_max(path, text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn both_versions_of_the_statistics_are_read() {
        let v1 = "nr_periods 12\nnr_throttled 3\nthrottled_time 4500\nnr_bursts 0\nburst_time 0\n";
        let v2 = "usage_usec 9\nuser_usec 5\nsystem_usec 4\nnr_periods 12\nnr_throttled 3\n\
            throttled_usec 4\n";
        let path = Path::new("cpu.stat");
        let stat = parse_stat(path, v1).unwrap();
        assert_eq!((stat.periods, stat.throttled), (12, 3));
        assert_eq!(stat.throttled_time, Span::from_ns(4500));
        assert_eq!(parse_stat(path, v2).unwrap().throttled_time, Span::from_us(4));
        assert!(parse_stat(path, "usage_usec 9\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC*|[a-z_]{0,14} [0-9]{0,22}\n") {
            let _ = parse_max(Path::new("p"), &text);
            let _ = parse_stat(Path::new("p"), &text);
        }
    }
}
