// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reading verbs answer: serialisable, units in key names, nothing that needs a second look
//! at the host.

use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{
    Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind, NetworkContextKind, Reservation, Role,
    Span,
};
use evenkeel_vm::VmKind;
use serde::Serialize;

/// Where a capsule's life stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CapsuleStatus {
    /// Its group is there and the kernel keeps its reservation.
    InForce,
    /// An operation on it was interrupted; `evenkeel capsule delete NAME` clears it, and so does
    /// the next change to any capsule.
    HalfDone,
    /// The state file knows it, the kernel does not: somebody removed its group.
    GroupMissing,
    /// The kernel has a group of our name that no state file describes: `capsule delete NAME`
    /// moves its threads back to the root group and removes it.
    Orphan,
}

impl CapsuleStatus {
    /// The words for a table.
    pub const fn as_str(self) -> &'static str {
        match self {
            CapsuleStatus::InForce => "in force",
            CapsuleStatus::HalfDone => "half done",
            CapsuleStatus::GroupMissing => "group missing",
            CapsuleStatus::Orphan => "orphan",
        }
    }
}

/// One line of `capsule list`.
#[derive(Clone, Debug, Serialize)]
pub struct CapsuleSummary {
    /// Its name.
    pub name: CapsuleName,
    /// Where it stands.
    pub status: CapsuleStatus,
    /// What was asked for, children included. `None` for an orphan.
    pub reservation: Option<Reservation>,
    /// ⌈Q/P⌉ per CPU.
    pub bandwidth_ppb: Option<Bandwidth>,
    /// Where. Empty for an orphan.
    pub cpus: CpuSet,
    /// The capsule it is nested in.
    pub parent: Option<CapsuleName>,
    /// The backend.
    pub enforcer: Option<EnforcerKind>,
    /// Who does the packet work.
    pub context: NetworkContextKind,
    /// Its VMs.
    pub vms: Vec<VmView>,
    /// Netdevs in a dedicated context.
    pub netdevs: Vec<String>,
    /// How many threads are inside now.
    pub thread_count: usize,
    /// The `run` process that will release it, and whether that still lives.
    pub run: Option<RunView>,
}

/// One VM of a capsule.
#[derive(Clone, Debug, Serialize)]
pub struct VmView {
    /// What to call it.
    pub label: String,
    /// What it is.
    pub kind: VmKind,
    /// Its main process.
    pub pid: Pid,
    /// The process has ended ("vm gone"); `capsule detach` or `delete` forgets it.
    pub gone: bool,
}

/// The `run` that made a capsule.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RunView {
    /// Its process.
    pub pid: Pid,
    /// It was killed before it could release the capsule; the reservation stays in force until
    /// `capsule delete`.
    pub gone: bool,
}

/// `capsule show`.
#[derive(Clone, Debug, Serialize)]
pub struct CapsuleView {
    /// Everything `list` says.
    #[serde(flatten)]
    pub summary: CapsuleSummary,
    /// What is left of the reservation for its own threads after its children's share; `None`
    /// where that is nothing.
    pub own: Option<Reservation>,
    /// Capsules nested in it.
    pub children: Vec<CapsuleName>,
    /// What the backend promises, in words.
    pub guarantee: String,
    /// Its real-time priorities, where the backend has them.
    pub priorities: Option<Priorities>,
    /// Netdevs of the dedicated context, and whether they are still there.
    pub netdev_details: Vec<NetdevView>,
    /// Every thread inside.
    pub threads: Vec<ThreadView>,
    /// CPU time delivered.
    pub supply: SupplyView,
    /// What breaks the guarantee now: threads that are outside or not as we set them, a netdev that
    /// has been switched back or has a new NAPI thread, a group that is missing.
    pub violations: Vec<String>,
    /// What else a reader should know: VMs that have gone, an interrupted operation.
    pub warnings: Vec<String>,
}

/// The range of a capsule's real-time priorities; nobody else's lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Priorities {
    /// That of `vmm`.
    pub lowest: u8,
    /// That of `irq`.
    pub highest: u8,
}

/// One netdev of a dedicated context.
#[derive(Clone, Debug, Serialize)]
pub struct NetdevView {
    /// Interface name.
    pub name: String,
    /// It has vanished (or another interface has taken its name).
    pub gone: bool,
    /// Threaded NAPI is on, as we set it.
    pub threaded: bool,
    /// GRO is on, as we set it.
    pub gro: bool,
    /// How long GRO holds a packet for more of its flow.
    pub gro_flush_timeout_ns: Span,
    /// How many empty polls put its interrupts off.
    pub napi_defer_hard_irqs: u64,
    /// Its NAPI threads.
    pub kthreads: Vec<Tid>,
}

/// One thread of a capsule.
#[derive(Clone, Debug, Serialize)]
pub struct ThreadView {
    /// Thread id.
    pub tid: Tid,
    /// Its process; 0 for kernel threads is never used, they have their own.
    pub pid: Pid,
    /// What it does for its VM.
    pub role: Role,
    /// Its name.
    pub comm: String,
    /// How the role is known, in words.
    pub evidence: String,
    /// CPU time it has had since it was born.
    pub cpu_time_ns: Span,
    /// Time it has been runnable without running since it was born, throttling included.
    pub run_delay_ns: Span,
    /// Scheduling policy in words: `fifo`, `other`, ...
    pub policy: String,
    /// Real-time priority, where the policy has one.
    pub priority: Option<u8>,
    /// Where it may run.
    pub affinity: CpuSet,
    /// Where it ran last.
    pub cpu: CpuIndex,
    /// What differs from what we set, in words; empty is well.
    pub drift: Vec<String>,
}

/// CPU time delivered to a capsule.
#[derive(Clone, Debug, Serialize)]
pub struct SupplyView {
    /// All CPU time since the capsule was made, all CPUs together.
    pub lifetime_ns: Span,
    /// How long was looked for this answer; zero where no sample was asked for.
    pub window_ns: Span,
    /// CPU time delivered in the window, all CPUs together.
    pub supplied_ns: Span,
    /// Budget of the window: Q/P of it on each CPU.
    pub budget_ns: Span,
    /// CPU time delivered in the window, CPU by CPU (where the kernel tells).
    pub per_cpu: Vec<CpuSupply>,
    /// Supply beyond the bound of the server; see [`crate::supply`].
    pub overruns: OverrunView,
}

/// Supply on one CPU.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CpuSupply {
    /// The CPU.
    pub cpu: CpuIndex,
    /// CPU time delivered in the window.
    pub supplied_ns: Span,
}

/// Windows in which more was supplied than the server can owe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OverrunView {
    /// Whole periods looked at, per CPU.
    pub periods: u64,
    /// Disjoint windows of n whole periods with more than Q·(n+1).
    pub count: u64,
    /// Largest supply beyond Q·(n+1) in any window.
    pub largest_ns: Span,
    /// What the kernel's own clockwork explains: it charges and throttles at its tick, so an
    /// excess up to this is the tick, beyond it the backend failed.
    pub explained_ns: Span,
}
