// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel run`: a command, and everything it starts, inside a capsule for as long as it lives.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;
use evenkeel_host::{CreateRequest, RunRequest};
use evenkeel_model::CapsuleName;

use crate::error::CliError;
use crate::manual::{Section, after_help, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};
use crate::verb::reservation_words::ReservationWords;

/// Run a command inside a new capsule and release it when the command ends
///
/// The command is born inside: it and everything it starts have the capsule's group, priority and
/// CPUs from their first instruction. Signals are forwarded to it, its standard streams are ours,
/// and its exit status becomes ours.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Name of the new capsule: 1 to 64 letters, digits, '.', '_', '-'
    name: CapsuleName,
    #[command(flatten)]
    reservation: ReservationWords,
    /// A network device that serves only this command's VM; may be repeated
    #[arg(long = "netdev", value_name = "DEVICE")]
    netdevs: Vec<String>,
    /// Print what would be done before the command starts, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run print one JSON object (evenkeel.plan.v1); errors as JSON, too
    #[arg(long)]
    pub json: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Words {
    fn resolve(self) -> Result<RunRequest, CliError> {
        let create = CreateRequest {
            reservation: self.reservation.reservation()?,
            name: self.name,
            cpus: self.reservation.cpus,
            parent: self.reservation.parent,
            enforcer: self.reservation.enforcer.into(),
        };
        Ok(RunRequest { create, netdevs: self.netdevs, command: self.command })
    }
}

/// Runs it, or with --dry-run plans the capsule.
pub fn run(words: Words, output: Output) -> Result<ExitCode, CliError> {
    let change = ChangeWords { dry_run: words.dry_run, json: words.json };
    let request = words.resolve()?;
    let host = open(output)?;
    if change.dry_run {
        let plan = host.plan_run(&request)?;
        return carry_out(&host, &plan, change, output);
    }
    let outcome = host.run(&request)?;
    for note in &outcome.notes {
        output.talk(&format!("note: {note}"));
    }
    Ok(ExitCode::from(outcome.exit_code()))
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel run web --budget 6ms --period 20ms --cpus 0 -- nginx -g 'daemon off;'
    30 % of CPU 0 for a web server and its workers.
evenkeel run vm1 --budget 20ms --period 50ms --cpus 2-3 --netdev vf0 -- \\
        qemu-system-x86_64 -enable-kvm -smp 2 ...
    A virtual machine with 40 % of each of two CPUs, the packet work of vf0 included.
",
        ),
        Section::new(
            "EXIT STATUS",
            "
That of COMMAND; 128 + N if signal N ended it. If COMMAND was never started:
1  the operation failed; what it had changed was put back
2  wrong usage, an invalid value, or a name or CPU that does not fit
4  refused by admission: it does not fit; nothing was changed
",
        ),
        Section::new(
            "NOTES",
            "
If evenkeel itself is killed (signal 9), the command goes on inside its capsule, and the
reservation stays in force until `evenkeel capsule delete NAME`.
",
        ),
        environment(),
        files(),
    ]
}
