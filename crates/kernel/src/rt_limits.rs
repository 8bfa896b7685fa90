// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host's ceiling for all real-time work: `sched_rt_runtime_us` in `sched_rt_period_us`.

use std::path::Path;

use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

use crate::pseudo_file::{self, FileError};

const RUNTIME_PATH: &str = "/proc/sys/kernel/sched_rt_runtime_us";
const PERIOD_PATH: &str = "/proc/sys/kernel/sched_rt_period_us";

/// What the kernel lets real-time work have of each CPU. The usual 950 ms in 1 s leave fair tasks
/// the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtLimits {
    /// Time for real-time work in each period; `None` where the limit is off (-1).
    #[serde(rename = "runtime_ns")]
    pub runtime: Option<Span>,
    /// The period.
    #[serde(rename = "period_ns")]
    pub period: Span,
}

/// Reads the limits of this host.
pub fn read() -> Result<RtLimits, FileError> {
    let (runtime, period) = (Path::new(RUNTIME_PATH), Path::new(PERIOD_PATH));
    Ok(RtLimits {
        runtime: runtime_from_us(runtime, &pseudo_file::read(runtime)?)?,
        period: Span::from_us(pseudo_file::read_number(period)?),
    })
}

/// A runtime as the kernel writes it: microseconds, -1 for no limit.
pub(crate) fn runtime_from_us(path: &Path, text: &str) -> Result<Option<Span>, FileError> {
    match text.trim() {
        "-1" => Ok(None),
        number => {
            let us = number.parse().map_err(|_| {
                FileError::unexpected(path, number, "a number of microseconds or -1")
            })?;
            Ok(Some(Span::from_us(us)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minus_one_is_no_limit() {
        let path = Path::new(RUNTIME_PATH);
        assert_eq!(runtime_from_us(path, "-1\n").unwrap(), None);
        assert_eq!(runtime_from_us(path, "950000\n").unwrap(), Some(Span::from_ms(950)));
        assert!(runtime_from_us(path, "-2").is_err());
        assert!(runtime_from_us(path, "").is_err());
    }

    #[test]
    fn this_kernel_has_them() {
        let limits = read().unwrap();
        assert!(limits.period > Span::ZERO);
    }
}
