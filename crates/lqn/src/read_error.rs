// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a file is not a model: always with the line.

use crate::error::ModelError;
use crate::model::Limits;

/// A file that cannot be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadError {
    /// The file is larger than the written limit.
    #[error("the file has {0} bytes: the limit is {max}", max = Limits::FILE_BYTES_MAX)]
    TooLarge(usize),
    /// Something else stands where the grammar wants this.
    #[error("line {line}: expected {expected}, found {found}")]
    Syntax {
        /// Where.
        line: u32,
        /// What the grammar wants.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A name that nothing has.
    #[error("line {line}: there is no {kind} \"{name}\"")]
    Unknown {
        /// Where.
        line: u32,
        /// What kind of thing.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A variable without one value.
    #[error("line {line}: the variable {name} has no single constant value: set it to one")]
    Several {
        /// Where it is used.
        line: u32,
        /// The variable, with its `$`.
        name: String,
    },
    /// A part of the format that this crate does not solve.
    #[error("line {line}: {element}: {what} is not supported")]
    Unsupported {
        /// Where.
        line: u32,
        /// In which element.
        element: String,
        /// What.
        what: String,
    },
    /// XML that is not well formed.
    #[error("line {line}: {message}")]
    Xml {
        /// Where.
        line: u32,
        /// What the XML parser says.
        message: String,
    },
    /// A file that reads well but is not a possible model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl ReadError {
    pub(crate) fn syntax(line: u32, expected: &str, found: impl std::fmt::Display) -> Self {
        // A found token can be as long as the file; an error message must not be.
        let found: String = found.to_string().chars().take(60).collect();
        Self::Syntax { line, expected: expected.to_owned(), found }
    }

    pub(crate) fn unsupported(line: u32, element: impl Into<String>, what: &str) -> Self {
        Self::Unsupported { line, element: element.into(), what: what.to_owned() }
    }
}
