// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPU time that a group has used: `cpuacct.usage` (v1), `cpu.stat` (v2).

use std::path::Path;

use evenkeel_model::Span;

use super::{Cgroup, CgroupError};
use crate::pseudo_file::FileError;

impl Cgroup {
    /// CPU time of all its threads and subgroups since it was created, kernel threads included.
    /// In version 1 the group must be in the `cpuacct` hierarchy.
    pub fn usage(&self) -> Result<Span, CgroupError> {
        match self.read("cpuacct.usage") {
            Ok(text) => Ok(nanoseconds(&self.path().join("cpuacct.usage"), text.trim())?),
            Err(CgroupError::File(error)) if error.is_gone() => self.usage_v2(),
            Err(error) => Err(error),
        }
    }

    fn usage_v2(&self) -> Result<Span, CgroupError> {
        let no_usage = || CgroupError::NoUsage(self.path().to_owned());
        let text = self.read("cpu.stat").map_err(|error| match error {
            CgroupError::File(error) if error.is_gone() => no_usage(),
            other => other,
        })?;
        // Without the cpu controller version 1 has a cpu.stat, too, and no usage in it.
        let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec "));
        let us = usage.and_then(|us| us.trim().parse().ok()).ok_or_else(no_usage)?;
        Ok(Span::from_us(us))
    }

    /// The same per CPU, by CPU number, where the kernel says it (version 1); else `None`.
    pub fn usage_per_cpu(&self) -> Result<Option<Vec<Span>>, CgroupError> {
        match self.read("cpuacct.usage_percpu") {
            Ok(text) => Ok(Some(parse_per_cpu(&self.path().join("cpuacct.usage_percpu"), &text)?)),
            Err(CgroupError::File(error)) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn parse_per_cpu(path: &Path, text: &str) -> Result<Vec<Span>, FileError> {
    text.split_ascii_whitespace().map(|word| nanoseconds(path, word)).collect()
}

fn nanoseconds(path: &Path, text: &str) -> Result<Span, FileError> {
    let bad = |_| FileError::unexpected(path, text, "a number of nanoseconds");
    text.parse().map(Span::from_ns).map_err(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_column_for_each_cpu() {
        let path = Path::new("cpuacct.usage_percpu");
        let usage = parse_per_cpu(path, "123456 7 0 0 \n").unwrap();
        assert_eq!(usage, [123_456, 7, 0, 0].map(Span::from_ns));
        assert!(parse_per_cpu(path, "1 x").is_err());
    }
}
