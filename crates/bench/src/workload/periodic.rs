// SPDX-License-Identifier: MIT OR Apache-2.0
//! A periodic task: so much work every period, due by the end of it.

use serde::{Deserialize, Serialize};

use super::Window;
use super::clock::{executed, now, sleep_until};

/// What became of the jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// Completed jobs.
    pub jobs: u64,
    /// Those completed after the end of their period.
    pub late: u64,
    /// From release to completion of each, in order.
    pub responses_ns: Vec<u64>,
}

/// Jobs that are recorded: a second of the shortest period in use is a hundred.
const JOBS_MAX: usize = 10_000;

/// Room for the answers, and whatever the first job needs besides: in memory before it is locked, as
/// tasks with deadlines have it.
pub fn room() -> Vec<u64> {
    let mut room = vec![executed() & now(); JOBS_MAX];
    room.clear();
    room
}

/// Executes `work` ns every `period` ns within `window`; the last job is due at its end at the
/// latest. Work is measured as executed time, so that waiting costs none.
pub fn run(work: u64, period: u64, window: Window, room: Vec<u64>) -> anyhow::Result<Jobs> {
    anyhow::ensure!(period > 0, "a period is longer than nothing");
    let count = window.end.saturating_sub(window.start) / period;
    anyhow::ensure!(usize::try_from(count)? <= room.capacity(), "{count} jobs are too many");
    let mut jobs = Jobs { jobs: 0, late: 0, responses_ns: room };
    for index in 0..count {
        let release = window.start + index * period;
        sleep_until(release);
        let begun = executed();
        while executed() - begun < work {
            std::hint::spin_loop();
        }
        let response = now() - release;
        jobs.jobs += 1;
        jobs.late += u64::from(response > period);
        jobs.responses_ns.push(response);
    }
    Ok(jobs)
}
