// SPDX-License-Identifier: MIT OR Apache-2.0
//! CPU time delivered to a capsule.

use evenkeel_model::{CpuIndex, Span};

/// CPU time that a capsule's group has had since it was made, its threads that have ended and its
/// kernel threads included.
///
/// The kernel brings it up to date at ticks and switches, so that it lags by at most one tick on
/// each CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supply {
    /// All CPUs together.
    pub total: Span,
    /// CPU by CPU, where the kernel tells (cgroup v1 `cpuacct`); else empty.
    pub per_cpu: Vec<(CpuIndex, Span)>,
}
