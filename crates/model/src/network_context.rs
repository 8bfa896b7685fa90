// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whose thread does the packet work of a VM.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The network contexts that exist; `evenkeel-netctx` sets them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkContextKind {
    /// Softirq, bridge, tap: whoever is interrupted pays. What hosts do today.
    Shared,
    /// The VM's own netdev served by its own NAPI kernel thread, inside the capsule.
    Dedicated,
}

impl NetworkContextKind {
    /// The lower-case word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            NetworkContextKind::Shared => "shared",
            NetworkContextKind::Dedicated => "dedicated",
        }
    }
}

impl fmt::Display for NetworkContextKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
