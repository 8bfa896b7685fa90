// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replays a record, of the scheduler in the kernel for example, against the policy, and reports the
//! first disagreement that lasts longer than a tolerance.
//!
//! The two go in lockstep: the policy gets the recorded arrivals, blocks and charges (what a CPU
//! executed is charged to whom the record says it ran), so that a small difference does not grow.
//! What the policy decides it does at once: its timers fire on time and who is sent for comes
//! immediately. The record may lag behind it, each time, by the tolerance.
//!
//! Compared are: who runs on each CPU; by how much servers overrun; and, for servers whose
//! replenishments are recorded, their deadlines and budgets. A record ends where it ends: a
//! difference then under way counts if it has lasted long enough.

use std::collections::BTreeMap;

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::budget::Budget;
use crate::config::ConfigError;
use crate::decision::Decision;
use crate::error::PolicyError;
use crate::event::Event;
use crate::ids::{ServerId, ThreadId};
use crate::policy::Policy;
use crate::trace::{Entry, Record, Trace};

/// How a record and the policy agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// Recorded events that were replayed.
    pub events: u64,
    /// Recorded decisions that were compared.
    pub decisions: u64,
    /// The longest time for which the two differed.
    pub longest: Span,
    /// The largest overrun of a server.
    pub overrun: Span,
}

/// The first disagreement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disagreement {
    /// The record's configuration is none.
    #[error("the record's configuration: {0}")]
    Config(#[source] ConfigError),
    /// The record tells of something that the policy does not take.
    #[error("record {index}, at {at}: {error}")]
    NotTaken {
        /// Which record, from zero.
        index: usize,
        /// When.
        at: Instant,
        /// Why not.
        #[source]
        error: PolicyError,
    },
    /// Time goes backwards.
    #[error("record {index} is at {at}, before the one before it")]
    Backwards {
        /// Which record, from zero.
        index: usize,
        /// When.
        at: Instant,
    },
    /// A CPU runs another thread than it should.
    #[error("CPU {cpu} from {at} to {until}: {} should run, {} does", who(*expected), who(*observed))]
    Runs {
        /// The CPU.
        cpu: CpuIndex,
        /// From when.
        at: Instant,
        /// To when at least.
        until: Instant,
        /// Whom the policy chose.
        expected: Option<ThreadId>,
        /// Who ran according to the record.
        observed: Option<ThreadId>,
    },
    /// A server ran on after its budget was spent.
    #[error("{server} had overrun its budget by {by} at {at}")]
    Overrun {
        /// The server.
        server: ServerId,
        /// When.
        at: Instant,
        /// By how much.
        by: Span,
    },
    /// A server has another deadline or budget than it should.
    #[error(
        "{server} from {at} to {until}: the deadline should be {} with {}, and is {} with {}",
        expected.0, expected.1, observed.0, observed.1
    )]
    Server {
        /// The server.
        server: ServerId,
        /// From when.
        at: Instant,
        /// To when at least.
        until: Instant,
        /// Deadline and budget as last replenished by the policy.
        expected: (Instant, Span),
        /// The same as recorded.
        observed: (Instant, Span),
    },
}

fn who(thread: Option<ThreadId>) -> String {
    thread.map_or_else(|| "nobody".to_owned(), |thread| thread.to_string())
}

/// One thing that both sides have a value of, and since when they differ.
#[derive(Clone, Copy, Debug)]
struct Compared<T> {
    expected: T,
    observed: T,
    differs_since: Option<Instant>,
}

impl<T: Copy> Compared<T> {
    const fn new(value: T) -> Compared<T> {
        Compared { expected: value, observed: value, differs_since: None }
    }

    /// Notes whether the two are the same from `at` on. Returns how long a difference that ends
    /// here has lasted.
    fn note(&mut self, at: Instant, same: bool) -> Span {
        if same {
            return self
                .differs_since
                .take()
                .map_or(Span::ZERO, |since| at.saturating_since(since));
        }
        self.differs_since = self.differs_since.or(Some(at));
        Span::ZERO
    }

    /// Since when the two differ, if that is longer than the tolerance.
    fn too_long(&self, at: Instant, tolerance: Span) -> Option<Instant> {
        self.differs_since.filter(|since| at.saturating_since(*since) > tolerance)
    }
}

/// A replay under way.
struct Replay {
    policy: Policy,
    tolerance: Span,
    cpus: Vec<Compared<Option<ThreadId>>>,
    /// Deadline and budget, of servers of which either side has said anything.
    servers: BTreeMap<ServerId, Compared<Option<(Instant, Span)>>>,
    decisions: Vec<Decision>,
    agreement: Agreement,
}

/// Replays `trace`; what differs for at most `tolerance` is the same.
pub fn replay(trace: &Trace, tolerance: Span) -> Result<Agreement, Disagreement> {
    let policy = Policy::new(trace.config).map_err(Disagreement::Config)?;
    let mut replay = Replay {
        policy,
        tolerance,
        cpus: vec![Compared::new(None); trace.config.cpus as usize],
        servers: BTreeMap::new(),
        decisions: Vec::new(),
        agreement: Agreement::default(),
    };
    let mut latest = Instant::ORIGIN;
    for (index, record) in trace.records.iter().enumerate() {
        if record.at < latest {
            return Err(Disagreement::Backwards { index, at: record.at });
        }
        latest = record.at;
        replay.until(record.at)?;
        replay.take(index, record)?;
    }
    replay.check(latest)?;
    Ok(replay.agreement)
}

impl Replay {
    /// Lets the policy's timers fire up to `at`, on time. Each fires once; a server's exhaustion is
    /// left to the record, which alone knows what was executed.
    fn until(&mut self, at: Instant) -> Result<(), Disagreement> {
        loop {
            let due = self.all_cpus().filter_map(|cpu| {
                let timer = self.policy.timer(cpu).filter(|timer| *timer < at)?;
                (self.policy.exhausts_at(cpu) != Some(timer)).then_some((timer, cpu))
            });
            let Some((timer, cpu)) = due.min() else { break };
            // A timer of the past is one that a late charge left behind.
            let now = timer.max(self.policy.now());
            self.check(now)?;
            self.tell(now, Event::Tick { cpu, executed: Span::ZERO });
        }
        self.check(at)
    }

    fn all_cpus(&self) -> impl Iterator<Item = CpuIndex> + use<> {
        (0..self.policy.config().cpus).map(CpuIndex)
    }

    fn take(&mut self, index: usize, record: &Record) -> Result<(), Disagreement> {
        let at = record.at;
        match record.entry {
            Entry::Decision(decision) => {
                self.agreement.decisions += 1;
                self.observe(at, decision);
                Ok(())
            }
            Entry::Event(event) => {
                self.agreement.events += 1;
                let told = self.arrive(at, event);
                told.map_err(|error| Disagreement::NotTaken { index, at, error })?;
                self.check_overruns(at)
            }
        }
    }

    /// A recorded event. What a CPU executed is charged to whom the record has running there.
    fn arrive(&mut self, at: Instant, event: Event) -> Result<(), PolicyError> {
        let none = Span::ZERO;
        let event = match event {
            Event::Tick { cpu, executed } | Event::Timer { cpu, executed, .. } => {
                self.charge(at, Some(cpu), executed)?;
                Event::Tick { cpu, executed: none }
            }
            Event::Block { thread, executed } => {
                self.charge(at, self.where_observed(thread), executed)?;
                Event::Block { thread, executed: none }
            }
            Event::Yield { thread, executed } => {
                self.charge(at, self.where_observed(thread), executed)?;
                Event::Yield { thread, executed: none }
            }
            other => other,
        };
        self.try_tell(at, event)
    }

    fn where_observed(&self, thread: ThreadId) -> Option<CpuIndex> {
        self.all_cpus().find(|cpu| self.cpus[cpu.0 as usize].observed == Some(thread))
    }

    fn charge(
        &mut self,
        at: Instant,
        cpu: Option<CpuIndex>,
        executed: Span,
    ) -> Result<(), PolicyError> {
        let lane = cpu.and_then(|cpu| self.cpus.get(cpu.0 as usize).map(|lane| (cpu, lane)));
        let Some((cpu, Some(thread))) = lane.map(|(cpu, lane)| (cpu, lane.observed)) else {
            return Ok(());
        };
        self.try_tell(at, Event::Charge { cpu, thread, executed })
    }

    fn tell(&mut self, at: Instant, event: Event) {
        // Ticks of CPUs that exist are always taken.
        let _ = self.try_tell(at, event);
    }

    /// Tells the policy, and looks at once where it sends for a CPU.
    fn try_tell(&mut self, at: Instant, event: Event) -> Result<(), PolicyError> {
        let mut decisions = std::mem::take(&mut self.decisions);
        let told = self.policy.handle(at, event, &mut decisions);
        // A look can send for further CPUs, each once until it has looked: this ends.
        let mut next = 0;
        while next < decisions.len() {
            if let Decision::Preempt { cpu } = decisions[next] {
                let tick = Event::Tick { cpu, executed: Span::ZERO };
                let _ = self.policy.handle(at, tick, &mut decisions);
            }
            next += 1;
        }
        for decision in decisions.drain(..) {
            self.expect(at, decision);
        }
        self.decisions = decisions;
        told
    }

    fn expect(&mut self, at: Instant, decision: Decision) {
        match decision {
            Decision::Run { cpu, thread } => {
                self.runs(at, cpu, |lane| lane.expected = Some(thread))
            }
            Decision::Idle { cpu } => self.runs(at, cpu, |lane| lane.expected = None),
            Decision::Replenish { server, budget, deadline } => {
                self.replenished(at, server, |one| one.expected = Some((deadline, budget)));
            }
            _ => {}
        }
    }

    fn observe(&mut self, at: Instant, decision: Decision) {
        match decision {
            Decision::Run { cpu, thread } => {
                self.runs(at, cpu, |lane| lane.observed = Some(thread))
            }
            Decision::Idle { cpu } => self.runs(at, cpu, |lane| lane.observed = None),
            Decision::Replenish { server, budget, deadline } => {
                self.replenished(at, server, |one| one.observed = Some((deadline, budget)));
            }
            _ => {}
        }
    }

    fn runs(
        &mut self,
        at: Instant,
        cpu: CpuIndex,
        change: impl FnOnce(&mut Compared<Option<ThreadId>>),
    ) {
        let Some(lane) = self.cpus.get_mut(cpu.0 as usize) else { return };
        change(lane);
        let lasted = lane.note(at, lane.expected == lane.observed);
        self.agreement.longest = self.agreement.longest.max(lasted);
    }

    fn replenished(
        &mut self,
        at: Instant,
        server: ServerId,
        change: impl FnOnce(&mut Compared<Option<(Instant, Span)>>),
    ) {
        let tolerance = self.tolerance;
        let one = self.servers.entry(server).or_insert(Compared::new(None));
        change(one);
        // A server whose replenishments the record does not tell is not compared.
        let same = match (one.expected, one.observed) {
            (Some(expected), Some(observed)) => near(expected, observed, tolerance),
            (None, Some(_)) => false,
            (_, None) => true,
        };
        let lasted = one.note(at, same);
        self.agreement.longest = self.agreement.longest.max(lasted);
    }

    /// Whether a difference has lasted too long at `at`.
    fn check(&self, at: Instant) -> Result<(), Disagreement> {
        for (cpu, lane) in self.all_cpus().zip(&self.cpus) {
            if let Some(since) = lane.too_long(at, self.tolerance) {
                let (expected, observed) = (lane.expected, lane.observed);
                return Err(Disagreement::Runs { cpu, at: since, until: at, expected, observed });
            }
        }
        for (server, one) in &self.servers {
            if let Some(since) = one.too_long(at, self.tolerance) {
                let nothing = (Instant::ORIGIN, Span::ZERO);
                return Err(Disagreement::Server {
                    server: *server,
                    at: since,
                    until: at,
                    expected: one.expected.unwrap_or(nothing),
                    observed: one.observed.unwrap_or(nothing),
                });
            }
        }
        Ok(())
    }

    /// Whether a server that was charged has overrun by more than the tolerance.
    fn check_overruns(&mut self, at: Instant) -> Result<(), Disagreement> {
        for cpu in self.all_cpus() {
            let lane = self.cpus[cpu.0 as usize];
            for thread in [lane.observed, lane.expected].into_iter().flatten() {
                let Some(capsule) = self.policy.capsule_of(thread) else { continue };
                let server = ServerId { capsule, cpu };
                let left = self.policy.server(server).map_or(Budget::ZERO, |view| view.left);
                let by = Span::from_ns(left.as_ns().min(0).unsigned_abs());
                self.agreement.overrun = self.agreement.overrun.max(by);
                if by > self.tolerance {
                    return Err(Disagreement::Overrun { server, at, by });
                }
            }
        }
        Ok(())
    }
}

/// Whether two replenishments differ by at most the tolerance in deadline and in budget.
fn near(one: (Instant, Span), other: (Instant, Span), tolerance: Span) -> bool {
    let deadlines = one.0.as_ns().abs_diff(other.0.as_ns());
    let budgets = one.1.as_ns().abs_diff(other.1.as_ns());
    deadlines <= tolerance.as_ns() && budgets <= tolerance.as_ns()
}
