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

/// Executes `work` ns every `period` ns within `window`; the last job is due at its end at the
/// latest. Work is measured as executed time, so that waiting costs none.
pub fn run(work: u64, period: u64, window: Window) -> anyhow::Result<Jobs> {
    anyhow::ensure!(period > 0, "a period is longer than nothing");
    let count = window.end.saturating_sub(window.start) / period;
    let mut jobs =
        Jobs { jobs: 0, late: 0, responses_ns: Vec::with_capacity(usize::try_from(count)?) };
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
