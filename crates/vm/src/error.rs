// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a VM was not found.

use evenkeel_kernel::cgroup::CgroupError;
use evenkeel_kernel::process::ProcessError;

use crate::{QmpError, VmRef};

/// A VM could not be found.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// There is no such VM.
    #[error("there is no VM '{reference}'; {}", listed("VMs on this host", .candidates))]
    NoSuchVm {
        /// What was asked for.
        reference: VmRef,
        /// What there is, each as it could have been asked for.
        candidates: Vec<String>,
    },
    /// Several VMs have the name.
    #[error("'{reference}' is ambiguous; {}", listed("it could be", .candidates))]
    Ambiguous {
        /// What was asked for.
        reference: VmRef,
        /// Which it could be, each as it would be unambiguous.
        candidates: Vec<String>,
    },
    /// It ended while it was looked at, or since.
    #[error("the VM '{label}' has ended")]
    Vanished {
        /// Its label, or what was asked for.
        label: String,
    },
    /// The process is there and no VM: a thread of the kernel.
    #[error("'{reference}' is a thread of the kernel, not a VM")]
    KernelThread {
        /// What was asked for.
        reference: VmRef,
    },
    /// It would hold this program itself: a shell, init, the root group.
    #[error("'{reference}' holds this program itself, which can be no part of a VM")]
    ContainsThisProgram {
        /// What was asked for.
        reference: VmRef,
    },
    /// The control group holds no process.
    #[error("'{reference}' holds no process")]
    EmptyCgroup {
        /// What was asked for.
        reference: VmRef,
    },
    /// The control group could not be read.
    #[error(transparent)]
    Cgroup(CgroupError),
    /// procfs could not be read.
    #[error(transparent)]
    Process(ProcessError),
    /// The monitor could not be asked.
    #[error(transparent)]
    Qmp(#[from] QmpError),
}

impl VmError {
    /// Whether the VM is not there, or not any more.
    pub fn is_gone(&self) -> bool {
        match self {
            VmError::NoSuchVm { .. } | VmError::Vanished { .. } => true,
            VmError::Cgroup(error) => error.is_gone(),
            VmError::Process(error) => error.is_gone(),
            _ => false,
        }
    }
}

/// At most this many candidates are listed: a screen of a terminal.
const LISTED_MAX: usize = 20;

fn listed(what: &str, candidates: &[String]) -> String {
    match candidates.len() {
        0 => format!("{what}: none that this program recognises"),
        n if n > LISTED_MAX => {
            format!("{what}: {}, and {} more", candidates[..LISTED_MAX].join(", "), n - LISTED_MAX)
        }
        _ => format!("{what}: {}", candidates.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_listed_and_not_without_end() {
        let error = |n: usize| VmError::Ambiguous {
            reference: VmRef::Name("web".into()),
            candidates: (0..n).map(|i| format!("pid:{i}")).collect(),
        };
        assert_eq!(error(2).to_string(), "'web' is ambiguous; it could be: pid:0, pid:1");
        assert!(error(25).to_string().ends_with("pid:19, and 5 more"));
    }
}
