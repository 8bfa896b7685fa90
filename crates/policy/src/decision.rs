// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the policy tells its driver. The driver acts on `Run`, `Idle`, `Preempt` and `ArmTimer`; the
//! others say what became of servers, for traces and counters.

use evenkeel_model::{CpuIndex, Instant, Span};
use serde::{Deserialize, Serialize};

use crate::ids::{ServerId, ThreadId};

/// What is to be done, or was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// The CPU runs this thread from now on. All that it executed before has been charged.
    Run {
        /// The CPU.
        cpu: CpuIndex,
        /// The thread.
        thread: ThreadId,
    },
    /// The CPU runs nobody from now on.
    Idle {
        /// The CPU.
        cpu: CpuIndex,
    },
    /// Something better waits: stop the CPU's thread and answer with [`crate::Event::Tick`], at
    /// once or when an interrupt gets there. Not repeated until that answer.
    Preempt {
        /// The CPU.
        cpu: CpuIndex,
    },
    /// The CPU's timer is to fire then. There is one for each CPU; this replaces the former.
    ArmTimer {
        /// The CPU.
        cpu: CpuIndex,
        /// When.
        at: Instant,
        /// To be given back in [`crate::Event::Timer`], which tells it from those replaced.
        generation: u32,
    },
    /// A server with work has no budget (E4), or wakes and has to wait (E1).
    Throttle {
        /// The server.
        server: ServerId,
        /// When it may look again.
        until: Instant,
    },
    /// A server has a new budget and a new deadline (E5, or a renewal of E1).
    Replenish {
        /// The server.
        server: ServerId,
        /// The budget: less than a whole one after an overrun; zero if the debt is not yet paid.
        #[serde(rename = "budget_ns")]
        budget: Span,
        /// The deadline.
        deadline: Instant,
    },
    /// A replenishment so late that its new deadline was past: the server begins anew (E6).
    LagReset {
        /// The server.
        server: ServerId,
        /// The deadline it begins with.
        deadline: Instant,
    },
    /// A server reached its deadline with budget and work left: its supply was stolen, or admission
    /// was wrong (E8). Once for each deadline.
    ServerMiss {
        /// The server.
        server: ServerId,
        /// The deadline.
        deadline: Instant,
    },
    /// A thread waited too long and goes before all priorities of its capsule for a while.
    Boost {
        /// The CPU.
        cpu: CpuIndex,
        /// The thread.
        thread: ThreadId,
    },
}
