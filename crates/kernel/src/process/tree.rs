// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who is there, and who descends from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{ProcessError, process_path, stat};
use crate::pid::{Pid, Tid};
use crate::pseudo_file;

/// Every process of this PID namespace, kernel threads included, smallest number first.
pub fn all_processes() -> Result<Vec<Pid>, ProcessError> {
    Ok(pseudo_file::numbers_in(Path::new("/proc"))?.into_iter().map(Pid).collect())
}

/// The threads of `pid`, smallest number first.
pub fn threads(pid: Pid) -> Result<Vec<Tid>, ProcessError> {
    let numbers = pseudo_file::numbers_in(&process_path(pid, "task"))
        .map_err(|e| ProcessError::of_process(pid, e))?;
    Ok(numbers.into_iter().map(Tid).collect())
}

/// The processes whose parent is `pid` now. A child whose own parent ended belongs to init (or a
/// subreaper) and is no longer among them.
pub fn children(pid: Pid) -> Result<Vec<Pid>, ProcessError> {
    Ok(parents()?
        .into_iter()
        .filter(|(_, parent)| *parent == pid)
        .map(|(child, _)| child)
        .collect())
}

/// The processes that descend from `pid`, without `pid`, smallest number first.
///
/// procfs is read process by process, so that a process which forks meanwhile may be missed:
/// whoever needs all of them repeats until nothing new is found.
pub fn descendants(pid: Pid) -> Result<Vec<Pid>, ProcessError> {
    let parents = parents()?;
    if !parents.contains_key(&pid) {
        return Err(ProcessError::Gone(pid));
    }
    Ok(descend(pid, &parents).into_iter().collect())
}

/// Who is reached from `root`. Reading is not atomic, so that reused numbers could form a ring: a
/// process is entered once.
fn descend(root: Pid, parents: &BTreeMap<Pid, Pid>) -> BTreeSet<Pid> {
    let mut found = BTreeSet::new();
    let mut frontier = vec![root];
    while let Some(parent) = frontier.pop() {
        for (child, _) in parents.iter().filter(|(_, p)| **p == parent) {
            if *child != root && found.insert(*child) {
                frontier.push(*child);
            }
        }
    }
    found
}

/// Child to parent, for every process that did not end while it was read.
fn parents() -> Result<BTreeMap<Pid, Pid>, ProcessError> {
    let mut parents = BTreeMap::new();
    for pid in all_processes()? {
        match stat(pid.leader()) {
            Ok(stat) => parents.insert(pid, stat.ppid),
            Err(error) if error.is_gone() => None,
            Err(error) => return Err(error),
        };
    }
    Ok(parents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_through_generations_and_rings_end() {
        let parents: BTreeMap<Pid, Pid> =
            [(1, 0), (10, 1), (11, 10), (12, 11), (20, 1), (30, 31), (31, 30)]
                .map(|(child, parent)| (Pid(child), Pid(parent)))
                .into();
        let from = |pid| descend(Pid(pid), &parents).into_iter().map(|p| p.0).collect::<Vec<_>>();
        assert_eq!(from(10), [11, 12]);
        assert_eq!(from(1), [10, 11, 12, 20]);
        assert_eq!(from(30), [31]);
        assert!(from(12).is_empty());
    }

    #[test]
    fn this_process_is_there_with_its_threads() {
        let me = Pid(std::process::id());
        assert!(all_processes().unwrap().contains(&me));
        assert!(threads(me).unwrap().contains(&crate::sched::current_tid()));
        assert!(threads(Pid(u32::MAX)).unwrap_err().is_gone());
        assert!(descendants(Pid(u32::MAX)).unwrap_err().is_gone());
    }

    #[test]
    fn a_child_is_found_and_gone_after_its_end() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let me = Pid(std::process::id());
        let pid = Pid(child.id());
        assert!(children(me).unwrap().contains(&pid));
        assert!(descendants(me).unwrap().contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!children(me).unwrap().contains(&pid));
    }
}
