// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of capsules: what may become the name of a cgroup directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name. A cgroup directory may have 255 bytes; 64 leaves room for our prefix and keeps
/// tables readable.
const LENGTH_MAX: usize = 64;

/// The name of one capsule, unique on its host: 1 to 64 of `A-Z a-z 0-9 . _ -`, beginning with a
/// letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CapsuleName(String);

/// Why a text cannot name a capsule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapsuleNameError {
    /// No characters.
    #[error("the capsule name is empty")]
    Empty,
    /// More than 64 characters.
    #[error("the capsule name '{0}' is longer than {LENGTH_MAX} characters")]
    TooLong(String),
    /// A character that a name may not have; the slash foremost.
    #[error(
        "the capsule name '{name}' contains {found:?}; use letters, digits, '.', '_' and '-', \
         beginning with a letter or digit"
    )]
    BadCharacter {
        /// The whole name.
        name: String,
        /// The first offending character.
        found: char,
    },
}

impl CapsuleName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CapsuleName {
    type Err = CapsuleNameError;

    fn from_str(text: &str) -> Result<CapsuleName, CapsuleNameError> {
        let Some(first) = text.chars().next() else {
            return Err(CapsuleNameError::Empty);
        };
        let bad = |found| CapsuleNameError::BadCharacter { name: text.to_owned(), found };
        if let Some(c) =
            text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')))
        {
            return Err(bad(c));
        }
        if !first.is_ascii_alphanumeric() {
            return Err(bad(first));
        }
        if text.len() > LENGTH_MAX {
            return Err(CapsuleNameError::TooLong(text.to_owned()));
        }
        Ok(CapsuleName(text.to_owned()))
    }
}

impl TryFrom<String> for CapsuleName {
    type Error = CapsuleNameError;

    fn try_from(text: String) -> Result<CapsuleName, CapsuleNameError> {
        text.parse()
    }
}

impl From<CapsuleName> for String {
    fn from(name: CapsuleName) -> String {
        name.0
    }
}

impl fmt::Display for CapsuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_escape_their_directory_are_refused() {
        for text in ["a/b", "/", "..", ".hidden", "-x", "a b", "ü", ""] {
            assert!(text.parse::<CapsuleName>().is_err(), "{text}");
        }
        assert!("a".repeat(65).parse::<CapsuleName>().is_err());
        for text in ["a", "vm-1", "0", "web_1.prod"] {
            assert!(text.parse::<CapsuleName>().is_ok(), "{text}");
        }
    }
}
