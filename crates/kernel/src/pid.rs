// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers of processes and threads, which the kernel gives one type and which must not be mixed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of a process (a thread group), as in `/proc/PID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pid(pub u32);

/// The number of a thread, as in `/proc/PID/task/TID`. The first thread of a process has the
/// number of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tid(pub u32);

impl Pid {
    /// The number of its first thread.
    pub const fn leader(self) -> Tid {
        Tid(self.0)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Tid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Pid {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Pid, Self::Err> {
        text.parse().map(Pid)
    }
}

impl FromStr for Tid {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Tid, Self::Err> {
        text.parse().map(Tid)
    }
}
