// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule create`: a new reservation, empty of threads, if admission allows it.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::CreateRequest;
use evenkeel_model::CapsuleName;

use crate::error::CliError;
use crate::manual::{Section, after_help, changes_reservations, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};
use crate::verb::reservation_words::ReservationWords;

/// Create a capsule: reserve a CPU budget every period
///
/// The reservation is admitted only if every reservation already given stays intact on every CPU;
/// a refusal says which CPU is full, who holds it, and the smallest change that would fit.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Name of the new capsule: 1 to 64 letters, digits, '.', '_', '-'
    #[arg(allow_hyphen_values = true)]
    name: CapsuleName,
    #[command(flatten)]
    reservation: ReservationWords,
    #[command(flatten)]
    pub change: ChangeWords,
}

impl Words {
    fn resolve(self) -> Result<(CreateRequest, ChangeWords), CliError> {
        let request = CreateRequest {
            reservation: self.reservation.reservation()?,
            name: self.name,
            cpus: self.reservation.cpus,
            parent: self.reservation.parent,
            enforcer: self.reservation.enforcer.into(),
        };
        Ok((request, self.change))
    }
}

/// Plans, and unless --dry-run, creates.
pub fn run(words: Words, output: Output) -> Result<ExitCode, CliError> {
    let (request, change) = words.resolve()?;
    let host = open(output)?;
    let plan = host.plan_create(&request)?;
    carry_out(&host, &plan, change, output)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule create web --budget 6ms --period 20ms --cpus 0
    Reserve 30 % of CPU 0.
evenkeel capsule create db --budget 10ms --period 40ms --cpus 0-1 --dry-run
    Ask whether it would be admitted, and what would be done; change nothing.
evenkeel capsule create db-io --parent db --budget 2ms --period 40ms --cpus 0
    Give a part of db's reservation to a capsule of its own.
",
        ),
        changes_reservations(),
        environment(),
        files(),
    ]
}
