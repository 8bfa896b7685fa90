// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work for its own sake: spinners, crowds of threads, storms of processes, message passing.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Window;
use super::clock::{executed, now, sleep_until};

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Rounds, processes or messages, whatever it counts.
    pub count: u64,
    /// CPU time of its first thread.
    pub executed_ns: u64,
    /// From begin to end.
    pub elapsed_ns: u64,
}

/// Periods of work between two rests.
const ROUND: u64 = 50;

/// Computes until the end. In a server of this `period` it sleeps after every fifty for two and a bit, so
/// that the server begins anew: with a whole budget, no debt, and a deadline that is known from outside.
pub fn spin(period: Option<u64>, window: Window) -> anyhow::Result<Done> {
    let (mut count, mut round_began) = (0, window.start);
    let mut time = now();
    while time < window.end {
        if let Some(period) = period
            && time >= round_began + ROUND * period
        {
            round_began = time + 2 * period + period / 5;
            sleep_until(round_began);
        }
        count += 1;
        time = now();
    }
    Ok(Done { count, executed_ns: executed(), elapsed_ns: now() - window.start })
}

/// `count` threads that all compute until the end. Their stacks are small: a thousand fit anywhere.
pub fn threads(count: u32, window: Window) -> anyhow::Result<Done> {
    let work = move || while now() < window.end {};
    let spawn = |_| thread::Builder::new().stack_size(64 << 10).spawn(work);
    let threads: Vec<_> = (0..count).map(spawn).collect::<Result<_, _>>().context("a thread")?;
    let started = u64::try_from(threads.len())?;
    for thread in threads {
        let _ = thread.join();
    }
    Ok(Done { count: started, executed_ns: executed(), elapsed_ns: now() - window.start })
}

/// `count` threads that wake every millisecond, compute 50 us and sleep again.
pub fn sleepers(count: u32, window: Window) -> anyhow::Result<Done> {
    let work = move || {
        let mut next = now();
        while next < window.end {
            let until = executed() + 50_000;
            while executed() < until {}
            next += 1_000_000;
            sleep_until(next);
        }
    };
    let spawn = |_| thread::Builder::new().stack_size(64 << 10).spawn(work);
    let threads: Vec<_> = (0..count).map(spawn).collect::<Result<_, _>>().context("a thread")?;
    let started = u64::try_from(threads.len())?;
    for thread in threads {
        let _ = thread.join();
    }
    Ok(Done { count: started, executed_ns: executed(), elapsed_ns: now() - window.start })
}

/// `width` lines of processes, each started, ended and replaced by the next at once.
pub fn fork_storm(width: u32, window: Window) -> anyhow::Result<Done> {
    let work = move || -> std::io::Result<u64> {
        let mut count = 0;
        while now() < window.end {
            Command::new("/bin/true").stdin(Stdio::null()).status()?;
            count += 1;
        }
        Ok(count)
    };
    let threads: Vec<_> = (0..width).map(|_| thread::spawn(work)).collect();
    let mut count = 0;
    for thread in threads {
        let ended = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        count += ended.context("starting a process")?;
    }
    Ok(Done { count, executed_ns: executed(), elapsed_ns: now() - window.start })
}

/// Senders and receivers of one group: each sender writes to every receiver.
const PAIRS: u32 = 10;
/// Bytes of a message, those of the well-known program of this name.
const MESSAGE: usize = 100;

/// Message passing after the well-known hackbench: `groups` of 10 senders and 10 receivers that
/// exchange `loops` messages with everybody over pipes.
pub fn hackbench(groups: u32, loops: u32) -> anyhow::Result<Done> {
    let started = now();
    let mut threads = Vec::new();
    for _ in 0..groups {
        let mut writers = Vec::new();
        for _ in 0..PAIRS {
            let (mut reader, writer) = std::io::pipe().context("a pipe")?;
            writers.push(writer);
            threads.push(thread::spawn(move || -> std::io::Result<()> {
                let mut message = [0; MESSAGE];
                for _ in 0..PAIRS * loops {
                    reader.read_exact(&mut message)?;
                }
                Ok(())
            }));
        }
        for _ in 0..PAIRS {
            let mut to: Vec<_> =
                writers.iter().map(std::io::PipeWriter::try_clone).collect::<Result<_, _>>()?;
            threads.push(thread::spawn(move || -> std::io::Result<()> {
                for _ in 0..loops {
                    for writer in &mut to {
                        writer.write_all(&[0; MESSAGE])?;
                    }
                }
                Ok(())
            }));
        }
    }
    for thread in threads {
        let ended = thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
        ended.context("passing messages")?;
    }
    let messages = u64::from(groups) * u64::from(PAIRS) * u64::from(PAIRS) * u64::from(loops);
    Ok(Done { count: messages, executed_ns: executed(), elapsed_ns: now() - started })
}
