// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a scenario may say: ranges, names, references, nesting. Every limit with its argument.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use evenkeel_model::{CpuIndex, Span};
use evenkeel_theory::{FlattenError, Held, Nested, flatten};

use crate::scenario::{
    CapsuleSpec, Context, Cost, Interference, Machine, Network, Scenario, WorkloadKind,
    WorkloadSpec,
};

/// Longest simulation. An hour at a million events a second of simulated time is 20 minutes of
/// computing; nobody waits longer for an answer.
pub const DURATION_MAX: Span = Span::from_s(3_600);
/// Most CPUs of one machine; schedulers of different CPUs do not interact, so more CPUs are more
/// scenarios.
pub const CPUS_MAX: u32 = 64;
/// Most capsules; four times what one host of the design is expected to hold.
pub const CAPSULES_MAX: usize = 256;
/// Most workloads.
pub const WORKLOADS_MAX: usize = 1_024;
/// Shortest time between arrivals and shortest slice. Shorter ones would only measure how fast we
/// simulate.
const GAP_MIN: Span = Span::from_us(1);
/// Longest time between the kernel's ticks: HZ=10, below any configuration of Linux.
const TICK_MAX: Span = Span::from_ms(100);
/// Weights as in `cpu.weight` (Documentation/admin-guide/cgroup-v2.rst).
const WEIGHTS: RangeInclusive<u64> = 1..=10_000;
/// Real-time priorities of Linux.
const PRIORITIES: RangeInclusive<u64> = 1..=99;
/// Packets that a queue may hold, and a window be: 2^16, more than any NIC's ring.
const PACKETS: RangeInclusive<u64> = 1..=65_536;
/// Packets of one poll: netdev_budget is 300 by default, rarely more than 600.
const POLL: RangeInclusive<u64> = 1..=1_024;
/// Bytes of a packet: up to what TSO hands over at once.
const PACKET_BYTES: RangeInclusive<u64> = 1..=65_536;
/// Packets a second: 100 Gb/s of smallest frames are 149 million.
const RATES: RangeInclusive<u64> = 1..=150_000_000;
/// Jobs of a burst and sleeps of a job.
const REPEATS: RangeInclusive<u64> = 1..=10_000;
/// Factors: what is ten times slower is another machine.
const FACTOR_MAX: f64 = 10.0;

/// A part of a scenario, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The scenario as a whole.
    Top,
    /// `[machine]`.
    Machine,
    /// `[interference]`.
    Interference,
    /// `[network]`.
    Network,
    /// The capsule at this place, with its name.
    Capsule(usize, String),
    /// The workload at this place, with its name.
    Workload(usize, String),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Top => f.write_str("scenario"),
            Part::Machine => f.write_str("machine"),
            Part::Interference => f.write_str("interference"),
            Part::Network => f.write_str("network"),
            Part::Capsule(_, name) => write!(f, "capsule '{name}'"),
            Part::Workload(_, name) => write!(f, "workload '{name}'"),
        }
    }
}

/// What a scenario says that it may not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {key}: {message}")]
pub struct ScenarioError {
    /// Where.
    pub part: Part,
    /// Which key there.
    pub key: &'static str,
    /// What is wrong, and what would do.
    pub message: String,
}

/// A fault of one key, before its part is known.
type Fault = (&'static str, String);

impl Scenario {
    /// Whether it makes sense; the first thing that does not.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let at = |part: Part| {
            move |(key, message): Fault| ScenarioError { part: part.clone(), key, message }
        };
        self.check_top().map_err(at(Part::Top))?;
        check_machine(&self.machine).map_err(at(Part::Machine))?;
        check_interference(&self.interference).map_err(at(Part::Interference))?;
        check_network(&self.network, self.capsules.len()).map_err(at(Part::Network))?;
        for (index, capsule) in self.capsules.iter().enumerate() {
            let part = Part::Capsule(index, capsule.name.to_string());
            self.check_capsule(index, capsule).map_err(at(part))?;
        }
        let mut names = BTreeSet::new();
        for (index, workload) in self.workloads.iter().enumerate() {
            let part = Part::Workload(index, workload.name.clone());
            if !names.insert(workload.name.as_str()) {
                let message = "another workload has this name; names are unique".to_owned();
                return Err(ScenarioError { part, key: "name", message });
            }
            self.check_workload(workload).map_err(at(part))?;
        }
        self.check_own_parts(&self.own_parts()?)
    }

    /// Nobody works in a capsule whose children take all of it.
    fn check_own_parts(&self, own: &[Option<Held>]) -> Result<(), ScenarioError> {
        let without = |workload: &&WorkloadSpec| own[workload.capsule].is_none();
        let Some(workload) = self.workloads.iter().find(without) else { return Ok(()) };
        let name = self.capsules[workload.capsule].name.to_string();
        let message =
            format!("its children take all of it, and nothing is left for '{}'", workload.name);
        Err(ScenarioError { part: Part::Capsule(workload.capsule, name), key: "budget", message })
    }

    /// What each capsule keeps of its reservation beside its children, by capsule; `None`: nothing.
    pub(crate) fn own_parts(&self) -> Result<Vec<Option<Held>>, ScenarioError> {
        let nested: Vec<Nested> = (0_u64..)
            .zip(&self.capsules)
            .map(|(sequence, capsule)| Nested {
                held: Held {
                    name: capsule.name.clone(),
                    reservation: capsule.reservation,
                    cpus: capsule.cpus.clone(),
                    sequence,
                },
                parent: capsule.parent.and_then(|p| self.capsules.get(p)).map(|p| p.name.clone()),
            })
            .collect();
        let flat = flatten(&nested).map_err(|error| self.nesting_error(&error))?;
        let own = |capsule: &CapsuleSpec| flat.iter().find(|held| held.name == capsule.name);
        Ok(self.capsules.iter().map(|capsule| own(capsule).cloned()).collect())
    }

    fn nesting_error(&self, error: &FlattenError) -> ScenarioError {
        let (name, key) = match error {
            FlattenError::DuplicateName(name) => (name, "name"),
            FlattenError::UnknownParent { child, .. } => (child, "parent"),
            FlattenError::Cycle(name) => (name, "parent"),
            FlattenError::ChildOutside { child, .. } => (child, "cpus"),
            FlattenError::ChildrenExceed { parent, .. } => (parent, "budget"),
        };
        // The last of that name: of two capsules with one name the second is the surplus one.
        let index = self.capsules.iter().rposition(|capsule| capsule.name == *name);
        let part = index.map_or(Part::Top, |index| Part::Capsule(index, name.to_string()));
        ScenarioError { part, key, message: error.to_string() }
    }

    fn check_top(&self) -> Result<(), Fault> {
        span("duration", self.duration, Span::from_us(1), DURATION_MAX)?;
        if self.warmup >= self.duration {
            let (warmup, duration) = (self.warmup, self.duration);
            let message = format!("the warm-up of {warmup} leaves nothing of the {duration}");
            return Err(("warmup", message));
        }
        let most = |key, count: usize, most: usize| match count <= most {
            true => Ok(()),
            false => Err((key, format!("there are {count}; at most {most} are simulated"))),
        };
        most("capsule", self.capsules.len(), CAPSULES_MAX)?;
        most("workload", self.workloads.len(), WORKLOADS_MAX)?;
        if self.capsules.is_empty() {
            return Err(("capsule", "there is none; a scenario needs at least one".to_owned()));
        }
        Ok(())
    }

    fn check_capsule(&self, index: usize, capsule: &CapsuleSpec) -> Result<(), Fault> {
        let absent = capsule.cpus.iter().find(|cpu| cpu.0 >= self.machine.cpus);
        if let Some(absent) = absent {
            let count = self.machine.cpus;
            return Err(("cpus", format!("CPU {absent} does not exist; the machine has {count}")));
        }
        if capsule.cpus.is_empty() {
            return Err(("cpus", "the set is empty; a capsule needs a CPU".to_owned()));
        }
        if capsule.parent.is_some_and(|parent| parent >= self.capsules.len() || parent == index) {
            let message = "a parent is another capsule of the scenario".to_owned();
            return Err(("parent", message));
        }
        if capsule.phase >= capsule.reservation.period() {
            let period = capsule.reservation.period();
            return Err(("phase", format!("a phase is shorter than the period, {period}")));
        }
        whole("weight", u64::from(capsule.weight), WEIGHTS)?;
        if let Some(priority) = capsule.priority {
            whole("priority", u64::from(priority), PRIORITIES)?;
        }
        if capsule.context == Context::Demux && self.network.uplink.is_none() {
            let message = "the context demux needs `uplink` in [network]: the capsule whose \
                           reservation the uplink's thread draws on";
            return Err(("context", message.to_owned()));
        }
        match capsule.police_pps {
            Some(rate) if capsule.context == Context::Demux => whole("police_pps", rate, RATES),
            Some(_) => Err(("police_pps", "only the context demux polices packets".to_owned())),
            None => Ok(()),
        }
    }

    fn check_workload(&self, workload: &WorkloadSpec) -> Result<(), Fault> {
        let Some(capsule) = self.capsules.get(workload.capsule) else {
            return Err(("capsule", "there is no such capsule".to_owned()));
        };
        if let Some(cpu) = workload.cpu
            && !capsule.cpus.contains(CpuIndex(cpu))
        {
            let (name, cpus) = (&capsule.name, &capsule.cpus);
            return Err(("cpu", format!("capsule '{name}' holds CPUs {cpus} only")));
        }
        // 99 stays free for the NAPI thread, which runs before every workload.
        whole("priority", u64::from(workload.priority), 0..=98)?;
        check_kind(&workload.kind)
    }
}

fn check_machine(machine: &Machine) -> Result<(), Fault> {
    whole("cpus", u64::from(machine.cpus), 1..=u64::from(CPUS_MAX))?;
    span_or_zero("tick", machine.tick, Span::from_us(10), TICK_MAX)?;
    span("slice", machine.slice, Span::from_us(100), TICK_MAX)?;
    span_or_zero("rr_slice", machine.rr_slice, Span::from_us(100), Span::from_s(1))
}

fn check_interference(interference: &Interference) -> Result<(), Fault> {
    at_most("switch", interference.switch, Span::from_ms(10))?;
    at_most("refill_max", interference.refill_max, Span::from_ms(100))?;
    real("refill_rate", interference.refill_rate, 0.0, FACTOR_MAX)?;
    real("cache_factor", interference.cache_factor, 1.0, FACTOR_MAX)
}

fn check_network(network: &Network, capsules: usize) -> Result<(), Fault> {
    // A packet that costs more than a millisecond is not a packet's cost.
    let costs = [
        ("interrupt", network.interrupt),
        ("softirq", network.softirq),
        ("napi", network.napi),
        ("demux", network.demux),
        ("guest", network.guest),
        ("guest_gro", network.guest_gro),
    ];
    for (key, cost) in costs {
        at_most(key, cost, Span::from_ms(1))?;
    }
    // Beyond a tick or two a device is not coalescing but broken.
    at_most("coalesce", network.coalesce, Span::from_ms(10))?;
    for (key, packets) in
        [("ring", network.ring), ("backlog", network.backlog), ("socket", network.socket)]
    {
        whole(key, u64::from(packets), PACKETS)?;
    }
    whole("poll", u64::from(network.poll), POLL)?;
    match network.uplink {
        Some(uplink) if uplink >= capsules => {
            Err(("uplink", "there is no such capsule".to_owned()))
        }
        _ => Ok(()),
    }
}

fn check_kind(kind: &WorkloadKind) -> Result<(), Fault> {
    if let Some(deadline) = kind.deadline() {
        span("deadline", deadline, GAP_MIN, DURATION_MAX)?;
    }
    match kind {
        WorkloadKind::Saturated => Ok(()),
        WorkloadKind::Periodic { period, cost, offset, jitter, .. } => {
            check_arrivals(*period, *cost, *offset)?;
            at_most("jitter", *jitter, *period)
        }
        WorkloadKind::Sporadic { gap, extra, cost, offset, .. } => {
            span("gap", *gap, GAP_MIN, DURATION_MAX)?;
            at_most("gap_mean", *extra, DURATION_MAX)?;
            at_most("offset", *offset, DURATION_MAX)?;
            check_cost(*cost)
        }
        WorkloadKind::Bursty { period, burst, spacing, cost, offset, .. } => {
            check_arrivals(*period, *cost, *offset)?;
            whole("burst", u64::from(*burst), REPEATS)?;
            let length = spacing.checked_mul(u64::from(*burst)).unwrap_or(DURATION_MAX);
            match length <= *period {
                true => Ok(()),
                false => Err(("spacing", format!("a burst of {length} exceeds its {period}"))),
            }
        }
        WorkloadKind::Suspending { period, cost, suspend, rounds, offset, .. } => {
            check_arrivals(*period, *cost, *offset)?;
            span("suspend", *suspend, Span::from_ns(1), DURATION_MAX)?;
            whole("rounds", u64::from(*rounds), REPEATS)
        }
        WorkloadKind::Stream { window, delay, packet_bytes } => {
            whole("window", u64::from(*window), PACKETS)?;
            span("delay", *delay, GAP_MIN, DURATION_MAX)?;
            whole("packet_bytes", u64::from(*packet_bytes), PACKET_BYTES)
        }
        WorkloadKind::Flood { rate_pps, batch, packet_bytes, .. } => {
            whole("rate_pps", *rate_pps, RATES)?;
            whole("batch", u64::from(*batch), PACKETS)?;
            whole("packet_bytes", u64::from(*packet_bytes), PACKET_BYTES)
        }
        WorkloadKind::Requests { period, packets, cost, offset, packet_bytes, .. } => {
            check_arrivals(*period, *cost, *offset)?;
            whole("packets", u64::from(*packets), PACKETS)?;
            whole("packet_bytes", u64::from(*packet_bytes), PACKET_BYTES)
        }
    }
}

fn check_arrivals(period: Span, cost: Cost, offset: Span) -> Result<(), Fault> {
    span("period", period, GAP_MIN, DURATION_MAX)?;
    at_most("offset", offset, DURATION_MAX)?;
    check_cost(cost)
}

fn check_cost(cost: Cost) -> Result<(), Fault> {
    span("cost", cost.least, Span::from_ns(1), DURATION_MAX)?;
    span("cost_max", cost.most, cost.least, DURATION_MAX)
}

fn span(key: &'static str, value: Span, least: Span, most: Span) -> Result<(), Fault> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err((key, format!("{value} is outside the range from {least} to {most}"))),
    }
}

fn span_or_zero(key: &'static str, value: Span, least: Span, most: Span) -> Result<(), Fault> {
    match value == Span::ZERO || (least..=most).contains(&value) {
        true => Ok(()),
        false => Err((key, format!("{value} is neither 0ns nor from {least} to {most}"))),
    }
}

fn at_most(key: &'static str, value: Span, most: Span) -> Result<(), Fault> {
    match value <= most {
        true => Ok(()),
        false => Err((key, format!("{value} is more than {most}"))),
    }
}

fn whole(key: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<(), Fault> {
    match range.contains(&value) {
        true => Ok(()),
        false => {
            let (least, most) = range.into_inner();
            Err((key, format!("{value} is outside the range from {least} to {most}")))
        }
    }
}

fn real(key: &'static str, value: f64, least: f64, most: f64) -> Result<(), Fault> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => Err((key, format!("{value} is outside the range from {least} to {most}"))),
    }
}
