// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule attach`: all threads of a running VM, and its network context, into a capsule.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use evenkeel_host::AttachRequest;
use evenkeel_model::{CapsuleName, NetworkContextKind};
use evenkeel_vm::VmRef;

use crate::error::CliError;
use crate::manual::{Section, after_help, changes_the_host, environment, files};
use crate::output::Output;
use crate::verb::plan_answer::{ChangeWords, carry_out, open};

/// Put a running virtual machine into a capsule
///
/// All its threads are found, given the priority of their role, pinned to the capsule's CPUs and
/// moved in; threads and processes that it creates later are born inside. With --netdev the
/// packet work of that network device is done by a kernel thread inside the capsule, too. What is
/// found is recorded first, and put back by detach and delete.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The capsule
    name: CapsuleName,
    /// The virtual machine: NAME, PID, pid:N, qemu:NAME, qmp:/SOCKET or cgroup:/PATH
    ///
    /// NAME is the -name of a QEMU process or the umid of a user-mode-linux guest, if only one
    /// matches. qmp: asks QEMU itself which thread is which virtual CPU.
    #[arg(value_name = "VM")]
    vm: VmRef,
    /// A network device that serves only this VM (a virtual function, a veth); may be repeated
    #[arg(long = "netdev", value_name = "DEVICE")]
    netdevs: Vec<String>,
    /// Whose thread does the packet work: shared or dedicated
    ///
    /// dedicated (the default where a --netdev is given): GRO and threaded NAPI are turned on and
    /// the device's NAPI thread joins the capsule. shared (the default otherwise): nothing is
    /// changed, packet work is charged to whoever is interrupted.
    #[arg(long, value_enum, value_name = "CONTEXT", hide_possible_values = true)]
    context: Option<ContextWord>,
    #[command(flatten)]
    pub change: ChangeWords,
}

/// `--context`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ContextWord {
    /// Softirq, as hosts do it today
    Shared,
    /// The VM's own NAPI thread, inside the capsule
    Dedicated,
}

impl Words {
    fn resolve(self) -> Result<(AttachRequest, ChangeWords), CliError> {
        let context = match (self.context, self.netdevs.is_empty()) {
            (Some(ContextWord::Dedicated), true) => {
                return Err(CliError::usage(
                    "a dedicated network context needs a network device",
                    "name the device that serves only this VM: --netdev DEVICE",
                ));
            }
            (Some(ContextWord::Shared), _) | (None, true) => NetworkContextKind::Shared,
            (Some(ContextWord::Dedicated) | None, false) => NetworkContextKind::Dedicated,
        };
        let request =
            AttachRequest { name: self.name, vm: self.vm, netdevs: self.netdevs, context };
        Ok((request, self.change))
    }
}

/// Plans, and unless --dry-run, attaches.
pub fn run(words: Words, output: Output) -> Result<ExitCode, CliError> {
    let (request, change) = words.resolve()?;
    let host = open(output)?;
    let plan = host.plan_attach(&request)?;
    carry_out(&host, &plan, change, output)
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule attach web qemu:web --netdev vf0
    The QEMU process started with -name web, and the packet work of its device vf0.
evenkeel capsule attach db qmp:/run/qemu/db.sock
    Ask QEMU over its control socket which threads are virtual CPUs.
evenkeel capsule attach guest 4242 --dry-run
    What would be done with the process 4242 and everything it started.
",
        ),
        changes_the_host(),
        environment(),
        files(),
    ]
}
