// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way of a packet to the thread that it is for, by network context.
//!
//! ```text
//!   shared:     backlog of the CPU -> softirq (stolen) -> socket
//!   dedicated:  own ring -> interrupt -> own NAPI thread -> socket
//!   demux:      ring of the uplink -> interrupt -> uplink's thread, policed -> own ring
//!               -> own NAPI thread -> socket
//! ```
//!
//! Every queue is bounded; what does not fit is dropped there, and what was spent on it before is
//! lost. A sender of a stream notices and sends again after its delay.

use crate::engine::Engine;
use crate::engine::queue::Batch;
use crate::engine::state::Item;
use crate::record::Record;
use crate::scenario::{Context, WorkloadKind};
use crate::scheduler::{Scheduler, ThreadId};

impl<S: Scheduler, R: Record> Engine<S, R> {
    /// Packets for workload `work` reach the host.
    pub(super) fn packets_arrive(&mut self, work: usize, packets: u32, whole: bool) {
        self.work[work].packets_in += u64::from(packets);
        let batch = Batch { work, packets, arrived: self.now, whole };
        let thread = self.work[work].thread;
        let capsule = &self.capsules[self.threads[thread.0].capsule.0];
        let poll = match capsule.context {
            Context::Shared => None,
            Context::Dedicated => capsule.napi,
            Context::Demux => self.uplink,
        };
        let Some(poll) = poll else {
            let cpu = self.home(thread.0);
            let dropped = self.cpus[cpu.0].backlog.push(batch);
            self.drop_packets(batch, dropped);
            self.interrupt(cpu);
            return;
        };
        let dropped = self.polls[poll].ring.push(batch);
        self.drop_packets(batch, dropped);
        self.raise(poll);
    }

    /// Takes the next poll in hand: its cost is the work that the thread now has.
    pub(super) fn next_poll(&mut self, poll: usize) {
        let state = &mut self.polls[poll];
        let packets = state.ring.poll(self.costs.poll, &mut state.in_hand);
        self.threads[state.thread.0].left_ns = u64::from(packets) * state.cost_ns;
    }

    /// The packets in hand have been processed: they go on, and so does the thread.
    pub(super) fn end_poll(&mut self, poll: usize, thread: ThreadId) {
        let mut in_hand = std::mem::take(&mut self.polls[poll].in_hand);
        let is_uplink = self.polls[poll].is_uplink;
        for batch in in_hand.drain(..) {
            match is_uplink {
                true => self.pass_on(batch),
                false => self.hand_over(batch),
            }
        }
        self.polls[poll].in_hand = in_hand;
        if self.polls[poll].ring.is_empty() {
            self.polls[poll].scheduled = false;
            self.block(thread);
        } else {
            self.next_poll(poll);
        }
    }

    /// From the uplink's thread to the ring of the capsule, as far as it may.
    fn pass_on(&mut self, batch: Batch) {
        let thread = self.work[batch.work].thread;
        let capsule = &mut self.capsules[self.threads[thread.0].capsule.0];
        let passed = match &mut capsule.police {
            Some(police) => police.pass(self.now, batch.packets, batch.whole),
            None => batch.packets,
        };
        self.drop_packets(batch, batch.packets - passed);
        let Some(poll) = self.capsules[self.threads[thread.0].capsule.0].napi else { return };
        if passed == 0 {
            return;
        }
        let batch = Batch { packets: passed, ..batch };
        let dropped = self.polls[poll].ring.push(batch);
        self.drop_packets(batch, dropped);
        if !std::mem::replace(&mut self.polls[poll].scheduled, true) {
            self.start_poll(poll);
        }
    }

    /// Into the queue of the thread that it is for.
    pub(super) fn hand_over(&mut self, batch: Batch) {
        let work = &mut self.work[batch.work];
        let room = self.costs.socket - work.packets;
        let taken = match batch.whole && batch.packets > room {
            true => 0,
            false => batch.packets.min(room),
        };
        self.drop_packets(batch, batch.packets - taken);
        if taken == 0 {
            return;
        }
        let work = &mut self.work[batch.work];
        work.packets += taken;
        let thread = work.thread;
        let context = self.capsules[self.threads[thread.0].capsule.0].context;
        let service_ns = match work.kind {
            WorkloadKind::Requests { cost, .. } => {
                self.costs.with_factor(work.random.between(cost.least, cost.most))
            }
            _ => 0,
        };
        let item = Item {
            work_ns: u64::from(taken) * self.costs.guest_ns(context) + service_ns,
            arrived: batch.arrived,
            packets: taken,
            answers: batch.whole,
            rounds: 0,
        };
        self.add_item(batch.work, item);
    }

    /// Counts packets that found no room, and lets a stream send them again.
    pub(super) fn drop_packets(&mut self, batch: Batch, dropped: u32) {
        if dropped == 0 {
            return;
        }
        let work = &mut self.work[batch.work];
        work.packets_dropped += u64::from(dropped);
        work.dropped += u64::from(batch.whole);
        if matches!(work.kind, WorkloadKind::Stream { .. }) {
            self.send_again(batch.work, dropped);
        }
    }
}
