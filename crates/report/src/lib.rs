// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures, tables and the self-contained report, from measurements alone.
//!
//! ```text
//! Results -> Section (question, method, figures, table, verdicts, published statement)
//!              |-> html()        one page, light and dark, printable, no script
//!              |-> figures()     SVG files
//!              |-> tables()      for a terminal
//!              '-> write()       all of it in a directory, or nothing
//! ```
//!
//! [`plot`] draws series that come from elsewhere, a simulation for one, in the same hand.
//!
//! Nothing here measures or asks the time: identical measurements give identical bytes. Verdicts
//! compare with the figures that were asked for; the paper's statements stand beside ours as they
//! were published, and no number is attributed to it that it did not state.

#![forbid(unsafe_code)]

mod comparison;
mod demo;
mod drawing;
mod error;
mod experiment;
mod figure;
mod manifest;
mod number;
mod page;
pub mod plot;
mod section;
mod stats;
mod table;
mod text;
pub mod trace;
mod write;

use evenkeel_lab::measurement::Results;

pub use comparison::{Bar, Comparison, Curve};
pub use error::ReportError;
pub use figure::Figure;
pub use section::{Check, Verdict};
pub use table::Width;
pub use text::{demo_table, tables};
pub use write::{Written, check_place, write};

/// The report as one page that needs nothing else.
pub fn html(results: &Results) -> Result<String, ReportError> {
    page::render(results, &experiment::sections(results))
}

/// The figures of the experiments that were part of the run.
pub fn figures(results: &Results) -> Vec<Figure> {
    experiment::sections(results).into_iter().flat_map(|section| section.figures).collect()
}

/// Every figure that was asked for beside the one that was measured.
pub fn checks(results: &Results) -> Vec<Check> {
    experiment::sections(results).into_iter().flat_map(|section| section.checks).collect()
}
