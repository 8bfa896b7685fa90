// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPUs are hardware threads of one core.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use evenkeel_model::CpuSet;

use super::optional;
use crate::pseudo_file::FileError;

/// The groups of two or more among `cpus` that share a core; empty without multithreading.
pub fn sibling_groups(cpus: &CpuSet) -> Result<Vec<CpuSet>, FileError> {
    let mut groups = BTreeSet::new();
    for cpu in cpus.iter() {
        let path = PathBuf::from(format!(
            "/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        ));
        if let Some(text) = optional(&path)? {
            groups.insert(parse(&path, &text)?.intersection(cpus));
        }
    }
    Ok(groups.into_iter().filter(|group| group.len() > 1).collect())
}

fn parse(path: &Path, text: &str) -> Result<CpuSet, FileError> {
    text.parse().map_err(|_| FileError::unexpected(path, text, "a CPU list"))
}
