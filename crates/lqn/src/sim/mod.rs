// SPDX-License-Identifier: MIT OR Apache-2.0
//! Discrete-event simulation of a model: seeded, with batch means and 95 % confidence intervals.
//!
//! A replication depends on the model, the options and its number only, so replications can run
//! anywhere and in any order: [`simulate`] runs them one after the other, [`simulate_with`] hands
//! them to the caller, who may have threads (this crate has none).
//!
//! Semantics: stochastic phases make a geometric number of calls between slices; deterministic
//! phases make exactly their calls in the order of the list, between slices of equal mean. A
//! reference task with several entries picks one at random for each cycle. Phase think time is one
//! exponential pause before the first slice. A task with priorities never takes back a request it
//! has started. Concurrent branches of an activity graph execute on the task's processor beside each
//! other; loops go round a geometric number of times.

mod calendar;
mod code;
mod engine;
mod estimate;
mod fifo;
mod host;
mod random;
mod tally;

use code::Code;
use engine::{Engine, Stop};
use tally::Tally;

use crate::error::{Element, ElementKind};
use crate::model::{Model, TaskId};
use crate::results::Results;

/// Batches per replication: enough for a t quantile of 2.05, long enough not to be correlated.
const BATCHES: usize = 30;

/// How long, how often, how exact.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Seed; the same options give the same answer.
    pub seed: u64,
    /// Independent replications.
    pub replications: u32,
    /// Events of a replication at first (before precision asks for more), warm-up included.
    pub events: u64,
    /// Events of a replication at most.
    pub events_max: u64,
    /// Go on until every throughput, service time and open response of the replication has a
    /// confidence interval of at most this part of its mean, or `events_max` is reached.
    pub precision: Option<f64>,
}

impl Default for Options {
    /// A second of a core.
    fn default() -> Self {
        let events = 2_000_000;
        Self { seed: 1, replications: 1, events, events_max: 10 * events, precision: None }
    }
}

/// Why a model could not be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimError {
    /// Requests arrive faster than they are served.
    #[error("{0} is unstable: requests pile up without end")]
    Unstable(Element),
    /// Zero demands and think times all around.
    #[error("{0} cycles without taking any time")]
    Instant(Element),
    /// Branches of an activity graph that are never all there.
    #[error("{0} waits for ever at a join of its activity graph")]
    Unjoined(Element),
    /// No event is left.
    #[error("{0} comes to a standstill: nothing is left to happen")]
    Dead(Element),
    /// Options out of range.
    #[error("{0}")]
    Options(&'static str),
}

/// One replication that has not run yet: plain data that can go to another thread.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    model: &'a Model,
    options: &'a Options,
    number: u32,
}

/// What one replication counted.
#[derive(Debug, Clone)]
pub struct Replication {
    batches: Vec<Tally>,
    events: u64,
}

impl Replication {
    /// Events processed, warm-up included.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }
}

impl Job<'_> {
    /// Runs the replication.
    ///
    /// # Errors
    /// [`SimError`], naming the element.
    pub fn run(&self) -> Result<Replication, SimError> {
        let code = Code::new(self.model);
        self.batches(&code).map_err(|stop| error(self.model, stop))
    }

    fn batches(&self, code: &Code) -> Result<Replication, Stop> {
        let options = self.options;
        let mut engine = Engine::new(code, options.seed, u64::from(self.number))?;
        // A tenth is warm-up: ten times the time in which the state forgets its start would do,
        // and models rarely take more than thousands of events for that.
        let warm_up = (options.events / 10).max(1);
        engine.run_events(warm_up)?;
        let elapsed = engine.cut().time;
        let mut batches: Vec<Tally> = Vec::new();
        // Batches are equal spans of time, as long as so many events took at first.
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let mut span = elapsed * 9.0 / BATCHES as f64;
        loop {
            while batches.len() < BATCHES {
                engine.run_time(span)?;
                batches.push(engine.cut());
            }
            let done = engine.events >= options.events_max
                || options.precision.is_none_or(|p| estimate::precise(self.model, &batches, p));
            if done {
                return Ok(Replication { batches, events: engine.events });
            }
            // Twice as long batches: neighbours join, and as many again follow.
            batches = batches.chunks(2).map(join).collect();
            span *= 2.0;
        }
    }
}

fn join(pair: &[Tally]) -> Tally {
    let mut sum = pair[0].clone();
    pair[1..].iter().for_each(|t| sum.add(t));
    sum
}

/// Simulates on this thread.
///
/// # Errors
/// [`SimError`], naming the element.
pub fn simulate(model: &Model, options: &Options) -> Result<Results, SimError> {
    simulate_with(model, options, |jobs| jobs.iter().map(Job::run).collect())
}

/// Simulates with the caller's way of running jobs, for example a thread each. Answers may come in
/// any order.
///
/// # Errors
/// [`SimError`], naming the element.
pub fn simulate_with(
    model: &Model,
    options: &Options,
    run: impl FnOnce(&[Job<'_>]) -> Result<Vec<Replication>, SimError>,
) -> Result<Results, SimError> {
    if options.events < 1_000 {
        return Err(SimError::Options("a replication needs at least 1000 events"));
    }
    if options.replications == 0 || options.replications > 10_000 {
        return Err(SimError::Options("replications must be from 1 to 10000"));
    }
    let asked = model;
    let model = model.flat.as_ref().map_or(model, |flat| &flat.model);
    let jobs: Vec<Job<'_>> =
        (0..options.replications).map(|number| Job { model, options, number }).collect();
    let replications = run(&jobs)?;
    let events = replications.iter().map(|r| r.events).sum();
    let batches: Vec<Tally> = replications.into_iter().flat_map(|r| r.batches).collect();
    let results = estimate::results(model, &batches, events);
    Ok(asked.flat.as_ref().map_or_else(|| results.clone(), |flat| flat.fold(asked, &results)))
}

fn error(model: &Model, stop: Stop) -> SimError {
    let task = |id: u32| {
        let t = &model.tasks()[TaskId(id).index()];
        Element { kind: ElementKind::Task, name: t.name.clone(), line: t.line }
    };
    match stop {
        Stop::Unstable(id) => SimError::Unstable(task(id)),
        Stop::Instant(id) => SimError::Instant(task(id)),
        Stop::Unjoined(id) => SimError::Unjoined(task(id)),
        Stop::Dead => {
            let name = model.name().to_owned();
            SimError::Dead(Element { kind: ElementKind::Model, name, line: 0 })
        }
    }
}
