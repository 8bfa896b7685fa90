// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel vm list`: every VM that runs, with the roles of its threads and its capsule.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::{CapsuleSummary, HostError};
use evenkeel_model::{CapsuleName, Role};
use evenkeel_vm::Vm;
use serde::Serialize;

use crate::error::CliError;
use crate::manual::{Section, after_help, environment, only_reads};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};
use crate::verb::plan_answer::open;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.vm-list.v1";

/// List the virtual machines that run on this host
///
/// They are found without their cooperation: QEMU and user-mode-linux processes, the threads and
/// processes that belong to each, and what each thread does.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// Print one JSON object (evenkeel.vm-list.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.vm-list.v1`.
#[derive(Serialize)]
struct ListAnswer {
    vms: Vec<VmAnswer>,
}

/// A VM and where it is.
#[derive(Serialize)]
struct VmAnswer {
    capsule: Option<CapsuleName>,
    #[serde(flatten)]
    vm: Vm,
}

/// Lists them.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let capsules = open(output)?.list()?;
    let vms: Vec<VmAnswer> = evenkeel_vm::scan()
        .map_err(HostError::from)?
        .into_iter()
        .map(|vm| VmAnswer { capsule: capsule_of(&vm, &capsules), vm })
        .collect();
    if words.json {
        output.json(SCHEMA, &ListAnswer { vms })?;
    } else if vms.is_empty() {
        output.talk("no QEMU or user-mode-linux process runs");
    } else {
        output.answer(&in_words(&vms, output.colours_answer()))?;
    }
    Ok(Status::Done.into())
}

/// The capsule whose VM has the same main process and lives.
fn capsule_of(vm: &Vm, capsules: &[CapsuleSummary]) -> Option<CapsuleName> {
    let holds = |capsule: &&CapsuleSummary| {
        capsule.vms.iter().any(|held| held.pid == vm.main.pid && !held.gone)
    };
    capsules.iter().find(holds).map(|capsule| capsule.name.clone())
}

fn in_words(vms: &[VmAnswer], colour: bool) -> String {
    let header = [
        ("VM", Align::Left),
        ("KIND", Align::Left),
        ("PID", Align::Right),
        ("PROCESSES", Align::Right),
        ("THREADS", Align::Left),
        ("CAPSULE", Align::Left),
    ];
    let rows: Vec<Vec<String>> = vms
        .iter()
        .map(|VmAnswer { capsule, vm }| {
            vec![
                vm.label.clone(),
                vm.kind.to_string(),
                vm.main.pid.to_string(),
                vm.processes.len().to_string(),
                roles(vm),
                capsule.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            ]
        })
        .collect();
    table(&header, &rows, colour)
}

/// How many threads of each role, most urgent role first: `2 vcpu, 1 vmm`.
fn roles(vm: &Vm) -> String {
    let counts = Role::ALL.into_iter().filter_map(|role| {
        let count = vm.threads.iter().filter(|thread| thread.role == role).count();
        (count > 0).then(|| format!("{count} {role}"))
    });
    counts.collect::<Vec<_>>().join(", ")
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel vm list
evenkeel vm list --json | jq -r '.vms[] | select(.capsule == null).label'
    Virtual machines that no capsule protects.
",
        ),
        only_reads(),
        environment(),
    ]
}
