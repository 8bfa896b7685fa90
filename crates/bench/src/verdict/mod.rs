// SPDX-License-Identifier: MIT OR Apache-2.0
//! From recordings to rows: pure functions, the same on kept raw data as on fresh.

pub mod saturated;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use evenkeel_model::BenchRow;

use crate::recording::Recording;

/// The rows of all measurements that have left raw data in `out`.
pub fn rows(out: &Path) -> anyhow::Result<Vec<BenchRow>> {
    let mut rows = Vec::new();
    if let Some(cases) = cases(out, "saturated")? {
        let mut served = Vec::new();
        for directory in cases {
            let recording = Recording::read(&directory)?;
            let timelines = recording.timelines(&directory)?;
            served.extend(saturated::judge(&recording, &timelines)?);
        }
        rows.extend(saturated::rows(&served));
    }
    Ok(rows)
}

/// The directories of an experiment's cases, in order; `None` if it was not made.
fn cases(out: &Path, experiment: &str) -> anyhow::Result<Option<Vec<PathBuf>>> {
    let parent = out.join(experiment);
    if !parent.exists() {
        return Ok(None);
    }
    let reading = || format!("reading {}", parent.display());
    let entries = fs::read_dir(&parent).with_context(reading)?;
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.with_context(reading)?.path());
    }
    found.sort();
    Ok(Some(found))
}
