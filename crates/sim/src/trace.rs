// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who ran when, recorded stretch by stretch. Pictures of it and files for trace viewers are made
//! elsewhere (`evenkeel-report`), from this.

use evenkeel_model::{Instant, Span};

use crate::engine::threads_of;
use crate::record::{Mark, Record};
use crate::run::TraceLimit;
use crate::scenario::Scenario;
use crate::scheduler::{CapsuleId, Cpu, SchedulerKind, ThreadId};

/// A thread, a lane of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    /// The thread's name.
    pub thread: String,
    /// Its capsule's name.
    pub capsule: String,
    /// The capsule's place in the scenario, which chooses the colour.
    pub capsule_index: usize,
}

/// A time in which a thread had a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The thread, by its lane.
    pub lane: usize,
    /// The CPU.
    pub cpu: usize,
    /// When it began.
    pub from: Instant,
    /// When it ended.
    pub to: Instant,
    /// Interrupts had the CPU instead.
    pub stolen: bool,
}

/// A time in which a thread had work, running or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The thread, by its lane.
    pub lane: usize,
    /// When work came.
    pub from: Instant,
    /// When all of it was done.
    pub to: Instant,
}

/// What a mark in a trace says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A capsule's budget ran out.
    Throttled,
    /// A capsule has a new budget.
    Replenished,
    /// A server came to its deadline with budget and work left.
    ServerMissed,
    /// A job was done too late.
    Late,
}

impl Moment {
    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Moment::Throttled => "out of budget",
            Moment::Replenished => "new budget",
            Moment::ServerMissed => "server missed its deadline",
            Moment::Late => "job too late",
        }
    }
}

/// Something that happened at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What.
    pub moment: Moment,
    /// Of which capsule, by its place.
    pub capsule: usize,
    /// On which CPU; a late job names none.
    pub cpu: Option<usize>,
    /// Whose job, by its lane.
    pub lane: Option<usize>,
}

/// A recorded run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// The scheduler.
    pub scheduler: SchedulerKind,
    /// The threads.
    pub lanes: Vec<Lane>,
    /// How many CPUs there are.
    pub cpus: usize,
    /// Up to where the trace goes.
    pub end: Instant,
    /// Who ran, in order of their ends on each CPU.
    pub stretches: Vec<Stretch>,
    /// Who had work, in order of its ends.
    pub backlogs: Vec<Backlog>,
    /// What happened beside, in order.
    pub events: Vec<Event>,
    /// Whether the limit of entries cut it short, at `end`.
    pub is_cut: bool,
}

impl Trace {
    /// CPU time that a lane had.
    pub fn ran(&self, lane: usize) -> Span {
        let own = self.stretches.iter().filter(|stretch| stretch.lane == lane && !stretch.stolen);
        own.fold(Span::ZERO, |sum, stretch| sum + (stretch.to - stretch.from))
    }
}

/// Records a run.
#[derive(Debug)]
pub(crate) struct Tracer {
    trace: Trace,
    limit: TraceLimit,
    /// The stretch of each CPU that may still grow.
    open: Vec<Option<Stretch>>,
    /// Since when each thread has work.
    since: Vec<Option<Instant>>,
    capsules: Vec<usize>,
}

impl Tracer {
    pub(crate) fn new(scenario: &Scenario, kind: SchedulerKind, limit: TraceLimit) -> Tracer {
        let cast = threads_of(scenario);
        let lane = |index: usize| {
            let capsule = cast[index].spec.capsule.0;
            Lane {
                thread: cast[index].name.clone(),
                capsule: scenario.capsules[capsule].name.to_string(),
                capsule_index: capsule,
            }
        };
        let cpus = scenario.machine.cpus as usize;
        Tracer {
            capsules: cast.iter().map(|cast| cast.spec.capsule.0).collect(),
            trace: Trace {
                scheduler: kind,
                lanes: (0..cast.len()).map(lane).collect(),
                cpus,
                end: limit.until.min(Instant::ORIGIN.saturating_add(scenario.duration)),
                stretches: Vec::new(),
                backlogs: Vec::new(),
                events: Vec::new(),
                is_cut: false,
            },
            limit,
            open: vec![None; cpus],
            since: vec![None; cast.len()],
        }
    }

    /// The trace, all stretches closed.
    pub(crate) fn finish(mut self) -> Trace {
        let open: Vec<Stretch> = self.open.iter_mut().filter_map(Option::take).collect();
        open.into_iter().for_each(|stretch| self.keep(stretch));
        let end = self.trace.end;
        for lane in 0..self.since.len() {
            self.work(end, ThreadId(lane), false);
        }
        self.trace
    }

    fn keep(&mut self, stretch: Stretch) {
        let to = stretch.to.min(self.trace.end);
        if stretch.from < to && self.has_room(stretch.from) {
            self.trace.stretches.push(Stretch { to, ..stretch });
        }
    }

    fn has_room(&mut self, at: Instant) -> bool {
        if self.trace.is_cut || at > self.trace.end {
            return false;
        }
        let Trace { stretches, backlogs, events, .. } = &self.trace;
        if stretches.len() + backlogs.len() + events.len() >= self.limit.entries {
            self.trace.is_cut = true;
            self.trace.end = at;
        }
        !self.trace.is_cut
    }

    fn event(&mut self, event: Event) {
        if self.has_room(event.at) {
            self.trace.events.push(event);
        }
    }
}

impl Record for Tracer {
    fn ran(&mut self, cpu: Cpu, thread: ThreadId, from: Instant, to: Instant, stolen: bool) {
        let stretch = Stretch { lane: thread.0, cpu: cpu.0, from, to, stolen };
        match &mut self.open[cpu.0] {
            Some(open)
                if (open.lane, open.stolen, open.to) == (stretch.lane, stolen, stretch.from) =>
            {
                open.to = to;
            }
            open => {
                if let Some(done) = open.replace(stretch) {
                    self.keep(done);
                }
            }
        }
    }

    fn mark(&mut self, at: Instant, cpu: Cpu, capsule: CapsuleId, mark: Mark) {
        let moment = match mark {
            Mark::Throttled => Moment::Throttled,
            Mark::Replenished => Moment::Replenished,
            Mark::ServerMissed => Moment::ServerMissed,
        };
        self.event(Event { at, moment, capsule: capsule.0, cpu: Some(cpu.0), lane: None });
    }

    fn late(&mut self, at: Instant, thread: ThreadId) {
        let capsule = self.capsules[thread.0];
        self.event(Event { at, moment: Moment::Late, capsule, cpu: None, lane: Some(thread.0) });
    }

    fn work(&mut self, at: Instant, thread: ThreadId, has: bool) {
        if has {
            self.since[thread.0] = Some(at);
            return;
        }
        let to = at.min(self.trace.end);
        let Some(from) = self.since[thread.0].take().filter(|from| *from < to) else { return };
        if self.has_room(from) {
            self.trace.backlogs.push(Backlog { lane: thread.0, from, to });
        }
    }
}
