// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the benchmark: published ratios against the solved models, and crosstalk.

use evenkeel_model::BenchRow;

use super::claims::{Claim, claims};
use super::{
    Architecture, ArchitectureError, Direction, Load, Machine, Scenario, crosstalk,
    crosstalk_simulated, overload_pps,
};
use crate::sim;

/// How far a ratio may be from what was published.
const ERROR_MAX: f64 = 0.05;
/// Crosstalk that contexts in the device may have.
const CROSSTALK_MAX: f64 = 0.01;
/// What "large" means for the driver domain: half of the throughput gone.
const LARGE: f64 = 0.5;

/// All rows.
#[must_use]
pub fn rows() -> Vec<BenchRow> {
    let mut rows: Vec<BenchRow> = claims().iter().filter(|c| c.promised).map(claim_row).collect();
    for direction in [Direction::Receive, Direction::Send] {
        let way = direction.as_str();
        for id in ["driver-domain", "linux-vhost"] {
            // On send a vhost worker is the VM's own; what is shared is the wire.
            if id == "linux-vhost" && direction == Direction::Send {
                continue;
            }
            let loss = loss(id, direction).unwrap_or(f64::NAN);
            let name = format!("crosstalk {id} {way}: VM 1's loss, VM 2 overloaded");
            rows.push(BenchRow::at_least(name, 100.0 * loss, "%", 100.0 * LARGE));
        }
        for id in ["hdreconfig-vdi", "sr-iov", "siov"] {
            let loss = loss(id, direction).unwrap_or(f64::NAN);
            let name = format!("crosstalk {id} {way}, hooks: VM 1's loss, VM 2 overloaded");
            rows.push(BenchRow::at_most(name, 100.0 * loss, "%", 100.0 * CROSSTALK_MAX));
        }
    }
    let simulated = simulated_loss().unwrap_or(f64::NAN);
    let name = "crosstalk hdreconfig-vdi receive, hooks, simulated: VM 1's loss or its uncertainty";
    rows.push(BenchRow::at_most(name, 100.0 * simulated, "%", 100.0 * CROSSTALK_MAX));
    rows
}

fn claim_row(claim: &Claim) -> BenchRow {
    let answer = (claim.model)().unwrap_or(f64::NAN);
    let name = format!(
        "{} {} {}: model {}, {}",
        claim.study,
        claim.what,
        claim.published_text(),
        claim.text(answer),
        claim.standing.as_str()
    );
    // A maximum with 0 would hide what is not a number.
    let error = if answer.is_finite() { claim.error(answer) } else { f64::NAN };
    BenchRow::at_most(name, 100.0 * error, "% off", 100.0 * ERROR_MAX)
}

fn scenario(id: &str, direction: Direction) -> Result<(Architecture, Scenario), ArchitectureError> {
    let scenario = Scenario::new(Machine::named("today")?, 1, Load::bulk(direction, 1));
    Ok((Architecture::named(id)?, scenario))
}

fn loss(id: &str, direction: Direction) -> Result<f64, ArchitectureError> {
    let (architecture, scenario) = scenario(id, direction)?;
    Ok(crosstalk(&architecture, &scenario, overload_pps(&scenario.machine))?.worst_loss_ratio)
}

/// Loss or uncertainty of the simulator's answer, whichever is larger.
fn simulated_loss() -> Result<f64, ArchitectureError> {
    let (architecture, scenario) = scenario("hdreconfig-vdi", Direction::Receive)?;
    // Three million left an uncertainty of 1.5 %, which says nothing about a loss of 1 %.
    let events = 24_000_000;
    let options = sim::Options { seed: 1, events, events_max: events, ..sim::Options::default() };
    let (loss, width) =
        crosstalk_simulated(&architecture, &scenario, overload_pps(&scenario.machine), &options)?;
    Ok(loss.abs().max(width))
}
