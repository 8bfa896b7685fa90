// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a driver tells the policy.
//!
//! `executed` is what a CPU executed for its thread since it was last charged. Time that interrupts
//! stole is simply not in it: nobody pays for it here.

use evenkeel_model::{CpuIndex, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::cpu_mask::CpuMask;
use crate::ids::{CapsuleId, ThreadId};

/// Largest priority of a thread inside its capsule; higher runs first. The kernel has 99 real-time
/// priorities.
pub const PRIORITY_MAX: u8 = 127;

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A blocked thread wants a CPU.
    Wake {
        /// The thread.
        thread: ThreadId,
    },
    /// A thread no longer wants a CPU.
    Block {
        /// The thread.
        thread: ThreadId,
        /// What its CPU executed for it; zero if it was not running.
        #[serde(rename = "executed_ns")]
        executed: Span,
    },
    /// A running thread lets the others of its capsule and priority go first.
    Yield {
        /// The thread.
        thread: ThreadId,
        /// What its CPU executed for it.
        #[serde(rename = "executed_ns")]
        executed: Span,
    },
    /// The driver looks at a CPU again: the answer to [`crate::Decision::Preempt`], or a tick.
    Tick {
        /// The CPU.
        cpu: CpuIndex,
        /// What it executed for its thread.
        #[serde(rename = "executed_ns")]
        executed: Span,
    },
    /// The timer of a CPU fired. One that was replaced meanwhile is only charged for.
    Timer {
        /// The CPU.
        cpu: CpuIndex,
        /// The number it was armed with.
        generation: u32,
        /// What the CPU executed for its thread.
        #[serde(rename = "executed_ns")]
        executed: Span,
    },
    /// Execution to be charged and nothing else: no decision about who runs follows.
    Charge {
        /// The CPU.
        cpu: CpuIndex,
        /// For whom it executed.
        thread: ThreadId,
        /// For how long.
        #[serde(rename = "executed_ns")]
        executed: Span,
    },
    /// A new capsule. Its reservation contains those of its children.
    CreateCapsule {
        /// The capsule, a number not in use.
        capsule: CapsuleId,
        /// The capsule whose reservation its own comes out of.
        parent: Option<CapsuleId>,
        /// Budget and period on each of its CPUs.
        reservation: Reservation,
        /// Its CPUs.
        cpus: CpuMask,
    },
    /// Another reservation for a capsule, on the same CPUs.
    ChangeCapsule {
        /// The capsule.
        capsule: CapsuleId,
        /// What it is to hold, children included.
        reservation: Reservation,
    },
    /// The end of a capsule without children. Its threads fall to its parent, or to best effort.
    DeleteCapsule {
        /// The capsule.
        capsule: CapsuleId,
    },
    /// A new thread, blocked.
    AddThread {
        /// The thread, a number not in use.
        thread: ThreadId,
        /// Where it runs.
        capsule: CapsuleId,
        /// Its priority inside the capsule, at most [`PRIORITY_MAX`]; higher runs first.
        priority: u8,
        /// The CPUs it may use; those of its capsule among them count.
        affinity: CpuMask,
    },
    /// Another capsule, priority or affinity for a thread.
    ChangeThread {
        /// The thread.
        thread: ThreadId,
        /// Where it runs.
        capsule: CapsuleId,
        /// Its priority inside the capsule.
        priority: u8,
        /// The CPUs it may use.
        affinity: CpuMask,
    },
    /// The end of a thread, in whatever state.
    RemoveThread {
        /// The thread.
        thread: ThreadId,
    },
    /// A CPU goes away. Its servers stop; their threads go where they may, or wait.
    CpuOffline {
        /// The CPU.
        cpu: CpuIndex,
    },
    /// A CPU comes back.
    CpuOnline {
        /// The CPU.
        cpu: CpuIndex,
    },
}
