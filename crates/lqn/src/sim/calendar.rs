// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pending events: one per source (a thread, a sharing processor, an open arrival), in a heap
//! that knows where each source stands, so that an event can be moved or withdrawn in place and no
//! stale event is ever popped.

/// Children per node: a 4-ary heap is half as deep as a binary one and its children share a cache
/// line (4 x 16 bytes).
const ARITY: usize = 4;
/// Not in the heap.
const ABSENT: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Slot {
    time: f64,
    source: u32,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Calendar {
    heap: Vec<Slot>,
    position: Vec<u32>,
}

impl Calendar {
    /// Makes room for sources below `count`.
    pub(crate) fn grow(&mut self, count: usize) {
        if self.position.len() < count {
            self.position.resize(count, ABSENT);
        }
    }

    /// Time of a source's event.
    pub(crate) fn time_of(&self, source: u32) -> Option<f64> {
        let at = self.position[source as usize];
        (at != ABSENT).then(|| self.heap[at as usize].time)
    }

    /// Sets a source's event, moving the one it has.
    #[inline]
    pub(crate) fn set(&mut self, source: u32, time: f64) {
        let at = self.position[source as usize];
        if at == ABSENT {
            self.heap.push(Slot { time, source });
            self.up(self.heap.len() - 1);
            return;
        }
        let at = at as usize;
        let before = self.heap[at].time;
        self.heap[at].time = time;
        if time < before { self.up(at) } else { self.down(at) }
    }

    /// Withdraws a source's event.
    pub(crate) fn clear(&mut self, source: u32) {
        let at = self.position[source as usize];
        if at != ABSENT {
            self.remove(at as usize);
        }
    }

    /// The earliest event, taken out.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(f64, u32)> {
        let first = *self.heap.first()?;
        self.remove(0);
        Some((first.time, first.source))
    }

    fn remove(&mut self, at: usize) {
        let gone = self.heap.swap_remove(at);
        self.position[gone.source as usize] = ABSENT;
        if at < self.heap.len() {
            // The last slot came here: it may belong above (never at the root) or below.
            let time = self.heap[at].time;
            if time < gone.time { self.up(at) } else { self.down(at) }
        }
    }

    #[inline]
    fn place(&mut self, at: usize, slot: Slot) {
        self.heap[at] = slot;
        // At most one slot per source, and sources are u32.
        #[expect(clippy::cast_possible_truncation, reason = "fewer slots than u32 sources")]
        let position = at as u32;
        self.position[slot.source as usize] = position;
    }

    #[inline]
    fn up(&mut self, mut at: usize) {
        let slot = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / ARITY;
            let above = self.heap[parent];
            if above.time <= slot.time {
                break;
            }
            self.place(at, above);
            at = parent;
        }
        self.place(at, slot);
    }

    #[inline]
    fn down(&mut self, mut at: usize) {
        let slot = self.heap[at];
        let len = self.heap.len();
        loop {
            let first = at * ARITY + 1;
            if first >= len {
                break;
            }
            let mut best = first;
            let mut best_time = self.heap[first].time;
            for child in first + 1..(first + ARITY).min(len) {
                let time = self.heap[child].time;
                if time < best_time {
                    (best, best_time) = (child, time);
                }
            }
            if best_time >= slot.time {
                break;
            }
            let below = self.heap[best];
            self.place(at, below);
            at = best;
        }
        self.place(at, slot);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list that is searched: what comes out, and in which order.
        #[test]
        fn pops_the_earliest(steps in prop::collection::vec((0u32..40, 0u32..1000, 0u8..4), 1..400)) {
            let mut calendar = Calendar::default();
            calendar.grow(40);
            let mut list = [None::<u32>; 40];
            for (source, time, kind) in steps {
                match kind {
                    0 | 1 => {
                        calendar.set(source, f64::from(time));
                        list[source as usize] = Some(time);
                    }
                    2 => {
                        calendar.clear(source);
                        list[source as usize] = None;
                    }
                    _ => {
                        let earliest = list.iter().flatten().min().copied();
                        let popped = calendar.pop();
                        prop_assert_eq!(popped.map(|p| p.0), earliest.map(f64::from));
                        if let Some((time, source)) = popped {
                            prop_assert_eq!(list[source as usize].map(f64::from), Some(time));
                            list[source as usize] = None;
                        }
                    }
                }
                for s in 0..40u32 {
                    prop_assert_eq!(calendar.time_of(s), list[s as usize].map(f64::from));
                }
            }
        }
    }
}
