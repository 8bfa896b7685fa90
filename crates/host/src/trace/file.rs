// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording as data: what was reserved, the log, and the kernel it comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use evenkeel_kernel::{Tid, facts, process};
use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, Span};
use evenkeel_sched::ScxError;
use evenkeel_sched::scx::{Log, name_of, running};
use serde::{Deserialize, Serialize};

/// Name of the form and its version.
pub const SCHEMA: &str = "evenkeel.trace.v1";

/// Why there is no recording.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The scheduler could not be asked.
    #[error(transparent)]
    Scx(#[from] ScxError),
    /// Nobody makes decisions that could be recorded.
    #[error("our scheduler is not loaded: no capsule has enforcer 'scx'")]
    NotLoaded,
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is none of ours.
    #[error("{path} is not a recording of form {SCHEMA}: {why}")]
    Form {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A recording that the reference policy cannot take.
    #[error("the recording cannot be replayed: {0}")]
    Unplayable(String),
}

/// A capsule while the recording ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedCapsule {
    /// Its number in the records.
    pub slot: u32,
    /// Its name.
    pub name: CapsuleName,
    /// Its own budget on each CPU; zero where its children have all of it.
    pub budget_ns: Span,
    /// Its period.
    pub period_ns: Span,
    /// Its CPUs.
    pub cpus: CpuSet,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceFile {
    /// [`SCHEMA`].
    pub schema: String,
    /// The kernel's release.
    pub kernel: String,
    /// How many CPUs the scheduler knows.
    pub cpus: u32,
    /// The capsules.
    pub capsules: Vec<TracedCapsule>,
    /// Names of threads that lived when the recording ended.
    pub threads: BTreeMap<u32, String>,
    /// The log.
    #[serde(flatten)]
    pub log: Log,
}

impl TraceFile {
    /// Reads one.
    pub fn read(path: &Path) -> Result<TraceFile, TraceError> {
        let file = |source| TraceError::File { path: path.to_owned(), source };
        let text = fs::read_to_string(path).map_err(file)?;
        let form = |why: String| TraceError::Form { path: path.to_owned(), why };
        let read: TraceFile = serde_json::from_str(&text).map_err(|why| form(why.to_string()))?;
        match read.schema == SCHEMA {
            true => Ok(read),
            false => Err(form(format!("its schema is '{}'", read.schema))),
        }
    }

    /// Writes it.
    pub fn write(&self, path: &Path) -> Result<(), TraceError> {
        let file = |source| TraceError::File { path: path.to_owned(), source };
        let text = serde_json::to_string(self).map_err(|error| file(error.into()))?;
        fs::write(path, text).map_err(file)
    }
}

/// Records for `window`, or until `stop` says so.
pub fn record(window: Span, stop: &dyn Fn() -> bool) -> Result<TraceFile, TraceError> {
    let loaded = running::find()?.ok_or(TraceError::NotLoaded)?;
    let log = loaded.log(Duration::from_nanos(window.as_ns()), stop)?;
    let mut capsules = Vec::new();
    for (slot, capsule) in loaded.capsules()? {
        let Some(name) = name_of(&capsule) else { continue };
        let on = |cpu: &u32| capsule.cpus[(cpu / 64) as usize] >> (cpu % 64) & 1 == 1;
        capsules.push(TracedCapsule {
            slot,
            name,
            budget_ns: Span::from_ns(capsule.budget_ns),
            period_ns: Span::from_ns(capsule.period_ns),
            cpus: (0..loaded.cpu_count()).filter(on).map(CpuIndex).collect(),
        });
    }
    let tids = log.records.iter().map(|record| record.tid).filter(|tid| *tid != 0);
    let threads = tids
        .collect::<std::collections::BTreeSet<u32>>()
        .into_iter()
        .filter_map(|tid| Some((tid, process::stat(Tid(tid)).ok()?.comm)))
        .collect();
    Ok(TraceFile {
        schema: SCHEMA.to_owned(),
        kernel: facts::kernel_release(),
        cpus: loaded.cpu_count(),
        capsules,
        threads,
        log,
    })
}
