// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writing a figure to the file that was asked for.

use std::path::Path;

use super::failure::ModelFailure;

/// Writes it.
pub fn write(path: &Path, svg: &str) -> Result<(), ModelFailure> {
    std::fs::write(path, svg)
        .map_err(|source| ModelFailure::Write { path: path.to_owned(), source })
}
