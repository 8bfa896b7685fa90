// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a host holds that could leak: counted before and after, the two must be equal.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use evenkeel_sched::scx::running;
use libbpf_rs::MapCore as _;
use libbpf_rs::query::{LinkInfoIter, MapInfoIter, ProgInfoIter};
use serde::{Deserialize, Serialize};

use crate::workload::{now, sleep_until};

const MS: u64 = 1_000_000;
/// bpffs has two levels of ours; a tree deeper than this is not ours.
const DEPTH_MAX: u32 = 8;
/// Control groups that were removed stay until their last reference goes, after a grace period.
const DYING_MAX: u64 = 10_000 * MS;

/// Counts. What the kernel makes and ends as it likes (its own workers, caches) is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Slots of capsules that are not free.
    pub slots: u64,
    /// Claims of control groups.
    pub claims: u64,
    /// Files pinned in bpffs.
    pub pins: u64,
    /// BPF maps, programs and links of the kernel.
    pub maps: u64,
    /// Programs.
    pub programs: u64,
    /// Links.
    pub links: u64,
    /// Control groups.
    pub groups: u64,
    /// Control groups that were removed and are still referred to.
    pub groups_dying: u64,
    /// Processes, threads of the kernel excepted.
    pub processes: u64,
    /// Threads of this process.
    pub threads: u64,
    /// Open files of this process.
    pub files: u64,
    /// Files of the record below /run/evenkeel.
    pub record_files: u64,
}

impl Held {
    /// Counts now, when removed control groups have gone.
    pub fn count() -> anyhow::Result<Held> {
        let until = now() + DYING_MAX;
        loop {
            let held = Held::count_once()?;
            if held.groups_dying == 0 || now() > until {
                return Ok(held);
            }
            sleep_until(now() + 100 * MS);
        }
    }

    fn count_once() -> anyhow::Result<Held> {
        let (mut slots, mut claims) = (0, 0);
        if let Some(loaded) = running::find()? {
            slots = number(loaded.capsules()?.len());
            let pin = running::pins().directory().join("claims");
            let map = libbpf_rs::MapHandle::from_pinned_path(pin)?;
            claims = number(map.keys().count());
        }
        let groups = fs::read_to_string("/sys/fs/cgroup/cgroup.stat").context("cgroup.stat")?;
        Ok(Held {
            slots,
            claims,
            pins: files_below(Path::new("/sys/fs/bpf"), DEPTH_MAX)?,
            maps: number(MapInfoIter::default().count()),
            programs: number(ProgInfoIter::default().count()),
            links: number(LinkInfoIter::default().count()),
            groups: field(&groups, "nr_descendants"),
            groups_dying: field(&groups, "nr_dying_descendants"),
            processes: processes()?,
            threads: entries(Path::new("/proc/self/task"))?,
            files: entries(Path::new("/proc/self/fd"))?,
            record_files: files_below(Path::new("/run/evenkeel"), DEPTH_MAX)?,
        })
    }

    /// What has become more, in words.
    pub fn grown_since(&self, before: &Held) -> Vec<String> {
        [
            ("slots of capsules", before.slots, self.slots),
            ("claims of control groups", before.claims, self.claims),
            ("pinned files", before.pins, self.pins),
            ("BPF maps", before.maps, self.maps),
            ("BPF programs", before.programs, self.programs),
            ("BPF links", before.links, self.links),
            ("control groups", before.groups, self.groups),
            ("dying control groups", before.groups_dying, self.groups_dying),
            ("processes", before.processes, self.processes),
            ("threads of the bench", before.threads, self.threads),
            ("open files of the bench", before.files, self.files),
            ("files of the record", before.record_files, self.record_files),
        ]
        .into_iter()
        .filter(|(_, before, after)| after > before)
        .map(|(what, before, after)| format!("{what}: {after} instead of {before}"))
        .collect()
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn field(stat: &str, name: &str) -> u64 {
    let words = stat.lines().filter_map(|line| line.split_once(' '));
    let value = words.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok());
    value.unwrap_or(0)
}

fn entries(directory: &Path) -> anyhow::Result<u64> {
    let entries = fs::read_dir(directory);
    Ok(number(entries.with_context(|| format!("reading {}", directory.display()))?.count()))
}

fn files_below(directory: &Path, depth: u32) -> anyhow::Result<u64> {
    let reading = || format!("reading {}", directory.display());
    let mut count = 0;
    for entry in fs::read_dir(directory).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let is_directory = entry.file_type().with_context(reading)?.is_dir();
        count += match is_directory && depth > 0 {
            true => files_below(&entry.path(), depth - 1)?,
            false => 1,
        };
    }
    Ok(count)
}

/// Those with a command line: the kernel's own threads have none, nor has who ends just now.
fn processes() -> anyhow::Result<u64> {
    let all = fs::read_dir("/proc").context("reading /proc")?.flatten();
    let is_one = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        entry.file_name().to_string_lossy().parse::<u32>().is_ok() && !line.is_empty()
    };
    Ok(number(all.filter(is_one).count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_named() {
        let before = Held { files: 5, maps: 3, ..Held::default() };
        let after = Held { files: 7, maps: 2, ..Held::default() };
        assert_eq!(after.grown_since(&before), ["open files of the bench: 7 instead of 5"]);
        assert!(before.grown_since(&before).is_empty());
    }

    #[test]
    fn a_statistic_is_found_by_its_whole_name() {
        let stat = "nr_descendants 12\nnr_subsys_cpu 3\nnr_dying_descendants 4\n";
        assert_eq!(field(stat, "nr_descendants"), 12);
        assert_eq!(field(stat, "nr_dying_descendants"), 4);
        assert_eq!(field(stat, "nr"), 0);
    }

    #[test]
    fn files_are_counted_through_directories() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("a/b")).unwrap();
        for name in ["x", "a/y", "a/b/z"] {
            fs::write(directory.path().join(name), "").unwrap();
        }
        assert_eq!(files_below(directory.path(), 8).unwrap(), 3);
    }
}
