// SPDX-License-Identifier: MIT OR Apache-2.0
//! The capsule scheduler as a pure state machine: events in, decisions out.
//!
//! ```text
//!   wake, block, tick, timer, charge        +--------+   run, idle, preempt, arm timer
//!   create, change, delete a capsule  --->  | Policy |  --->  throttle, replenish, lag reset,
//!   add, move, remove a thread, CPUs        +--------+        server miss, boost
//! ```
//!
//! Each capsule has one hard constant bandwidth server on each of its CPUs. On a CPU the ready
//! server with the earliest deadline runs (partitioned EDF); inside a capsule the most urgent
//! threads run, on whatever CPUs its servers have. Nested capsules are flattened: a capsule's own
//! server has what its children leave. Threads outside capsules have a server of their own and what
//! is left over. Debt is carried; changes never break a guarantee (module `policy::change`).
//!
//! It is the reference for the scheduler in the kernel: its rules need nothing but scans over at
//! most 64 servers of a CPU and walks over the waiting threads of one capsule, and a record of the
//! kernel's events can be replayed against it.
//!
//! Part of the pure ring: no I/O, no clock, no threads. Time is an argument of every event, and what
//! a CPU executed is told, not measured. What it refuses to do: guess what the driver did not tell.

#![forbid(unsafe_code)]

mod admission;
pub mod bench;
pub mod budget;
mod capsule;
mod config;
mod cpu;
mod cpu_mask;
mod decision;
mod error;
mod event;
mod ids;
pub mod machine;
mod policy;
mod queue;
pub mod replay;
mod server;
mod thread;
pub mod trace;

pub use budget::Budget;
pub use config::{Ageing, Config, ConfigError, Tie, WakeRule};
pub use cpu::SERVERS_PER_CPU_MAX;
pub use cpu_mask::{CPUS_MAX, CpuMask, CpuMaskError};
pub use decision::Decision;
pub use error::PolicyError;
pub use event::{Event, PRIORITY_MAX};
pub use ids::{CAPSULES_MAX, CapsuleId, ServerId, THREADS_MAX, ThreadId};
pub use policy::{Policy, ServerState, ServerView};
pub use thread::ThreadState;
