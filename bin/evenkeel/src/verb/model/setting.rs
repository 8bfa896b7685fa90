// SPDX-License-Identifier: MIT OR Apache-2.0
//! `--set KEY=VALUE`: a variable or a number of a model, given another value.

use std::fmt;

use evenkeel_lqn::Knob;
use serde::{Serialize, Serializer};

/// What is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A variable of the file, with its `$`.
    Variable(String),
    /// A number of the model.
    Knob(Knob),
}

/// One value for one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// What is set.
    pub key: Key,
    /// To what.
    pub value: f64,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Variable(name) => f.write_str(name),
            Key::Knob(knob) => knob.fmt(f),
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Key {
    /// Reads `$name` or a kind of number with the names of its elements.
    pub fn parse(text: &str) -> Result<Key, String> {
        if text.len() > 1 && text.starts_with('$') {
            return Ok(Key::Variable(text.to_owned()));
        }
        Knob::parse(text).map(Key::Knob).map_err(|error| error.to_string())
    }

    /// Whether only whole numbers make sense.
    pub fn counts(&self) -> bool {
        matches!(self, Key::Knob(knob) if knob.counts())
    }
}

/// Reads `KEY=VALUE`.
pub fn setting(text: &str) -> Result<Setting, String> {
    let Some((key, value)) = text.split_once('=') else {
        return Err("must be KEY=VALUE, for example demand:serve=0.5".to_owned());
    };
    Ok(Setting { key: Key::parse(key)?, value: number(value)? })
}

/// A finite number.
pub fn number(text: &str) -> Result<f64, String> {
    let value: Option<f64> = text.trim().parse().ok();
    value.filter(|v| v.is_finite()).ok_or_else(|| format!("\"{text}\" is no number"))
}

/// Lines for the manual: every key.
pub fn keys() -> String {
    let mut lines = vec![("$NAME".to_owned(), "variable of the file")];
    lines.extend(Knob::help());
    let lines = lines.iter().map(|(key, says)| format!("{key:<38}{says}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let found = setting("$n=3").unwrap();
        assert_eq!((found.key.to_string().as_str(), found.value), ("$n", 3.0));
        assert!(setting("threads:server=2").unwrap().key.counts());
        assert!(!setting("demand:serve=2").unwrap().key.counts());
        for wrong in ["", "demand:serve", "demand:serve=", "demand:serve=x", "weight:x=1", "$=1"] {
            assert!(setting(wrong).is_err(), "{wrong}");
        }
    }
}
