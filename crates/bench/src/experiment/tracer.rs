// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's trace of scheduling events, switched on and off and copied out.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use evenkeel_sched::scx::running;

use super::sched_ext;
use crate::trace::{Formats, PAGE_BYTES};
use crate::workload::now;

const TRACING: &str = "/sys/kernel/tracing";
/// Per CPU. A switch takes some 64 bytes: 250,000 of them, more than any case has.
const BUFFER_KB: u32 = 16 << 10;

/// Who runs, and who is woken.
const EVENTS: [&str; 2] = ["sched_switch", "sched_wakeup"];

/// The kernel lets threads of a scheduler that goes return to the fair class within milliseconds.
const UNLOAD_LIMIT: u64 = 20_000_000_000;

/// The tracer while it records.
#[derive(Debug)]
pub struct Tracer {
    cpus: u32,
    formats: Formats,
}

impl Tracer {
    /// Has the kernel call its own trace before the scheduler at each switch, so that the time in the
    /// trace is not later by what the scheduler does there: events are on from before it is loaded.
    pub fn prepare() -> anyhow::Result<()> {
        if get(&enable(EVENTS[0]))?.trim() == "1" {
            return Ok(());
        }
        unload()?;
        set("tracing_on", "0")?;
        for event in EVENTS {
            set(&enable(event), "1")?;
        }
        Ok(())
    }

    /// Begins to record on `cpus` CPUs.
    pub fn start(cpus: u32) -> anyhow::Result<Tracer> {
        set("tracing_on", "0")?;
        set("current_tracer", "nop")?;
        set("trace_clock", "mono")?;
        set("buffer_size_kb", &BUFFER_KB.to_string())?;
        set("trace", "")?;
        let formats = Formats::parse(
            &get("events/sched/sched_switch/format")?,
            &get("events/sched/sched_wakeup/format")?,
        )?;
        set("tracing_on", "1")?;
        Ok(Tracer { cpus, formats })
    }

    /// Ends the recording, copies it to `directory` and says how to read it and what was lost.
    pub fn finish(self, directory: &Path) -> anyhow::Result<(Formats, u64)> {
        set("tracing_on", "0")?;
        let mut lost = 0;
        for cpu in 0..self.cpus {
            let stats = get(&format!("per_cpu/cpu{cpu}/stats"))?;
            lost += overruns(&stats);
            copy(cpu, &directory.join(format!("cpu{cpu}.trace")))?;
        }
        Ok((self.formats, lost))
    }
}

/// Lines `overrun: 0` and `dropped events: 0`.
fn overruns(stats: &str) -> u64 {
    let value = |name: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    value("overrun:") + value("dropped events:")
}

fn copy(cpu: u32, to: &Path) -> anyhow::Result<()> {
    let from = path(&format!("per_cpu/cpu{cpu}/trace_pipe_raw"));
    let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).context("O_NONBLOCK")?;
    let mut pages = OpenOptions::new()
        .read(true)
        .custom_flags(nonblock)
        .open(&from)
        .with_context(|| format!("opening {}", from.display()))?;
    let mut file = File::create(to).with_context(|| format!("creating {}", to.display()))?;
    let mut page = vec![0; PAGE_BYTES];
    // At most as many pages as the buffer has.
    for _ in 0..=BUFFER_KB / 4 {
        match pages.read(&mut page) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                page[length..].fill(0);
                file.write_all(&page).with_context(|| format!("writing {}", to.display()))?;
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", from.display())),
        }
    }
    Ok(())
}

fn enable(event: &str) -> String {
    format!("events/sched/{event}/enable")
}

/// Takes the scheduler out, if it is there; the next capsule loads it.
fn unload() -> anyhow::Result<()> {
    running::unload()?;
    let begun = now();
    while sched_ext::state().starts_with("en") {
        anyhow::ensure!(now() - begun < UNLOAD_LIMIT, "the scheduler does not leave");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn path(name: &str) -> PathBuf {
    Path::new(TRACING).join(name)
}

fn set(name: &str, value: &str) -> anyhow::Result<()> {
    let path = path(name);
    fs::write(&path, value).with_context(|| format!("writing '{value}' to {}", path.display()))
}

fn get(name: &str) -> anyhow::Result<String> {
    let path = path(name);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::overruns;

    #[test]
    fn losses_are_added_up() {
        let stats =
            "entries: 5\noverrun: 3\ncommit overrun: 0\ndropped events: 4\nread events: 1\n";
        assert_eq!(overruns(stats), 7);
    }
}
