// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule set`: another budget, period or CPU set for a capsule that exists.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::{Host, SetRequest};
use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};

use crate::error::CliError;
use crate::manual::{Section, after_help, changes_reservations, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};
use crate::verb::reservation_words::cpu_set;

/// Change the reservation of a capsule
///
/// What is not given stays. The change is admitted like a new reservation, and made in an order
/// in which every other capsule keeps its guarantee at every moment.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The capsule
    name: CapsuleName,
    /// New CPU time in each period, on each CPU
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    budget: Option<Span>,
    /// New length of a period, 1ms to 10s
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    period: Option<Span>,
    /// New CPUs, as a list: 0, 0-3 or 0-3,8
    ///
    /// The same CPUs again bring back threads that were moved away from them: the kernel does that where
    /// a CPU goes offline, and does not undo it.
    #[arg(long, value_name = "LIST", value_parser = cpu_set, allow_hyphen_values = true)]
    cpus: Option<CpuSet>,
    #[command(flatten)]
    pub change: ChangeWords,
}

impl Words {
    /// The reservation as it is. Every capsule that `show` knows has one.
    fn present(&self, host: &Host) -> Result<Reservation, CliError> {
        let summary = host.show(&self.name, Span::ZERO)?.summary;
        summary.reservation.ok_or_else(|| {
            CliError::usage(
                format!("capsule '{}' has no reservation on record", self.name),
                "give both --budget and --period",
            )
        })
    }

    /// What was asked, with what stays as it is filled in from `host`.
    fn resolve(self, host: &Host) -> Result<(SetRequest, ChangeWords), CliError> {
        let reservation = match (self.budget, self.period) {
            (None, None) => None,
            (Some(budget), Some(period)) => Some(Reservation::new(budget, period)?),
            (budget, period) => {
                let now = self.present(host)?;
                let budget = budget.unwrap_or(now.budget());
                let period = period.unwrap_or(now.period());
                Some(Reservation::new(budget, period)?)
            }
        };
        if reservation.is_none() && self.cpus.is_none() {
            return Err(CliError::usage(
                format!("nothing to change in capsule '{}'", self.name),
                "give at least one of --budget, --period and --cpus",
            ));
        }
        Ok((SetRequest { name: self.name, reservation, cpus: self.cpus }, self.change))
    }
}

/// Plans, and unless --dry-run, changes.
pub fn run(words: Words, output: Output) -> Result<ExitCode, CliError> {
    let host = open(output)?;
    let (request, change) = words.resolve(&host)?;
    let plan = host.plan_set(&request)?;
    carry_out(&host, &plan, change, output)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule set web --budget 8ms
    A larger budget at the same period.
evenkeel capsule set web --budget 4ms --period 10ms --cpus 1 --dry-run
    Whether that would be admitted, and in which steps it would be done.
",
        ),
        changes_reservations(),
        environment(),
        files(),
    ]
}
