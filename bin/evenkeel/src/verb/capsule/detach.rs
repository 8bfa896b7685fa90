// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule detach`: a VM leaves its capsule and gets back what it had before.

use std::process::ExitCode;

use clap::Args;
use evenkeel_model::CapsuleName;
use evenkeel_vm::VmRef;

use crate::error::CliError;
use crate::manual::{Section, after_help, changes_the_host, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};

/// Take a virtual machine out of its capsule
///
/// Its threads go back to the groups, policies and CPUs they had before, its network devices to
/// their settings. The capsule and its reservation stay.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The capsule
    name: CapsuleName,
    /// The virtual machine, as in `capsule attach`; everything in the capsule if left out
    #[arg(value_name = "VM")]
    vm: Option<VmRef>,
    #[command(flatten)]
    pub change: ChangeWords,
}

/// Plans, and unless --dry-run, detaches.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let host = open(output)?;
    let plan = host.plan_detach(&words.name, words.vm.as_ref())?;
    carry_out(&host, &plan, words.change, output)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule detach web
    Take out whatever is in capsule web.
evenkeel capsule detach web qemu:web --dry-run
    What would be put back.
",
        ),
        changes_the_host(),
        environment(),
        files(),
    ]
}
