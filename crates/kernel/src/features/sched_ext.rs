// SPDX-License-Identifier: MIT OR Apache-2.0
//! sched_ext: whether the kernel has it, and which BPF scheduler runs.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::optional;
use crate::pseudo_file::FileError;

/// What `/sys/kernel/sched_ext` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedExt {
    /// `disabled`, `enabled`, `enabling`, `disabling`.
    pub state: String,
    /// Name of the scheduler that runs.
    pub scheduler: Option<String>,
}

/// `None` on a kernel without it.
pub fn sched_ext() -> Result<Option<SchedExt>, FileError> {
    let directory = Path::new("/sys/kernel/sched_ext");
    let Some(state) = optional(&directory.join("state"))? else { return Ok(None) };
    let scheduler = optional(&directory.join("root/ops"))?.filter(|name| !name.is_empty());
    Ok(Some(SchedExt { state, scheduler }))
}
