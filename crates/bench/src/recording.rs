// SPDX-License-Identifier: MIT OR Apache-2.0
//! The raw data of one measurement: a directory with `case.json` and the trace pages of each CPU.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::trace::{Formats, Timeline};

/// What was set up and when.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recording {
    /// Name of the case.
    pub case: String,
    /// The capsules, in order of creation.
    pub capsules: Vec<Recorded>,
    /// When the load began and ended, on CLOCK_MONOTONIC, which the trace uses too.
    pub start_ns: u64,
    /// When it ended.
    pub end_ns: u64,
    /// How to read the events.
    pub formats: Formats,
    /// How many CPUs were traced: `cpu0.trace` and so on.
    pub cpus: u32,
    /// Events that did not fit into the buffer.
    pub lost: u64,
}

/// One capsule of a recording.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Its name.
    pub name: String,
    /// Its budget on each CPU.
    pub budget_ns: u64,
    /// Its period.
    pub period_ns: u64,
    /// Its processes that are pinned: which, and to which CPU.
    pub pinned: Vec<Pinned>,
}

/// A process that stays on one CPU.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Pinned {
    /// The CPU.
    pub cpu: u32,
    /// The process.
    pub pid: u32,
    /// The largest overrun of its server on that CPU by the scheduler's own account, where it keeps
    /// one: of its whole life, when its processes were started included. For a reader.
    #[serde(default)]
    pub overrun_max_ns: Option<u64>,
}

impl Recording {
    /// Reads `directory`/case.json.
    pub fn read(directory: &Path) -> anyhow::Result<Recording> {
        let path = directory.join("case.json");
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("understanding {}", path.display()))
    }

    /// Writes it.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join("case.json");
        let text = serde_json::to_vec_pretty(self).context("encoding a recording")?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// The traces of `directory`, by CPU.
    pub fn timelines(&self, directory: &Path) -> anyhow::Result<Vec<Timeline>> {
        let one = |cpu: u32| {
            let path = directory.join(format!("cpu{cpu}.trace"));
            let pages = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            Timeline::read(&pages, &self.formats)
                .with_context(|| format!("understanding {}", path.display()))
        };
        (0..self.cpus).map(one).collect()
    }
}
