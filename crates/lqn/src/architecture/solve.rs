// SPDX-License-Identifier: MIT OR Apache-2.0
//! Solves an architecture in a scenario, and says where the cycles of a packet go.
//!
//! Packets per poll depend on load, and load on packets per poll. A poll goes on until the ring is
//! empty, so it handles what arrives during a busy period: 1 / (1 - utilisation) packets on average
//! (M/M/1), at most the budget of a poll. The aggregation factor k is that, at most the
//! architecture's largest aggregate (receive aggregation is flushed when the ring is empty).

use serde::Serialize;

use super::assemble::{Assembly, Flood, Rhythm, assemble};
use super::block::Place;
use super::catalogue::Architecture;
use super::error::ArchitectureError;
use super::fit;
use super::scenario::{Direction, Load, Scenario};
use crate::model::Model;
use crate::mva;
use crate::results::Results;

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
    /// The same of the first VM.
    pub first_vm_bps: f64,
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
const ROUNDS_MAX: u32 = 200;
const SETTLED: f64 = 1e-4;

/// Solves the model.
///
/// # Errors
/// [`ArchitectureError`], naming the parameter or the element.
pub fn solve(architecture: &Architecture, scenario: &Scenario) -> Result<Answer, ArchitectureError> {
    let (assembly, results, rhythm) = settle(architecture, scenario, None)?;
    Ok(answer(architecture, scenario, &assembly, &results, rhythm))
}

/// The model as it stands when the packets per poll have settled: what `solve` solves last.
///
/// # Errors
/// As [`solve`].
pub fn model(architecture: &Architecture, scenario: &Scenario) -> Result<Model, ArchitectureError> {
    settle(architecture, scenario, None).map(|(assembly, ..)| assembly.model)
}

/// Iterates the packets per poll.
pub(super) fn settle(
    architecture: &Architecture,
    scenario: &Scenario,
    flood: Option<Flood>,
) -> Result<(Assembly, Results, Rhythm), ArchitectureError> {
    scenario.check()?;
    if scenario.rate_max_bps.is_some() && architecture.nic != super::NicSharing::Hooks {
        let what = "hooks for a rate limit in the NIC";
        return Err(ArchitectureError::Lacks { architecture: architecture.id, what });
    }
    let mut poll = fit::POLL_MAX;
    let (mut last, mut step) = (poll, 1.0);
    let mut direction = 0.0;
    for _ in 0..ROUNDS_MAX {
        let assembly = assemble(architecture, scenario, Rhythm { poll }, flood)?;
        let results = mva::solve(&assembly.model, &mva::Options::default())?;
        let found = packets_per_poll(&assembly, &results);
        let change = found.ln() - poll.ln();
        if change.abs() < SETTLED {
            return Ok((assembly, results, Rhythm { poll }));
        }
        // Where the answer swings around its fixed point, go shorter ways.
        if direction * change < 0.0 {
            step *= 0.5;
        }
        direction = change;
        last = poll;
        poll = (poll.ln() + step * change).exp();
        if (poll - last).abs() < SETTLED * last * step {
            return Ok((assembly, results, Rhythm { poll: last }));
        }
    }
    Err(ArchitectureError::NoFixedPoint { architecture: architecture.id, last: poll, before: last })
}

fn packets_per_poll(assembly: &Assembly, results: &Results) -> f64 {
    let (processor, cores, _) = assembly.cpus[assembly.polled];
    let busy = results.processors[processor.index()].utilization.mean / cores;
    (1.0 / (1.0 - busy).max(1e-9)).clamp(1.0, fit::POLL_MAX)
}

fn answer(
    architecture: &Architecture,
    scenario: &Scenario,
    assembly: &Assembly,
    results: &Results,
    rhythm: Rhythm,
) -> Answer {
    let per_second = |rate: f64| rate * 1e6;
    let rates: Vec<f64> = assembly
        .loads
        .iter()
        .map(|(_, e)| per_second(results.entries[e.index()].throughput.mean))
        .collect();
    let rate: f64 = rates.iter().sum();
    let first = rates.first().copied().unwrap_or(0.0);
    let bits = f64::from(scenario.packet_bytes) * 8.0 * packets_of(scenario.load);
    let latencies = assembly.loads.iter().zip(&rates).map(|((_, e), rate)| {
        let e = &results.entries[e.index()];
        rate * e.open_response.unwrap_or(e.service).mean * 1e-6
    });
    let latency = latencies.sum::<f64>() / rate.max(1e-300);
    let blocks = shares(scenario, assembly, results, rate);
    let busy: f64 = assembly
        .cpus
        .iter()
        .map(|(p, _, speed)| results.processors[p.index()].utilization.mean * speed)
        .sum();
    Answer {
        architecture: architecture.id,
        vms: scenario.vms,
        rate_per_s: rate,
        throughput_bps: rate * bits,
        first_vm_bps: first * bits,
        latency_s: latency,
        cpu_busy: busy / f64::from(scenario.machine.cores),
        cycles: blocks.iter().map(|b| b.cycles).sum(),
        poll: rhythm.poll,
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
fn shares(
    scenario: &Scenario,
    assembly: &Assembly,
    results: &Results,
    rate: f64,
) -> Vec<BlockShare> {
    let model = &assembly.model;
    let share = |placed: &super::assemble::Placed| {
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
    debug_assert!(scenario.vms > 0);
    blocks
}
