// SPDX-License-Identifier: MIT OR Apache-2.0
//! A row of a benchmark: one figure beside what was promised. Every `cargo xtask bench-* --json`
//! prints one object of them, so that one reader understands all.

use serde::{Deserialize, Serialize};

/// One figure, its limit, and whether it holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchRow {
    /// What is measured.
    pub name: String,
    /// The measurement.
    pub figure: f64,
    /// Its unit; the limit has the same.
    pub unit: String,
    /// What the figure may be at most, or must be at least: `unit` and `name` say which.
    pub limit: f64,
    /// Whether it is.
    pub holds: bool,
}

/// The rows of one benchmark, as the object that tools read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Name of this form and its version: `evenkeel.bench-NAME/1`.
    pub schema: String,
    /// The rows.
    pub rows: Vec<BenchRow>,
}

impl BenchRow {
    /// A figure that may be `limit` at most. Not a number never holds.
    pub fn at_most(name: impl Into<String>, figure: f64, unit: &str, limit: f64) -> BenchRow {
        BenchRow { name: name.into(), figure, unit: unit.into(), limit, holds: figure <= limit }
    }

    /// A figure that must be `limit` at least. Not a number never holds.
    pub fn at_least(name: impl Into<String>, figure: f64, unit: &str, limit: f64) -> BenchRow {
        BenchRow { name: name.into(), figure, unit: unit.into(), limit, holds: figure >= limit }
    }

    /// The same row, broken if `also` is false: for promises with a second condition.
    pub fn and(self, also: bool) -> BenchRow {
        BenchRow { holds: self.holds && also, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::BenchRow;

    #[test]
    fn limits_are_inclusive_and_nonsense_never_holds() {
        assert!(BenchRow::at_most("a", 1.0, "s", 1.0).holds);
        assert!(!BenchRow::at_most("a", 1.1, "s", 1.0).holds);
        assert!(BenchRow::at_least("a", 1.0, "s", 1.0).holds);
        assert!(!BenchRow::at_least("a", f64::NAN, "s", 1.0).holds);
        assert!(!BenchRow::at_most("a", f64::NAN, "s", 1.0).holds);
        assert!(!BenchRow::at_most("a", 0.0, "s", 1.0).and(false).holds);
    }
}
