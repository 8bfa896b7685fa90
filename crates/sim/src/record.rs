// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the engine tells whoever keeps a record of a run; nobody, by default, at no cost.

use evenkeel_model::Instant;

use crate::scheduler::{CapsuleId, Cpu, ThreadId};

/// What became of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Its budget ran out.
    Throttled,
    /// It has a new budget.
    Replenished,
    /// It reached its deadline with budget and work left.
    ServerMissed,
}

/// Keeps a record.
pub(crate) trait Record {
    /// `thread` was on `cpu` from one instant to the other; stolen: an interrupt had the CPU.
    fn ran(&mut self, cpu: Cpu, thread: ThreadId, from: Instant, to: Instant, stolen: bool);
    /// Something happened to a server.
    fn mark(&mut self, at: Instant, cpu: Cpu, capsule: CapsuleId, mark: Mark);
    /// A job was done too late.
    fn late(&mut self, at: Instant, thread: ThreadId);
    /// From now on `thread` has work, or has none.
    fn work(&mut self, at: Instant, thread: ThreadId, has: bool);
}

/// Keeps none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nothing;

impl Record for Nothing {
    #[inline]
    fn ran(&mut self, _: Cpu, _: ThreadId, _: Instant, _: Instant, _: bool) {}

    #[inline]
    fn mark(&mut self, _: Instant, _: Cpu, _: CapsuleId, _: Mark) {}

    #[inline]
    fn late(&mut self, _: Instant, _: ThreadId) {}

    #[inline]
    fn work(&mut self, _: Instant, _: ThreadId, _: bool) {}
}
