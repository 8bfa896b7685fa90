// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a woken thread waits for the CPU.

use std::io::{Read as _, Write as _};
use std::thread;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Window;
use super::clock::{now, sleep_until};

/// One latency a wake-up, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latencies {
    /// Nanoseconds.
    pub latencies_ns: Vec<u64>,
}

/// A thread that sleeps 1 ms at a time and notes how late it wakes, as cyclictest does.
pub fn timer_wakeups(window: Window) -> anyhow::Result<Latencies> {
    const EVERY: u64 = 1_000_000;
    let mut found = Latencies::default();
    let mut next = window.start + EVERY;
    while next < window.end {
        sleep_until(next);
        let woken = now();
        found.latencies_ns.push(woken - next);
        // What was slept through is left out, once.
        next += EVERY * ((woken - next) / EVERY + 1);
    }
    Ok(found)
}

/// Two threads that wake each other in turn through pipes; each latency is one way, from before
/// the write to after the read on the other side.
pub fn ping_pong(window: Window) -> anyhow::Result<Latencies> {
    let (mut there_in, mut there_out) = std::io::pipe().context("a pipe")?;
    let (mut back_in, mut back_out) = std::io::pipe().context("a pipe")?;
    let echo = thread::spawn(move || -> std::io::Result<Vec<u64>> {
        let mut latencies = Vec::new();
        let mut stamp = [0; 8];
        // Ends when the other side closes its end.
        while there_in.read_exact(&mut stamp).is_ok() {
            latencies.push(now() - u64::from_le_bytes(stamp));
            back_out.write_all(&now().to_le_bytes())?;
        }
        Ok(latencies)
    });
    let mut found = Latencies::default();
    let mut stamp = [0; 8];
    while now() < window.end {
        there_out.write_all(&now().to_le_bytes()).context("waking the other thread")?;
        back_in.read_exact(&mut stamp).context("being woken")?;
        found.latencies_ns.push(now() - u64::from_le_bytes(stamp));
    }
    drop(there_out);
    let echoed = echo.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
    found.latencies_ns.extend(echoed.context("waking back")?);
    Ok(found)
}
