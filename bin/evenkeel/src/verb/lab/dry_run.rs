// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel lab EXPERIMENT --dry-run`: what would be run, and where its results would go.

use std::path::Path;

use evenkeel_lab::guest::GuestKind;
use evenkeel_lab::run::Experiment;
use serde::Serialize;

use crate::error::CliError;
use crate::output::Output;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.lab-plan.v1";

/// What would be run.
#[derive(Serialize)]
pub struct Intent {
    pub experiment: Experiment,
    pub quick: bool,
    pub guest: GuestKind,
    pub seed: u64,
}

/// `evenkeel.lab-plan.v1`.
#[derive(Serialize)]
struct IntentAnswer<'a> {
    #[serde(flatten)]
    intent: &'a Intent,
    out_dir: &'a Path,
}

/// Prints it.
pub fn print(intent: &Intent, out_dir: &Path, json: bool, output: Output) -> Result<(), CliError> {
    if json {
        return output.json(SCHEMA, &IntentAnswer { intent, out_dir });
    }
    output.talk("dry run: nothing was changed");
    output.answer(&format!(
        "{}{} with {} guests and seed {}, results in {}",
        intent.experiment.as_str(),
        if intent.quick { ", a tenth of it," } else { "" },
        intent.guest,
        intent.seed,
        out_dir.display()
    ))
}
