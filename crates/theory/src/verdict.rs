// SPDX-License-Identifier: MIT OR Apache-2.0
//! The answer of admission as data: what was asked, which CPU, what is left, who holds it, why not,
//! and the smallest changes that would fit. Words for it are in `words`.
//!
//! Every figure describes the state *after* the verdict: with the request where it is admitted,
//! without it where it is refused, since a refusal changes nothing.

use evenkeel_model::{Bandwidth, CapsuleName, CpuIndex, CpuSet, EnforcerKind, Reservation, Span};
use serde::{Deserialize, Serialize};

use crate::Held;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it fits.
    pub admitted: bool,
    /// Whose test was used.
    pub enforcer: EnforcerKind,
    /// What was asked.
    pub asked: Held,
    /// What the capsule holds now, where this is a change of one.
    pub replaces: Option<Reservation>,
    /// The asked CPUs, one entry each.
    pub per_cpu: Vec<CpuVerdict>,
    /// The kernel's sum over the whole host; `rtgroup` only.
    pub host: Option<HostSum>,
    /// Why not; empty where admitted.
    pub reasons: Vec<Reason>,
    /// What would fit instead, each tried by the same test; empty where admitted.
    pub smallest_change: Vec<Change>,
    /// What the guarantee leaves open; empty where refused.
    pub notes: Vec<Note>,
}

/// One CPU: who holds it and what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuVerdict {
    /// The CPU.
    pub cpu: CpuIndex,
    /// Its servers, most urgent first, the asked one among them unless its parent is full.
    pub holders: Vec<Holder>,
    /// What can still be given on this CPU, at most: the less of the CPU's and the host's rest.
    /// Response times may allow less of it.
    #[serde(rename = "left_ppb")]
    pub left: Bandwidth,
}

/// One server of a CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its capsule.
    pub name: CapsuleName,
    /// Its own part, children taken out.
    pub reservation: Reservation,
    /// Whether children's parts were taken out.
    pub own_part: bool,
    /// Whether it is the one that asks.
    pub asked: bool,
    /// The longest time from the start of its period until it has had its budget; `None` beyond
    /// the search horizon, or where the enforcer guarantees none.
    #[serde(rename = "response_ns")]
    pub response: Option<Span>,
}

/// The kernel's own rule for real-time groups (kernel/sched/rt.c, `tg_rt_schedulable`): the
/// bandwidths of all groups of the host together, each counted on every CPU whatever its
/// affinity, stay within the root's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSum {
    /// The root's bandwidth.
    #[serde(rename = "limit_ppb")]
    pub limit: Bandwidth,
    /// Groups that are not capsules.
    #[serde(rename = "foreign_ppb")]
    pub foreign: Bandwidth,
    /// All capsules of the host.
    #[serde(rename = "held_ppb")]
    pub held: Bandwidth,
    /// What is left.
    #[serde(rename = "left_ppb")]
    pub left: Bandwidth,
}

/// One capsule's part of the [`HostSum`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostHolder {
    /// The capsule.
    pub name: CapsuleName,
    /// Its CPUs.
    pub cpus: CpuSet,
    /// Its part.
    #[serde(rename = "bandwidth_ppb")]
    pub bandwidth: Bandwidth,
}

/// Why a request does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// A server would get its budget only after its period has ended.
    Late {
        /// Where.
        cpus: CpuSet,
        /// Whose server.
        name: CapsuleName,
        /// What it holds, or asks for.
        reservation: Reservation,
        /// Whether it is the one that asks.
        asked: bool,
        /// When it would have it; `None` beyond the search horizon.
        #[serde(rename = "response_ns")]
        response: Option<Span>,
        /// The search horizon.
        #[serde(rename = "horizon_ns")]
        horizon: Span,
        /// The servers that go first, most urgent first.
        ahead: Vec<CapsuleName>,
    },
    /// The kernel would refuse the group: the host's sum is exceeded.
    HostSumExceeded {
        /// What the request adds to the sum.
        #[serde(rename = "adds_ppb")]
        adds: Bandwidth,
        /// The sum without the request.
        sum: HostSum,
        /// Who holds it, largest part first.
        holders: Vec<HostHolder>,
    },
    /// The servers of a CPU would take more of it than capsules may have.
    CpuSumExceeded {
        /// Where.
        cpus: CpuSet,
        /// What the request adds on each.
        #[serde(rename = "adds_ppb")]
        adds: Bandwidth,
        /// What capsules may have of one CPU: all but the floor for best effort and what outranks
        /// them.
        #[serde(rename = "limit_ppb")]
        limit: Bandwidth,
        /// What outranks them.
        #[serde(rename = "foreign_ppb")]
        foreign: Bandwidth,
        /// What is left on each without the request.
        #[serde(rename = "left_ppb")]
        left: Bandwidth,
        /// Who holds it, largest part first.
        holders: Vec<HostHolder>,
    },
    /// All bands of priorities are taken, but for the one that stays free.
    NoBandLeft {
        /// How many capsules have room.
        capsules_max: usize,
    },
    /// The children of a capsule would need more than it holds.
    ParentExceeded {
        /// The parent.
        parent: CapsuleName,
        /// What it holds, or asks for.
        reservation: Reservation,
        /// What its children would need of each of its periods.
        #[serde(rename = "needed_ns")]
        needed: Span,
        /// What its other children leave of it for the one that asks; `None` where the parent
        /// itself asks.
        #[serde(rename = "left_ns")]
        left: Option<Span>,
    },
    /// The kernel accepts quotas only within a range.
    QuotaOutOfRange {
        /// What was asked.
        reservation: Reservation,
        /// Least budget.
        #[serde(rename = "budget_ns_min")]
        budget_min: Span,
        /// Longest period.
        #[serde(rename = "period_ns_max")]
        period_max: Span,
    },
}

/// A change that would make a refused request fit. Each was tried by the test that refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Ask for less: the largest budget that fits at the same period.
    LowerBudget {
        /// What would fit.
        reservation: Reservation,
    },
    /// The same bandwidth over the nearest other period that fits.
    OtherPeriod {
        /// What would fit.
        reservation: Reservation,
    },
    /// As asked, on other CPUs.
    OtherCpus {
        /// Where it would fit.
        cpus: CpuSet,
    },
    /// As asked, once the parent holds more.
    GrowParent {
        /// The parent.
        name: CapsuleName,
        /// What it holds.
        from: Reservation,
        /// The least it would need.
        to: Reservation,
    },
    /// As asked, once another capsule holds less.
    Shrink {
        /// The other capsule.
        name: CapsuleName,
        /// What it holds.
        from: Reservation,
        /// The most it could keep.
        to: Reservation,
    },
}

/// What an admitted guarantee leaves open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Note {
    /// The kernel charges budgets at its tick; with one overrun of a tick by each server above,
    /// the bound exceeds the period.
    TickOverrun {
        /// Where.
        cpus: CpuSet,
        /// Whose server.
        name: CapsuleName,
        /// The tick.
        #[serde(rename = "tick_ns")]
        tick: Span,
        /// The server's period.
        #[serde(rename = "period_ns")]
        period: Span,
        /// The bound with overruns; `None` beyond the search horizon.
        #[serde(rename = "response_ns")]
        response: Option<Span>,
    },
    /// The asked period is short against the tick.
    CoarseTick {
        /// The tick.
        #[serde(rename = "tick_ns")]
        tick: Span,
        /// What was asked.
        reservation: Reservation,
    },
    /// All servers of a CPU at their worst take more of a ceiling period than the kernel lets
    /// real-time threads have.
    CeilingCouldBite {
        /// Where.
        cpus: CpuSet,
        /// Most that the servers want of one ceiling period; at most all of it.
        #[serde(rename = "worst_ns")]
        worst: Span,
        /// The ceiling.
        ceiling: Reservation,
    },
    /// Capsules on other CPUs count in the host's sum.
    CountedEverywhere {
        /// Those capsules.
        names: Vec<CapsuleName>,
        /// Their part of the sum.
        #[serde(rename = "bandwidth_ppb")]
        bandwidth: Bandwidth,
    },
    /// Other scheduling classes run first.
    Outranked {
        /// What was counted for them on every CPU.
        #[serde(rename = "foreign_ppb")]
        foreign: Bandwidth,
    },
    /// The enforcer caps and promises nothing.
    NoGuarantee,
    /// Quotas of a CPU sum to more than the CPU.
    QuotaOvercommitted {
        /// Where.
        cpus: CpuSet,
        /// The largest sum among them.
        #[serde(rename = "sum_ppb")]
        sum: Bandwidth,
    },
}
