// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lab's journal: what is about to be changed, written before it is changed.
//!
//! One JSON object a line, appended and flushed to disk. Lines, and not one object rewritten,
//! because a file that was cut short (full disk, power) then still tells what its whole lines
//! tell; a line that cannot be read is skipped and counted. What every line misses, the names tell
//! (`ek-*`, see `clean`); only what was *found* stands nowhere else, and therefore comes first.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use evenkeel_kernel::process::ProcessId;
use evenkeel_model::CapsuleName;
use serde::{Deserialize, Serialize};

/// Version of the layout. Lines of another version are skipped like damaged ones.
const SCHEMA: &str = "evenkeel.lab.journal/1";

/// Largest journal that is read: a testbed of 64 guests writes about 40 kB; beyond a megabyte it
/// is not ours.
const BYTES_MAX: u64 = 1 << 20;

/// The journal could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} the lab's journal {}: {source}", path.display())]
pub struct JournalError {
    /// What was tried.
    pub action: &'static str,
    /// Which file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    schema: String,
    /// The boot it belongs to: after another boot nothing but files is left.
    pub boot_id: String,
    /// The process that made the testbed.
    pub owner: ProcessId,
}

/// One thing that was, or was about to be, changed or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A kernel setting of the host, and what it was.
    Sysctl {
        /// Its file.
        path: PathBuf,
        /// What stood there.
        found: String,
    },
    /// `/run/netns` as it was found: `ip netns` makes it a mount point if it is none.
    NetnsDirectory {
        /// Whether it was there.
        directory_found: bool,
        /// Whether something was mounted there.
        mount_found: bool,
    },
    /// A network namespace.
    Netns {
        /// Its name.
        name: String,
    },
    /// A network device of the host.
    Link {
        /// Its name.
        name: String,
    },
    /// A capsule; its own record is the host's state file.
    Capsule {
        /// Its name.
        name: CapsuleName,
    },
    /// A guest that is about to start: the word that stands in its command line.
    Guest {
        /// For example `ek-lab-a-4711`.
        mark: String,
    },
    /// A process that was started.
    Process {
        /// What it is, in words.
        what: String,
        /// Which process exactly.
        id: ProcessId,
    },
    /// A directory with everything in it.
    Directory {
        /// Its path.
        path: PathBuf,
    },
}

/// The journal of the running lab.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Begins a new journal. There must be none: whoever finds one cleans first.
    pub fn create(path: &Path, boot_id: &str, owner: ProcessId) -> Result<Journal, JournalError> {
        let failed = |action| move |source| JournalError { action, path: path.to_owned(), source };
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(path)
            .map_err(failed("create"))?;
        let mut journal = Journal { file, path: path.to_owned() };
        let header = Header { schema: SCHEMA.to_owned(), boot_id: boot_id.to_owned(), owner };
        journal.append(&header)?;
        Ok(journal)
    }

    /// Writes down what is about to happen; returns when it is on disk.
    pub fn record(&mut self, entry: &Entry) -> Result<(), JournalError> {
        self.append(entry)
    }

    /// Several at once: one flush.
    pub fn record_all(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut text = String::new();
        for entry in entries {
            text += &self.line(entry)?;
        }
        self.write(&text)
    }

    fn append(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        let text = self.line(line)?;
        self.write(&text)
    }

    fn line(&self, value: &impl Serialize) -> Result<String, JournalError> {
        let text =
            serde_json::to_string(value).map_err(|error| self.failed("write", error.into()))?;
        Ok(text + "\n")
    }

    fn write(&mut self, text: &str) -> Result<(), JournalError> {
        self.file
            .write_all(text.as_bytes())
            .and_then(|()| self.file.sync_data())
            .map_err(|source| self.failed("write", source))
    }

    fn failed(&self, action: &'static str, source: io::Error) -> JournalError {
        JournalError { action, path: self.path.clone(), source }
    }
}

/// A journal that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its first line, if that can be read.
    pub header: Option<Header>,
    /// Everything that can be read, oldest first.
    pub entries: Vec<Entry>,
    /// How many lines cannot be read.
    pub damaged_lines: usize,
}

/// Reads whatever can be read of the journal at `path`; `None` if there is none. Never fails: a
/// journal that cannot even be opened is one damaged line.
pub fn read(path: &Path) -> Option<Found> {
    use std::io::Read;
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => Some(parse(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(_) => Some(Found { damaged_lines: 1, ..Found::default() }),
    }
}

fn parse(bytes: &[u8]) -> Found {
    let mut found = Found::default();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let header = serde_json::from_slice::<Header>(line).ok().filter(|h| h.schema == SCHEMA);
        if header.is_some() {
            found.header = header;
        } else if let Ok(entry) = serde_json::from_slice(line) {
            found.entries.push(entry);
        } else {
            found.damaged_lines += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::Pid;

    use super::*;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::Sysctl { path: "/proc/sys/a".into(), found: "1".to_owned() },
            Entry::NetnsDirectory { directory_found: true, mount_found: false },
            Entry::Netns { name: "ek-nic".to_owned() },
            Entry::Link { name: "ek-vf0".to_owned() },
            Entry::Capsule { name: "ek-a".parse().unwrap() },
            Entry::Guest { mark: "ek-lab-a-1".to_owned() },
            Entry::Process { what: "guest a".to_owned(), id: owner() },
            Entry::Directory { path: "/run/evenkeel/lab".into() },
        ]
    }

    fn owner() -> ProcessId {
        ProcessId { pid: Pid(4711), start_ticks: 99 }
    }

    fn written(directory: &Path) -> PathBuf {
        let path = directory.join("lab.json");
        let mut journal = Journal::create(&path, "boot", owner()).unwrap();
        journal.record(&entries()[0]).unwrap();
        journal.record_all(&entries()[1..]).unwrap();
        path
    }

    #[test]
    fn what_was_recorded_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = written(directory.path());
        let found = read(&path).unwrap();
        let header = found.header.unwrap();
        assert_eq!((header.boot_id.as_str(), header.owner), ("boot", owner()));
        assert_eq!(found.entries, entries());
        assert_eq!(found.damaged_lines, 0);
        assert!(Journal::create(&path, "boot", owner()).is_err(), "one journal at a time");
        assert_eq!(read(&directory.path().join("none")), None);
    }

    #[test]
    fn a_journal_cut_anywhere_tells_its_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = std::fs::read(written(directory.path())).unwrap();
        for length in 0..bytes.len() {
            let found = parse(&bytes[..length]);
            let whole_lines = bytes[..length].iter().filter(|byte| **byte == b'\n').count();
            let told = found.entries.len() + usize::from(found.header.is_some());
            // A line that lacks its line end alone is whole, too.
            assert!(told == whole_lines || told == whole_lines + 1, "{length}");
            assert_eq!(found.entries, entries()[..found.entries.len()]);
        }
    }

    #[test]
    fn rubbish_is_counted_and_hides_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = b"\0\xff{}\n[]\n".to_vec();
        bytes.extend(std::fs::read(written(directory.path())).unwrap());
        let found = parse(&bytes);
        assert_eq!(found.damaged_lines, 2);
        assert_eq!(found.entries, entries());
    }

    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut journal = Journal { file, path: "/run/lab.json".into() };
        let error = journal.record(&entries()[0]).unwrap_err();
        let words = error.to_string();
        assert!(words.starts_with("cannot write the lab's journal /run/lab.json: "), "{words}");
    }
}
