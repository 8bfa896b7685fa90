// SPDX-License-Identifier: MIT OR Apache-2.0
//! A bounded queue of packets. What does not fit is dropped, and whoever pushes is told.

use std::collections::VecDeque;

use evenkeel_model::Instant;

/// Packets of one workload that arrived together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// For whom, by the workload's number.
    pub(crate) work: usize,
    pub(crate) packets: u32,
    pub(crate) arrived: Instant,
    /// A request: all of it or nothing.
    pub(crate) whole: bool,
}

/// First in, first out.
#[derive(Clone, Debug)]
pub(crate) struct PacketQueue {
    batches: VecDeque<Batch>,
    packets: u32,
    limit: u32,
}

impl PacketQueue {
    pub(crate) fn new(limit: u32) -> PacketQueue {
        PacketQueue { batches: VecDeque::new(), packets: 0, limit }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Appends what fits; how many packets did not.
    pub(crate) fn push(&mut self, batch: Batch) -> u32 {
        let room = self.limit - self.packets;
        let taken = match batch.whole && batch.packets > room {
            true => 0,
            false => batch.packets.min(room),
        };
        if taken > 0 {
            self.packets += taken;
            self.batches.push_back(Batch { packets: taken, ..batch });
        }
        batch.packets - taken
    }

    /// Moves up to `most` packets into `taken`, which is empty; how many. A request is not cut: the
    /// last one may carry the poll beyond `most`.
    pub(crate) fn poll(&mut self, most: u32, taken: &mut Vec<Batch>) -> u32 {
        let mut count = 0;
        while count < most {
            let Some(first) = self.batches.front_mut() else { break };
            let part = match first.whole {
                true => first.packets,
                false => first.packets.min(most - count),
            };
            taken.push(Batch { packets: part, ..*first });
            first.packets -= part;
            if first.packets == 0 {
                self.batches.pop_front();
            }
            count += part;
        }
        self.packets -= count;
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(packets: u32, whole: bool) -> Batch {
        Batch { work: 0, packets, arrived: Instant::ORIGIN, whole }
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_requests_whole() {
        let mut queue = PacketQueue::new(10);
        assert_eq!(queue.push(batch(8, false)), 0);
        assert_eq!(queue.push(batch(3, true)), 3);
        assert_eq!(queue.push(batch(3, false)), 1);
        let mut taken = Vec::new();
        assert_eq!(queue.poll(9, &mut taken), 9);
        assert_eq!(taken.iter().map(|b| b.packets).collect::<Vec<_>>(), [8, 1]);
        assert_eq!(queue.push(batch(3, true)), 0);
        taken.clear();
        assert_eq!(queue.poll(2, &mut taken), 4);
        assert!(queue.is_empty());
    }
}
