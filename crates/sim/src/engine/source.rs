// SPDX-License-Identifier: MIT OR Apache-2.0
//! Arrivals: when each workload gets its next job, burst, request or packets.

use evenkeel_model::{Instant, Span};

use crate::engine::Engine;
use crate::engine::state::ENDLESS_NS;
use crate::record::Record;
use crate::scenario::{Pattern, WorkloadKind};
use crate::scheduler::Scheduler;

impl<S: Scheduler, R: Record> Engine<S, R> {
    /// The first arrival of each workload.
    pub(super) fn start_source(&mut self, index: usize) {
        let first = match self.work[index].kind {
            WorkloadKind::Saturated => {
                let thread = self.work[index].thread;
                self.threads[thread.0].left_ns = ENDLESS_NS;
                self.wake(thread);
                return;
            }
            WorkloadKind::Stream { window, .. } => {
                self.work[index].returns.push_back((self.now, window));
                Span::ZERO
            }
            WorkloadKind::Flood { rate_pps, batch, pattern, .. } => {
                self.gap(index, batch_gap(rate_pps, batch), pattern)
            }
            WorkloadKind::Periodic { offset, jitter, .. } => {
                self.work[index].nominal = self.now.saturating_add(offset);
                offset + self.jittered(index, jitter)
            }
            WorkloadKind::Sporadic { offset, .. }
            | WorkloadKind::Bursty { offset, .. }
            | WorkloadKind::Suspending { offset, .. }
            | WorkloadKind::Requests { offset, .. } => offset,
        };
        self.calendar.set(self.slots.sources + index, self.now.saturating_add(first));
    }

    /// Something arrives; the next arrival is entered first, so that what the arrival causes may
    /// change it.
    pub(super) fn arrive(&mut self, index: usize) {
        match self.work[index].kind {
            WorkloadKind::Stream { .. } => {
                let packets = self.take_returns(index);
                self.packets_arrive(index, packets, false);
            }
            WorkloadKind::Flood { rate_pps, batch, pattern, .. } => {
                let gap = self.gap(index, batch_gap(rate_pps, batch), pattern);
                self.next_arrival(index, gap);
                self.packets_arrive(index, batch, false);
            }
            WorkloadKind::Requests { period, pattern, packets, .. } => {
                let gap = self.gap(index, period, pattern);
                self.next_arrival(index, gap);
                self.packets_arrive(index, packets, true);
            }
            WorkloadKind::Periodic { period, jitter, .. } => {
                let nominal = self.work[index].nominal.saturating_add(period);
                self.work[index].nominal = nominal;
                let late = self.jittered(index, jitter);
                self.calendar.set(self.slots.sources + index, nominal.saturating_add(late));
                self.job_arrives(index, 0);
            }
            WorkloadKind::Sporadic { gap, extra, .. } => {
                let extra = self.work[index].random.exponential(extra);
                self.next_arrival(index, gap + extra);
                self.job_arrives(index, 0);
            }
            WorkloadKind::Bursty { period, burst, spacing, .. } => {
                let work = &mut self.work[index];
                work.arrival += 1;
                let last = work.arrival.is_multiple_of(u64::from(burst));
                let inside = spacing.as_ns().saturating_mul(u64::from(burst - 1));
                let gap = match last {
                    true => period.saturating_sub(Span::from_ns(inside)),
                    false => spacing,
                };
                self.next_arrival(index, gap);
                self.job_arrives(index, 0);
            }
            WorkloadKind::Suspending { period, rounds, .. } => {
                self.next_arrival(index, period);
                self.job_arrives(index, rounds);
            }
            WorkloadKind::Saturated => self.calendar.cancel(self.slots.sources + index),
        }
    }

    fn job_arrives(&mut self, index: usize, rounds: u32) {
        let item = self.item_of(index, rounds);
        self.add_item(index, item);
    }

    fn next_arrival(&mut self, index: usize, gap: Span) {
        self.calendar.set(self.slots.sources + index, self.now.saturating_add(gap));
    }

    fn gap(&mut self, index: usize, mean: Span, pattern: Pattern) -> Span {
        match pattern {
            Pattern::Periodic => mean,
            Pattern::Poisson => self.work[index].random.exponential(mean),
        }
    }

    /// Packets of a stream that are due, and when the next ones are.
    fn take_returns(&mut self, index: usize) -> u32 {
        let work = &mut self.work[index];
        let mut packets = 0;
        while let Some(&(at, count)) = work.returns.front()
            && at <= self.now
        {
            packets += count;
            work.returns.pop_front();
        }
        let next = work.returns.front().map(|&(at, _)| at);
        let slot = self.slots.sources + index;
        match next {
            Some(at) => self.calendar.set(slot, at),
            None => self.calendar.cancel(slot),
        }
        packets
    }
}

/// Time between batches, rounded to the nanosecond; at least one, so that time moves.
fn batch_gap(rate_pps: u64, batch: u32) -> Span {
    let gap_ns = u64::from(batch) * 1_000_000_000 / rate_pps.max(1);
    Span::from_ns(gap_ns.max(1))
}

/// The earliest instant of all: arrivals of a scenario begin here.
pub(super) const START: Instant = Instant::ORIGIN;
