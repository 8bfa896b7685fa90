// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the engine knows of CPUs, capsules, threads and workloads.

use std::collections::VecDeque;

use evenkeel_model::{Instant, Span};

use crate::engine::interrupt::IrqJob;
use crate::engine::queue::{Batch, PacketQueue};
use crate::histogram::Histogram;
use crate::random::Random;
use crate::scenario::{Context, WorkloadKind};
use crate::scheduler::{CapsuleId, Cpu, ThreadId};

/// Work that never ends.
pub(crate) const ENDLESS_NS: u64 = u64::MAX;

/// Costs, as the scenario has them and with its cache factor.
#[derive(Clone, Debug)]
pub(crate) struct Costs {
    pub(crate) switch_ns: u64,
    /// Refill per nanosecond that others ran, in parts of 2^20.
    pub(crate) refill_rate: u64,
    pub(crate) refill_max_ns: u64,
    pub(crate) interrupt_ns: u64,
    pub(crate) coalesce: Span,
    pub(crate) softirq_ns: u64,
    pub(crate) guest_ns: u64,
    pub(crate) guest_gro_ns: u64,
    pub(crate) poll: u32,
    pub(crate) socket: u32,
    /// The cache factor, in parts of 2^20.
    pub(crate) factor: u64,
}

impl Costs {
    /// What cold caches cost after others ran for `foreign_ns`.
    pub(crate) fn refill_ns(&self, foreign_ns: u64) -> u64 {
        (scaled(foreign_ns, self.refill_rate)).min(self.refill_max_ns)
    }

    /// The cost of a packet in the VM's own thread.
    pub(crate) fn guest_ns(&self, context: Context) -> u64 {
        match context {
            Context::Shared => self.guest_ns,
            Context::Dedicated | Context::Demux => self.guest_gro_ns,
        }
    }

    /// `cost` under the cache factor, rounded up.
    pub(crate) fn with_factor(&self, cost: Span) -> u64 {
        scaled_up(cost.as_ns(), self.factor)
    }
}

/// `ns` times a factor in parts of 2^20, rounded down. Factors are at most ten, spans an hour.
pub(crate) fn scaled(ns: u64, factor: u64) -> u64 {
    u64::try_from((u128::from(ns) * u128::from(factor)) >> 20).unwrap_or(u64::MAX)
}

/// The same, rounded up: costs are never flattered.
pub(crate) fn scaled_up(ns: u64, factor: u64) -> u64 {
    let product = u128::from(ns) * u128::from(factor) + ((1 << 20) - 1);
    u64::try_from(product >> 20).unwrap_or(u64::MAX)
}

/// How many events of which sort there were.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Taken from the calendar, all sorts.
    pub(crate) events: u64,
    pub(crate) arrivals: u64,
    /// Ends of work and of sleeps.
    pub(crate) completions: u64,
    /// Timers of the scheduler.
    pub(crate) timers: u64,
    /// Interrupts and softirq polls.
    pub(crate) interrupts: u64,
    pub(crate) switches: u64,
    pub(crate) replenishments: u64,
}

/// One CPU.
#[derive(Debug)]
pub(crate) struct CpuState {
    pub(crate) current: Option<ThreadId>,
    /// Accounted for up to here.
    pub(crate) since: Instant,
    /// What it does instead of the current thread's work.
    pub(crate) irq: Option<IrqJob>,
    /// NAPI instances whose hard interrupts wait, by number.
    pub(crate) hard: VecDeque<usize>,
    /// Packets that wait for softirq processing.
    pub(crate) backlog: PacketQueue,
    /// Packets of the poll under way.
    pub(crate) in_hand: Vec<Batch>,
    /// Time that threads ran here.
    pub(crate) ran_ns: u64,
    /// `ran_ns` when each capsule last left, by capsule.
    pub(crate) left_at_ns: Vec<u64>,
    pub(crate) last: Option<CapsuleId>,
    pub(crate) stolen_ns: u64,
}

/// One capsule.
#[derive(Clone, Debug)]
pub(crate) struct CapsuleState {
    pub(crate) context: Context,
    /// Its NAPI instance, by number, where its context has one.
    pub(crate) napi: Option<usize>,
    pub(crate) police: Option<Policer>,
    /// CPU time that its threads really ran.
    pub(crate) supply_ns: u64,
    /// Time that interrupts took while one of its threads was to run.
    pub(crate) stolen_ns: u64,
    /// Of the supply, what switches and cold caches cost.
    pub(crate) overhead_ns: u64,
    pub(crate) throttled: u64,
    pub(crate) server_misses: u64,
}

impl CapsuleState {
    /// Forgets what was measured.
    pub(crate) fn forget(&mut self) {
        (self.supply_ns, self.stolen_ns, self.overhead_ns) = (0, 0, 0);
        (self.throttled, self.server_misses) = (0, 0);
    }
}

/// A token bucket of packets, one poll deep.
#[derive(Clone, Debug)]
pub(crate) struct Policer {
    /// Time of one packet, in picoseconds, rounded up: never more than the rate.
    pub(crate) packet_ps: u128,
    pub(crate) depth_ps: u128,
    pub(crate) credit_ps: u128,
    pub(crate) last: Instant,
}

impl Policer {
    /// How many of `packets` may pass at `now`.
    pub(crate) fn pass(&mut self, now: Instant, packets: u32, whole: bool) -> u32 {
        let earned = u128::from(now.saturating_since(self.last).as_ns()) * 1_000;
        self.last = now;
        self.credit_ps = (self.credit_ps + earned).min(self.depth_ps);
        let allowed = self.credit_ps / self.packet_ps.max(1);
        let allowed = u32::try_from(allowed).unwrap_or(u32::MAX).min(packets);
        let passed = if whole && allowed < packets { 0 } else { allowed };
        self.credit_ps -= u128::from(passed) * self.packet_ps;
        passed
    }
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A workload, by its number.
    Work(usize),
    /// A NAPI instance, by its number.
    Poll(usize),
}

/// One thread.
#[derive(Debug)]
pub(crate) struct ThreadState {
    pub(crate) capsule: CapsuleId,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) role: Role,
    /// CPU time until the work in hand is done.
    pub(crate) left_ns: u64,
    pub(crate) awake: bool,
    /// Where it runs.
    pub(crate) on: Option<Cpu>,
}

/// A piece of work that waits for its thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) work_ns: u64,
    pub(crate) arrived: Instant,
    /// Packets that it takes out of the socket.
    pub(crate) packets: u32,
    /// Whether a job is done with it.
    pub(crate) answers: bool,
    /// Sleeps still to come.
    pub(crate) rounds: u32,
}

/// One workload.
#[derive(Debug)]
pub(crate) struct WorkState {
    pub(crate) kind: WorkloadKind,
    pub(crate) thread: ThreadId,
    pub(crate) random: Random,
    pub(crate) items: VecDeque<Item>,
    /// Packets among the items.
    pub(crate) packets: u32,
    /// Number of the next arrival, for bursts and for arrivals that keep their grid.
    pub(crate) arrival: u64,
    /// When the next arrival would be without jitter.
    pub(crate) nominal: Instant,
    /// `stream`: packets that arrive again, by when.
    pub(crate) returns: VecDeque<(Instant, u32)>,
    pub(crate) responses: Histogram,
    pub(crate) missed: u64,
    /// Jobs that no queue had room for, requests that were dropped.
    pub(crate) dropped: u64,
    /// Jobs that were late and not done when the simulation ended.
    pub(crate) unfinished: u64,
    pub(crate) packets_in: u64,
    pub(crate) packets_done: u64,
    pub(crate) packets_dropped: u64,
}

impl WorkState {
    /// Forgets what was measured.
    pub(crate) fn forget(&mut self) {
        self.responses.clear();
        (self.missed, self.dropped, self.unfinished) = (0, 0, 0);
        (self.packets_in, self.packets_done, self.packets_dropped) = (0, 0, 0);
    }
}

/// A NAPI instance: a ring and the thread that polls it.
#[derive(Debug)]
pub(crate) struct PollState {
    pub(crate) thread: ThreadId,
    /// Polls the uplink for everybody, instead of one capsule's device.
    pub(crate) is_uplink: bool,
    pub(crate) ring: PacketQueue,
    pub(crate) in_hand: Vec<Batch>,
    pub(crate) cost_ns: u64,
    /// Its interrupt is off: it polls, or is about to.
    pub(crate) scheduled: bool,
    /// Its next interrupt comes no earlier.
    pub(crate) quiet_until: Instant,
}
