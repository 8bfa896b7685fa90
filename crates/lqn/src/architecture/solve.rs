// SPDX-License-Identifier: MIT OR Apache-2.0
//! Solves an architecture in a scenario, and says where the cycles of a packet go.
//!
//! Packets per poll depend on load, and load on packets per poll. A poll goes on until the ring is
//! empty, and meanwhile nobody is notified, so it handles what arrives during a busy period:
//! 1 / (1 - utilisation) packets on average (M/M/1), at most the budget of a poll. One figure serves
//! the whole path, that of its busiest thread: where that is, packets queue. The aggregation factor
//! k is the same, at most the architecture's largest aggregate (receive aggregation is flushed when
//! the ring is empty).

use serde::Serialize;

use super::assemble::{Assembly, Flood, assemble};
use super::block::Place;
use super::catalogue::{Architecture, NicSharing};
use super::error::ArchitectureError;
use super::fit;
use super::scenario::{Direction, Load, Scenario};
use super::site::{Cpu, Crowded, MICROSECOND, Placed};
use crate::model::Model;
use crate::mva::{self, MvaError};
use crate::results::Results;
use crate::sim;

/// What one block costs a packet (a request, for web sessions).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlockShare {
    /// Which block.
    pub block: &'static str,
    /// Who pays.
    pub place: Place,
    /// On which path; none for the application.
    pub direction: Option<Direction>,
    /// Cycles of the CPU, 0 on hardware.
    pub cycles: f64,
    /// Time on hardware, seconds, 0 on the CPU.
    pub hardware_s: f64,
}

/// What the model answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// Which architecture.
    pub architecture: &'static str,
    /// VMs.
    pub vms: u32,
    /// Packets (requests) per second, all VMs.
    pub rate_per_s: f64,
    /// Bits of payload per second, all VMs.
    pub throughput_bps: f64,
    /// Time of a packet (a request) in the host and on the wire at this load, seconds.
    pub latency_s: f64,
    /// Busy part of all cores, 0 to 1.
    pub cpu_busy: f64,
    /// Cycles of the CPU per packet (request).
    pub cycles: f64,
    /// Packets per poll.
    pub poll: f64,
    /// Where the cycles go, in the order of the path.
    pub blocks: Vec<BlockShare>,
}

/// Rounds of the iteration, and the relative change that ends it.
const ROUNDS_MAX: u32 = 60;
const SETTLED: f64 = 1e-2;

/// Solves the model.
///
/// # Errors
/// [`ArchitectureError`], naming the parameter or the element.
pub fn solve(
    architecture: &Architecture,
    scenario: &Scenario,
) -> Result<Answer, ArchitectureError> {
    let settled = settle(architecture, scenario, None, &Crowded::new())?;
    Ok(answer(architecture, scenario, &settled))
}

/// The model as it stands when the packets per poll have settled: what `solve` solves last.
///
/// # Errors
/// As [`solve`].
pub fn model(architecture: &Architecture, scenario: &Scenario) -> Result<Model, ArchitectureError> {
    settle(architecture, scenario, None, &Crowded::new()).map(|s| s.assembly.model)
}

/// A solved model, and what it settled on.
#[derive(Debug, Clone)]
pub(super) struct Settled {
    pub(super) assembly: Assembly,
    pub(super) results: Results,
    pub(super) poll: f64,
    pub(super) crowded: Crowded,
}

/// Iterates the packets per poll, and which CPUs are crowded: first none; then those whose threads
/// would need more cores than there are.
pub(super) fn settle(
    architecture: &Architecture,
    scenario: &Scenario,
    flood: Option<Flood>,
    crowded: &Crowded,
) -> Result<Settled, ArchitectureError> {
    scenario.check()?;
    if scenario.rate_max_bps.is_some() && architecture.nic != NicSharing::Hooks {
        let what = "hooks for a rate limit in the NIC";
        return Err(ArchitectureError::Lacks { architecture: architecture.id, what });
    }
    let mut crowded = crowded.clone();
    loop {
        let (assembly, results, poll) = polls(architecture, scenario, flood, &crowded)?;
        let known = crowded.len();
        for cpu in assembly.cpus.iter().filter(|c| !c.crowded) {
            if results.processors[cpu.id.index()].utilization.mean > cpu.cores {
                crowded.insert(cpu.name.clone());
            }
        }
        // A CPU that is crowded stays so: there are at most three.
        if crowded.len() == known {
            return Ok(Settled { assembly, results, poll, crowded });
        }
    }
}

/// Iterates the packets per poll.
fn polls(
    architecture: &Architecture,
    scenario: &Scenario,
    flood: Option<Flood>,
    crowded: &Crowded,
) -> Result<(Assembly, Results, f64), ArchitectureError> {
    // More packets per poll mean less work, so a lower load and fewer packets per poll: what a
    // poll brings falls with what it is taken to bring, and they meet once. In logarithms,
    // because a step of one counts at 2 and not at 60.
    let at = |poll: f64| {
        let assembly = assemble(architecture, scenario, poll, flood, crowded)?;
        let results = solve_model(&assembly.model)?;
        let found = packets_per_poll(&assembly, &results);
        Ok::<_, ArchitectureError>((assembly, results, found))
    };
    let (assembly, results, found) = at(fit::POLL_MAX)?;
    let missing = (found / fit::POLL_MAX).ln();
    if missing > -SETTLED {
        return Ok((assembly, results, fit::POLL_MAX));
    }
    // Regula falsi with the Illinois step: (logarithm of p, logarithm of found / p) at both ends.
    let (mut low, mut high) = ((0.0, fit::POLL_MAX.ln()), (fit::POLL_MAX.ln(), missing));
    for _ in 0..ROUNDS_MAX {
        let middle = low.0 + (high.0 - low.0) * low.1 / (low.1 - high.1);
        let (assembly, results, found) = at(middle.exp())?;
        let off = found.ln() - middle;
        if off.abs() < SETTLED || high.0 - low.0 < SETTLED {
            return Ok((assembly, results, middle.exp()));
        }
        if off > 0.0 {
            (low, high.1) = ((middle, off), 0.5 * high.1);
        } else {
            (high, low.1) = ((middle, off), 0.5 * low.1);
        }
    }
    let (last, before) = (high.0.exp(), low.0.exp());
    Err(ArchitectureError::NoFixedPoint { architecture: architecture.id, last, before })
}

/// Looser than the solver's own: published figures have two digits, and saturated models take
/// long to settle the last of four. Where two stations are saturated at once the analytic solver
/// may swing for ever; then the simulator answers, to half a percent and always the same.
fn solve_model(model: &Model) -> Result<Results, ArchitectureError> {
    let options = mva::Options { convergence: 1e-4, iterations_max: 300, under_relaxation: 0.9 };
    match mva::solve(model, &options) {
        Err(MvaError::NoConvergence { .. }) => {
            let events = EVENTS;
            let options =
                sim::Options { seed: 1, events, events_max: events, ..sim::Options::default() };
            Ok(sim::simulate(model, &options)?)
        }
        other => Ok(other?),
    }
}

/// Events of a simulation: a tenth of a second.
const EVENTS: u64 = 500_000;

/// Packets of a poll, by how busy the busiest thread of the path is.
fn packets_per_poll(assembly: &Assembly, results: &Results) -> f64 {
    let model = &assembly.model;
    let software = |p: &&Placed| p.place.is_cpu() && p.place != Place::Vmm && p.direction.is_some();
    let mut busy: f64 = 0.0;
    for e in assembly.placed.iter().filter(software).flat_map(|p| &p.entries) {
        let task_id = model.entries()[e.index()].task;
        let task = &model.tasks()[task_id.index()];
        if let Some(cores) = model.cores(task.processor) {
            let cpu = results.processors[task.processor.index()].utilization.mean;
            busy = busy.max(cpu / f64::from(cores));
        }
        if let Some(threads) = model.threads(task_id) {
            busy = busy.max(results.tasks[task_id.index()].utilization.mean / f64::from(threads));
        }
    }
    (1.0 / (1.0 - busy).max(1e-9)).clamp(1.0, fit::POLL_MAX)
}

fn answer(architecture: &Architecture, scenario: &Scenario, settled: &Settled) -> Answer {
    let Settled { assembly, results, poll, .. } = settled;
    let load = &results.entries[assembly.load.index()];
    let rate = load.throughput.mean / MICROSECOND;
    let bits = f64::from(scenario.packet_bytes) * 8.0 * packets_of(scenario.load);
    let blocks = shares(assembly, results, rate);
    let busy = |c: &Cpu| results.processors[c.id.index()].utilization.mean * c.speed;
    let busy: f64 = assembly.cpus.iter().map(busy).sum();
    Answer {
        architecture: architecture.id,
        vms: scenario.vms,
        rate_per_s: rate,
        throughput_bps: rate * bits,
        latency_s: load.open_response.unwrap_or(load.service).mean * MICROSECOND,
        cpu_busy: busy / f64::from(scenario.machine.cores),
        cycles: blocks.iter().map(|b| b.cycles).sum(),
        poll: *poll,
        blocks,
    }
}

/// Data packets of a cycle of the load.
fn packets_of(load: Load) -> f64 {
    match load {
        Load::Bulk { .. } | Load::Open { .. } => 1.0,
        Load::Web(web) => web.response_packets,
    }
}

/// What each block got of the solved model's processors, per packet.
fn shares(assembly: &Assembly, results: &Results, rate: f64) -> Vec<BlockShare> {
    let model = &assembly.model;
    let share = |placed: &Placed| {
        let mut busy_cycles = 0.0;
        let mut busy_hardware = 0.0;
        for e in &placed.entries {
            let busy = results.entries[e.index()].processor_utilization.mean;
            let task = &model.tasks()[model.entries()[e.index()].task.index()];
            let speed = model.processors()[task.processor.index()].speed;
            if placed.place.is_cpu() {
                // Busy time at that speed, cycles per microsecond.
                busy_cycles += busy * speed * 1e6;
            } else {
                busy_hardware += busy * speed;
            }
        }
        let per_packet = 1.0 / rate.max(1e-300);
        BlockShare {
            block: placed.block,
            place: placed.place,
            direction: placed.direction,
            cycles: busy_cycles * per_packet,
            hardware_s: busy_hardware * per_packet,
        }
    };
    let mut blocks: Vec<BlockShare> = assembly.placed.iter().map(share).collect();
    blocks.retain(|b| b.cycles > 0.0 || b.hardware_s > 0.0);
    blocks
}
