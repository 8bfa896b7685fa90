// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is wrong with a text, and where.

use std::fmt;

use serde::Serialize;

/// One thing wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FormError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The key with its tables, `capsule[1].budget`; empty where the text is no TOML at all.
    pub key: String,
    /// What is wrong with it, and what would do.
    pub message: String,
}

/// Where a key stands, for errors that come up when its table is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    line: usize,
    column: usize,
    key: String,
}

impl Place {
    /// Byte `start` of `text`.
    pub(super) fn of(text: &str, start: usize, key: &str) -> Place {
        let before = text.get(..start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Place { line, column, key: key.to_owned() }
    }

    /// An error here.
    pub fn error(&self, message: impl Into<String>) -> FormError {
        let Place { line, column, key } = self.clone();
        FormError { line, column, key, message: message.into() }
    }
}

impl FormError {
    /// An error at byte `start` of `text`.
    pub(super) fn at(text: &str, start: usize, key: &str, message: String) -> FormError {
        Place::of(text, start, key).error(message)
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "line {}: {}", self.line, self.message),
            key => write!(f, "line {}, {key}: {}", self.line, self.message),
        }
    }
}

impl std::error::Error for FormError {}
