// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the parameters with which the simulation meets two points, and predicts the others.
//!
//! Each parameter has one figure that it moves most, so a few rounds of one correction each meet
//! all of them:
//!
//! | parameter | figure | at |
//! |---|---|---|
//! | `packet` | A's throughput beside an idle B, mean of both points | both |
//! | `delay` | B's throughput, which with 60 % of the CPU waits for the network | `tcp` |
//! | `refill_rate` | what A keeps | `compute` |
//! | `interrupt` | what A keeps | `tcp` |

use evenkeel_model::Span;
use serde::Serialize;

use super::data::{Kind, MeasureError, Measured, Point};
use super::parameters::{PACKET_BYTES, Parameters, Stage, WINDOW};
use crate::{Outcome, SchedulerKind, SimError, run};

/// B's share at the two points that are fitted.
const FITTED_SHARE_PERCENT: u64 = 60;

/// Rounds of corrections; after them every figure is met to within half a per cent, B's to two.
const ROUNDS: u32 = 3;

/// Delays tried in each.
const DELAYS: u32 = 6;

/// An interrupt with all that belongs to it costs one to four microseconds on hosts of this kind;
/// a fit beyond ten has found something else.
const INTERRUPT_MAX_NS: f64 = 10_000.0;

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// No points.
    #[error(transparent)]
    Measured(#[from] MeasureError),
    /// A point that cannot be simulated.
    #[error("a point of neighbour cannot be simulated: {0}")]
    Sim(#[from] SimError),
}

/// Parameters, and every point against the simulation with them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// What was fitted.
    pub parameters: Parameters,
    /// All points, in the order of the measurement.
    pub predictions: Vec<Prediction>,
}

/// One point, measured and simulated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// What was measured.
    pub measured: Point,
    /// Whether it was used to fit.
    pub fitted: bool,
    /// A's throughput beside B in the simulation.
    pub throughput_bps: f64,
    /// Over that beside an idle B.
    pub kept_ratio: f64,
    /// B's throughput, where it receives.
    pub neighbour_bps: Option<f64>,
    /// B's CPU time, as a fraction of the time.
    pub neighbour_supply_ratio: f64,
}

impl Prediction {
    /// Simulated over measured throughput of A, less one.
    pub fn error(&self) -> f64 {
        self.throughput_bps / self.measured.throughput_bps() - 1.0
    }

    /// The same for B, where it receives.
    pub fn neighbour_error(&self) -> Option<f64> {
        Some(self.neighbour_bps? / self.measured.neighbour_bps? - 1.0)
    }
}

/// What one simulation shows.
struct Shown {
    a_bps: f64,
    b_bps: f64,
    b_supply_ratio: f64,
}

/// Fits the two points of `measured` with B at 60 %, and predicts all.
///
/// # Errors
/// If the points are not there or cannot be simulated.
pub fn calibrate(measured: &Measured) -> Result<Calibration, CalibrationError> {
    let parameters = fit(measured)?;
    let stage = stage(measured);
    let alone = show(&parameters, stage, None)?;
    let prediction = |point: &Point| -> Result<Prediction, CalibrationError> {
        let shown = show(&parameters, stage, Some((point.kind, point.share_percent)))?;
        Ok(Prediction {
            measured: *point,
            fitted: point.share_percent == FITTED_SHARE_PERCENT,
            throughput_bps: shown.a_bps,
            kept_ratio: shown.a_bps / alone.a_bps,
            neighbour_bps: (point.kind == Kind::Tcp).then_some(shown.b_bps),
            neighbour_supply_ratio: shown.b_supply_ratio,
        })
    };
    let predictions = measured.points.iter().map(prediction).collect::<Result<_, _>>()?;
    Ok(Calibration { parameters, predictions })
}

/// The parameters that meet the two points of `measured` with B at 60 %.
///
/// # Errors
/// If the points are not there or cannot be simulated.
pub fn fit(measured: &Measured) -> Result<Parameters, CalibrationError> {
    let tcp = measured.point(Kind::Tcp, FITTED_SHARE_PERCENT)?;
    let compute = measured.point(Kind::Compute, FITTED_SHARE_PERCENT)?;
    let stage = stage(measured);
    let alone_bps = f64::midpoint(tcp.alone_bps, compute.alone_bps);
    let mut p = first_guess(stage, alone_bps, &tcp, &compute);
    for _ in 0..ROUNDS {
        let alone = show(&p, stage, None)?;
        p.packet = scaled(p.packet, alone.a_bps / alone_bps);
        let alone = show(&p, stage, None)?;
        let beside = show(&p, stage, Some((Kind::Compute, FITTED_SHARE_PERCENT)))?;
        let lost = 1.0 - beside.a_bps / alone.a_bps;
        // What A loses is the rate times what others ran, so it is in proportion to the rate.
        if lost > 0.0 {
            p.refill_rate *= loss(&compute) / lost;
        }
        p.interrupt = interrupt(&p, stage, &tcp)?;
        p.delay = delay(&p, stage, &tcp)?;
    }
    Ok(p)
}

/// The delay with which B gets what it got at `tcp`. Its throughput falls with the delay, in small
/// jumps where more of a window fits between two turns of A; so the best of a few corrections, each
/// in proportion to what is missing, is taken.
fn delay(p: &Parameters, stage: Stage, tcp: &Point) -> Result<Span, CalibrationError> {
    let Some(wanted_bps) = tcp.neighbour_bps else { return Ok(p.delay) };
    let (mut best, mut best_off) = (p.delay, f64::INFINITY);
    let mut tried = p.delay;
    for _ in 0..DELAYS {
        let parameters = Parameters { delay: tried, ..*p };
        let beside = show(&parameters, stage, Some((Kind::Tcp, FITTED_SHARE_PERCENT)))?;
        let factor = beside.b_bps / wanted_bps;
        if (factor - 1.0).abs() < best_off {
            (best, best_off) = (tried, (factor - 1.0).abs());
        }
        tried = scaled(tried, factor);
    }
    Ok(best)
}

/// The interrupt with which A loses at `tcp` what it lost there: by the secant through none and
/// one microsecond, since the loss is their number times their cost. None where cold caches alone
/// take as much already.
fn interrupt(p: &Parameters, stage: Stage, tcp: &Point) -> Result<Span, CalibrationError> {
    let lost = |interrupt: Span| -> Result<f64, CalibrationError> {
        let tried = Parameters { interrupt, ..*p };
        let alone = show(&tried, stage, None)?;
        let beside = show(&tried, stage, Some((Kind::Tcp, FITTED_SHARE_PERCENT)))?;
        Ok(1.0 - beside.a_bps / alone.a_bps)
    };
    let unit = Span::from_us(1);
    let (none, one) = (lost(Span::ZERO)?, lost(unit)?);
    let each = one - none;
    if each <= 0.0 {
        return Ok(Span::ZERO);
    }
    let ns = (loss(tcp) - none) / each * unit.as_ns() as f64;
    Ok(whole_ns(ns.clamp(0.0, INTERRUPT_MAX_NS)))
}

/// Where the search begins: what the figures say if nothing else mattered.
fn first_guess(stage: Stage, alone_bps: f64, tcp: &Point, compute: &Point) -> Parameters {
    let share = stage.reservation.bandwidth().as_fraction();
    let packet_bits = f64::from(PACKET_BYTES) * 8.0;
    let packet = whole_ns(share / (alone_bps / packet_bits) * 1e9);
    let b_pps = tcp.neighbour_bps.unwrap_or(alone_bps) / packet_bits;
    // A window each delay, whenever A leaves the CPU.
    let delay = whole_ns((1.0 - share) * f64::from(WINDOW) / b_pps * 1e9);
    let refill_rate = loss(compute) * share / compute.neighbour_supply_ratio;
    Parameters { packet, delay, refill_rate, interrupt: Span::ZERO }
}

/// What A loses at a point; a gain is noise and counts as nothing.
fn loss(point: &Point) -> f64 {
    (1.0 - point.kept_ratio).max(0.0)
}

fn stage(measured: &Measured) -> Stage {
    Stage {
        reservation: measured.reservation,
        neighbour_period: Span::from_ns(measured.neighbour_period_ns),
    }
}

/// The lab ran under real-time groups.
fn show(
    parameters: &Parameters,
    stage: Stage,
    beside: Option<(Kind, u64)>,
) -> Result<Shown, CalibrationError> {
    let outcome: Outcome = run(&parameters.scenario(stage, beside), SchedulerKind::Rtgroup)?;
    let bps = |name| outcome.workload(name).map_or(0.0, |workload| workload.throughput_bps);
    Ok(Shown {
        a_bps: bps("a"),
        b_bps: bps("b"),
        b_supply_ratio: outcome.capsule("b").map_or(0.0, |capsule| capsule.supply_cpus),
    })
}

fn scaled(span: Span, factor: f64) -> Span {
    // Spans of packets and delays are far below 2^53 ns, where f64 is exact.
    whole_ns(span.as_ns() as f64 * factor)
}

/// To the nearest nanosecond, at least one, at most a second.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is between 0 and 10^9"
)]
fn whole_ns(ns: f64) -> Span {
    if ns.is_finite() { Span::from_ns(ns.round().clamp(0.0, 1e9) as u64) } else { Span::ZERO }
}
