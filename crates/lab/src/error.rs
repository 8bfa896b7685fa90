// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why the lab did not do what it was asked, with what would work.
//!
//! Modules with errors of their own keep them (`command`, `journal`, `guest`); here they meet.

use std::path::PathBuf;

use evenkeel_host::HostError;
use evenkeel_kernel::Pid;
use evenkeel_kernel::lock::LockError;
use evenkeel_kernel::netdev::NetdevError;
use evenkeel_kernel::netns::NetnsError;
use evenkeel_kernel::process::ProcessError;
use evenkeel_kernel::sched::SchedError;
use evenkeel_vm::VmError;

use crate::command::CommandError;
use crate::generator::GeneratorError;
use crate::guest::GuestError;
use crate::journal::JournalError;

/// Everything that can go wrong in this crate.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Root is needed.
    #[error("the lab needs root: it makes network namespaces, devices and capsules")]
    NotRoot,
    /// Too few CPUs.
    #[error(
        "the lab needs two online CPUs, one for the VMs and one for everything else; online: {0}"
    )]
    TooFewCpus(String),
    /// Another lab is running.
    #[error("another lab is running ({holder})")]
    Busy {
        /// Who, as the lock file says.
        holder: String,
    },
    /// A testbed was asked for that cannot be.
    #[error("{0}")]
    BadSpec(String),
    /// No VM of this name is in the testbed.
    #[error("the testbed has no VM '{name}'; it has {}", existing.join(", "))]
    NoSuchVm {
        /// The name asked for.
        name: String,
        /// Those there are.
        existing: Vec<String>,
    },
    /// A VM without a network was asked about it.
    #[error("VM '{0}' was built without a network")]
    NoNetwork(String),
    /// A file of the lab could not be written, read or removed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Memory for guests is short.
    #[error("{} has room for {free_mib} MiB; the guests need {needed_mib} MiB", path.display())]
    NoRoom {
        /// Where guests keep their memory.
        path: PathBuf,
        /// What is free there.
        free_mib: u64,
        /// What they need.
        needed_mib: u64,
    },
    /// A guest's threads kept appearing on other CPUs.
    #[error("guest '{vm}' (process {pid}) keeps starting threads outside its CPU")]
    NoFixpoint {
        /// The VM.
        vm: String,
        /// Its main process.
        pid: Pid,
    },
    /// Something of the lab is still there after cleaning.
    #[error("not all of the lab could be removed: {}", left.join("; "))]
    CleanIncomplete {
        /// What is left, one entry each.
        left: Vec<String>,
    },
    /// Building failed, and so did taking down what was built.
    #[error("{cause}; of what was built, this could not be removed: {}", left.join("; "))]
    TakeDownIncomplete {
        /// Why building stopped.
        cause: Box<LabError>,
        /// What is left.
        left: Vec<String>,
    },
    /// A program could not be run, or failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The journal could not be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A guest did not do what it should.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// Capsules.
    #[error(transparent)]
    Host(Box<HostError>),
    /// Finding a guest's threads.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// Network namespaces.
    #[error(transparent)]
    Netns(#[from] NetnsError),
    /// Network devices.
    #[error(transparent)]
    Netdev(Box<NetdevError>),
    /// Affinities and policies.
    #[error(transparent)]
    Sched(#[from] SchedError),
    /// Processes.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The lab's lock.
    #[error(transparent)]
    Lock(#[from] LockError),
    // Experiments.
    /// A signal asked the run to end; what was built has been taken down.
    #[error("interrupted in '{experiment}'; the testbed has been taken down")]
    Interrupted {
        /// During which experiment.
        experiment: &'static str,
    },
    /// Ctrl-C could not be caught.
    #[error("cannot watch for SIGINT and SIGTERM: {source}")]
    Signals {
        /// Why not.
        source: std::io::Error,
    },
    /// What loads or measures could not go on.
    #[error(transparent)]
    Generator(#[from] GeneratorError),
}

impl From<HostError> for LabError {
    fn from(error: HostError) -> LabError {
        LabError::Host(Box::new(error))
    }
}

impl From<NetdevError> for LabError {
    fn from(error: NetdevError) -> LabError {
        LabError::Netdev(Box::new(error))
    }
}

impl LabError {
    /// The exit status of DESIGN.md section 8.
    pub fn exit_code(&self) -> u8 {
        match self {
            LabError::Host(error) => error.exit_code(),
            LabError::BadSpec(_) | LabError::NoSuchVm { .. } => 2,
            LabError::TakeDownIncomplete { cause, .. } => cause.exit_code(),
            _ => 1,
        }
    }

    /// What would work, where that is not already in the message.
    pub fn hint(&self) -> Option<String> {
        match self {
            LabError::NotRoot => Some("run it as root, for example with sudo".to_owned()),
            LabError::Busy { .. } => {
                Some("wait for it, or end it and clear up: `evenkeel lab clean`".to_owned())
            }
            LabError::CleanIncomplete { .. } | LabError::TakeDownIncomplete { .. } => {
                Some("try again: `evenkeel lab clean`".to_owned())
            }
            LabError::NoRoom { .. } => Some("free memory, or boot fewer guests".to_owned()),
            LabError::Command(error) => error.hint(),
            LabError::Guest(error) => error.hint(),
            LabError::Host(error) => error.hint(),
            _ => None,
        }
    }
}
