// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a run has shown, as data: times in nanoseconds, shares as fractions of what was measured.

use evenkeel_model::Span;
use serde::Serialize;

use crate::scheduler::SchedulerKind;

/// What one scheduler made of a scenario, the warm-up left out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The scheduler.
    pub scheduler: SchedulerKind,
    /// The seed of its random numbers.
    pub seed: u64,
    /// How long was measured.
    #[serde(rename = "measured_ns")]
    pub measured: Span,
    /// The capsules, in the scenario's order.
    pub capsules: Vec<CapsuleOutcome>,
    /// The workloads, in the scenario's order.
    pub workloads: Vec<WorkloadOutcome>,
    /// CPU time that interrupts took, all CPUs together.
    #[serde(rename = "stolen_ns")]
    pub stolen: Span,
    /// What the simulator did, warm-up included.
    pub events: Events,
}

/// What became of one capsule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CapsuleOutcome {
    /// Its name.
    pub name: String,
    /// What it holds on each of its CPUs, without its children.
    #[serde(rename = "budget_ns")]
    pub budget: Span,
    /// The period.
    #[serde(rename = "period_ns")]
    pub period: Span,
    /// How many CPUs.
    pub cpus: usize,
    /// CPU time that its threads ran.
    #[serde(rename = "supply_ns")]
    pub supply: Span,
    /// The same as a fraction of one CPU.
    pub supply_cpus: f64,
    /// Time that interrupts took while one of its threads was to run.
    #[serde(rename = "stolen_ns")]
    pub stolen: Span,
    /// Of the supply, what switches and cold caches cost.
    #[serde(rename = "overhead_ns")]
    pub overhead: Span,
    /// How often it ran out of budget.
    pub throttled: u64,
    /// How often a server came to its deadline with budget and work left, or too late for it.
    pub server_misses: u64,
}

/// What became of one workload.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkloadOutcome {
    /// Its name.
    pub name: String,
    /// Its capsule's.
    pub capsule: String,
    /// What it does.
    pub kind: &'static str,
    /// Jobs done.
    pub jobs: u64,
    /// Median of their response times.
    #[serde(rename = "p50_ns")]
    pub p50: Option<Span>,
    /// 99 of 100 are not longer.
    #[serde(rename = "p99_ns")]
    pub p99: Option<Span>,
    /// The longest.
    #[serde(rename = "max_ns")]
    pub max: Option<Span>,
    /// The mean.
    #[serde(rename = "mean_ns")]
    pub mean: Option<Span>,
    /// After how long a job is late.
    #[serde(rename = "deadline_ns")]
    pub deadline: Option<Span>,
    /// Jobs that were late, done or not.
    pub missed: u64,
    /// Of these, jobs that were not done when the simulation ended.
    pub unfinished: u64,
    /// Jobs that found no room.
    pub dropped: u64,
    /// Packets that came for it.
    pub packets: u64,
    /// Packets that it has taken.
    pub packets_taken: u64,
    /// Packets that found no room in a queue or were policed.
    pub packets_dropped: u64,
    /// What it took, in bits a second.
    pub throughput_bps: f64,
}

/// How many events of which sort a run had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// Taken from the calendar, all sorts together.
    pub calendar: u64,
    /// Arrivals of jobs, requests and packets.
    pub arrivals: u64,
    /// Ends of work and of sleeps.
    pub completions: u64,
    /// Timers of the scheduler that fired.
    pub timers: u64,
    /// Interrupts and softirq polls.
    pub interrupts: u64,
    /// Switches to a thread.
    pub switches: u64,
    /// Budgets refilled.
    pub replenishments: u64,
}

impl Outcome {
    /// The capsule of this name.
    pub fn capsule(&self, name: &str) -> Option<&CapsuleOutcome> {
        self.capsules.iter().find(|capsule| capsule.name == name)
    }

    /// The workload of this name.
    pub fn workload(&self, name: &str) -> Option<&WorkloadOutcome> {
        self.workloads.iter().find(|workload| workload.name == name)
    }
}
