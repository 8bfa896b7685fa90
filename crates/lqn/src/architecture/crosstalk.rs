// SPDX-License-Identifier: MIT OR Apache-2.0
//! Crosstalk: what VM 1 loses while VM 2 is flooded, or sends without limit.
//!
//! Both VMs hold a reservation for their own threads, a third of the cores each, and the host has
//! the last third: so what VM 1 loses, it loses in what the architecture shares. VM 1 has a stream
//! that never ends. VM 2's frames are the smallest there are; received ones are dropped at VM 2's
//! own queue, after everything that is shared. What the wire towards the host loses is the matter
//! of whoever sends: each VM has its part of it.
//!
//! A real host with the same shared path may lose more: where softirqs interrupt VM 1's own slots
//! they are charged to it, which [`super::calibration`] models and this does not.

use serde::Serialize;

use super::assemble::{Flood, SMALL_FRAME_BYTES};
use super::catalogue::Architecture;
use super::error::{ArchitectureError, in_range};
use super::machine::Machine;
use super::scenario::{Direction, Load, Scenario};
use super::site::{Crowded, MICROSECOND};
use super::solve::settle;
use crate::model::Model;
use crate::sim;

/// One offered rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CrosstalkPoint {
    /// Frames a second offered to, or by, VM 2.
    pub offered_pps: f64,
    /// Throughput of VM 1.
    pub victim_bps: f64,
    /// Part of it that is lost against an idle VM 2, 0 to 1.
    pub loss_ratio: f64,
}

/// Crosstalk of an architecture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Crosstalk {
    /// Which.
    pub architecture: &'static str,
    /// Throughput of VM 1 beside an idle VM 2.
    pub alone_bps: f64,
    /// Rising offers.
    pub points: Vec<CrosstalkPoint>,
    /// The largest loss.
    pub worst_loss_ratio: f64,
}

/// Part of the wire that an overload takes at most.
const OVERLOAD_OF_WIRE: f64 = 0.2;
/// Frames a second of an overload: several times what one core of any host handles.
const OVERLOAD_PPS: f64 = 1e7;
/// Nothing, nearly: the model keeps its shape.
const IDLE_PPS: f64 = 1e-3;
/// Steps of the ramp.
const STEPS: u32 = 6;

/// Frames a second that are overload on a machine.
#[must_use]
pub fn overload_pps(machine: &Machine) -> f64 {
    let wire = f64::from(machine.links) * machine.link_bps;
    OVERLOAD_PPS.min(OVERLOAD_OF_WIRE * wire / (8.0 * SMALL_FRAME_BYTES))
}

/// VM 2 ramps from nothing to `overload_pps`.
///
/// # Errors
/// [`ArchitectureError`].
pub fn crosstalk(
    architecture: &Architecture,
    scenario: &Scenario,
    overload_pps: f64,
) -> Result<Crosstalk, ArchitectureError> {
    in_range("overload in packets per second", overload_pps, 1.0, 1e9)?;
    let bits = f64::from(scenario.packet_bytes) * 8.0 * per_cycle(scenario.load);
    let two = reserved(scenario);
    let mut crowded = Crowded::new();
    // What is crowded at one rate counts as crowded at all, so that they compare: at most one round
    // more for each of three CPUs.
    let rates = loop {
        let (rates, found) = ramp(architecture, &two, overload_pps, &crowded)?;
        if found == crowded {
            break rates;
        }
        crowded = found;
    };
    let alone_bps = rates[0].1 * bits;
    let point = |&(offered_pps, rate): &(f64, f64)| {
        let victim_bps = rate * bits;
        let loss_ratio = (1.0 - victim_bps / alone_bps).max(0.0);
        CrosstalkPoint { offered_pps, victim_bps, loss_ratio }
    };
    let points: Vec<CrosstalkPoint> = rates.iter().map(point).collect();
    let worst_loss_ratio = points.iter().map(|p| p.loss_ratio).fold(0.0, f64::max);
    Ok(Crosstalk { architecture: architecture.id, alone_bps, points, worst_loss_ratio })
}

/// VM 1's rate at each rate of the flood, beginning with none, and the CPUs found to be crowded.
fn ramp(
    architecture: &Architecture,
    two: &Scenario,
    overload_pps: f64,
    crowded: &Crowded,
) -> Result<(Vec<(f64, f64)>, Crowded), ArchitectureError> {
    let (mut rates, mut found) = (Vec::new(), crowded.clone());
    for step in 0..=STEPS {
        let offered_pps = overload_pps * f64::from(step) / f64::from(STEPS);
        let flood = Some(Flood { rate_pps: offered_pps.max(IDLE_PPS) });
        let settled = settle(architecture, two, flood, crowded)?;
        let rate = settled.results.entries[settled.assembly.load.index()].throughput.mean;
        rates.push((offered_pps, rate / MICROSECOND));
        found.extend(settled.crowded);
    }
    Ok((rates, found))
}

/// The same at full overload by simulation: the loss, and half the width of its interval.
///
/// # Errors
/// [`ArchitectureError`].
pub fn crosstalk_simulated(
    architecture: &Architecture,
    scenario: &Scenario,
    overload_pps: f64,
    options: &sim::Options,
) -> Result<(f64, f64), ArchitectureError> {
    let two = reserved(scenario);
    let of = |rate_pps: f64| {
        let flood = Some(Flood { rate_pps });
        let assembly = settle(architecture, &two, flood, &Crowded::new())?.assembly;
        let results = sim::simulate(&assembly.model, options)?;
        Ok::<_, ArchitectureError>(results.entries[assembly.load.index()].throughput)
    };
    let (alone, beside) = (of(IDLE_PPS)?, of(overload_pps)?);
    let width = |e: crate::Estimate| e.half_width_95.unwrap_or(0.0) / e.mean;
    Ok((1.0 - beside.mean / alone.mean, width(alone) + width(beside)))
}

/// The model of the crosstalk question, to be written out or solved elsewhere.
///
/// # Errors
/// [`ArchitectureError`].
pub fn crosstalk_model(
    architecture: &Architecture,
    scenario: &Scenario,
    offered_pps: f64,
) -> Result<Model, ArchitectureError> {
    in_range("offered packets per second", offered_pps, IDLE_PPS, 1e9)?;
    let flood = Some(Flood { rate_pps: offered_pps });
    settle(architecture, &reserved(scenario), flood, &Crowded::new()).map(|s| s.assembly.model)
}

/// VM 1 alone with a third of the cores.
fn reserved(scenario: &Scenario) -> Scenario {
    let load = match scenario.load {
        Load::Open { direction, .. } => Load::bulk(direction, 1),
        other => other,
    };
    Scenario { vms: 1, share: Some(1.0 / 3.0), load, ..scenario.clone() }
}

fn per_cycle(load: Load) -> f64 {
    match load {
        Load::Web(web) => web.response_packets,
        _ => 1.0,
    }
}

/// Whether the flood comes in or goes out.
#[must_use]
pub fn flood_direction(load: Load) -> Direction {
    match load {
        Load::Bulk { direction, .. } | Load::Open { direction, .. } => direction,
        Load::Web(_) => Direction::Receive,
    }
}
