// SPDX-License-Identifier: MIT OR Apache-2.0
//! The weight of a group among its siblings: `cpu.shares` (v1), `cpu.weight` (v2).

use super::{Cgroup, CgroupError, Version};
use crate::pseudo_file::FileError;

impl Cgroup {
    /// Its weight in the unit of its own version: shares of 2 to 262144 (usually 1024) in version
    /// 1, weights of 1 to 10000 (usually 100) in version 2. Kept native, so that what is read can
    /// be restored exactly.
    pub fn weight(&self) -> Result<u64, CgroupError> {
        let file = self.weight_file()?;
        let text = self.read_cpu(file)?;
        let bad = |_| FileError::unexpected(&self.path().join(file), text.trim(), "a number");
        Ok(text.trim().parse().map_err(bad)?)
    }

    /// Sets its weight, in the unit of its own version. Version 1 clamps what is out of range,
    /// version 2 refuses it.
    pub fn set_weight(&self, weight: u64) -> Result<(), CgroupError> {
        self.write(self.weight_file()?, &weight.to_string())
    }

    fn weight_file(&self) -> Result<&'static str, CgroupError> {
        Ok(match self.version()? {
            Version::V1 => "cpu.shares",
            Version::V2 => "cpu.weight",
        })
    }
}
