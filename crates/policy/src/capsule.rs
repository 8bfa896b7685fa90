// SPDX-License-Identifier: MIT OR Apache-2.0
//! A capsule: where its servers are, who waits in it, and whose reservation its own comes out of.

use evenkeel_model::{CpuIndex, Reservation, Span};

use crate::cpu_mask::CpuMask;
use crate::ids::CapsuleId;
use crate::queue::Queue;

/// One capsule, or the class of threads outside all.
#[derive(Clone, Debug)]
pub(crate) struct Capsule {
    pub parent: Option<CapsuleId>,
    /// What it holds on each CPU, children included; `None` for best effort.
    pub reservation: Option<Reservation>,
    pub cpus: CpuMask,
    /// The slot of its server, by CPU; meaningful on its CPUs only. At most 64 slots: a byte.
    pub slots: Vec<u8>,
    pub children: u32,
    pub threads: u32,
    pub queue: Queue,
}

impl Capsule {
    /// One without servers, threads or children, for a policy with `cpus_max` CPUs.
    pub fn new(
        parent: Option<CapsuleId>,
        reservation: Option<Reservation>,
        cpus: CpuMask,
        cpus_max: usize,
    ) -> Capsule {
        Capsule {
            parent,
            reservation,
            cpus,
            slots: vec![0; cpus_max],
            children: 0,
            threads: 0,
            queue: Queue::new(),
        }
    }

    /// The slot of its server on one of its CPUs.
    pub fn slot(&self, cpu: CpuIndex) -> usize {
        usize::from(self.slots[cpu.0 as usize])
    }
}

/// What a child takes out of each period of its parent: ⌈q·P/p⌉, rounded against the parent's own
/// part, since child and parent are the same asker.
pub(crate) fn share_in_parent(child: Reservation, parent_period: Span) -> Span {
    let product = u128::from(child.budget().as_ns()) * u128::from(parent_period.as_ns());
    let share = product.div_ceil(u128::from(child.period().as_ns()));
    // q <= p, so the share is at most the parent's period.
    Span::from_ns(u64::try_from(share).unwrap_or(u64::MAX))
}
