// SPDX-License-Identifier: MIT OR Apache-2.0
//! How far a run of the lab is: a bar on a terminal, one line an experiment elsewhere.

use std::io::{IsTerminal, stderr};

use evenkeel_lab::progress::Progress;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// The bar: which experiment, how far, how long, what now.
const TEMPLATE: &str = "{prefix:<10}[{bar:30}] {pos}/{len} {elapsed_precise} {wide_msg}";

/// Draws progress on standard error.
pub struct Display {
    output: Output,
    bar: Option<ProgressBar>,
    experiment: &'static str,
}

impl Display {
    /// Nothing is drawn yet.
    pub fn new(output: Output) -> Display {
        let bar = stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE);
            // The template is a constant; were it malformed, the plain style would do.
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(1).with_style(style.progress_chars("=> "))
        });
        Display { output, bar, experiment: "" }
    }

    /// Shows where the run is.
    pub fn show(&mut self, progress: &Progress) {
        let is_new = self.experiment != progress.experiment;
        self.experiment = progress.experiment;
        let Some(bar) = &self.bar else {
            if is_new {
                self.output.talk(&format!("{}: {} steps", progress.experiment, progress.total));
            }
            return;
        };
        if is_new {
            bar.reset();
            bar.set_prefix(progress.experiment);
        }
        bar.set_length(u64::from(progress.total));
        bar.set_position(u64::from(progress.done));
        bar.set_message(progress.text.clone());
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Display {
    /// An error is printed below a bar that is gone, not into it.
    fn drop(&mut self) {
        self.finish();
    }
}
