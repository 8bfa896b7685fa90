// SPDX-License-Identifier: MIT OR Apache-2.0
//! From recordings to rows: pure functions, the same on kept raw data as on fresh.

pub mod directed_yield;
pub mod others;
pub mod saturated;
pub mod unchanged;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use evenkeel_model::BenchRow;
use serde::de::DeserializeOwned;

use crate::recording::Recording;

/// The rows of all measurements that have left raw data in `raw`, a directory with `out` and `dmesg`.
pub fn rows(raw: &Path) -> anyhow::Result<Vec<BenchRow>> {
    let out = &raw.join("out");
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
    for directory in cases(out, "tasksets")?.unwrap_or_default() {
        rows.extend(others::tasksets(&read::<Vec<_>>(&directory.join("sets.json"))?));
    }
    if let Some(cases) = cases(out, "outside")? {
        let read = |directory: &PathBuf| {
            let recording = Recording::read(directory)?;
            let timelines = recording.timelines(directory)?;
            Ok((recording, timelines))
        };
        let recordings: anyhow::Result<Vec<_>> = cases.iter().map(read).collect();
        rows.extend(unchanged::rows(&recordings?)?);
    }
    if let Some(cases) = cases(out, "dispatch")? {
        let costs: anyhow::Result<Vec<_>> =
            cases.iter().map(|directory| read(&directory.join("costs.json"))).collect();
        rows.extend(others::dispatch(&costs?));
    }
    if let Some(cases) = cases(out, "compare")? {
        let phases: anyhow::Result<Vec<_>> =
            cases.iter().map(|directory| read(&directory.join("phase.json"))).collect();
        if let [kernel, ours] = phases?.as_slice() {
            rows.extend(others::compare(kernel, ours));
        }
    }
    for directory in cases(out, "guest")?.unwrap_or_default() {
        let promised =
            directory.file_name().is_some_and(|name| !name.to_string_lossy().contains("cpu-max"));
        rows.extend(others::guest(&read(&directory.join("guest.json"))?, promised));
    }
    for directory in cases(out, "directed-yield")?.unwrap_or_default() {
        rows.extend(directed_yield::rows(&read(&directory.join("yields.json"))?));
    }
    for directory in cases(out, "soak")?.unwrap_or_default() {
        let dmesg = fs::read_to_string(raw.join("dmesg")).context("reading the kernel's log")?;
        rows.extend(others::soak(&read(&directory.join("soak.json"))?, &dmesg));
    }
    let failures = out.join("failures.json");
    if failures.exists() {
        let failed: Vec<(String, String)> = read(&failures)?;
        rows.extend(failed.iter().map(|(what, why)| not_measured(what, why)));
    }
    Ok(rows)
}

/// The row of what could not be measured: it never holds.
pub fn not_measured(what: &str, why: &str) -> BenchRow {
    BenchRow::at_most(format!("{what}: not measured: {why}"), 1.0, "errors", 0.0)
}

fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("understanding {}", path.display()))
}

/// A case's last file, with its results.
fn is_result(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "json")
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
        let path = entry.with_context(reading)?.path();
        // One that failed has left nothing; `failures.json` says so.
        if fs::read_dir(&path).with_context(reading)?.flatten().any(|e| is_result(&e.path())) {
            found.push(path);
        }
    }
    found.sort();
    Ok(Some(found))
}
