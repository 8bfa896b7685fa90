// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which cpufreq governor drives each CPU.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evenkeel_model::{CpuIndex, CpuSet};

use super::optional;
use crate::pseudo_file::FileError;

/// The governor of each of `cpus` that has one; empty where the frequency is not ours to set, as in
/// most virtual machines.
pub fn governors(cpus: &CpuSet) -> Result<BTreeMap<CpuIndex, String>, FileError> {
    let mut governors = BTreeMap::new();
    for cpu in cpus.iter() {
        let path =
            PathBuf::from(format!("/sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_governor"));
        if let Some(governor) = optional(&path)? {
            governors.insert(cpu, governor);
        }
    }
    Ok(governors)
}
