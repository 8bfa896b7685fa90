// SPDX-License-Identifier: MIT OR Apache-2.0
//! A model from a file, in either format.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use evenkeel_lqn::{Limits, Model, text, xml};

use super::failure::ModelFailure;

/// The words that name a model.
#[derive(Debug, Args)]
pub struct FileWords {
    /// The model: LQN text (.lqn) or LQN XML (.lqnx, .xml); - for standard input
    #[arg(value_name = "FILE")]
    pub path: PathBuf,
}

impl FileWords {
    /// Reads it. A file that begins with `<` is XML.
    pub fn read(&self) -> Result<Model, ModelFailure> {
        let content = content(&self.path)
            .map_err(|source| ModelFailure::Read { path: self.path.clone(), source })?;
        let is_xml = content.trim_start_matches('\u{feff}').trim_start().starts_with('<');
        let read = if is_xml { xml::read(&content) } else { text::read(&content) };
        read.map_err(|source| ModelFailure::File { path: self.path.clone(), source })
    }
}

/// The text of the file, one byte more than the limit at most: the reader then says so.
fn content(path: &Path) -> io::Result<String> {
    let limit = u64::try_from(Limits::FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    // Comments in other encodings are no reason to refuse a model; names are checked later.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
