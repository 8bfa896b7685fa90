// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events that a policy does not take. After an error nothing has changed.

use evenkeel_model::{Bandwidth, CpuIndex, Reservation, Span};

use crate::cpu::SERVERS_PER_CPU_MAX;
use crate::cpu_mask::CpuMask;
use crate::event::PRIORITY_MAX;
use crate::ids::{CAPSULES_MAX, CapsuleId, THREADS_MAX, ThreadId};

/// Why an event was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A CPU that the policy does not have.
    #[error("CPU {cpu} does not exist; there are {cpus}, numbered from 0")]
    UnknownCpu {
        /// The CPU.
        cpu: CpuIndex,
        /// How many there are.
        cpus: u32,
    },
    /// A thread that was not added.
    #[error("{0} does not exist; add it first")]
    UnknownThread(ThreadId),
    /// A capsule that was not created.
    #[error("{0} does not exist; create it first")]
    UnknownCapsule(CapsuleId),
    /// A thread that exists.
    #[error("{0} exists already; use another number, at most {THREADS_MAX}")]
    ThreadInUse(ThreadId),
    /// A capsule that exists, or a number that is none.
    #[error("{0} exists already or is no number of a capsule; use one from 1 to {CAPSULES_MAX}")]
    CapsuleInUse(CapsuleId),
    /// A thread number beyond the last.
    #[error("{0} is beyond the largest thread number, {THREADS_MAX}")]
    ThreadTooLarge(ThreadId),
    /// A priority beyond the last.
    #[error("{thread} asks for priority {priority}; the highest is {PRIORITY_MAX}")]
    Priority {
        /// The thread.
        thread: ThreadId,
        /// What it asks for.
        priority: u8,
    },
    /// No CPU is left for a thread.
    #[error("{thread} may use CPUs {affinity}, none of which is among those of {capsule}, {cpus}")]
    NoCpu {
        /// The thread.
        thread: ThreadId,
        /// What it may use.
        affinity: CpuMask,
        /// Its capsule.
        capsule: CapsuleId,
        /// What the capsule has.
        cpus: CpuMask,
    },
    /// A capsule without CPUs, or with CPUs that do not exist or that its parent lacks.
    #[error("{capsule} cannot be on CPUs {cpus}; use CPUs among {allowed}")]
    CapsuleCpus {
        /// The capsule.
        capsule: CapsuleId,
        /// What it asks for.
        cpus: CpuMask,
        /// What it could have.
        allowed: CpuMask,
    },
    /// The class outside capsules is not created, changed or deleted.
    #[error("threads outside capsules hold what the configuration says; it does not change")]
    BestEffortIsFixed,
    /// A capsule with children is not deleted.
    #[error("{capsule} has {children} children; delete them first")]
    HasChildren {
        /// The capsule.
        capsule: CapsuleId,
        /// How many.
        children: u32,
    },
    /// Threads would be left in a capsule without any budget of its own.
    #[error(
        "{0} has threads and would have no budget of its own on a CPU that they use; move them, or \
         leave it some"
    )]
    NothingOwn(CapsuleId),
    /// Children that need more than their parent holds.
    #[error(
        "the children of {parent} on CPU {cpu} need {needed} every {}, but it holds {}",
        reservation.period(), reservation.budget()
    )]
    ChildrenExceed {
        /// The parent.
        parent: CapsuleId,
        /// The CPU.
        cpu: CpuIndex,
        /// What the parent holds, or asks for.
        reservation: Reservation,
        /// What its children need of each of its periods.
        needed: Span,
    },
    /// More servers than a bounded scan of one CPU covers.
    #[error("CPU {0} has {SERVERS_PER_CPU_MAX} servers, which is all it can have; use another")]
    TooManyServers(CpuIndex),
    /// More bandwidth than capsules may hold.
    #[error("{capsule} does not fit on CPU {cpu}: capsules would hold {held} of {limit}")]
    DoesNotFit {
        /// The capsule.
        capsule: CapsuleId,
        /// The CPU.
        cpu: CpuIndex,
        /// What all capsules would hold, rounded up.
        held: Bandwidth,
        /// What they may hold.
        limit: Bandwidth,
    },
}

impl PolicyError {
    /// Whether the event was well formed and admission refused it.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            PolicyError::DoesNotFit { .. }
                | PolicyError::ChildrenExceed { .. }
                | PolicyError::TooManyServers(_)
                | PolicyError::NothingOwn(_)
        )
    }
}
