// SPDX-License-Identifier: MIT OR Apache-2.0
//! A block: one station of a packet's path, with its costs and the place that pays for them.

use serde::Serialize;

use super::source::{Cost, Per};

/// Whose thread, or which hardware, a block runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The virtual CPU of the VM.
    Guest,
    /// A host thread that works for one VM only: QEMU, a vhost worker, a NAPI thread of its own.
    Own,
    /// Host software that all VMs share: the driver domain, softirqs, a demultiplexer.
    Shared,
    /// The VMM, in the context of whoever entered it.
    Vmm,
    /// The engine of the NIC.
    Nic,
    /// The wire.
    Wire,
}

impl Place {
    /// All, from the VM to the wire.
    pub const ALL: [Place; 6] =
        [Self::Guest, Self::Own, Self::Vmm, Self::Shared, Self::Nic, Self::Wire];

    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Own => "own thread",
            Self::Shared => "shared host",
            Self::Vmm => "VMM",
            Self::Nic => "NIC",
            Self::Wire => "wire",
        }
    }

    /// Whether its costs are cycles of the host's CPU.
    #[must_use]
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Guest | Self::Own | Self::Shared | Self::Vmm)
    }
}

/// One station of a path.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Block {
    /// Unique in its path; the entry of the model is named after it.
    pub name: &'static str,
    /// Who pays.
    pub place: Place,
    /// For the VMM: the block that enters it, which waits for it and whose CPU it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<&'static str>,
    /// For a thread of the VM's own: which one; blocks of one thread run one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thread: Option<&'static str>,
    /// What it costs.
    pub costs: Vec<Cost>,
}

impl Block {
    /// A block that the packet itself visits.
    #[must_use]
    pub(crate) fn new(name: &'static str, place: Place, costs: Vec<Cost>) -> Self {
        Self { name, place, caller: None, thread: None, costs }
    }

    /// A service of the VMM that another block calls.
    #[must_use]
    pub(crate) fn vmm(name: &'static str, caller: &'static str, costs: Vec<Cost>) -> Self {
        Self { name, place: Place::Vmm, caller: Some(caller), thread: None, costs }
    }

    /// The same, run by that thread if it is one of the VM's own.
    #[must_use]
    pub(crate) fn by(self, thread: &'static str) -> Self {
        Self { thread: (self.place == Place::Own).then_some(thread), ..self }
    }

    /// What all its costs are counted by, if that is one thing that does not come with each packet:
    /// then a packet visits the block that often, else once.
    #[must_use]
    pub(crate) fn rhythm(&self) -> Option<Per> {
        let first = self.costs.first()?.per;
        let shared = matches!(first, Per::Unit | Per::Page | Per::Poll | Per::Switch);
        (shared && self.costs.iter().all(|c| c.per == first)).then_some(first)
    }
}
