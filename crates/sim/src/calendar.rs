// SPDX-License-Identifier: MIT OR Apache-2.0
//! The calendar of the simulation: one slot for everything that can happen next, and which slot is
//! due first.
//!
//! A simulation has a fixed number of sources of events (arrivals of a workload, the completion of
//! what runs on a CPU, a timer of the scheduler), and each has at most one event pending. So a slot
//! per source suffices: moving an event is overwriting its time, nothing stale is ever popped, and
//! the calendar cannot grow. The order is kept in a tournament tree: each inner node holds the
//! winner of its two children.
//!
//! ```text
//!            2            slot 2 is due first
//!         /     \
//!        1       2        winners of the pairs
//!       / \     / \
//!      0   1   2   3      slots with their times
//! ```
//!
//! Two slots due at the same instant: the lower number goes first. Whoever lays out the slots thus
//! decides what ties mean.

use evenkeel_model::Instant;

/// Nothing is pending in the slot: later than any instant that is simulated.
const NEVER_NS: u64 = u64::MAX;

/// Slots and their order.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    /// When each slot is due; a power of two of them, so that the tree is complete.
    due_ns: Vec<u64>,
    /// Winner below each node: the root at index 1, node n has the children 2n and 2n + 1, and the
    /// leaves, which win against nobody, are the slots themselves.
    winner: Vec<u32>,
}

impl Calendar {
    /// A calendar of `slots` slots, nothing pending. At most 2^31 slots.
    pub(crate) fn new(slots: usize) -> Calendar {
        let leaves = slots.max(2).next_power_of_two();
        // The numbers of the slots fit: at most 2^31 of them.
        let winner = (0..2 * leaves).map(|n| u32::try_from(n.saturating_sub(leaves)).unwrap_or(0));
        let mut calendar = Calendar { due_ns: vec![NEVER_NS; leaves], winner: winner.collect() };
        for node in (1..leaves).rev() {
            calendar.winner[node] = calendar.match_at(node);
        }
        calendar
    }

    /// Makes `slot` due at `at`, whatever was pending in it before.
    #[inline]
    pub(crate) fn set(&mut self, slot: usize, at: Instant) {
        self.set_ns(slot, at.as_ns());
    }

    /// Takes what is pending in `slot` back.
    #[inline]
    pub(crate) fn cancel(&mut self, slot: usize) {
        if self.due_ns[slot] != NEVER_NS {
            self.set_ns(slot, NEVER_NS);
        }
    }

    /// The slot that is due first, and when; `None` when nothing is pending. It stays pending.
    #[inline]
    pub(crate) fn first(&self) -> Option<(usize, Instant)> {
        let slot = self.winner[1] as usize;
        let due_ns = self.due_ns[slot];
        (due_ns != NEVER_NS).then(|| (slot, Instant::from_ns(due_ns)))
    }

    #[inline]
    fn set_ns(&mut self, slot: usize, due_ns: u64) {
        if self.due_ns[slot] == due_ns {
            return;
        }
        self.due_ns[slot] = due_ns;
        let mut node = (slot + self.due_ns.len()) / 2;
        while node >= 1 {
            let winner = self.match_at(node);
            // Where another slot won before and still wins, nothing above can change.
            if winner == self.winner[node] && winner as usize != slot {
                return;
            }
            self.winner[node] = winner;
            node /= 2;
        }
    }

    /// Who wins at `node`: the earlier child, the left one (lower slots) on a tie.
    #[inline]
    fn match_at(&self, node: usize) -> u32 {
        let (left, right) = (self.winner[2 * node], self.winner[2 * node + 1]);
        if self.due_ns[left as usize] <= self.due_ns[right as usize] { left } else { right }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ties_go_to_the_lower_slot() {
        let mut calendar = Calendar::new(5);
        assert_eq!(calendar.first(), None);
        for slot in [4, 2, 3] {
            calendar.set(slot, Instant::from_ns(7));
        }
        assert_eq!(calendar.first(), Some((2, Instant::from_ns(7))));
        calendar.cancel(2);
        assert_eq!(calendar.first(), Some((3, Instant::from_ns(7))));
    }

    proptest! {
        /// The same as searching all slots, after any changes.
        #[test]
        fn finds_what_a_search_finds(
            slots in 1..40_usize,
            changes in prop::collection::vec((any::<prop::sample::Index>(), 0..50_u64), 0..200),
        ) {
            let mut calendar = Calendar::new(slots);
            let mut plain = vec![None; slots];
            for (slot, at) in changes {
                let slot = slot.index(slots);
                if at < 10 {
                    calendar.cancel(slot);
                    plain[slot] = None;
                } else {
                    calendar.set(slot, Instant::from_ns(at));
                    plain[slot] = Some(at);
                }
                let pending = plain.iter().enumerate();
                let expected = pending.filter_map(|(i, at)| at.map(|at| (at, i))).min();
                let found = calendar.first().map(|(slot, at)| (at.as_ns(), slot));
                prop_assert_eq!(found, expected);
            }
        }
    }
}
