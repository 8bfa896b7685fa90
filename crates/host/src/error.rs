// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a host operation did not happen, with what would work and the exit status that the
//! command line gives it.

use std::path::PathBuf;

use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::lock::LockError;
use evenkeel_kernel::process::ProcessError;
use evenkeel_kernel::{FileError, Pid};
use evenkeel_model::{CapsuleName, CpuSet};
use evenkeel_netctx::NetctxError;
use evenkeel_sched::EnforcerError;
use evenkeel_theory::{FlattenError, Verdict};
use evenkeel_vm::VmError;

/// Exit status "the operation failed" (DESIGN.md section 8).
const EXIT_FAILED: u8 = 1;
/// Exit status "wrong usage or configuration".
const EXIT_USAGE: u8 = 2;
/// Exit status "refused by admission".
const EXIT_REFUSED: u8 = 4;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The reservation does not fit; nothing was changed.
    #[error("{0}")]
    Refused(Box<Verdict>),
    /// All priority bands are in use.
    #[error("this host already has {0} capsules, as many as there are bands of priorities")]
    TooManyCapsules(usize),
    /// A capsule of this name exists.
    #[error("capsule '{0}' exists already")]
    NameTaken(CapsuleName),
    /// A cgroup of the name we would use exists, and no capsule of ours goes with it.
    #[error("the cgroup {} exists already, but no capsule '{name}' is on record", path.display())]
    GroupTaken {
        /// The name asked for.
        name: CapsuleName,
        /// The directory in the way.
        path: PathBuf,
    },
    /// No capsule of this name.
    #[error("there is no capsule '{name}'")]
    NoSuchCapsule {
        /// The name asked for.
        name: CapsuleName,
        /// Those that exist.
        existing: Vec<CapsuleName>,
    },
    /// A capsule with children cannot go first.
    #[error("capsule '{name}' has children: {}", names(children))]
    HasChildren {
        /// The capsule.
        name: CapsuleName,
        /// Capsules nested in it.
        children: Vec<CapsuleName>,
    },
    /// Its children have all of its budget, so that no thread of its own can run.
    #[error("capsule '{0}' has no budget of its own: its children have all of it")]
    NoOwnBudget(CapsuleName),
    /// A child that would take all of a parent's budget while threads are inside the parent.
    #[error(
        "capsule '{parent}' would keep no budget of its own, and {threads} threads are inside it"
    )]
    ParentEmptied {
        /// The parent.
        parent: CapsuleName,
        /// How many threads are inside.
        threads: usize,
    },
    /// Parent and child must be kept by the same backend.
    #[error("capsule '{name}' cannot be nested in '{parent}': they have different enforcers")]
    ParentEnforcer {
        /// The capsule asked for.
        name: CapsuleName,
        /// Its parent to be.
        parent: CapsuleName,
    },
    /// The tree of capsules does not add up.
    #[error("{0}")]
    Nesting(#[from] FlattenError),
    /// The VM could not be found, or not told apart.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// The VM is in a capsule already.
    #[error("{vm} is already in capsule '{capsule}'")]
    AlreadyInCapsule {
        /// The VM.
        vm: String,
        /// Where it is.
        capsule: CapsuleName,
    },
    /// The VM named for detaching is not in the capsule.
    #[error("{vm} is not in capsule '{capsule}'")]
    NotInCapsule {
        /// The VM.
        vm: String,
        /// The capsule.
        capsule: CapsuleName,
    },
    /// The VM ended while it was being attached; the capsule is as it was.
    #[error("{vm} ended while it was being attached to capsule '{capsule}'")]
    VmDied {
        /// The VM.
        vm: String,
        /// The capsule.
        capsule: CapsuleName,
    },
    /// New threads kept appearing faster than they could be taken in.
    #[error(
        "process {pid} keeps starting threads outside capsule '{capsule}': gave up after {rounds} \
         rounds"
    )]
    NoFixpoint {
        /// The process with threads outside.
        pid: Pid,
        /// The capsule.
        capsule: CapsuleName,
        /// How often all threads were listed.
        rounds: u32,
    },
    /// No CPUs were named.
    #[error("no CPUs were named for capsule '{0}'")]
    NoCpus(CapsuleName),
    /// CPUs that exist and are off.
    #[error("CPUs {cpus} are offline; online are {online}")]
    CpuOffline {
        /// Those that are off.
        cpus: CpuSet,
        /// Those that are on.
        online: CpuSet,
    },
    /// CPUs that do not exist.
    #[error("this host has no CPUs {cpus}; online are {online}")]
    CpuAbsent {
        /// Those that are not there.
        cpus: CpuSet,
        /// Those that are on.
        online: CpuSet,
    },
    /// Root is needed.
    #[error("changing capsules needs root")]
    NotRoot,
    /// No backend of this host guarantees anything.
    #[error("this host cannot guarantee CPU time: {why}")]
    NoGuarantee {
        /// What is missing.
        why: String,
    },
    /// No backend at all.
    #[error("this host cannot limit CPU time either: {why}")]
    NoQuota {
        /// What is missing.
        why: String,
    },
    /// Netdevs were named without `dedicated`, or the other way round.
    #[error("{0}")]
    Netdevs(String),
    /// A netdev serves another capsule already.
    #[error("netdev '{netdev}' already has its dedicated context in capsule '{capsule}'")]
    NetdevTaken {
        /// The netdev.
        netdev: String,
        /// Whose it is.
        capsule: CapsuleName,
    },
    /// The network context could not be set up or undone.
    #[error(transparent)]
    Netctx(#[from] NetctxError),
    /// The backend failed.
    #[error(transparent)]
    Enforcer(#[from] EnforcerError),
    /// The state file or its lock.
    #[error("{what} {}", path.display())]
    State {
        /// What was attempted: "cannot write", ...
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The state file is not ours to understand.
    #[error("{} does not describe capsules of this version: {why}", path.display())]
    StateFormat {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The lock on the record could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A fact about the host could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A cgroup could not be read.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// A process could not be looked at.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// `run` without a command.
    #[error("no command was given to run in capsule '{0}'")]
    NoCommand(CapsuleName),
    /// The command of `run` could not be waited for.
    #[error("cannot wait for the command")]
    Wait(#[source] std::io::Error),
    /// Signals could not be received.
    #[error("cannot receive signals")]
    Signals(#[source] std::io::Error),
    /// The command of `run` could not be started.
    #[error("cannot start '{command}'")]
    Spawn {
        /// Its program.
        command: String,
        /// Why not.
        source: std::io::Error,
    },
    /// An operation failed and could not be taken back whole.
    #[error("{cause}; of what was done, this could not be undone: {}", left.join("; "))]
    RollbackIncomplete {
        /// What failed first.
        cause: Box<HostError>,
        /// What is still in the way, one entry each.
        left: Vec<String>,
    },
}

impl HostError {
    /// The exit status of DESIGN.md section 8.
    pub fn exit_code(&self) -> u8 {
        match self {
            HostError::Refused(_) | HostError::TooManyCapsules(_) | HostError::Nesting(_) => {
                EXIT_REFUSED
            }
            HostError::NameTaken(_)
            | HostError::NoSuchCapsule { .. }
            | HostError::HasChildren { .. }
            | HostError::ParentEnforcer { .. }
            | HostError::NoOwnBudget(_)
            | HostError::ParentEmptied { .. }
            | HostError::NoCpus(_)
            | HostError::NoCommand(_)
            | HostError::CpuOffline { .. }
            | HostError::CpuAbsent { .. }
            | HostError::Netdevs(_) => EXIT_USAGE,
            HostError::RollbackIncomplete { cause, .. } => cause.exit_code(),
            _ => EXIT_FAILED,
        }
    }

    /// What would work, where that is not already in the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            HostError::TooManyCapsules(_) => {
                Some("delete a capsule: `evenkeel capsule list`".to_owned())
            }
            HostError::NameTaken(name) => Some(format!(
                "choose another name, or change it: `evenkeel capsule set {name}`, \
                 `evenkeel capsule delete {name}`"
            )),
            HostError::GroupTaken { name, .. } => {
                Some(format!("clear it with `evenkeel capsule delete {name}`"))
            }
            HostError::NoSuchCapsule { existing, .. } if existing.is_empty() => {
                Some("there are no capsules; make one: `evenkeel capsule create`".to_owned())
            }
            HostError::NoSuchCapsule { existing, .. } => {
                Some(format!("capsules on this host: {}", names(existing)))
            }
            HostError::HasChildren { children, .. } => {
                Some(format!("delete its children first: {}", names(children)))
            }
            HostError::AlreadyInCapsule { vm, capsule } => {
                Some(format!("take it out first: `evenkeel capsule detach {capsule}` ({vm})"))
            }
            HostError::CpuOffline { online, .. } | HostError::CpuAbsent { online, .. } => {
                Some(format!("use CPUs out of {online}"))
            }
            HostError::NotRoot => Some("run it as root, for example with sudo".to_owned()),
            HostError::NoGuarantee { .. } => Some(
                "`--enforcer quota` caps CPU time without any guarantee; `evenkeel doctor` says \
                 what a guarantee needs"
                    .to_owned(),
            ),
            HostError::NoOwnBudget(name) => {
                Some(format!("give it more than its children need: `evenkeel capsule set {name}`"))
            }
            HostError::ParentEmptied { parent, .. } => {
                Some(format!("ask for less than '{parent}' has, or detach its VMs first"))
            }
            HostError::StateFormat { path, .. } => Some(format!(
                "move {} away: its capsules then show as orphans in `evenkeel capsule list`, and \
                 `evenkeel capsule delete NAME` clears them",
                path.display()
            )),
            HostError::RollbackIncomplete { cause, .. } => cause.hint(),
            _ => None,
        }
    }
}

/// `a, b, c`.
pub(crate) fn names(names: &[CapsuleName]) -> String {
    names.iter().map(CapsuleName::as_str).collect::<Vec<_>>().join(", ")
}
