// SPDX-License-Identifier: MIT OR Apache-2.0
//! One CPU's events as intervals of execution and moments of waking.

use std::collections::BTreeMap;

use super::TraceError;
use super::format::Formats;
use super::ring::{for_each_event, read_u32};

/// One stretch of execution of one thread on one CPU, in nanoseconds of the trace's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Switched in.
    pub start: u64,
    /// Switched out.
    pub end: u64,
}

/// What happened on one CPU.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Executions of each thread, in order.
    pub runs: BTreeMap<u32, Vec<Run>>,
    /// When each thread was woken by something on this CPU, in order.
    pub wakeups: BTreeMap<u32, Vec<u64>>,
    /// Time of the last event.
    pub end: u64,
}

impl Timeline {
    /// Reads the pages of one CPU. The thread that runs when the trace begins is not known until
    /// the first switch, and the one that runs when it ends runs until the last event.
    pub fn read(pages: &[u8], formats: &Formats) -> Result<Timeline, TraceError> {
        let mut timeline = Timeline::default();
        let mut running: Option<(u32, u64)> = None;
        for_each_event(pages, |now, data| {
            let Some(kind) = data.get(..2) else { return };
            let kind = u32::from(u16::from_le_bytes([kind[0], kind[1]]));
            timeline.end = now;
            if kind == formats.switch_id {
                let Some(next) = read_u32(data, formats.next_pid) else { return };
                timeline.close(running, now);
                running = Some((next, now));
            } else if kind == formats.wakeup_id {
                let Some(pid) = read_u32(data, formats.woken_pid) else { return };
                timeline.wakeups.entry(pid).or_default().push(now);
            }
        })?;
        let end = timeline.end;
        timeline.close(running, end);
        Ok(timeline)
    }

    fn close(&mut self, running: Option<(u32, u64)>, end: u64) {
        if let Some((pid, start)) = running
            && start < end
        {
            self.runs.entry(pid).or_default().push(Run { start, end });
        }
    }

    /// The executions of `pids` together, in order.
    pub fn service(&self, pids: &[u32]) -> Vec<Run> {
        let of = |pid: &u32| self.runs.get(pid).into_iter().flatten().copied();
        let mut all: Vec<Run> = pids.iter().flat_map(of).collect();
        all.sort_by_key(|run| run.start);
        all
    }
}
