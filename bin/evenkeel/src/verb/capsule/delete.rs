// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule delete`: everything put back, the reservation given up.

use std::process::ExitCode;

use clap::Args;
use evenkeel_model::CapsuleName;

use crate::error::CliError;
use crate::manual::{Section, after_help, changes_the_host, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};

/// End a capsule: put everything back, give up its reservation
///
/// Threads inside go on running with the group, policy and CPUs they had before they were
/// attached. It also clears up after an operation that was killed half-way.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The capsule
    name: CapsuleName,
    #[command(flatten)]
    pub change: ChangeWords,
}

/// Plans, and unless --dry-run, deletes.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let host = open(output)?;
    let plan = host.plan_delete(&words.name)?;
    carry_out(&host, &plan, words.change, output)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule delete web
evenkeel capsule delete web --dry-run
    What would be put back.
",
        ),
        changes_the_host(),
        environment(),
        files(),
    ]
}
