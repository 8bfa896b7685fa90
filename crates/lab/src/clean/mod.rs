// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel lab clean`: the host as it was, whatever became of the lab that ran on it.
//!
//! What to remove is known twice: from the journal, and from the names that only a lab gives
//! (`testbed::name`). Names find what a lost journal does not tell; the journal tells what has no
//! name: processes, and what settings were before. Every wait has an end.

mod leftovers;
mod sweep;

use evenkeel_kernel::facts::is_root;
use evenkeel_kernel::lock::{FileLock, LockError};
use evenkeel_kernel::{Pid, Signal, process};
use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

use self::leftovers::Leftovers;
use crate::error::LabError;
use crate::journal;
use crate::paths::Paths;

pub(crate) use self::sweep::sweep;

/// How long a lab that still runs may take to take itself down after SIGTERM. It takes below a
/// second; after this it is killed.
const OWNER_TIMEOUT: Span = Span::from_s(10);

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanReport {
    /// One entry each, in the order of removal; empty where nothing was left.
    pub removed: Vec<String>,
    /// What a reader should know: a damaged journal, a record of capsules that cannot be read.
    pub notes: Vec<String>,
}

/// Removes everything that a lab left on this host, and ends one that still runs. `out` gets a line
/// for each thing that was removed.
pub fn clean(out: &mut dyn FnMut(&str)) -> Result<CleanReport, LabError> {
    if !is_root() {
        return Err(LabError::NotRoot);
    }
    let paths = Paths::of_host();
    paths.make_directories()?;
    let _lock = match FileLock::acquire(&paths.lock(), Span::ZERO) {
        Err(LockError::Held { holder, .. }) => {
            end_owner(&paths, &holder, out)?;
            FileLock::acquire(&paths.lock(), OWNER_TIMEOUT)?
        }
        other => other?,
    };
    sweep(&paths, &journal::read(&paths.journal()).unwrap_or_default(), out)
}

/// Removes what an interrupted lab left, if it left anything. The caller holds the lock.
pub(crate) fn sweep_leftovers(paths: &Paths, out: &mut dyn FnMut(&str)) -> Result<(), LabError> {
    let found = journal::read(&paths.journal()).unwrap_or_default();
    if Leftovers::look(paths, &found)?.lines().is_empty() {
        return Ok(());
    }
    out("removing what an interrupted lab left behind");
    sweep(paths, &found, out).map(drop)
}

/// What [`clean`] would remove, one line each. Changes nothing and needs no rights.
pub fn remaining() -> Result<Vec<String>, LabError> {
    let paths = Paths::of_host();
    let found = journal::read(&paths.journal());
    let owner = found.as_ref().and_then(|found| found.header.as_ref()).map(|header| header.owner);
    let running = owner.filter(process::is_alive);
    let mut lines: Vec<String> =
        running.iter().map(|owner| format!("the lab that is running (process {owner})")).collect();
    lines.extend(Leftovers::look(&paths, &found.unwrap_or_default())?.lines());
    Ok(lines)
}

/// Ends the lab that holds the lock: it is asked first, so that it can say what happened to it.
fn end_owner(paths: &Paths, holder: &str, out: &mut dyn FnMut(&str)) -> Result<(), LabError> {
    let busy = || LabError::Busy { holder: holder.to_owned() };
    let recorded = journal::read(&paths.journal()).and_then(|found| found.header);
    // The lock file says `process 4711`, whatever became of the journal.
    let written = || holder.rsplit(' ').next()?.parse().ok().map(Pid);
    let owner = match recorded {
        Some(header) if process::is_alive(&header.owner) => header.owner,
        _ => written().and_then(|pid| process::identity(pid).ok()).ok_or_else(busy)?,
    };
    if owner.pid == Pid(std::process::id()) {
        return Err(busy());
    }
    out(&format!("ending the lab that is running (process {owner})"));
    for signal in [Signal::TERM, Signal::CONT, Signal::KILL] {
        match process::kill(&owner, signal) {
            Err(error) if !error.is_gone() => return Err(error.into()),
            _ => {}
        }
        // A stopped process takes SIGTERM once it continues.
        if signal != Signal::TERM && process::wait_exit(&owner, OWNER_TIMEOUT) {
            return Ok(());
        }
    }
    Err(busy())
}
