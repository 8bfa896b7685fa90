// SPDX-License-Identifier: MIT OR Apache-2.0
//! One experiment as the reader meets it: question, method, figures, table, verdicts, and what was
//! published. Page, terminal and demo are renderings of the same sections, so they cannot disagree.

use std::fmt;

use evenkeel_lab::measurement::Fingerprint;

use crate::figure::Figure;
use crate::table::Table;

/// Whether a measured figure is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Holds,
    /// It is not.
    FallsShort,
    /// The run does not say, and why.
    NotJudged(String),
}

impl fmt::Display for Verdict {
    /// In words, because colour alone does not reach everybody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Holds => f.pad("holds"),
            Verdict::FallsShort => f.pad("falls short"),
            Verdict::NotJudged(why) => f.pad(&format!("not judged: {why}")),
        }
    }
}

/// One figure that was asked for, beside the one that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// `share`, `neighbour`, ...
    pub experiment: &'static str,
    /// What was asked for, with its limit.
    pub asked: String,
    /// What was measured.
    pub measured: String,
    /// How the two compare.
    pub verdict: Verdict,
    /// Whether steal time during the run makes the verdict doubtful.
    pub disturbed: bool,
}

impl Check {
    /// The verdict with the doubt, where there is one.
    pub fn verdict_in_words(&self) -> String {
        match (&self.verdict, self.disturbed) {
            (Verdict::Holds | Verdict::FallsShort, true) => {
                format!("{}, but disturbed", self.verdict)
            }
            _ => self.verdict.to_string(),
        }
    }
}

/// What is publicly stated about the same question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published {
    /// Where it stands.
    pub source: &'static str,
    /// What it says, and no more than that.
    pub statement: &'static str,
    /// How ours compares, and why seconds or bits are not compared.
    pub comparison: &'static str,
}

/// An experiment that was part of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    /// `share`, `neighbour`, ...; anchor in the page and stem of the data file.
    pub name: &'static str,
    /// The question.
    pub question: &'static str,
    /// How it was measured, one paragraph each.
    pub method: Vec<String>,
    /// The figures, most important first.
    pub figures: Vec<Figure>,
    /// The figures as numbers.
    pub table: Table,
    /// Verdicts against what was asked for.
    pub checks: Vec<Check>,
    /// What the table needs to be read rightly.
    pub remarks: Vec<String>,
    /// The published statement.
    pub published: Published,
    /// Host and circumstances.
    pub host: Fingerprint,
}

impl Section {
    /// Appends a verdict.
    pub fn check(
        &mut self,
        asked: impl Into<String>,
        measured: impl Into<String>,
        verdict: Verdict,
    ) {
        self.checks.push(Check {
            experiment: self.name,
            asked: asked.into(),
            measured: measured.into(),
            verdict,
            disturbed: self.host.disturbed,
        });
    }

    /// The verdicts as a table.
    pub fn check_table(&self) -> Table {
        let mut table = Table::new(&["asked for", "measured", "verdict"]);
        for check in &self.checks {
            table.row([check.asked.clone(), check.measured.clone(), check.verdict_in_words()]);
        }
        table
    }

    /// The sentence that a disturbed run carries, or nothing.
    pub fn disturbance(&self) -> Option<String> {
        self.host.disturbed.then(|| {
            format!(
                "Disturbed run: the hypervisor below this host took {} of the CPU time away while \
                 '{}' was measured. Its figures are doubtful; repeat it on a quiet machine.",
                crate::number::percent(self.host.steal_ratio),
                self.name
            )
        })
    }
}
