// SPDX-License-Identifier: MIT OR Apache-2.0
//! One thing worth saying about a host.

use std::error::Error;

use serde::{Deserialize, Serialize};

/// How much a finding matters, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Info,
    /// A guarantee can be given and is weaker than it could be.
    Warning,
    /// Something violates a guarantee, or none can be given.
    Problem,
}

impl Severity {
    /// The lower-case word of the report and of JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Problem => "problem",
        }
    }
}

/// One thing worth saying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about; does not change between versions.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// Why it matters; empty where `what` says it all.
    pub why: String,
    /// What can be done about it: a command, a boot parameter, another kernel.
    pub fix: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(id: &'static str, what: impl Into<String>) -> Finding {
        Finding::new(id, Severity::Ok, what, "")
    }

    /// Worth knowing.
    pub(super) fn info(
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        Finding::new(id, Severity::Info, what, why)
    }

    /// Weaker than it could be.
    pub(super) fn warning(
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        Finding::new(id, Severity::Warning, what, why)
    }

    /// Violated, or impossible.
    pub(super) fn problem(
        id: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        Finding::new(id, Severity::Problem, what, why)
    }

    /// The check could not look.
    pub(super) fn unseen(id: &'static str, subject: &str, error: &dyn Error) -> Finding {
        Finding::warning(id, format!("{subject} could not be read"), with_causes(error))
    }

    /// The same with a fix.
    pub(super) fn with_fix(mut self, fix: impl Into<String>) -> Finding {
        self.fix = Some(fix.into());
        self
    }

    fn new(
        id: &'static str,
        severity: Severity,
        what: impl Into<String>,
        why: impl Into<String>,
    ) -> Finding {
        Finding { id, severity, what: what.into(), why: why.into(), fix: None }
    }
}

/// The message of `error` and, after colons, of what caused it.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_ordered() {
        assert!(Severity::Ok < Severity::Info);
        assert!(Severity::Warning < Severity::Problem);
    }
}
