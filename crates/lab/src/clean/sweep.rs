// SPDX-License-Identifier: MIT OR Apache-2.0
//! Removing what is left, last made first: processes (senders before the namespaces they send in,
//! or they would send on inside a namespace without a name), capsules, devices, namespaces, kernel
//! settings, files, and last the journal. A step that fails does not keep the next ones from being
//! tried; the journal stays until nothing is left.

use std::fmt::Display;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use evenkeel_host::{Host, HostError};
use evenkeel_kernel::cpu;
use evenkeel_model::CapsuleName;

use super::CleanReport;
use super::leftovers::{
    Leftovers, backend, capsule_text, device_text, namespace_text, processes_text, setting_text,
};
use crate::device;
use crate::error::LabError;
use crate::guest::{Marks, end_all};
use crate::journal::Found;
use crate::paths::Paths;
use crate::testbed::{NETNS_DIRECTORY, restore_netns_directory, settings};

/// How often is looked again. One round removes all there is; another one finds what a program that
/// the killed lab had just started (`ip`, a guest) still made.
const ROUNDS_MAX: u32 = 5;
/// How long such a program may take: an `ip -batch` of the lab takes 30 ms.
const SETTLE: Duration = Duration::from_millis(50);

/// Removes what `found` tells and what bears the lab's names, until nothing more is found. The
/// caller holds the lock.
pub(crate) fn sweep(
    paths: &Paths,
    found: &Found,
    out: &mut dyn FnMut(&str),
) -> Result<CleanReport, LabError> {
    let mut broom = Broom { out, report: CleanReport::default(), left: Vec::new() };
    if found.damaged_lines > 0 {
        let (number, path) = (found.damaged_lines, paths.journal());
        broom.note(format!("{number} lines of {} cannot be read", path.display()));
    }
    for _ in 0..ROUNDS_MAX {
        let before = broom.report.removed.len();
        broom.left.clear();
        broom.round(paths, Leftovers::look(paths, found)?);
        if broom.report.removed.len() == before {
            break;
        }
        std::thread::sleep(SETTLE);
    }
    match broom.left.is_empty() {
        true => Ok(broom.report),
        false => Err(LabError::CleanIncomplete { left: broom.left }),
    }
}

struct Broom<'a> {
    out: &'a mut dyn FnMut(&str),
    report: CleanReport,
    left: Vec<String>,
}

impl Broom<'_> {
    fn removed(&mut self, what: String) {
        (self.out)(&format!("removed {what}"));
        self.report.removed.push(what);
    }

    fn note(&mut self, note: String) {
        if !self.report.notes.contains(&note) {
            (self.out)(&note);
            self.report.notes.push(note);
        }
    }

    fn left(&mut self, what: &str, error: &dyn Display) {
        self.left.push(format!("{what}: {error}"));
    }

    /// Notes down how an attempt ended; `Ok(false)`: there was nothing to remove.
    fn attempt<E: Display>(&mut self, what: String, result: Result<bool, E>) {
        match result {
            Ok(true) => self.removed(what),
            Ok(false) => {}
            Err(error) => self.left(&what, &error),
        }
    }

    fn round(&mut self, paths: &Paths, leftovers: Leftovers) {
        self.processes(&leftovers.marks);
        self.capsules(&leftovers.capsules, leftovers.host);
        self.devices(&leftovers.devices);
        self.namespaces(&leftovers.namespaces);
        self.netns_directory(leftovers.netns_directory);
        self.settings(&leftovers.settings);
        self.files(paths);
    }

    /// Guests, helpers, and everything in the lab's namespaces.
    fn processes(&mut self, marks: &Marks) {
        let before = marks.find();
        let after = end_all(&|| marks.find());
        for id in &after {
            self.left(&format!("process {id}"), &"it does not die of SIGKILL");
        }
        let ended = before.iter().filter(|id| !after.contains(id)).count();
        if ended > 0 {
            self.removed(processes_text(ended));
        }
    }

    /// Capsules are the product's: it takes them back as they were found. Without its record (it
    /// cannot be read, or not be changed because the disk is full) the groups are removed all the
    /// same.
    fn capsules(&mut self, names: &[CapsuleName], host: Result<Host, Box<HostError>>) {
        let host = match host {
            Ok(host) => Some(host),
            Err(error) => {
                self.note(format!("the record of capsules: {error}"));
                None
            }
        };
        for name in names {
            let deleted = host.as_ref().map(|host| {
                let plan = host.plan_delete(name)?;
                host.apply(&plan)
            });
            match deleted {
                Some(Ok(outcome)) => {
                    outcome.notes.into_iter().for_each(|note| self.note(note));
                    self.removed(capsule_text(name));
                }
                Some(Err(error)) => {
                    self.note(format!("the record of capsule {name}: {error}"));
                    self.attempt(capsule_text(name), remove_group(name).map(|()| true));
                }
                None => self.attempt(capsule_text(name), remove_group(name).map(|()| true)),
            }
        }
    }

    fn devices(&mut self, names: &[String]) {
        for name in names {
            self.attempt(device_text(name), device::delete(name));
        }
    }

    fn namespaces(&mut self, names: &[&str]) {
        for name in names {
            self.attempt(namespace_text(name), device::delete_namespace(name).map(|()| true));
        }
        self.attempt("devices".to_owned(), device::wait_gone().map(|()| false));
    }

    fn netns_directory(&mut self, found: Option<(bool, bool)>) {
        if let Some((directory_found, mount_found)) = found {
            let restored = restore_netns_directory(directory_found, mount_found);
            self.attempt(NETNS_DIRECTORY.to_owned(), restored);
        }
    }

    fn settings(&mut self, settings: &[settings::Setting]) {
        for setting in settings {
            self.attempt(setting_text(setting), settings::restore(setting).map(|()| true));
        }
    }

    /// The lab's directory, and with nothing left the journal.
    fn files(&mut self, paths: &Paths) {
        let directory = paths.directory();
        let removed = unless_missing(std::fs::remove_dir_all(&directory));
        self.attempt(directory.display().to_string(), removed);
        if self.left.is_empty() {
            self.journal(&paths.journal());
        }
    }

    fn journal(&mut self, journal: &Path) {
        let removed = unless_missing(std::fs::remove_file(journal));
        self.attempt(journal.display().to_string(), removed);
    }
}

fn unless_missing(result: std::io::Result<()>) -> std::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the group of a capsule whose record cannot be read: its threads become ordinary ones.
fn remove_group(name: &CapsuleName) -> Result<(), HostError> {
    let backend = backend()?;
    if !backend.exists(name) {
        return Ok(());
    }
    let online = cpu::online()?;
    for tid in backend.members(name)? {
        match backend.restore(tid, &backend.neutral(online.clone())) {
            Err(error) if !error.is_gone() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(backend.remove(name)?)
}
