// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words that several findings share.

use evenkeel_model::CpuSet;

/// `CPU 0`, `CPUs 0-3`.
pub(super) fn cpus(cpus: &CpuSet) -> String {
    format!("{} {cpus}", if cpus.len() == 1 { "CPU" } else { "CPUs" })
}
