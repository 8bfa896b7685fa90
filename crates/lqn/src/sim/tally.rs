// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the simulator counts during one block: plain sums, so that blocks can be added.

/// Sums of one phase.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PhaseTally {
    pub(crate) ended: f64,
    pub(crate) service: f64,
    pub(crate) service_squared: f64,
    pub(crate) busy: f64,
    pub(crate) executed: f64,
    pub(crate) processor_waiting: f64,
}

/// Sums of one entry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EntryTally {
    pub(crate) ended: f64,
    pub(crate) service: f64,
    pub(crate) service_squared: f64,
}

/// Sums of one call, forward or open arrival.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SlotTally {
    pub(crate) accepted: f64,
    pub(crate) waiting: f64,
    pub(crate) answered: f64,
    pub(crate) response: f64,
}

/// Sums of a block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) time: f64,
    pub(crate) phases: Vec<PhaseTally>,
    pub(crate) entries: Vec<EntryTally>,
    pub(crate) slots: Vec<SlotTally>,
}

impl Tally {
    pub(crate) fn new(phases: usize, entries: usize, slots: usize) -> Self {
        Self {
            time: 0.0,
            phases: vec![PhaseTally::default(); phases],
            entries: vec![EntryTally::default(); entries],
            slots: vec![SlotTally::default(); slots],
        }
    }

    /// Joins the block that follows.
    pub(crate) fn add(&mut self, other: &Self) {
        self.time += other.time;
        for (a, b) in self.phases.iter_mut().zip(&other.phases) {
            a.ended += b.ended;
            a.service += b.service;
            a.service_squared += b.service_squared;
            a.busy += b.busy;
            a.executed += b.executed;
            a.processor_waiting += b.processor_waiting;
        }
        for (a, b) in self.entries.iter_mut().zip(&other.entries) {
            a.ended += b.ended;
            a.service += b.service;
            a.service_squared += b.service_squared;
        }
        for (a, b) in self.slots.iter_mut().zip(&other.slots) {
            a.accepted += b.accepted;
            a.waiting += b.waiting;
            a.answered += b.answered;
            a.response += b.response;
        }
    }
}
