// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading and writing procfs, sysfs and cgroupfs files, with errors that name the path.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// Largest pseudo-file that is read. `/proc/PID/task` holders of 100 000 threads make a `tasks`
/// file of 0.8 MB; 16 MiB is far beyond any of them and keeps a wrong path (a disk) harmless.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// A pseudo-file could not be read, written or understood.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It could not be read.
    #[error("cannot read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel did not take what was written.
    #[error("cannot write '{text}' to {path}")]
    Write {
        /// Which file.
        path: PathBuf,
        /// What was written.
        text: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// It was read, and is not what the kernel's documentation says.
    #[error("{path} holds {found:?} where {expected} is expected")]
    Unexpected {
        /// Which file.
        path: PathBuf,
        /// The text, shortened.
        found: String,
        /// What should be there.
        expected: &'static str,
    },
}

impl FileError {
    /// Whether what the path names does not exist (any more): a thread, a group, a device.
    pub fn is_gone(&self) -> bool {
        matches!(self.errno(), Some(Errno::NOENT | Errno::SRCH | Errno::NODEV))
    }

    /// The kernel's error number, if it was the kernel that refused.
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            FileError::Read { source, .. } | FileError::Write { source, .. } => {
                source.raw_os_error()
            }
            FileError::Unexpected { .. } => None,
        }
    }

    /// The same as a name.
    pub(crate) fn errno(&self) -> Option<Errno> {
        self.raw_os_error().map(Errno::from_raw_os_error)
    }

    /// The text of `path` is not what it should be.
    pub(crate) fn unexpected(path: &Path, found: &str, expected: &'static str) -> FileError {
        // A line of a hundred characters still fits a terminal and shows what is wrong.
        let found = found.chars().take(100).collect();
        FileError::Unexpected { path: path.to_owned(), found, expected }
    }
}

/// The whole text of `path`; bytes that are not UTF-8 (a process may call itself anything) become
/// U+FFFD.
pub(crate) fn read(path: &Path) -> Result<String, FileError> {
    Ok(String::from_utf8_lossy(&read_bytes(path)?).into_owned())
}

/// The whole content of `path`.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// Writes `text` in one system call, which is what the kernel's files need.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), FileError> {
    let failed = |source| FileError::Write { path: path.to_owned(), text: text.to_owned(), source };
    let mut file = OpenOptions::new().write(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

/// The text of `path` as one number.
pub(crate) fn read_number<T: std::str::FromStr>(path: &Path) -> Result<T, FileError> {
    let text = read(path)?;
    text.trim().parse().map_err(|_| FileError::unexpected(path, text.trim(), "a number"))
}

/// The names in directory `path` that are numbers, smallest first: processes of `/proc`, threads
/// of `/proc/PID/task`.
pub(crate) fn numbers_in(path: &Path) -> Result<Vec<u32>, FileError> {
    let failed = |source| FileError::Read { path: path.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// One number a line, as `tasks` and `cgroup.procs` have them, smallest first, each once.
pub(crate) fn number_lines(path: &Path, text: &str) -> Result<Vec<u32>, FileError> {
    let mut numbers = Vec::new();
    for line in text.lines() {
        let number =
            line.parse().map_err(|_| FileError::unexpected(path, line, "a process number"))?;
        numbers.push(number);
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_and_knows_what_is_gone() {
        let error = read(Path::new("/proc/4294967295/stat")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /proc/4294967295/stat");
        assert!(error.is_gone());
        let error = read_number::<u64>(Path::new("/proc/self/comm")).unwrap_err();
        assert!(error.to_string().contains("where a number is expected"), "{error}");
        assert!(!error.is_gone());
    }

    #[test]
    fn lines_of_numbers_are_sorted_and_unique() {
        let path = Path::new("tasks");
        assert_eq!(number_lines(path, "12\n7\n12\n").unwrap(), [7, 12]);
        assert_eq!(number_lines(path, "").unwrap(), [0u32; 0]);
        assert!(number_lines(path, "1\nx\n").is_err());
    }
}
