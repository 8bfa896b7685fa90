// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread was before it was touched, so that it can be put back exactly.

use std::fmt;

use evenkeel_kernel::sched::SchedAttr;
use evenkeel_model::CpuSet;
use serde::{Deserialize, Serialize};

/// A thread's groups, policy and affinity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its group in each hierarchy that the enforcer uses.
    pub groups: Vec<FoundGroup>,
    /// Its policy.
    pub attr: SchedAttr,
    /// Its CPUs.
    pub affinity: CpuSet,
}

/// A thread's group in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundGroup {
    /// The controller by which the enforcer knows the hierarchy; empty for version 2.
    pub controller: String,
    /// The group's path from the root of the hierarchy.
    pub path: String,
}

impl fmt::Display for Found {
    /// The first group stands for all: they differ only on hosts that someone arranged by hand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.groups.first().map_or("/", |group| group.path.as_str());
        write!(f, "{}, CPUs {}, group {group}", self.attr.policy, self.affinity)
    }
}
