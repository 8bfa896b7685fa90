// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this kernel and its set-up can do, one file a feature: the facts that `doctor` judges.
//!
//! A feature that this kernel does not have is `None`, not an error: most of these files exist only
//! under some configuration.

mod bridge_netfilter;
mod cgroup_controller;
mod command_line;
mod cpufreq;
mod device;
mod rr_timeslice;
mod rt_runtime_share;
mod sched_ext;
mod smt;
mod swap;

use std::path::Path;

pub use bridge_netfilter::{BRIDGE_NETFILTER_PATHS, bridge_netfilter};
pub use cgroup_controller::{ControllerFact, cgroup_controllers};
pub use command_line::{CommandLine, command_line};
pub use cpufreq::governors;
pub use device::{DeviceAccess, device_access};
pub use rr_timeslice::rr_timeslice;
pub use rt_runtime_share::rt_runtime_share;
pub use sched_ext::{SchedExt, sched_ext};
pub use smt::sibling_groups;
pub use swap::swap_areas;

use crate::pseudo_file::{self, FileError};

/// The text of `path` without the final line feed, or `None` where there is no such file.
fn optional(path: &Path) -> Result<Option<String>, FileError> {
    match pseudo_file::read(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}
