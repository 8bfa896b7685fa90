// SPDX-License-Identifier: MIT OR Apache-2.0
//! A plan: the steps that are missing between what is and what is asked, with the values before
//! and after, so that it can be printed, kept in the journal, carried out, and taken back.
//!
//! Every step is idempotent in both directions: doing it twice, or undoing it when it was never
//! done, changes nothing. That is what makes the journal simple: after a crash all its steps are
//! undone in reverse (or, for a removal, all done again), whichever of them had been reached.

use std::fmt;

use evenkeel_model::{Band, CapsuleName, CpuSet, EnforcerKind, Reservation, Role};
use evenkeel_netctx::{GRO_FLUSH_TIMEOUT, NAPI_DEFER_HARD_IRQS};
use evenkeel_theory::Verdict;
use serde::{Deserialize, Serialize};

use crate::request::Request;
use crate::state::{Capsules, ClaimRecord, NetdevRecord, ThreadRecord, VmRecord};

/// Which way an interrupted operation is cleared up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Its steps are undone in reverse: create, attach, set.
    Back,
    /// Its steps are done again to the end: detach, delete. There is no way back to a capsule
    /// whose VM has been handed its old settings, and nobody wants one.
    Forward,
}

/// One change to the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// Change what a capsule's own group is given.
    SetReservation {
        /// The capsule.
        capsule: CapsuleName,
        /// Its own share before, children's taken off; `None` where they have all of it.
        before: Option<Reservation>,
        /// And after.
        after: Option<Reservation>,
    },
    /// Move a capsule to another band of priorities.
    Reband {
        /// The capsule.
        capsule: CapsuleName,
        /// Band before.
        before: Band,
        /// Band after.
        after: Band,
    },
    /// Move a capsule's threads to other CPUs.
    SetCpus {
        /// The capsule.
        capsule: CapsuleName,
        /// CPUs before.
        before: CpuSet,
        /// CPUs after.
        after: CpuSet,
    },
    /// Make a capsule's group.
    CreateGroup {
        /// The capsule.
        capsule: CapsuleName,
        /// The backend.
        enforcer: EnforcerKind,
        /// What the group is given.
        own: Option<Reservation>,
        /// Where.
        cpus: CpuSet,
        /// Band of priorities, where the backend has them.
        band: Option<Band>,
    },
    /// Give a subtree of control groups to a capsule.
    Claim {
        /// The capsule.
        capsule: CapsuleName,
        /// The subtree, and what it was before.
        claim: ClaimRecord,
        /// What of it the capsule had before.
        before: Option<ClaimRecord>,
    },
    /// Take a subtree of control groups out of a capsule: the group is as it was found.
    Unclaim {
        /// The capsule.
        capsule: CapsuleName,
        /// The subtree, and what it was before.
        claim: ClaimRecord,
    },
    /// Put one thread into a capsule.
    Adopt {
        /// The capsule.
        capsule: CapsuleName,
        /// The thread, and what it was before.
        thread: ThreadRecord,
        /// In words, what it becomes.
        becomes: String,
    },
    /// Give one thread that is inside already another role.
    SetRole {
        /// The capsule.
        capsule: CapsuleName,
        /// The thread with its new role, and what it was before it came into the capsule.
        thread: ThreadRecord,
        /// Its role before.
        before: Role,
    },
    /// Look again until no thread of the VM is outside, or inside with other settings.
    AdoptRest {
        /// The capsule.
        capsule: CapsuleName,
        /// The VM.
        vm: VmRecord,
        /// The VM was not in the capsule before, so that taking this back takes all of it out.
        fresh: bool,
    },
    /// Give a netdev to the capsule: GRO and threaded NAPI on, its NAPI threads inside.
    Dedicate {
        /// The capsule.
        capsule: CapsuleName,
        /// The netdev, and what it was before.
        netdev: NetdevRecord,
    },
    /// Take a netdev out again: what was found is restored.
    Undedicate {
        /// The capsule.
        capsule: CapsuleName,
        /// The netdev, and what it was before.
        netdev: NetdevRecord,
    },
    /// Take the threads of one VM (`None`: all threads) out of a capsule: each gets back the
    /// groups, policy and affinity it was found with, or those of its creator.
    Release {
        /// The capsule.
        capsule: CapsuleName,
        /// The VM.
        vm: Option<VmRecord>,
        /// How many threads are inside at planning time.
        threads: usize,
    },
    /// Remove a capsule's group, which is empty by then.
    RemoveGroup {
        /// The capsule.
        capsule: CapsuleName,
        /// The backend.
        enforcer: EnforcerKind,
        /// What it was given.
        reservation: Option<Reservation>,
    },
}

/// The steps that answer a request.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// What was asked.
    pub request: Request,
    /// In order. At every prefix of it, every capsule that the request is not about keeps its
    /// guarantee.
    pub steps: Vec<Step>,
    /// The admission test's words, where the request reserves CPU time.
    pub verdict: Option<Verdict>,
    /// What the reader should know before applying it.
    pub notes: Vec<String>,
    /// The capsules once it is done.
    #[serde(skip)]
    pub(crate) after: Capsules,
    /// The record the plan was made from; applied to another one, the plan is made afresh.
    #[serde(skip)]
    pub(crate) generation: u64,
}

impl Step {
    /// The capsule it changes.
    pub fn capsule(&self) -> &CapsuleName {
        match self {
            Step::SetReservation { capsule, .. }
            | Step::Reband { capsule, .. }
            | Step::SetCpus { capsule, .. }
            | Step::CreateGroup { capsule, .. }
            | Step::Claim { capsule, .. }
            | Step::Unclaim { capsule, .. }
            | Step::Adopt { capsule, .. }
            | Step::SetRole { capsule, .. }
            | Step::AdoptRest { capsule, .. }
            | Step::Dedicate { capsule, .. }
            | Step::Undedicate { capsule, .. }
            | Step::Release { capsule, .. }
            | Step::RemoveGroup { capsule, .. } => capsule,
        }
    }
}

impl fmt::Display for Step {
    /// One line: the capsule, what changes, before and after.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.capsule())?;
        match self {
            Step::SetReservation { before, after, .. } => {
                write!(f, "reservation {} -> {}", share(*before), share(*after))
            }
            Step::Reband { before, after, .. } => {
                write!(f, "priority band {before} -> {after}")
            }
            Step::SetCpus { before, after, .. } => f.write_str(&cpus_change(before, after)),
            Step::CreateGroup { enforcer, own, cpus, band, .. } => {
                write!(f, "{enforcer} group none -> {} on {}", share(*own), cpus_word(cpus))?;
                band.map_or(Ok(()), |band| write!(f, ", priority band {band}"))
            }
            Step::Claim { claim, .. } => write!(f, "{}: outside -> inside", claim.claim),
            Step::Unclaim { claim, .. } => write!(f, "{}: inside -> as found", claim.claim),
            Step::Adopt { thread, becomes, .. } => {
                write!(f, "thread {} '{}' ({}): ", thread.tid, thread.comm, thread.role)?;
                write!(f, "{} -> {becomes}", thread.found)
            }
            Step::SetRole { thread, before, .. } => {
                write!(
                    f,
                    "thread {} '{}': role {before} -> {}",
                    thread.tid, thread.comm, thread.role
                )
            }
            Step::AdoptRest { vm, .. } => {
                write!(f, "threads that {} starts meanwhile: outside -> inside", vm.label)
            }
            Step::Dedicate { netdev: NetdevRecord { found, .. }, .. } => write!(
                f,
                "netdev {}: gro {} -> on, gro_flush_timeout {} -> {}, napi_defer_hard_irqs {} -> {}, \
                 threaded NAPI {} -> on, NAPI threads -> inside",
                found.name,
                on_off(found.gro),
                found.gro_flush_timeout_ns,
                found.gro_flush_timeout_ns.max(GRO_FLUSH_TIMEOUT),
                found.napi_defer_hard_irqs,
                found.napi_defer_hard_irqs.max(NAPI_DEFER_HARD_IRQS),
                on_off(found.threaded)
            ),
            Step::Undedicate { netdev: NetdevRecord { found, .. }, .. } => write!(
                f,
                "netdev {}: NAPI threads -> as found, threaded NAPI on -> {}, \
                 napi_defer_hard_irqs {} -> {}, gro_flush_timeout {} -> {}, gro on -> {}",
                found.name,
                on_off(found.threaded),
                found.napi_defer_hard_irqs.max(NAPI_DEFER_HARD_IRQS),
                found.napi_defer_hard_irqs,
                found.gro_flush_timeout_ns.max(GRO_FLUSH_TIMEOUT),
                found.gro_flush_timeout_ns,
                on_off(found.gro)
            ),
            Step::Release { vm: Some(vm), threads, .. } => {
                write!(f, "{}, those of {}: inside -> as found", threads_word(*threads), vm.label)
            }
            Step::Release { vm: None, threads, .. } => {
                write!(f, "{}, all: inside -> as found", threads_word(*threads))
            }
            Step::RemoveGroup { enforcer, reservation: Some(reservation), .. } => {
                write!(f, "{enforcer} group {reservation} -> none")
            }
            Step::RemoveGroup { enforcer, reservation: None, .. } => {
                write!(f, "{enforcer} group -> none")
            }
        }
    }
}

impl fmt::Display for Plan {
    /// One step a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.steps.is_empty() {
            return writeln!(f, "{}: nothing to change", self.request.capsule());
        }
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// `1 thread`, `2 threads`.
fn threads_word(threads: usize) -> String {
    format!("{threads} {}", if threads == 1 { "thread" } else { "threads" })
}

/// `CPU 0`, `CPUs 0-3`.
fn cpus_word(cpus: &CpuSet) -> String {
    let word = if cpus.len() == 1 { "CPU" } else { "CPUs" };
    format!("{word} {cpus}")
}

/// From some CPUs to others, or back to the same.
fn cpus_change(before: &CpuSet, after: &CpuSet) -> String {
    if before == after {
        return format!("threads -> back to {}", cpus_word(after));
    }
    format!("{} -> {}", cpus_word(before), cpus_word(after))
}

/// A capsule's own share in words.
fn share(own: Option<Reservation>) -> String {
    own.map_or("none (its children have all of it)".to_owned(), |own| own.to_string())
}

/// The word of ethtool and of sysfs readers.
const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
