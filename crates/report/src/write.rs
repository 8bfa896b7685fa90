// SPDX-License-Identifier: MIT OR Apache-2.0
//! The report on disk: `report.html`, `figures/`, `data/`, `manifest.json`, all of it or nothing.
//!
//! Everything is written into a directory beside the target, made durable, and then takes the
//! target's name in one step. A full disk, a signal or a power cut leaves the former report.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use evenkeel_lab::measurement::Results;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::TempDir;

use crate::error::ReportError;
use crate::experiment::sections;
use crate::manifest;
use crate::page;
use crate::section::{Check, Section};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The report's directory.
    pub dir: PathBuf,
    /// The page in it.
    pub html: PathBuf,
    /// Every file, relative to the directory, in alphabetical order.
    pub files: Vec<PathBuf>,
}

/// Mode of the report's directories: a report is for everybody to read.
const DIRECTORY_MODE: u32 = 0o755;

/// How every measurement's `schema` begins, and within how many bytes of the file it does: it is
/// the first member of the object.
const MEASUREMENT: &str = "\"evenkeel.lab.";
const BEGIN_BYTES: u64 = 64;

/// Writes a report into `dir`, which is created, or replaced where it holds an earlier report.
pub fn write(results: &Results, dir: &Path) -> Result<Written, ReportError> {
    // A link to a report stays a link: what it names is replaced.
    let dir = &fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let place = || ReportError::NoSuchPlace { path: dir.to_owned() };
    dir.file_name().ok_or_else(place)?;
    let parent = match dir.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => return Err(place()),
    };
    check_place(dir)?;
    let files = contents(results)?;
    fs::create_dir_all(parent).map_err(|source| failed("create", parent, source))?;
    let temporary = tempfile::Builder::new()
        .prefix(".ek-report-")
        .tempdir_in(parent)
        .map_err(|source| failed("create a directory in", parent, source))?;
    for (name, text) in &files {
        let at = temporary.path().join(name);
        write_file(&at, text).map_err(|source| failed("write", &dir.join(name), source))?;
    }
    open_to_all(temporary.path()).map_err(|source| failed("set the mode of", dir, source))?;
    put_in_place(temporary, dir)?;
    let mut names: Vec<PathBuf> = files.into_iter().map(|(name, _)| name).collect();
    names.sort();
    Ok(Written { dir: dir.to_owned(), html: dir.join("report.html"), files: names })
}

/// Whether a report may be written into `dir`: a directory with other people's files is not ours to
/// replace. Whoever measures for half an hour first asks here before.
pub fn check_place(dir: &Path) -> Result<(), ReportError> {
    let refused = || Err(ReportError::NotAReport { path: dir.to_owned() });
    let mut entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return refused(),
        Err(source) => return Err(failed("read", dir, source)),
    };
    if entries.next().is_none() {
        return Ok(());
    }
    match fs::read_to_string(dir.join("manifest.json")) {
        Ok(text) if text.contains(manifest::SCHEMA) => Ok(()),
        _ if holds_raw_figures_only(dir).unwrap_or(false) => Ok(()),
        _ => refused(),
    }
}

/// What a run leaves in its directory before the report is written: `data/` with measurements, and
/// nothing else. The report has the same ones in its own `data/`.
fn holds_raw_figures_only(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        if entry?.file_name() != "data" {
            return Ok(false);
        }
    }
    for entry in fs::read_dir(dir.join("data"))? {
        if !begins_as_a_measurement(&entry?.path())? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a file begins with the `schema` of a measurement.
fn begins_as_a_measurement(path: &Path) -> io::Result<bool> {
    let mut begin = String::new();
    File::open(path)?.take(BEGIN_BYTES).read_to_string(&mut begin)?;
    Ok(begin.contains(MEASUREMENT))
}

/// Every file of the report, by its name in the directory.
fn contents(results: &Results) -> Result<Vec<(PathBuf, String)>, ReportError> {
    let sections = sections(results);
    let checks: Vec<Check> = sections.iter().flat_map(|s| s.checks.clone()).collect();
    let mut files = vec![
        (PathBuf::from("report.html"), page::render(results, &sections)?),
        (PathBuf::from("manifest.json"), manifest::manifest(results, &checks)?),
    ];
    for figure in sections.iter().flat_map(|section: &Section| &section.figures) {
        files.push((Path::new("figures").join(format!("{}.svg", figure.name)), figure.svg.clone()));
    }
    files.extend(manifest::data(results)?.into_iter().map(|(name, text)| (name.into(), text)));
    Ok(files)
}

fn write_file(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    // Some file systems find out only now that there is no room.
    file.sync_all()
}

/// Temporary directories are private; the finished report is not.
fn open_to_all(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(DIRECTORY_MODE))?;
    File::open(dir)?.sync_all()
}

/// Gives the finished directory its name. An earlier report takes the temporary name in the same
/// step and is then removed, so there is a whole report under the name at every moment.
fn put_in_place(temporary: TempDir, dir: &Path) -> Result<(), ReportError> {
    let named = |source| failed("rename the finished report to", dir, source);
    if dir.exists() {
        match renameat_with(CWD, temporary.path(), CWD, dir, RenameFlags::EXCHANGE) {
            Ok(()) => {
                let removed = temporary.close();
                return removed.map_err(|source| failed("remove the report before", dir, source));
            }
            Err(Errno::INVAL | Errno::NOSYS) => make_room(dir).map_err(named)?,
            Err(errno) => return Err(named(errno.into())),
        }
    }
    let path = temporary.keep();
    fs::rename(&path, dir).map_err(|source| {
        // The rename failed for a reason that the reader gets to see; the rest is cleaning up.
        let _ = fs::remove_dir_all(&path);
        named(source)
    })
}

/// For file systems that cannot exchange two names (NFS, some FUSE): there the name is free for a
/// moment, between the removal of the earlier report and the rename of the new one.
fn make_room(dir: &Path) -> io::Result<()> {
    fs::remove_dir_all(dir)
}

/// The error with the final name of the file, because the temporary one means nothing to a reader.
fn failed(doing: &'static str, path: &Path, source: io::Error) -> ReportError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ReportError::DiskFull { path, source }
        }
        _ => ReportError::Io { doing, path, source },
    }
}
