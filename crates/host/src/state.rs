// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is on record: every capsule, what its threads were before, and the operation under way.
//!
//! The kernel's groups are the guarantee, this record is how to undo it. It lives in `/run` and
//! carries the boot it belongs to: after a reboot there is nothing to undo, so a record of another
//! boot is ignored. [`crate::store`] reads and writes it; nothing here does I/O.

use std::collections::BTreeMap;

use evenkeel_kernel::process::ProcessId;
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{
    Band, CapsuleName, CpuSet, EnforcerKind, NetworkContextKind, Reservation, Role,
};
use evenkeel_netctx::NetdevFound;
use evenkeel_sched::{Claim, Found};
use evenkeel_theory::{Held, Nested};
use evenkeel_vm::{Vm, VmKind, VmRef};
use serde::{Deserialize, Serialize};

use crate::error::HostError;
use crate::plan::{Direction, Step};

/// Version of the file's layout; a file of another one is refused, never guessed at.
pub const SCHEMA: &str = "evenkeel.state/1";

/// All capsules by name.
pub type Capsules = BTreeMap<CapsuleName, CapsuleRecord>;

/// The whole record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA`].
    pub schema: String,
    /// The boot it belongs to (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Goes up with every change, so that a plan can tell whether it is still fresh.
    pub generation: u64,
    /// The sequence number of the next capsule.
    pub sequence_next: u64,
    /// Capsules in force.
    pub capsules: Capsules,
    /// The operation under way; there without a process that holds the lock, it was interrupted.
    pub journal: Option<Journal>,
}

/// An operation under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// What it is, in words: `attach web`.
    pub operation: String,
    /// Which way it is cleared up.
    pub direction: Direction,
    /// All its steps.
    pub steps: Vec<Step>,
    /// How many of them have been begun; the last of these may or may not be done.
    pub begun: usize,
    /// Steps that turned up on the way: threads that the VM started meanwhile. All begun.
    pub found: Vec<Step>,
    /// The capsules once it is complete.
    pub after: Capsules,
}

/// One capsule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CapsuleRecord {
    /// What was asked for, children included.
    pub reservation: Reservation,
    /// What its own group is given: children's share taken off, in whole microseconds; `None`
    /// where the children have all of it, so that no thread of its own can be inside.
    pub own: Option<Reservation>,
    /// Where.
    pub cpus: CpuSet,
    /// The capsule it is nested in.
    pub parent: Option<CapsuleName>,
    /// The backend.
    pub enforcer: EnforcerKind,
    /// Order of creation; decides between equal periods.
    pub sequence: u64,
    /// Band of priorities, where the backend has them.
    pub band: Option<Band>,
    /// Its VMs.
    pub vms: Vec<VmRecord>,
    /// What its threads were before. Threads born inside are not listed.
    pub threads: Vec<ThreadRecord>,
    /// Netdevs in a dedicated context, and what they were before.
    pub netdevs: Vec<NetdevRecord>,
    /// Subtrees of control groups that are inside whole, and what they were before.
    #[serde(default)]
    pub claims: Vec<ClaimRecord>,
    /// What the thread was that started processes inside, for those born inside.
    pub launcher: Option<Found>,
    /// The `run` process that will release it.
    pub run: Option<ProcessId>,
    /// It holds nothing, though it was promised its reservation: its children had all of it, the
    /// last of them has gone, and others have been admitted beside what those had. `set` asks anew.
    #[serde(default)]
    pub suspended: bool,
}

/// One VM of a capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmRecord {
    /// What to call it.
    pub label: String,
    /// What it is.
    pub kind: VmKind,
    /// How it was found.
    pub reference: VmRef,
    /// Its main process.
    pub main: ProcessId,
    /// All its processes when it was last looked at.
    pub processes: Vec<ProcessId>,
}

/// One netdev in a dedicated context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetdevRecord {
    /// The main process of the VM it serves; `None` for the command of a `run`.
    pub vm: Option<ProcessId>,
    /// What it was before it was touched.
    #[serde(flatten)]
    pub found: NetdevFound,
}

/// A VM's own subtree of control groups in the capsule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimRecord {
    /// The main process of the VM.
    pub vm: ProcessId,
    /// The groups, and what they were before.
    #[serde(flatten)]
    pub claim: Claim,
}

/// What a thread was before it was touched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRecord {
    /// Thread id.
    pub tid: Tid,
    /// When it started; with the id, an identity that survives reuse of the number.
    pub start_ticks: u64,
    /// Its process.
    pub pid: Pid,
    /// Its name.
    pub comm: String,
    /// What it does for its VM.
    pub role: Role,
    /// Groups, policy and affinity it was found with.
    pub found: Found,
}

impl State {
    /// An empty record for this boot.
    pub fn new(boot_id: String) -> State {
        State {
            schema: SCHEMA.to_owned(),
            boot_id,
            generation: 0,
            sequence_next: 0,
            capsules: Capsules::new(),
            journal: None,
        }
    }
}

impl State {
    /// The capsule `name`, or an error that names those there are.
    pub fn capsule(&self, name: &CapsuleName) -> Result<&CapsuleRecord, HostError> {
        self.capsules.get(name).ok_or_else(|| HostError::NoSuchCapsule {
            name: name.clone(),
            existing: self.capsules.keys().cloned().collect(),
        })
    }

    /// Every name whose group may be ours: capsules, and those of an interrupted operation.
    pub fn names(&self) -> Vec<CapsuleName> {
        let steps = self.journal.iter().flat_map(|journal| &journal.steps);
        let mut names: Vec<CapsuleName> = self.capsules.keys().cloned().collect();
        names.extend(steps.map(|step| step.capsule().clone()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether an interrupted operation speaks of `name`.
    pub fn is_half_done(&self, name: &CapsuleName) -> bool {
        let mut steps = self.journal.iter().flat_map(|journal| &journal.steps);
        steps.any(|step| step.capsule() == name)
    }
}

impl CapsuleRecord {
    /// For the analyses of `theory`, with what was asked.
    pub fn nested(&self, name: &CapsuleName) -> Nested {
        Nested { held: self.held(name, self.reservation), parent: self.parent.clone() }
    }

    /// One server set with the given reservation.
    pub fn held(&self, name: &CapsuleName, reservation: Reservation) -> Held {
        Held { name: name.clone(), reservation, cpus: self.cpus.clone(), sequence: self.sequence }
    }

    /// The subtrees inside.
    pub fn subtrees(&self) -> impl Iterator<Item = &Claim> + Clone {
        self.claims.iter().map(|record| &record.claim)
    }

    /// Who does the packet work.
    pub fn context(&self) -> NetworkContextKind {
        match self.netdevs.is_empty() {
            true => NetworkContextKind::Shared,
            false => NetworkContextKind::Dedicated,
        }
    }

    /// The record of a thread, told from a later thread of the same number.
    pub fn thread(&self, tid: Tid, start_ticks: u64) -> Option<&ThreadRecord> {
        self.threads.iter().find(|thread| thread.tid == tid && thread.start_ticks == start_ticks)
    }
}

impl From<&Vm> for VmRecord {
    fn from(vm: &Vm) -> VmRecord {
        VmRecord {
            label: vm.label.clone(),
            kind: vm.kind,
            reference: vm.reference.clone(),
            main: vm.main,
            processes: vm.processes.clone(),
        }
    }
}

impl VmRecord {
    /// The VM as discovery knows it, its threads yet to be looked up.
    pub fn as_vm(&self) -> Vm {
        Vm {
            kind: self.kind,
            label: self.label.clone(),
            reference: self.reference.clone(),
            main: self.main,
            processes: self.processes.clone(),
            threads: Vec::new(),
        }
    }
}

/// The capsules nested directly in `name`.
pub fn children_of(capsules: &Capsules, name: &CapsuleName) -> Vec<CapsuleName> {
    let is_child = |record: &CapsuleRecord| record.parent.as_ref() == Some(name);
    capsules.iter().filter(|(_, record)| is_child(record)).map(|(child, _)| child.clone()).collect()
}

/// The capsules whose names begin with `prefix`, each after all that are nested in it.
pub fn children_first(capsules: &Capsules, prefix: &str) -> Vec<CapsuleName> {
    let mut order: Vec<CapsuleName> =
        capsules.keys().filter(|name| name.as_str().starts_with(prefix)).cloned().collect();
    order.sort_by_key(|name| std::cmp::Reverse(depth(capsules, name)));
    order
}

/// How many capsules contain `name`. The record has no cycles; were there one, its length ends
/// the walk.
fn depth(capsules: &Capsules, name: &CapsuleName) -> usize {
    let parent = |name: &CapsuleName| capsules.get(name).and_then(|record| record.parent.as_ref());
    std::iter::successors(parent(name), |name| parent(name)).take(capsules.len()).count()
}
