// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the simulator asks of a scheduler: told what happens, it says what runs.
//!
//! ```text
//!   engine                                       scheduler
//!   charge(cpu, thread, executed)   ----------->  accounts; always before any other call that
//!                                                 concerns this CPU, up to the same instant
//!   wake(now, thread)               ----------->  \
//!   block(now, thread)              ----------->   decides
//!   timer(now, timer)               ----------->  /
//!                                   <-----------  orders: Run, Idle, Arm, Disarm
//! ```
//!
//! A scheduler owns a fixed number of timers, each with one instant pending at most. Arrival of
//! work, interrupts and their theft of time are the engine's business: a scheduler learns only what
//! was charged.

mod capsule;
mod cpu_max;
mod fair;
mod fair_queue;
mod fixed_priority;

use std::fmt;

use evenkeel_model::{Instant, Span};
use serde::{Deserialize, Serialize};

pub(crate) use capsule::Capsules;
pub use capsule::Refusal;
pub(crate) use cpu_max::{PERIOD_MAX, QUOTA_MIN};
pub(crate) use fair::Fair;
pub(crate) use fixed_priority::FixedPriority;

/// The schedulers that a scenario can run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SchedulerKind {
    /// The reference scheduler of capsules: hard CBS, partitioned EDF, fixed priorities inside.
    Capsule,
    /// Real-time groups of the kernel (legacy RT throttling): deferrable servers, fixed priority.
    Rtgroup,
    /// The kernel's fair scheduler: weights, no limits, no guarantees in time.
    Eevdf,
    /// SCHED_FIFO or SCHED_RR without groups: fixed priorities, no limits.
    Fifo,
    /// The fair scheduler with `cpu.max`: a cap of budget every period.
    CpuMax,
}

impl SchedulerKind {
    /// All of them, ours first.
    pub const ALL: [SchedulerKind; 5] = [
        SchedulerKind::Capsule,
        SchedulerKind::Rtgroup,
        SchedulerKind::Eevdf,
        SchedulerKind::Fifo,
        SchedulerKind::CpuMax,
    ];

    /// The word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            SchedulerKind::Capsule => "capsule",
            SchedulerKind::Rtgroup => "rtgroup",
            SchedulerKind::Eevdf => "eevdf",
            SchedulerKind::Fifo => "fifo",
            SchedulerKind::CpuMax => "cpu-max",
        }
    }
}

impl fmt::Display for SchedulerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A thread of the simulated machine, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ThreadId(pub(crate) usize);

/// A CPU of the simulated machine, counted from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cpu(pub(crate) usize);

/// A capsule of the scenario, by its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CapsuleId(pub(crate) usize);

/// What a scheduler wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// This thread runs on this CPU from now on.
    Run(Cpu, ThreadId),
    /// Nothing runs on this CPU from now on.
    Idle(Cpu),
    /// Call `timer` at this instant; replaces what was pending.
    Arm(usize, Instant),
    /// Do not call `timer`.
    Disarm(usize),
    /// For the record: a capsule's budget ran out on this CPU.
    Throttled(Cpu, CapsuleId),
    /// For the record: a capsule's budget was refilled on this CPU.
    Replenished(Cpu, CapsuleId),
    /// For the record: a server reached its deadline with budget and work left.
    Missed(Cpu, CapsuleId),
}

/// Orders of one decision; the engine empties it after carrying them out.
pub(crate) type Orders = Vec<Order>;

/// One thread, as schedulers see it.
#[derive(Clone, Debug)]
pub(crate) struct ThreadSpec {
    /// Whose reservation it draws on.
    pub(crate) capsule: CapsuleId,
    /// Priority inside the capsule; higher runs first.
    pub(crate) priority: u8,
    /// Where it may run; never empty. Schedulers that do not migrate use the first.
    pub(crate) cpus: Vec<Cpu>,
    /// A kernel thread: `cpu.max` does not hold it on newer kernels.
    pub(crate) kernel: bool,
}

/// A scheduler, driven by the engine.
pub(crate) trait Scheduler {
    /// How many timers it has.
    fn timers(&self) -> usize;
    /// The CPU whose accounts must be current before timer `timer` is delivered; `None`: all.
    fn timer_cpu(&self, timer: usize) -> Option<Cpu>;
    /// Called once at instant zero, before anything else: the place to arm periodic timers.
    fn start(&mut self, orders: &mut Orders);
    /// `thread`, which runs on `cpu`, has been charged `executed` more.
    fn charge(&mut self, cpu: Cpu, thread: ThreadId, executed: Span);
    /// `thread` has work again.
    fn wake(&mut self, now: Instant, thread: ThreadId, orders: &mut Orders);
    /// `thread`, which runs on `cpu`, has no more work.
    fn block(&mut self, now: Instant, cpu: Cpu, thread: ThreadId, orders: &mut Orders);
    /// A timer has come.
    fn timer(&mut self, now: Instant, timer: usize, orders: &mut Orders);
}
