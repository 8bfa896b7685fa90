// SPDX-License-Identifier: MIT OR Apache-2.0
//! The state file and the lock: `state.json` and `lock` in `/run/evenkeel`.
//!
//! The file is replaced whole and atomically (temporary file, fsync, rename, fsync of the
//! directory), so that a reader sees the old or the new record and a full disk loses neither.
//! Everything that changes a host holds the lock; reading does not.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use evenkeel_kernel::lock::FileLock;
use evenkeel_model::Span;
use serde::Deserialize;

use crate::error::HostError;
use crate::state::{SCHEMA, State};

/// Where the record lives unless [`STATE_DIR_VARIABLE`] says otherwise. `/run` is emptied at boot,
/// as are cgroups and scheduling policies.
pub const STATE_DIR: &str = "/run/evenkeel";
/// Environment variable that names another directory; for tests, which must not disturb the host's
/// capsules.
pub const STATE_DIR_VARIABLE: &str = "EVENKEEL_STATE_DIR";
/// How long a change waits for another one. Attaching a VM with a thousand threads takes about a
/// second; a minute means that something is stuck, and saying so is better than waiting on.
const LOCK_TIMEOUT: Span = Span::from_s(60);

/// The directory with the record.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// The part of the file that tells whether the rest concerns us.
#[derive(Deserialize)]
struct Head {
    schema: String,
    boot_id: String,
}

impl Store {
    /// The record in `directory`, existing or not.
    pub fn at(directory: PathBuf) -> Store {
        Store { directory }
    }

    /// Takes the lock, waiting for whoever has it.
    pub fn lock(&self) -> Result<FileLock, HostError> {
        fs::create_dir_all(&self.directory)
            .map_err(|source| failed("cannot create", &self.directory, source))?;
        let path = self.directory.join("lock");
        FileLock::acquire(&path, LOCK_TIMEOUT).map_err(HostError::Lock)
    }

    /// Whether somebody is changing something now. Who may not open the lock cannot tell, and is
    /// told yes: an operation under way is the ordinary case, an interrupted one is root's affair.
    pub fn is_locked(&self) -> bool {
        let path = self.directory.join("lock");
        path.exists() && FileLock::acquire(&path, Span::ZERO).is_err()
    }

    /// The record of this boot; an empty one if there is none.
    pub fn load(&self, boot_id: &str) -> Result<State, HostError> {
        let path = self.path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(State::new(boot_id.to_owned()));
            }
            Err(source) => return Err(failed("cannot read", &path, source)),
        };
        let malformed = |why: String| HostError::StateFormat { path: path.clone(), why };
        let head: Head = serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))?;
        if head.boot_id != boot_id {
            // The groups and policies it speaks of ended with that boot.
            return Ok(State::new(boot_id.to_owned()));
        }
        if head.schema != SCHEMA {
            return Err(malformed(format!("it has schema '{}', not '{SCHEMA}'", head.schema)));
        }
        serde_json::from_str(&text).map_err(|e| malformed(e.to_string()))
    }

    /// Replaces the record.
    pub fn save(&self, state: &State) -> Result<(), HostError> {
        let path = self.path();
        let mut text = serde_json::to_vec_pretty(state)
            .map_err(|e| failed("cannot write", &path, io::Error::other(e)))?;
        text.push(b'\n');
        self.replace(&path, &text).map_err(|source| failed("cannot write", &path, source))
    }

    /// Renames the record out of the way; the answer is its new name.
    pub fn put_aside(&self) -> Result<PathBuf, HostError> {
        let (path, aside) = (self.path(), self.directory.join("state.json.bad"));
        fs::rename(&path, &aside).map_err(|source| failed("cannot rename", &path, source))?;
        Ok(aside)
    }

    fn replace(&self, path: &Path, text: &[u8]) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix("state.json.")
            // Everyone may read what is reserved; only root may change it.
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .tempfile_in(&self.directory)?;
        file.write_all(text)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(&self.directory)?.sync_all()
    }

    /// The state file.
    pub fn path(&self) -> PathBuf {
        self.directory.join("state.json")
    }
}

fn failed(what: &'static str, path: &Path, source: io::Error) -> HostError {
    HostError::State { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_another_boot_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(directory.path().to_owned());
        let mut state = store.load("boot-1").unwrap();
        assert_eq!(state, State::new("boot-1".to_owned()));
        state.generation = 7;
        store.save(&state).unwrap();
        assert_eq!(store.load("boot-1").unwrap(), state);
        assert_eq!(store.load("boot-2").unwrap().generation, 0);
    }

    #[test]
    fn a_file_of_another_schema_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::at(directory.path().to_owned());
        let text = r#"{"schema":"evenkeel.state/9","boot_id":"b"}"#;
        fs::write(store.path(), text).unwrap();
        let error = store.load("b").unwrap_err().to_string();
        assert!(error.contains("evenkeel.state/9"), "{error}");
        fs::write(store.path(), "{").unwrap();
        let error = store.load("b").unwrap_err().to_string();
        assert!(error.contains("state.json"), "{error}");
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let store = Store::at(PathBuf::from("/proc/none"));
        let error = store.save(&State::new(String::new())).unwrap_err().to_string();
        assert!(error.contains("/proc/none/state.json"), "{error}");
        assert!(store.lock().is_err());
    }
}
