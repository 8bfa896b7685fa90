// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong between us and the scheduler in the kernel.

use std::io;
use std::path::PathBuf;

use evenkeel_kernel::Tid;
use evenkeel_model::CapsuleName;

/// The scheduler cannot be loaded, found or told something.
#[derive(Debug, thiserror::Error)]
pub enum ScxError {
    /// The kernel has no sched_ext, or lacks what our scheduler needs.
    #[error("{0}")]
    Unavailable(String),
    /// Another sched_ext scheduler runs.
    #[error(
        "another sched_ext scheduler is loaded ('{0}'): Evenkeel does not take its place; stop it \
         (its service, or its process), then try again"
    )]
    Foreign(String),
    /// The scheduler of another version of Evenkeel runs, whose maps we do not understand.
    #[error(
        "an Evenkeel scheduler of another layout is loaded (there is nothing under {0}): the next \
         change to a capsule puts this version's in its place, and makes the capsules on record again"
    )]
    OtherLayout(PathBuf),
    /// A scheduler of ours that was to leave is still there.
    #[error("the scheduler that was to be replaced does not leave")]
    DoesNotLeave,
    /// The file system of BPF objects cannot be used.
    #[error("{path}: {source}")]
    Bpffs {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused the scheduler.
    #[error("the kernel refuses the scheduler while {doing}: {source}")]
    Load {
        /// What was being done.
        doing: &'static str,
        /// Why; the verifier's words are in the kernel's log and on stderr with RUST_LOG.
        source: libbpf_rs::Error,
    },
    /// The scheduler left, and why.
    #[error("the scheduler is not loaded: {0}")]
    NotLoaded(String),
    /// All slots are in use.
    #[error("the scheduler holds at most {0} capsules")]
    Full(u32),
    /// A capsule that the scheduler does not know.
    #[error("the scheduler has no capsule '{0}'")]
    NoCapsule(CapsuleName),
    /// A reservation that the scheduler's arithmetic does not hold.
    #[error("the scheduler takes periods of at most {max} ns, not {asked} ns")]
    PeriodTooLong {
        /// The longest.
        max: u64,
        /// What was asked.
        asked: u64,
    },
    /// A CPU beyond those that the scheduler has servers for.
    #[error("the scheduler has servers for {0} CPUs only")]
    TooManyCpus(u32),
    /// A thread vanished.
    #[error("thread {0} does not exist")]
    NoThread(Tid),
    /// The kernel's side refused a request.
    #[error("the scheduler refuses to {doing}: {source}")]
    Refused {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A capsule did not become empty.
    #[error("{queued} threads still wait in capsule '{name}' after {waited_ms} ms")]
    NotDrained {
        /// The capsule.
        name: CapsuleName,
        /// How many.
        queued: u32,
        /// For how long we waited.
        waited_ms: u64,
    },
}
