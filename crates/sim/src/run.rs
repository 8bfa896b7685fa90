// SPDX-License-Identifier: MIT OR Apache-2.0
//! One call: a scenario under a scheduler, with or without a trace.

use evenkeel_model::{Instant, Span};

use crate::engine::{Engine, threads_of};
use crate::outcome::{CapsuleOutcome, Events, Outcome, WorkloadOutcome};
use crate::record::{Nothing, Record};
use crate::scenario::{Scenario, ScenarioError, WorkloadKind};
use crate::scheduler::{
    Capsules, Fair, FixedPriority, PERIOD_MAX, QUOTA_MIN, Refusal, Scheduler, SchedulerKind,
    ThreadSpec,
};
use crate::trace::{Trace, Tracer};

/// Why a scenario could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The scenario makes no sense.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The capsule scheduler does not take it.
    #[error("the capsule scheduler refuses {0}")]
    Refused(#[from] Refusal),
    /// `cpu.max` does not have such a quota or period.
    #[error(
        "cpu.max has no {budget} every {period} for capsule '{capsule}': the kernel takes quotas \
         from {QUOTA_MIN} and periods up to {PERIOD_MAX}"
    )]
    Quota {
        /// The capsule.
        capsule: String,
        /// Its budget.
        budget: Span,
        /// Its period.
        period: Span,
    },
    /// More events than anybody waits for.
    #[error(
        "the simulation has come to {at} only, after as many events as are simulated at most; \
         shorten the duration, or make arrivals coarser"
    )]
    TooManyEvents {
        /// How far it came.
        at: Instant,
    },
}

/// How much of a run a trace keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceLimit {
    /// Nothing that begins later is kept.
    pub until: Instant,
    /// Nor more stretches and marks than this.
    pub entries: usize,
}

impl Default for TraceLimit {
    /// All of it, up to a million entries: some 100 MB as a Chrome trace, which is what its viewers
    /// still open.
    fn default() -> TraceLimit {
        TraceLimit { until: Instant::NEVER, entries: 1_000_000 }
    }
}

/// Runs `scenario` under `kind`.
///
/// # Errors
/// If the scenario makes no sense, the scheduler does not take it, or it has too many events.
pub fn run(scenario: &Scenario, kind: SchedulerKind) -> Result<Outcome, SimError> {
    recorded(scenario, kind, Nothing).map(|(outcome, _)| outcome)
}

/// As [`run`], and keeps who ran when.
///
/// # Errors
/// As [`run`].
pub fn run_traced(
    scenario: &Scenario,
    kind: SchedulerKind,
    limit: TraceLimit,
) -> Result<(Outcome, Trace), SimError> {
    let tracer = Tracer::new(scenario, kind, limit);
    recorded(scenario, kind, tracer).map(|(outcome, tracer)| (outcome, tracer.finish()))
}

/// As [`run`], recorded by whatever `recorder` is.
pub(crate) fn recorded<R: Record>(
    scenario: &Scenario,
    kind: SchedulerKind,
    recorder: R,
) -> Result<(Outcome, R), SimError> {
    scenario.check()?;
    let threads: Vec<ThreadSpec> = threads_of(scenario).into_iter().map(|cast| cast.spec).collect();
    match kind {
        SchedulerKind::Capsule => {
            drive(scenario, kind, Capsules::new(scenario, &threads)?, recorder)
        }
        SchedulerKind::Rtgroup => {
            let own = scenario.own_parts()?;
            let budgets: Vec<Option<Span>> =
                own.iter().map(|own| own.as_ref().map(|own| own.reservation.budget())).collect();
            let scheduler = FixedPriority::new(scenario, &threads, Some(&budgets));
            drive(scenario, kind, scheduler, recorder)
        }
        SchedulerKind::Fifo => {
            drive(scenario, kind, FixedPriority::new(scenario, &threads, None), recorder)
        }
        SchedulerKind::Eevdf => {
            drive(scenario, kind, Fair::new(scenario, &threads, None), recorder)
        }
        SchedulerKind::CpuMax => {
            let quotas = quotas(scenario)?;
            drive(scenario, kind, Fair::new(scenario, &threads, Some(&quotas)), recorder)
        }
    }
}

/// The quota of each capsule: its own part on all its CPUs together.
fn quotas(scenario: &Scenario) -> Result<Vec<Span>, SimError> {
    let own = scenario.own_parts()?;
    let quota =
        |(capsule, own): (&crate::scenario::CapsuleSpec, &Option<evenkeel_theory::Held>)| {
            let (budget, period) = (capsule.reservation.budget(), capsule.reservation.period());
            let error = SimError::Quota { capsule: capsule.name.to_string(), budget, period };
            let budget = own.as_ref().map_or(Span::ZERO, |own| own.reservation.budget());
            let quota = budget.checked_mul(capsule.cpus.len() as u64).unwrap_or(budget);
            // A capsule without an own part has no threads, and no group of its own.
            let possible = own.is_none() || quota >= QUOTA_MIN;
            if possible && period <= PERIOD_MAX { Ok(quota) } else { Err(error) }
        };
    scenario.capsules.iter().zip(&own).map(quota).collect()
}

fn drive<S: Scheduler, R: Record>(
    scenario: &Scenario,
    kind: SchedulerKind,
    scheduler: S,
    recorder: R,
) -> Result<(Outcome, R), SimError> {
    let mut engine = Engine::new(scenario, scheduler, recorder);
    engine.run().map_err(|limit| SimError::TooManyEvents { at: limit.at })?;
    let outcome = outcome(scenario, kind, &engine)?;
    Ok((outcome, engine.recorder))
}

fn outcome<S: Scheduler, R: Record>(
    scenario: &Scenario,
    kind: SchedulerKind,
    engine: &Engine<S, R>,
) -> Result<Outcome, SimError> {
    let measured = scenario.duration.saturating_sub(scenario.warmup);
    let counts = engine.counts;
    Ok(Outcome {
        scheduler: kind,
        seed: scenario.seed,
        measured,
        capsules: capsules(scenario, engine, measured)?,
        workloads: workloads(scenario, engine, measured),
        stolen: engine.stolen(),
        events: Events {
            calendar: counts.events,
            arrivals: counts.arrivals,
            completions: counts.completions,
            timers: counts.timers,
            interrupts: counts.interrupts,
            switches: counts.switches,
            replenishments: counts.replenishments,
        },
    })
}

fn capsules<S: Scheduler, R: Record>(
    scenario: &Scenario,
    engine: &Engine<S, R>,
    measured: Span,
) -> Result<Vec<CapsuleOutcome>, SimError> {
    let own = scenario.own_parts()?;
    let one = |(index, state): (usize, &crate::engine::CapsuleState)| {
        let spec = &scenario.capsules[index];
        CapsuleOutcome {
            name: spec.name.to_string(),
            budget: own[index].as_ref().map_or(Span::ZERO, |own| own.reservation.budget()),
            period: spec.reservation.period(),
            cpus: spec.cpus.len(),
            supply: Span::from_ns(state.supply_ns),
            supply_cpus: state.supply_ns as f64 / measured.as_ns() as f64,
            stolen: Span::from_ns(state.stolen_ns),
            overhead: Span::from_ns(state.overhead_ns),
            throttled: state.throttled,
            server_misses: state.server_misses,
        }
    };
    Ok(engine.capsules.iter().enumerate().map(one).collect())
}

fn workloads<S: Scheduler, R: Record>(
    scenario: &Scenario,
    engine: &Engine<S, R>,
    measured: Span,
) -> Vec<WorkloadOutcome> {
    let one = |(spec, state): (&crate::scenario::WorkloadSpec, &crate::engine::WorkState)| {
        let responses = &state.responses;
        let some = |span: Span| (responses.total() > 0).then_some(span);
        let bits = state.packets_done as f64 * f64::from(packet_bytes(&spec.kind)) * 8.0;
        WorkloadOutcome {
            name: spec.name.clone(),
            capsule: scenario.capsules[spec.capsule].name.to_string(),
            kind: spec.kind.as_str(),
            jobs: responses.total(),
            p50: some(responses.quantile(500)),
            p99: some(responses.quantile(990)),
            max: some(responses.longest()),
            mean: some(responses.mean()),
            deadline: spec.kind.deadline(),
            missed: state.missed,
            unfinished: state.unfinished,
            dropped: state.dropped,
            packets: state.packets_in,
            packets_taken: state.packets_done,
            packets_dropped: state.packets_dropped,
            throughput_bps: bits / (measured.as_ns() as f64 / 1e9),
        }
    };
    scenario.workloads.iter().zip(&engine.work).map(one).collect()
}

fn packet_bytes(kind: &WorkloadKind) -> u32 {
    match kind {
        WorkloadKind::Stream { packet_bytes, .. }
        | WorkloadKind::Flood { packet_bytes, .. }
        | WorkloadKind::Requests { packet_bytes, .. } => *packet_bytes,
        _ => 0,
    }
}
