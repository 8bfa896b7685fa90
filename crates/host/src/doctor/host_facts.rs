// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which host was examined.

use evenkeel_kernel::{cpu, facts};
use evenkeel_model::{CpuSet, Span};
use serde::Serialize;

/// Which host was examined, by whom, for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostFacts {
    /// `uname -r`.
    pub kernel: String,
    /// As /proc/cpuinfo says it, if it does.
    pub cpu_model: Option<String>,
    /// CPUs that run.
    pub online_cpus: CpuSet,
    /// The scheduler's tick; absent where the kernel's configuration cannot be read.
    pub tick_ns: Option<Span>,
    /// Whether the examiner was root.
    pub root: bool,
    /// How long was watched.
    pub window_ns: Span,
}

/// Facts that cannot be had are empty.
pub(super) fn gather(window: Span) -> HostFacts {
    HostFacts {
        kernel: facts::kernel_release(),
        cpu_model: facts::cpu_model().ok().flatten(),
        online_cpus: cpu::online().unwrap_or_default(),
        tick_ns: facts::tick_hz().map(|hz| Span::from_ns(1_000_000_000 / u64::from(hz.max(1)))),
        root: facts::is_root(),
        window_ns: window,
    }
}
