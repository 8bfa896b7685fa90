// SPDX-License-Identifier: MIT OR Apache-2.0
//! One call for one run of the lab: a request in, results out, raw figures on disk as soon as each
//! experiment has ended.
//!
//! A Ctrl-C ends the run after the window at hand: the testbed is taken down and the answer is
//! [`LabError::Interrupted`]; what has been measured before is on disk. A second Ctrl-C ends the
//! process at once, and `evenkeel lab clean` takes the testbed down.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_kernel::facts::is_root;
use evenkeel_model::Span;
use serde::Serialize;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag, low_level};

use crate::cpu_layout::Layout;
use crate::error::LabError;
use crate::experiment::{Session, accuracy, deadline, flood, neighbour, share};
use crate::guest::{GuestKind, GuestProgram};
use crate::measurement::Results;
use crate::progress::OnProgress;

/// Schema of [`Results`].
const SCHEMA: &str = "evenkeel.lab.results.v1";

/// Where raw figures go, below the output directory.
const DATA: &str = "data";

/// What to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Experiment {
    /// A spinner in a reservation.
    Accuracy,
    /// Throughput against the own budget.
    Share,
    /// Throughput against the neighbour's share.
    Neighbour,
    /// The 20 ms download.
    Deadline,
    /// Small packets for the neighbour.
    Flood,
    /// All of them, small: at most four minutes.
    Demo,
    /// All of them.
    All,
}

impl Experiment {
    /// The word of the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Experiment::Accuracy => "accuracy",
            Experiment::Share => "share",
            Experiment::Neighbour => "neighbour",
            Experiment::Deadline => "deadline",
            Experiment::Flood => "flood",
            Experiment::Demo => "demo",
            Experiment::All => "all",
        }
    }
}

/// A request for one run.
pub struct LabRequest<'a> {
    /// What to run.
    pub experiment: Experiment,
    /// A tenth of the windows: enough to see that it works, not enough to judge by.
    pub quick: bool,
    /// What boots the guests.
    pub guest: GuestKind,
    /// The program that guests run for the lab.
    pub program: GuestProgram,
    /// Order of the points; the same seed measures in the same order. [`random_seed`] for a new one.
    pub seed: u64,
    /// Directory of the results; `data/<experiment>.json` is written there. `None` writes nothing.
    pub out_dir: Option<PathBuf>,
    /// The command line, verbatim, for the record.
    pub command_line: Vec<String>,
    /// Who is told how far it is.
    pub on_progress: OnProgress<'a>,
}

/// How much of each experiment is done.
struct Extent {
    accuracy: accuracy::Plan,
    share: share::Plan,
    neighbour: neighbour::Plan,
    deadline: deadline::Plan,
    flood: flood::Plan,
}

impl Extent {
    /// What the figures of the project are made of. Measured on two cores, boots included: accuracy
    /// 0.8 min, share 1, neighbour 9, deadline 3.5, flood 4, in all 18 of the 25 minutes that `all`
    /// may take.
    fn full() -> Extent {
        Extent {
            accuracy: accuracy::Plan::of(Span::from_s(10)),
            share: share::Plan::of(5),
            neighbour: neighbour::Plan::of(10, 20),
            deadline: deadline::Plan::of(&[1, 4, 8], 500, 2),
            flood: flood::Plan::of(60),
        }
    }

    /// What fits four minutes: fewer points, fewer windows.
    fn demo() -> Extent {
        Extent {
            accuracy: accuracy::Plan::of(Span::from_s(2)),
            share: share::Plan::of(2),
            neighbour: neighbour::Plan::of(50, 6),
            deadline: deadline::Plan::of(&[8], 500, 1),
            flood: flood::Plan::of(9),
        }
    }

    /// A minute and a half in all.
    fn quick() -> Extent {
        Extent {
            accuracy: accuracy::Plan::of(Span::from_s(1)),
            share: share::Plan::of(1),
            neighbour: neighbour::Plan::of(50, 2),
            deadline: deadline::Plan::of(&[1, 4, 8], 50, 1),
            flood: flood::Plan::of(3),
        }
    }
}

/// Runs it.
pub fn run(request: &mut LabRequest) -> Result<Results, LabError> {
    // Before anything is written: a run that cannot begin leaves no directory.
    if !is_root() {
        return Err(LabError::NotRoot);
    }
    let signals = Signals::watch()?;
    let extent = match (request.quick, request.experiment) {
        (true, _) => Extent::quick(),
        (false, Experiment::Demo) => Extent::demo(),
        (false, _) => Extent::full(),
    };
    let data = request.out_dir.as_deref().map(prepare).transpose()?;
    let mut session = Session {
        layout: Layout::detect()?,
        guest: request.guest,
        program: request.program.clone(),
        seed: request.seed,
        command_line: request.command_line.clone(),
        interrupted: &signals.interrupted,
        on_progress: &mut *request.on_progress,
    };
    run_all(&mut session, request.experiment, &extent, data.as_deref())
}

/// A seed that has not been used before.
pub fn random_seed() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Any 64 bits of it will do; milliseconds are short to type.
    u64::try_from(since_epoch.as_millis()).unwrap_or(0)
}

fn run_all(
    session: &mut Session,
    experiment: Experiment,
    extent: &Extent,
    data: Option<&Path>,
) -> Result<Results, LabError> {
    let wanted =
        |one| matches!(experiment, Experiment::All | Experiment::Demo) || experiment == one;
    let mut results = Results {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        accuracy: None,
        share: None,
        neighbour: None,
        deadline: None,
        flood: None,
    };
    // The most telling ones first: whoever interrupts has seen those.
    if wanted(Experiment::Deadline) {
        results.deadline = Some(keep(data, "deadline", deadline::run(session, &extent.deadline)?)?);
    }
    if wanted(Experiment::Flood) {
        results.flood = Some(keep(data, "flood", flood::run(session, &extent.flood)?)?);
    }
    if wanted(Experiment::Neighbour) {
        let measured = neighbour::run(session, &extent.neighbour)?;
        results.neighbour = Some(keep(data, "neighbour", measured)?);
    }
    if wanted(Experiment::Share) {
        results.share = Some(keep(data, "share", share::run(session, &extent.share)?)?);
    }
    if wanted(Experiment::Accuracy) {
        results.accuracy = Some(keep(data, "accuracy", accuracy::run(session, &extent.accuracy)?)?);
    }
    Ok(results)
}

/// Makes the directory of raw figures before anything is measured: a disk that takes nothing is
/// better known before than after.
fn prepare(out_dir: &Path) -> Result<PathBuf, LabError> {
    let path = out_dir.join(DATA);
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(LabError::File { action: "create", path, source }),
    }
}

/// Writes what was measured, at once and whole: beside the file, then over it.
fn keep<T: Serialize>(data: Option<&Path>, name: &str, measured: T) -> Result<T, LabError> {
    let Some(data) = data else { return Ok(measured) };
    let path = data.join(format!("{name}.json"));
    let unfinished = data.join(format!("{name}.json.unfinished"));
    let written = write_json(&unfinished, &measured).and_then(|()| fs::rename(&unfinished, &path));
    match written {
        Ok(()) => Ok(measured),
        Err(source) => {
            // What a full disk left of it is of no use.
            let _ = fs::remove_file(&unfinished);
            Err(LabError::File { action: "write", path, source })
        }
    }
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    serde_json::to_writer_pretty(&mut file, value)?;
    file.write_all(b"\n")?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// SIGINT and SIGTERM as a flag, for as long as this lives.
struct Signals {
    interrupted: Arc<AtomicBool>,
    registered: Vec<SigId>,
}

impl Signals {
    fn watch() -> Result<Signals, LabError> {
        let mut signals = Signals { interrupted: Arc::default(), registered: Vec::new() };
        for signal in [SIGINT, SIGTERM] {
            // Actions run in this order: a second signal finds the flag set and ends the process.
            let second =
                flag::register_conditional_default(signal, Arc::clone(&signals.interrupted));
            let first = flag::register(signal, Arc::clone(&signals.interrupted));
            for id in [second, first] {
                signals.registered.push(id.map_err(|source| LabError::Signals { source })?);
            }
        }
        Ok(signals)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn figures_are_kept_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let data = prepare(directory.path()).unwrap();
        assert_eq!(keep(Some(&data), "share", vec![1, 2]).unwrap(), [1, 2]);
        let text = fs::read_to_string(data.join("share.json")).unwrap();
        assert_eq!(serde_json::from_str::<Vec<u32>>(&text).unwrap(), [1, 2]);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "nothing unfinished is left");
        assert_eq!(keep(None, "share", 7).unwrap(), 7);
        // A directory stands where the file should be.
        fs::create_dir(data.join("flood.json")).unwrap();
        let error = keep(Some(&data), "flood", 1).unwrap_err();
        assert!(error.to_string().contains("flood.json"), "{error}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 2);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_known_before_anything_runs() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let error = prepare(&file).unwrap_err();
        assert!(error.to_string().starts_with("cannot create"), "{error}");
    }

    #[test]
    fn a_signal_sets_the_flag_and_no_more() {
        let signals = Signals::watch().unwrap();
        assert!(!signals.interrupted.load(Ordering::Relaxed));
        low_level::raise(SIGTERM).unwrap();
        assert!(signals.interrupted.load(Ordering::Relaxed));
    }
}
