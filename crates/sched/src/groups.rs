// SPDX-License-Identifier: MIT OR Apache-2.0
//! The directories of a capsule: one of the same name in each hierarchy that its backend uses.
//!
//! The first hierarchy limits, and is the one that is asked who is inside; a second one, if any,
//! only counts CPU time (cgroup v1 `cpuacct` where it is mounted apart from `cpu`).

use std::path::{Path, PathBuf};

use evenkeel_kernel::Tid;
use evenkeel_kernel::cgroup::{Cgroup, CgroupError, Membership, membership};
use evenkeel_kernel::process::process_of;
use evenkeel_kernel::sched::{self, Policy};
use evenkeel_model::{CapsuleName, CpuIndex};

use crate::{EnforcerError, Found, FoundGroup, Supply};

/// What the group of every capsule begins with, so that an administrator sees whose it is.
pub const GROUP_PREFIX: &str = "evenkeel-";

/// The directory name of a capsule's group.
pub fn group_name(name: &CapsuleName) -> String {
    format!("{GROUP_PREFIX}{name}")
}

/// One mounted hierarchy.
#[derive(Clone, Debug)]
pub(crate) struct Hierarchy {
    /// The controller by which it is known; empty for version 2.
    pub controller: &'static str,
    /// Where it is mounted.
    pub root: PathBuf,
}

impl Hierarchy {
    fn is_v2(&self) -> bool {
        self.controller.is_empty()
    }

    fn holds(&self, membership: &Membership) -> bool {
        match self.is_v2() {
            true => membership.hierarchy_id == 0,
            false => membership.controllers.iter().any(|name| name == self.controller),
        }
    }

    fn group(&self, name: &CapsuleName) -> Cgroup {
        Cgroup::at(self.root.join(group_name(name)))
    }

    /// The directory of `path`, whether it exists or not.
    fn directory(&self, path: &str) -> PathBuf {
        let below = path.trim_start_matches('/');
        if below.is_empty() { self.root.clone() } else { self.root.join(below) }
    }

    /// The group of `path`, or its nearest ancestor that still exists.
    fn nearest(&self, path: &str) -> Cgroup {
        let wanted = path.strip_suffix(" (deleted)").unwrap_or(path).trim_start_matches('/');
        let mut below = Path::new(wanted);
        while !below.as_os_str().is_empty() && !self.root.join(below).is_dir() {
            below = below.parent().unwrap_or(Path::new(""));
        }
        match below.as_os_str().is_empty() {
            true => Cgroup::at(&self.root),
            false => Cgroup::at(self.root.join(below)),
        }
    }

    /// Moves `tid` into `group`. Version 2 moves whole processes: its groups of single threads
    /// exist only inside a threaded subtree.
    fn put(&self, group: &Cgroup, tid: Tid) -> Result<(), EnforcerError> {
        match self.is_v2() {
            true => group.add_process(process_of(tid)?)?,
            false => group.add_thread(tid)?,
        }
        Ok(())
    }
}

/// Whether a thread that gets back what it had is moved out of our groups, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It is in one.
    Yes,
    /// It was never moved.
    No,
}

/// The hierarchies of one backend, the limiting one first.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    hierarchies: Vec<Hierarchy>,
}

impl Groups {
    /// # Panics
    /// If `hierarchies` is empty, a bug of the backend.
    pub fn new(hierarchies: Vec<Hierarchy>) -> Groups {
        assert!(!hierarchies.is_empty(), "a backend has at least the hierarchy that limits");
        Groups { hierarchies }
    }

    fn limiting(&self) -> &Hierarchy {
        &self.hierarchies[0]
    }

    /// The root group of the limiting hierarchy.
    pub fn root(&self) -> Cgroup {
        Cgroup::at(&self.limiting().root)
    }

    /// The group of a capsule in the limiting hierarchy.
    pub fn limiter(&self, name: &CapsuleName) -> Cgroup {
        self.limiting().group(name)
    }

    /// The group of a capsule that counts its CPU time.
    pub fn meter(&self, name: &CapsuleName) -> Cgroup {
        self.hierarchies[self.hierarchies.len() - 1].group(name)
    }

    /// Makes the directories that are missing; on failure none of those it made is left.
    pub fn create(&self, name: &CapsuleName) -> Result<(), EnforcerError> {
        let mut made: Vec<Cgroup> = Vec::new();
        for hierarchy in &self.hierarchies {
            let group = hierarchy.group(name);
            match group.create() {
                Ok(()) => made.push(group),
                Err(CgroupError::Exists(_)) => {}
                Err(error) => {
                    for group in made.iter().rev() {
                        // The first error is the one to report; an empty group just made goes.
                        let _ = group.remove();
                    }
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Removes the directories that exist, the limiting one last: while it stands the capsule can
    /// still be found.
    pub fn remove(&self, name: &CapsuleName) -> Result<(), EnforcerError> {
        for hierarchy in self.hierarchies.iter().rev() {
            hierarchy.group(name).remove()?;
        }
        Ok(())
    }

    /// Moves `tid` into the capsule in every hierarchy, the counting one first: no time it gets
    /// from the capsule's budget goes uncounted.
    pub fn enter(&self, name: &CapsuleName, tid: Tid) -> Result<(), EnforcerError> {
        self.hierarchies.iter().rev().try_for_each(|h| h.put(&h.group(name), tid))
    }

    /// The names of all capsules whose limiting group exists.
    pub fn names(&self) -> Result<Vec<CapsuleName>, EnforcerError> {
        let name = |group: &Cgroup| group.path().file_name()?.to_str().and_then(capsule_in);
        Ok(self.root().subgroups()?.iter().filter_map(name).collect())
    }

    /// The capsule that `tid` is in, deeper groups made by others included.
    pub fn capsule_of(&self, tid: Tid) -> Result<Option<CapsuleName>, EnforcerError> {
        let memberships = membership(tid)?;
        let mine = memberships.iter().find(|m| self.limiting().holds(m));
        let top = mine.and_then(|m| m.path.trim_start_matches('/').split('/').next());
        Ok(top.and_then(capsule_in))
    }

    /// The threads in the limiting group of a capsule.
    pub fn members(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        threads_below(self.limiter(name))
    }

    /// The threads in any group of a capsule; an error where none of them exists.
    pub fn occupants(&self, name: &CapsuleName) -> Result<Vec<Tid>, EnforcerError> {
        let mut threads = Vec::new();
        let mut gone = None;
        for hierarchy in &self.hierarchies {
            match threads_below(hierarchy.group(name)) {
                Ok(found) => threads.extend(found),
                Err(error) if error.is_gone() => gone = Some(error),
                Err(error) => return Err(error),
            }
        }
        threads.sort_unstable();
        threads.dedup();
        match gone {
            Some(error) if threads.is_empty() => Err(error),
            _ => Ok(threads),
        }
    }

    /// CPU time of the capsule.
    pub fn usage(&self, name: &CapsuleName) -> Result<Supply, EnforcerError> {
        let meter = self.meter(name);
        let Some(columns) = meter.usage_per_cpu()? else {
            return Ok(Supply { total: meter.usage()?, per_cpu: Vec::new() });
        };
        // One file for both, so that the parts add up to the total.
        let total = columns.iter().copied().reduce(|a, b| a + b).unwrap_or_default();
        Ok(Supply { total, per_cpu: (0..).map(CpuIndex).zip(columns).collect() })
    }

    /// What `tid` is now.
    pub fn capture(&self, tid: Tid) -> Result<Found, EnforcerError> {
        let memberships = membership(tid)?;
        let group = |h: &Hierarchy| {
            let path = memberships.iter().find(|m| h.holds(m)).map(|m| m.path.clone());
            let path = path.unwrap_or_else(|| "/".to_owned());
            FoundGroup { controller: h.controller.to_owned(), path }
        };
        Ok(Found {
            groups: self.hierarchies.iter().map(group).collect(),
            attr: sched::sched_attr(tid)?,
            affinity: sched::affinity(tid)?,
        })
    }

    /// Puts `tid` back to `found`; what had to be different is told in words.
    ///
    /// Leaving comes as late as it can: whoever is interrupted before finds the thread inside and
    /// does it again. A fair policy is set inside, since the old group may have no real-time
    /// budget; a real-time policy is set where the thread has budget: inside if it is real-time
    /// now, else after it has left. A deadline policy comes last, when the CPUs are wide again.
    pub fn restore(
        &self,
        tid: Tid,
        found: &Found,
        leave: Leave,
    ) -> Result<Vec<String>, EnforcerError> {
        let now = sched::sched_attr(tid)?;
        let wanted = found.attr;
        let is_deadline = matches!(wanted.policy, Policy::Deadline { .. });
        let inside = match () {
            () if is_deadline => Some(Policy::Other { nice: 0 }.into()),
            () if wanted.policy.is_real_time() && !now.policy.is_real_time() => None,
            () => Some(wanted),
        };
        if let Some(attr) = inside.filter(|attr| *attr != now && wanted != now) {
            sched::set_sched_attr(tid, &attr)?;
        }
        let mut notes = Vec::new();
        if sched::affinity(tid)? != found.affinity {
            sched::set_affinity(tid, &found.affinity)?;
            let affinity = sched::affinity(tid)?;
            if affinity != found.affinity {
                notes.push(format!("may run on CPUs {affinity} only, not on {}", found.affinity));
            }
        }
        if leave == Leave::Yes {
            notes.extend(self.leave(tid, found)?);
        }
        if sched::sched_attr(tid)? != wanted {
            sched::set_sched_attr(tid, &wanted)?;
        }
        Ok(notes)
    }

    /// Moves `tid` back to the groups of `found`.
    fn leave(&self, tid: Tid, found: &Found) -> Result<Vec<String>, EnforcerError> {
        let mut notes = Vec::new();
        for hierarchy in &self.hierarchies {
            let known = found.groups.iter().find(|g| g.controller == hierarchy.controller);
            let path = known.map_or("/", |group| group.path.as_str());
            let group = hierarchy.nearest(path);
            if group.path() != hierarchy.directory(path) {
                notes.push(format!(
                    "its group {path} has gone: it is in {}",
                    group.path().display()
                ));
            }
            hierarchy.put(&group, tid)?;
        }
        Ok(notes)
    }
}

/// The threads in a group, and in deeper groups that others made in it.
fn threads_below(top: Cgroup) -> Result<Vec<Tid>, EnforcerError> {
    let mut threads = Vec::new();
    let mut groups = vec![top];
    while let Some(group) = groups.pop() {
        threads.extend(group.threads()?);
        groups.extend(group.subgroups()?);
    }
    threads.sort_unstable();
    threads.dedup();
    Ok(threads)
}

/// The capsule of a group's directory name.
fn capsule_in(directory: &str) -> Option<CapsuleName> {
    directory.strip_prefix(GROUP_PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_directories() {
        let name: CapsuleName = "web-1".parse().unwrap();
        assert_eq!(capsule_in(&group_name(&name)), Some(name));
        for other in ["web-1", "evenkeel-", "evenkeel-.x", "libvirt"] {
            assert_eq!(capsule_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_group_that_has_gone_is_replaced_by_its_nearest_ancestor() {
        // The procedure needs directories only, so that of this process serves.
        let root = PathBuf::from("/proc/self");
        let hierarchy = Hierarchy { controller: "cpu", root: root.clone() };
        assert_eq!(hierarchy.nearest("/task/none/deeper").path(), root.join("task"));
        assert_eq!(hierarchy.nearest("/none (deleted)").path(), root);
        assert_eq!(hierarchy.nearest("/").path(), root);
        assert_eq!(hierarchy.nearest("/task").path(), hierarchy.directory("/task"));
    }
}
