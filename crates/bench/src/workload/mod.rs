// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs inside capsules and beside them: one process each, started by the experiment.
//!
//! A workload pins itself, locks its memory, says `ready`, reads one line `START END` (nanoseconds
//! of CLOCK_MONOTONIC), sleeps until START, works until END, and prints what it found as one line
//! of JSON. Sleeping until a common moment makes all of them wake together, from idleness, without
//! any help while the measurement runs.

mod clock;
mod latency;
mod load;
mod periodic;

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, bail};
use evenkeel_kernel::sched::{current_tid, set_affinity};
use evenkeel_model::{CpuIndex, CpuSet};

pub use clock::{now, sleep_until};
pub use latency::Latencies;
pub use load::Done;
pub use periodic::Jobs;

/// Begin and end of the load, on CLOCK_MONOTONIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When to begin.
    pub start: u64,
    /// When to end.
    pub end: u64,
}

/// Does what `words` say, as the whole of this process.
pub fn main(words: &[&str]) -> anyhow::Result<()> {
    let Some((cpu, what)) = words.split_first() else { bail!("usage: workload CPU|any WHAT...") };
    if *cpu != "any" {
        let cpus: CpuSet = [CpuIndex(number(cpu)?)].into_iter().collect();
        set_affinity(current_tid(), &cpus).context("pinning a workload")?;
    }
    match what {
        ["spin"] => in_window(|window| load::spin(None, window)),
        ["spin", period] => {
            let period = number(period)?;
            in_window(|window| load::spin(Some(period), window))
        }
        ["periodic", work, period] => {
            let (work, period) = (number(work)?, number(period)?);
            let room = periodic::room();
            in_window(|window| periodic::run(work, period, window, room))
        }
        ["wake"] => in_window(latency::timer_wakeups),
        ["ping-pong"] => in_window(latency::ping_pong),
        ["hackbench", groups, loops] => {
            let (groups, loops) = (number(groups)?, number(loops)?);
            in_window(|_| load::hackbench(groups, loops))
        }
        ["threads", count] => {
            let count = number(count)?;
            in_window(|window| load::threads(count, window))
        }
        ["fork-storm", processes] => {
            let processes = number(processes)?;
            in_window(|window| load::fork_storm(processes, window))
        }
        ["sleepers", count] => {
            let count = number(count)?;
            in_window(|window| load::sleepers(count, window))
        }
        _ => bail!("unknown workload '{}'", what.join(" ")),
    }
}

fn number<T: std::str::FromStr>(word: &str) -> anyhow::Result<T> {
    word.parse().ok().with_context(|| format!("'{word}' is not a number of this kind"))
}

/// Says that it is ready, waits for the line, works, and prints the result.
fn in_window<T: serde::Serialize>(
    work: impl FnOnce(Window) -> anyhow::Result<T>,
) -> anyhow::Result<()> {
    rustix::mm::mlockall(rustix::mm::MlockAllFlags::CURRENT).context("locking memory")?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "ready").and_then(|()| stdout.flush()).context("saying ready")?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("reading the window")?;
    let Some((start, end)) = line.trim().split_once(' ') else { bail!("no window: '{line}'") };
    let window = Window { start: number(start)?, end: number(end)? };
    sleep_until(window.start);
    let result = work(window)?;
    let text = serde_json::to_string(&result).context("encoding a result")?;
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).context("printing the result")
}
