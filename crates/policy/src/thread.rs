// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread as the scheduler sees it, with the links by which it stands in the queues of its capsule.

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::cpu_mask::CpuMask;
use crate::ids::CapsuleId;

/// No thread, as a link.
pub(crate) const NIL: u32 = u32::MAX;

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThreadState {
    /// It wants no CPU.
    Blocked,
    /// It waits for one.
    Queued,
    /// It has this one.
    Running(CpuIndex),
}

/// Its neighbours in one queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub before: u32,
    pub after: u32,
}

impl Link {
    pub const NONE: Link = Link { before: NIL, after: NIL };
}

/// One thread.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub capsule: CapsuleId,
    pub priority: u8,
    /// What it may use at all.
    pub affinity: CpuMask,
    /// What it may use of its capsule's CPUs.
    pub allowed: CpuMask,
    pub state: ThreadState,
    /// Where it ran last; its caches are warm there.
    pub last_cpu: CpuIndex,
    /// Since when it waits. One that waited too long keeps this until it had its time.
    pub since: Instant,
    /// For how long it still runs undisturbed, having waited too long.
    pub boost: Span,
    /// How much it ran since its turn began.
    pub slice_used: Span,
    /// Whether it asked to go behind its equals.
    pub yielded: bool,
    /// In the order of priorities, and in the order of waiting.
    pub links: [Link; 2],
}

impl Thread {
    /// A blocked one.
    pub fn new(capsule: CapsuleId, priority: u8, affinity: CpuMask, allowed: CpuMask) -> Thread {
        Thread {
            capsule,
            priority,
            affinity,
            allowed,
            state: ThreadState::Blocked,
            last_cpu: allowed.iter().next().unwrap_or(CpuIndex(0)),
            since: Instant::ORIGIN,
            boost: Span::ZERO,
            slice_used: Span::ZERO,
            yielded: false,
            links: [Link::NONE; 2],
        }
    }

    /// Ends its turn: the next one begins with a whole slice and without privileges.
    pub fn end_turn(&mut self) {
        self.slice_used = Span::ZERO;
        self.boost = Span::ZERO;
        self.yielded = false;
    }
}
