// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a VM is to its host: processes, and threads with roles.

use std::fmt;

use evenkeel_kernel::process::ProcessId;
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::Role;
use serde::{Deserialize, Serialize};

use crate::VmRef;

/// What kind of VM was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VmKind {
    /// A user-mode-linux kernel: several processes.
    Uml,
    /// A QEMU process.
    Qemu,
    /// Whatever is in a control group.
    Cgroup,
    /// A process and its descendants.
    Process,
}

impl VmKind {
    /// The lower-case word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            VmKind::Uml => "uml",
            VmKind::Qemu => "qemu",
            VmKind::Cgroup => "cgroup",
            VmKind::Process => "process",
        }
    }
}

impl fmt::Display for VmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thread that works for a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmThread {
    /// The thread.
    pub tid: Tid,
    /// Its process; a kernel thread is its own.
    pub pid: Pid,
    /// What it does for the VM.
    pub role: Role,
    /// Its name.
    pub comm: String,
    /// Why it has this role, in words.
    pub evidence: String,
    /// Whether the evidence says it; else the role is `vmm` for want of any.
    pub recognised: bool,
    /// Whether it is a thread of the kernel that belongs to the VM by its name.
    pub kernel_thread: bool,
}

/// A VM as one moment shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// What it is.
    pub kind: VmKind,
    /// What to call it: its own name if it has one, else its program and number.
    pub label: String,
    /// How it was found.
    pub reference: VmRef,
    /// The process that stands for it: when it ends, the VM has ended.
    pub main: ProcessId,
    /// All its processes, the main one included, smallest number first. Kernel threads are not
    /// among them.
    pub processes: Vec<ProcessId>,
    /// All its threads, by process and number, kernel threads last.
    pub threads: Vec<VmThread>,
}
