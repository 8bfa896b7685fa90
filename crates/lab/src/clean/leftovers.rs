// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a lab is on the host now. Looking changes nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use evenkeel_host::{Host, HostError, HostOptions};
use evenkeel_kernel::cgroup::CgroupMounts;
use evenkeel_kernel::facts::boot_id;
use evenkeel_kernel::process::{ProcessError, ProcessId};
use evenkeel_model::{CapsuleName, EnforcerKind};
use evenkeel_sched::{Enforcer, enforcer};

use crate::device;
use crate::error::LabError;
use crate::guest::Marks;
use crate::journal::{Entry, Found};
use crate::paths::Paths;
use crate::testbed::{NETNS_DIRECTORY, is_capsule, settings};

/// What is left of a lab.
pub(super) struct Leftovers {
    /// By what its processes are found; they are looked for again when they are ended.
    pub(super) marks: Marks,
    /// Its capsules.
    pub(super) capsules: Vec<CapsuleName>,
    /// The product, which knows what they were made from; or why its record cannot be read. Its
    /// backend then still knows the groups by their names.
    pub(super) host: Result<Host, Box<HostError>>,
    /// Its devices on the host.
    pub(super) devices: Vec<String>,
    /// Its network namespaces.
    pub(super) namespaces: Vec<&'static str>,
    /// What kernel settings were before it, for those that are different now.
    pub(super) settings: Vec<settings::Setting>,
    /// `/run/netns` before it: whether it was there, whether it was a mount point.
    pub(super) netns_directory: Option<(bool, bool)>,
    /// Its directory and its journal, where they are there.
    pub(super) files: Vec<PathBuf>,
}

impl Leftovers {
    /// Looks for all of it.
    pub(super) fn look(paths: &Paths, found: &Found) -> Result<Leftovers, LabError> {
        let boot_id = boot_id().map_err(ProcessError::from)?;
        let is_this_boot = found.header.as_ref().is_none_or(|header| header.boot_id == boot_id);
        // Of another boot nothing but files is left, and its process numbers are others' now.
        let entries = if is_this_boot { found.entries.as_slice() } else { &[] };
        let namespaces = device::namespaces();
        let namespace_files =
            namespaces.iter().map(|name| PathBuf::from(NETNS_DIRECTORY).join(name)).collect();
        let files = [paths.directory(), paths.journal()];
        let (capsules, host) = capsules(paths);
        Ok(Leftovers {
            marks: Marks::of_lab(paths.directory(), recorded_processes(entries), namespace_files),
            capsules,
            host,
            devices: device::names(),
            namespaces,
            settings: changed_settings(entries),
            netns_directory: netns_directory(entries),
            files: files.into_iter().filter(|path| path.exists()).collect(),
        })
    }

    /// One line each, in the order of removal.
    pub(super) fn lines(&self) -> Vec<String> {
        let processes = self.marks.find().len();
        let mut lines = Vec::new();
        if processes > 0 {
            lines.push(processes_text(processes));
        }
        lines.extend(self.capsules.iter().map(capsule_text));
        lines.extend(self.devices.iter().map(|name| device_text(name)));
        lines.extend(self.namespaces.iter().map(|name| namespace_text(name)));
        lines.extend(self.settings.iter().map(setting_text));
        lines.extend(self.files.iter().map(|path| path.display().to_string()));
        lines
    }
}

pub(super) fn processes_text(number: usize) -> String {
    match number {
        1 => "1 process of guests and senders".to_owned(),
        number => format!("{number} processes of guests and senders"),
    }
}

pub(super) fn capsule_text(name: &CapsuleName) -> String {
    format!("capsule {name}")
}

pub(super) fn device_text(name: &str) -> String {
    format!("device {name}")
}

pub(super) fn namespace_text(name: &str) -> String {
    format!("network namespace {name}")
}

pub(super) fn setting_text(setting: &settings::Setting) -> String {
    format!("change of {} (back to {})", setting.path.display(), setting.found)
}

fn recorded_processes(entries: &[Entry]) -> Vec<ProcessId> {
    let processes = entries.iter().filter_map(|entry| match entry {
        Entry::Process { id, .. } => Some(*id),
        _ => None,
    });
    processes.collect()
}

fn netns_directory(entries: &[Entry]) -> Option<(bool, bool)> {
    entries.iter().find_map(|entry| match entry {
        Entry::NetnsDirectory { directory_found, mount_found } => {
            Some((*directory_found, *mount_found))
        }
        _ => None,
    })
}

/// The journal's values first, in its order: the oldest is what was there before the lab. Then those
/// that a device of the lab remembers.
fn changed_settings(entries: &[Entry]) -> Vec<settings::Setting> {
    let recorded = entries.iter().filter_map(|entry| match entry {
        Entry::Sysctl { path, found } => {
            Some(settings::Setting { path: path.clone(), found: found.clone() })
        }
        _ => None,
    });
    let aliases = device::names().into_iter().map(|name| device::alias(&name));
    let remembered = aliases.flat_map(|alias| settings::from_alias(&alias));
    let mut seen = BTreeSet::new();
    recorded
        .chain(remembered)
        .filter(|setting| seen.insert(setting.path.clone()))
        .filter(settings::is_changed)
        .collect()
}

fn capsules(paths: &Paths) -> (Vec<CapsuleName>, Result<Host, Box<HostError>>) {
    let host = Host::open(HostOptions { state_dir: paths.state_dir().to_owned() });
    let listed = host.and_then(|host| Ok((host.list()?, host)));
    let (all, host): (Vec<CapsuleName>, _) = match listed {
        Ok((all, host)) => (all.into_iter().map(|capsule| capsule.name).collect(), Ok(host)),
        Err(error) => {
            let groups = backend().and_then(|backend| Ok(backend.groups()?));
            (groups.unwrap_or_default(), Err(Box::new(error)))
        }
    };
    (all.into_iter().filter(is_capsule).collect(), host)
}

/// The backend that makes the lab's capsules.
pub(super) fn backend() -> Result<Box<dyn Enforcer>, HostError> {
    Ok(enforcer(EnforcerKind::Rtgroup, &CgroupMounts::discover()?)?)
}
