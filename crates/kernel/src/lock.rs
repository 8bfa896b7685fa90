// SPDX-License-Identifier: MIT OR Apache-2.0
//! One at a time: a lock on a file, released by the kernel when its holder ends, however it ends.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_model::Span;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often the lock is tried. Holders keep it for milliseconds; 10 ms cost nothing.
const PAUSE: Duration = Duration::from_millis(10);

/// The lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file could not be opened or locked.
    #[error("cannot {action} the lock file {path}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// Somebody else has it.
    #[error("the lock {path} is held by {holder}; waited {waited}")]
    Held {
        /// Which file.
        path: PathBuf,
        /// Who, as the file says it.
        holder: String,
        /// How long we waited.
        waited: Span,
    },
}

/// A held lock; dropping it releases it. The file stays.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock on `path`, creating the file, and waits at most `timeout` for it. The file
    /// says who holds it.
    pub fn acquire(path: &Path, timeout: Span) -> Result<FileLock, LockError> {
        let failed = |action| move |source| LockError::File { action, path: path.into(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open"))?;
        let deadline = Instant::now() + timeout.as_duration();
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => sleep(PAUSE),
                Err(Errno::WOULDBLOCK) => {
                    let holder = holder(&mut file);
                    return Err(LockError::Held { path: path.into(), holder, waited: timeout });
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("lock")(errno.into())),
            }
        }
        // The lock is held whether or not the file can say by whom: a full disk must not keep
        // anybody from undoing things.
        let _ = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "process {}", std::process::id()));
        Ok(FileLock { _file: file })
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // A line of ours is some twenty bytes; whatever else is there is not repeated at length.
    let read = file.rewind().and_then(|()| file.take(100).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "somebody".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time_and_the_file_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let lock = FileLock::acquire(&path, Span::ZERO).unwrap();
        let error = FileLock::acquire(&path, Span::from_ms(30)).unwrap_err();
        let expected = format!("is held by process {}; waited 30ms", std::process::id());
        assert!(error.to_string().ends_with(&expected), "{error}");
        drop(lock);
        FileLock::acquire(&path, Span::ZERO).unwrap();
    }

    #[test]
    fn a_waiter_gets_it_when_the_holder_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let lock = FileLock::acquire(&path, Span::ZERO).unwrap();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| FileLock::acquire(&path, Span::from_s(10)));
            sleep(PAUSE * 3);
            drop(lock);
            waiter.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let error = FileLock::acquire(Path::new("/nonexistent/ek/lock"), Span::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "cannot open the lock file /nonexistent/ek/lock");
    }
}
