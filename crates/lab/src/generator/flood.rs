// SPDX-License-Identifier: MIT OR Apache-2.0
//! A flood of small packets: one thread, one packet socket, batches of frames at a paced rate.
//!
//! Paced rather than as fast as possible, because a flood to B and the control flood to nobody must
//! be the same flood, and because the sender's core also carries the client that is measured. The
//! pace is open loop: what the receiver's ring has no room for is dropped there, counted, and not
//! offered again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use evenkeel_kernel::packet::{BATCH_MAX, PacketSender};
use evenkeel_model::Span;

use super::placement::Placed;
use super::switch::Switch;
use super::{GeneratorError, Placement, UdpFrame};
use crate::clock::{Moment, sleep_until};

const NAME: &str = "ek-flood";

/// How far behind its pace a flood may be before it gives up catching up. The client that is
/// measured comes first on the sender's core and is busiest while its VM has budget, 6 ms of every
/// 20 ms: over the whole of that period the flood must be able to keep its pace.
const BEHIND_MAX: Span = Span::from_ms(20);

/// What a flood has done since its start, over all times it was running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloodCounters {
    /// Frames offered to the device.
    pub offered: u64,
    /// Frames that it took.
    pub taken: u64,
}

#[derive(Debug, Default)]
struct Shared {
    offered: AtomicU64,
    taken: AtomicU64,
}

/// A flood. It ends when this is dropped.
#[derive(Debug)]
pub struct Flood {
    switch: Arc<Switch>,
    shared: Arc<Shared>,
    thread: Option<Placed<Result<(), GeneratorError>>>,
}

impl Flood {
    /// A paused flood of `frame` through `sender`, `pace_pps` frames a second while it runs.
    ///
    /// # Panics
    /// If `pace_pps` is zero.
    pub fn start(
        sender: PacketSender,
        frame: UdpFrame,
        pace_pps: u32,
        placement: Placement,
    ) -> Result<Flood, GeneratorError> {
        assert!(pace_pps > 0, "a flood has a pace");
        let (switch, shared) = (Arc::new(Switch::paused()), Arc::<Shared>::default());
        let thread = {
            let (switch, shared) = (Arc::clone(&switch), Arc::clone(&shared));
            placement.spawn(NAME, move || {
                while switch.wait() {
                    flood(&sender, &frame, pace_pps, &switch, &shared)?;
                }
                Ok(())
            })?
        };
        Ok(Flood { switch, shared, thread: Some(thread) })
    }

    /// Floods from now on.
    pub fn resume(&self) {
        self.switch.resume();
    }

    /// Stops after the batch at hand.
    pub fn pause(&self) {
        self.switch.pause();
    }

    /// What it has done so far; an error where its socket has failed.
    pub fn counters(&mut self) -> Result<FloodCounters, GeneratorError> {
        match self.thread.take() {
            Some(thread) if thread.is_finished() => thread.join()??,
            other => self.thread = other,
        }
        Ok(FloodCounters {
            offered: self.shared.offered.load(Ordering::Relaxed),
            taken: self.shared.taken.load(Ordering::Relaxed),
        })
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.switch.stop();
        // A batch takes some 60 us; how the thread ended no longer matters.
        let _ = self.thread.take().map(Placed::join);
    }
}

/// One running phase: from a resume to the next pause.
fn flood(
    sender: &PacketSender,
    frame: &UdpFrame,
    pace_pps: u32,
    switch: &Switch,
    shared: &Shared,
) -> Result<(), GeneratorError> {
    let mut pace = Pace::new(Moment::now(), pace_pps);
    let mut batch = BATCH_MAX;
    while switch.is_running() {
        let now = Moment::now();
        let due = pace.next_batch(now);
        // A sleep until a moment that has passed still takes a timer and a switch, 3 us.
        if due > now {
            sleep_until(due);
        }
        let taken = sender.send_batch(frame, batch)?;
        // The device stops a batch at the first frame that it has no room for: that frame was
        // offered and dropped, those behind it were never offered.
        let offered = (taken + 1).min(batch);
        // Where there is no room one frame at a time tells when there is some again, at less cost.
        batch = if taken == 0 { 1 } else { BATCH_MAX };
        pace.sent(offered as u64);
        shared.offered.fetch_add(offered as u64, Ordering::Relaxed);
        shared.taken.fetch_add(taken as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// When which frame is due.
#[derive(Debug)]
struct Pace {
    begin: Moment,
    pps: u32,
    frames: u64,
}

impl Pace {
    fn new(begin: Moment, pps: u32) -> Pace {
        Pace { begin, pps, frames: 0 }
    }

    /// When the next frame is due, `now` being the time; begins afresh where the pace was lost.
    fn next_batch(&mut self, now: Moment) -> Moment {
        // At most 10^9 frames a second over an hour: far below 2^64.
        let after = Span::from_ns(self.frames.saturating_mul(1_000_000_000) / u64::from(self.pps));
        let due = self.begin + after;
        if now.since(due) > BEHIND_MAX {
            *self = Pace::new(now, self.pps);
            return now;
        }
        due
    }

    fn sent(&mut self, frames: u64) {
        self.frames += frames;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_kept_on_average_and_given_up_when_lost() {
        let begin = Moment::now();
        let mut pace = Pace::new(begin, 1_000_000);
        assert_eq!(pace.next_batch(begin), begin);
        pace.sent(64);
        assert_eq!(pace.next_batch(begin), begin + Span::from_us(64));
        // A little behind: the next batch is due in the past, so it goes at once.
        assert_eq!(pace.next_batch(begin + Span::from_ms(9)), begin + Span::from_us(64));
        // Far behind: no burst to catch up.
        let late = begin + Span::from_ms(50);
        assert_eq!(pace.next_batch(late), late);
        pace.sent(1_000);
        assert_eq!(pace.next_batch(late), late + Span::from_ms(1));
    }
}
