// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values of a file's variables (`$name`): what the file says, and what the caller says instead.

use std::collections::HashMap;

/// Values that a caller gives to variables of a file; they go before the file's own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    values: HashMap<String, f64>,
}

impl Parameters {
    /// Sets a variable; the name begins with `$`.
    pub fn set(&mut self, name: &str, value: f64) -> &mut Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, &value)| (name.as_str(), value))
    }

    pub(crate) fn variables(&self) -> Variables {
        let mut variables = Variables::default();
        for (name, value) in self.iter() {
            variables.given.insert(name.to_owned(), vec![value]);
        }
        variables
    }
}

/// Values of the variables of a file while it is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variables {
    given: HashMap<String, Vec<f64>>,
    found: HashMap<String, Vec<f64>>,
}

/// What is known of a variable.
pub(crate) enum Value<'a> {
    One(f64),
    /// A list to sweep over, or a variable of a program that has no one value.
    Several(&'a [f64]),
    Unknown,
}

impl Variables {
    pub(crate) fn get(&self, name: &str) -> Value<'_> {
        match self.given.get(name).or_else(|| self.found.get(name)).map(Vec::as_slice) {
            Some([one]) => Value::One(*one),
            Some(several) => Value::Several(several),
            None => Value::Unknown,
        }
    }

    /// What the file says.
    pub(crate) fn insert(&mut self, name: &str, values: Vec<f64>) {
        self.found.insert(name.to_owned(), values);
    }

    pub(crate) fn is_found(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }
}
