// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files that a user names: descriptions that are read, figures that are written.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::error::CliError;

/// Largest description that is read: as much as its reader accepts, and one byte to notice more.
const BYTES_MAX: u64 = (4 << 20) + 1;

/// The text of a file; `-` is standard input.
pub fn read(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(BYTES_MAX).read_to_string(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(text),
        Err(source) => Err(CliError::ReadFile { path: path.to_owned(), source }),
    }
}

/// Writes `text` to a file, in the place of what is there.
pub fn write(path: &Path, text: &str) -> Result<(), CliError> {
    fs::write(path, text).map_err(|source| CliError::WriteFile { path: path.to_owned(), source })
}
