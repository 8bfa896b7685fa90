// SPDX-License-Identifier: MIT OR Apache-2.0
//! A scenario: a machine, the capsules on it, what works inside them, and what gets in their way.
//!
//! A value of these types that comes from [`parse`] has been checked; one built by hand is checked
//! by [`Scenario::check`], which [`crate::run`] calls again.

mod check;
mod read;

use evenkeel_model::{CapsuleName, CpuSet, Reservation, Span};

pub use check::{CAPSULES_MAX, CPUS_MAX, DURATION_MAX, Part, ScenarioError, WORKLOADS_MAX};
pub use read::{SCHEMA, parse};

/// One experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What it is for, in words; may be empty.
    pub about: String,
    /// How long it is simulated.
    pub duration: Span,
    /// How long nothing is measured, from the start.
    pub warmup: Span,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The machine and the settings of its kernel.
    pub machine: Machine,
    /// What costs time that is nobody's work.
    pub interference: Interference,
    /// What packets cost, and where they wait.
    pub network: Network,
    /// Who has a reservation.
    pub capsules: Vec<CapsuleSpec>,
    /// Who works inside it.
    pub workloads: Vec<WorkloadSpec>,
}

/// The machine and the settings of its kernel.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// How many CPUs it has, numbered from zero.
    pub cpus: u32,
    /// How often the kernel's own schedulers look at budgets and slices; zero: whenever one ends.
    /// The capsule scheduler has exact timers whatever this is.
    pub tick: Span,
    /// Whether time stolen by interrupts is kept from the account of the thread they interrupt
    /// (IRQ_TIME_ACCOUNTING).
    pub irq_accounting: bool,
    /// EEVDF: the slice that a thread asks for.
    pub slice: Span,
    /// EEVDF: whether who runs keeps the CPU until its slice is used up.
    pub run_to_parity: bool,
    /// Whether `cpu.max` holds kernel threads, too (before Linux 6.18).
    pub kthread_bandwidth: bool,
    /// Fixed priorities: threads of equal priority take turns after this long; zero: never
    /// (SCHED_FIFO).
    pub rr_slice: Span,
    /// What a capsule is given that wakes with unfinished accounts.
    pub wake_rule: WakeRule,
}

/// The variants of rule E1 of the capsule scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeRule {
    /// Budget and deadline are renewed where keeping them could exceed the bandwidth.
    Renewal,
    /// The server is suspended until keeping its bandwidth allows a whole budget.
    W2,
}

/// What costs time that is nobody's work.
#[derive(Clone, Debug, PartialEq)]
pub struct Interference {
    /// Direct cost of a switch, paid by the thread that comes in.
    pub switch: Span,
    /// Cold caches: a capsule that comes back pays this part of the time that others ran on its
    /// CPU meanwhile,
    pub refill_rate: f64,
    /// and this much at most.
    pub refill_max: Span,
    /// Shared last-level cache: everything costs this many times as much while the machine has
    /// work of more than one capsule.
    pub cache_factor: f64,
}

/// What a packet costs, and where it waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// A hard interrupt, stolen from whoever runs.
    pub interrupt: Span,
    /// Least time between two hard interrupts of one device; packets wait meanwhile.
    pub coalesce: Span,
    /// A packet in softirq context, bridge and tap included, stolen from whoever runs (`shared`).
    pub softirq: Span,
    /// A packet in the capsule's own NAPI thread (`dedicated`, `demux`).
    pub napi: Span,
    /// A packet in the uplink's thread, which only tells whose it is (`demux`).
    pub demux: Span,
    /// A packet in the VM's own thread, as it comes (`shared`).
    pub guest: Span,
    /// The same where the capsule's NAPI thread aggregates (GRO).
    pub guest_gro: Span,
    /// Packets that a ring of the NIC holds.
    pub ring: u32,
    /// Packets that wait for softirq processing on one CPU.
    pub backlog: u32,
    /// Packets that wait for a thread of a VM.
    pub socket: u32,
    /// Packets of one NAPI poll.
    pub poll: u32,
    /// The capsule whose reservation the uplink's thread draws on, by its place.
    pub uplink: Option<usize>,
}

/// Where the work of a packet is done, and who pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Softirq, bridge, tap: whoever is interrupted pays.
    Shared,
    /// A netdev and a NAPI thread of the capsule's own.
    Dedicated,
    /// A shared uplink whose thread only tells whose packet it is; the rest as `Dedicated`.
    Demux,
}

/// A reservation and how else schedulers see its holder.
#[derive(Clone, Debug, PartialEq)]
pub struct CapsuleSpec {
    /// Unique in the scenario.
    pub name: CapsuleName,
    /// Budget and period on each CPU, children included.
    pub reservation: Reservation,
    /// The CPUs.
    pub cpus: CpuSet,
    /// The capsule whose reservation this one's comes out of, by its place.
    pub parent: Option<usize>,
    /// Real-time groups and `cpu.max`: when the first period begins.
    pub phase: Span,
    /// Fair scheduler: `cpu.weight`.
    pub weight: u32,
    /// Fixed priorities: explicit, instead of shorter periods first; higher runs first.
    pub priority: Option<u8>,
    /// Where its packets are processed.
    pub context: Context,
    /// `demux`: packets a second beyond which the uplink's thread drops.
    pub police_pps: Option<u64>,
}

/// One thread and what makes it work.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadSpec {
    /// The capsule, by its place.
    pub capsule: usize,
    /// Unique in the scenario.
    pub name: String,
    /// Inside the capsule; higher runs first.
    pub priority: u8,
    /// The CPU that it is pinned to; otherwise it may use all of its capsule.
    pub cpu: Option<u32>,
    /// A kernel thread.
    pub kernel: bool,
    /// What it does.
    pub kind: WorkloadKind,
}

/// The work of one job: as long as `least`, or random up to `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Least CPU time.
    pub least: Span,
    /// Most CPU time; equal: always the same.
    pub most: Span,
}

/// How arrivals of packets and requests are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Evenly.
    Periodic,
    /// As independent events of the same rate.
    Poisson,
}

/// What a thread does.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkloadKind {
    /// Computes for ever.
    Saturated,
    /// A job every period.
    Periodic {
        /// Between arrivals.
        period: Span,
        /// Work of a job.
        cost: Cost,
        /// First arrival.
        offset: Span,
        /// Arrivals are late by up to this much, at random.
        jitter: Span,
        /// A job is late if its response takes longer.
        deadline: Span,
    },
    /// Jobs at random, at least `gap` apart.
    Sporadic {
        /// Least distance of arrivals.
        gap: Span,
        /// Mean of what comes on top, exponentially distributed.
        extra: Span,
        /// Work of a job.
        cost: Cost,
        /// First arrival.
        offset: Span,
        /// A job is late if its response takes longer.
        deadline: Span,
    },
    /// Several jobs close together, then none for long.
    Bursty {
        /// Between starts of bursts.
        period: Span,
        /// Jobs of a burst.
        burst: u32,
        /// Between jobs of a burst.
        spacing: Span,
        /// Work of a job.
        cost: Cost,
        /// First arrival.
        offset: Span,
        /// A job is late if its response takes longer.
        deadline: Span,
    },
    /// A job every period that computes and sleeps in turn.
    Suspending {
        /// Between arrivals.
        period: Span,
        /// Work before and after each sleep.
        cost: Cost,
        /// Length of a sleep.
        suspend: Span,
        /// How often it sleeps.
        rounds: u32,
        /// First arrival.
        offset: Span,
        /// A job is late if its response takes longer.
        deadline: Span,
    },
    /// Receives a bulk transfer: a window of packets in flight, a new one for each one taken.
    Stream {
        /// Packets in flight.
        window: u32,
        /// From a packet's end to the arrival of the one that replaces it.
        delay: Span,
        /// Size of a packet, for the throughput.
        packet_bytes: u32,
    },
    /// Receives packets whose sender does not care whether anybody takes them.
    Flood {
        /// Packets a second.
        rate_pps: u64,
        /// Packets that arrive as one event; coarser is faster.
        batch: u32,
        /// Spacing of the batches.
        pattern: Pattern,
        /// Size of a packet, for the throughput.
        packet_bytes: u32,
    },
    /// Answers requests that come over the network.
    Requests {
        /// Mean time between requests.
        period: Span,
        /// Spacing of the requests.
        pattern: Pattern,
        /// Packets of a request; it begins to be served when the last one is in.
        packets: u32,
        /// Work of a request beside its packets.
        cost: Cost,
        /// First arrival.
        offset: Span,
        /// A request is late if its answer takes longer.
        deadline: Span,
        /// Size of a packet, for the throughput.
        packet_bytes: u32,
    },
}

impl Default for Machine {
    /// One CPU and the settings of a Debian kernel: HZ=250, no IRQ time accounting.
    fn default() -> Machine {
        Machine {
            cpus: 1,
            tick: Span::from_ms(4),
            irq_accounting: false,
            // 0.7 ms * (1 + log2(8)): base_slice_ns of 8 or more CPUs (kernel/sched/fair.c).
            slice: Span::from_us(2_800),
            run_to_parity: true,
            kthread_bandwidth: false,
            rr_slice: Span::ZERO,
            wake_rule: WakeRule::Renewal,
        }
    }
}

impl Default for Interference {
    /// None.
    fn default() -> Interference {
        Interference {
            switch: Span::ZERO,
            refill_rate: 0.0,
            refill_max: Span::ZERO,
            cache_factor: 1.0,
        }
    }
}

impl Default for Network {
    /// Round figures of the order measured on a current x86 host, packets of an Ethernet frame;
    /// calibrated ones belong into the scenario. Queues as Linux has them: netdev_max_backlog 1000,
    /// tx_queue_len 500 of tap devices, NAPI weight 64, rings of 256.
    fn default() -> Network {
        Network {
            interrupt: Span::from_us(2),
            coalesce: Span::ZERO,
            softirq: Span::from_us(1),
            napi: Span::from_us(1),
            demux: Span::from_ns(200),
            guest: Span::from_us(3),
            guest_gro: Span::from_ns(1_200),
            ring: 256,
            backlog: 1_000,
            socket: 500,
            poll: 64,
            uplink: None,
        }
    }
}

impl WorkloadKind {
    /// The word of the scenario file.
    pub const fn as_str(&self) -> &'static str {
        match self {
            WorkloadKind::Saturated => "saturated",
            WorkloadKind::Periodic { .. } => "periodic",
            WorkloadKind::Sporadic { .. } => "sporadic",
            WorkloadKind::Bursty { .. } => "bursty",
            WorkloadKind::Suspending { .. } => "suspending",
            WorkloadKind::Stream { .. } => "stream",
            WorkloadKind::Flood { .. } => "flood",
            WorkloadKind::Requests { .. } => "requests",
        }
    }

    /// Whether its work arrives as packets.
    pub const fn is_network(&self) -> bool {
        matches!(
            self,
            WorkloadKind::Stream { .. }
                | WorkloadKind::Flood { .. }
                | WorkloadKind::Requests { .. }
        )
    }

    /// After how long a job counts as late; kinds without jobs have none.
    pub const fn deadline(&self) -> Option<Span> {
        match self {
            WorkloadKind::Periodic { deadline, .. }
            | WorkloadKind::Sporadic { deadline, .. }
            | WorkloadKind::Bursty { deadline, .. }
            | WorkloadKind::Suspending { deadline, .. }
            | WorkloadKind::Requests { deadline, .. } => Some(*deadline),
            _ => None,
        }
    }
}

impl Cost {
    /// Always the same.
    pub const fn fixed(cost: Span) -> Cost {
        Cost { least: cost, most: cost }
    }
}
