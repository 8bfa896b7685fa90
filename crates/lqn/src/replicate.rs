// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replication: a model with replicated processors and tasks as one without, and the answers back.
//!
//! Replica `i` of a caller calls the replicas `i O, i O + 1, ...` (modulo their number) of the
//! called task, `O` being the fan-out: every replica of the called task then has as many callers.
//! The answer for a replicated element is that for one of its replicas, the mean of all: they are
//! alike. Both solvers see the flat model, so replication costs what the replicas cost.

use crate::builder::Builder;
use crate::error::{ElementKind, ModelError, Problem};
use crate::model::{
    ActivityId, Call, EntryId, Fork, GroupId, Join, Limits, Model, Phase, ProcessorId, TaskId,
};
use crate::results::{
    ActivityResult, CallResult, EntryResult, Estimate, PhaseResult, ProcessorResult, Results,
    TaskResult,
};

/// A model without replication.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flat {
    pub(crate) model: Model,
    /// Per element of the replicated model: its first replica here, and how many follow.
    processors: Vec<Range>,
    groups: Vec<Range>,
    tasks: Vec<Range>,
    entries: Vec<Range>,
    activities: Vec<Range>,
}

type Range = std::ops::Range<usize>;

/// The flat model, or `None` if nothing is replicated.
pub(crate) fn flat(b: &Builder) -> Result<Option<Flat>, ModelError> {
    for p in &b.processors {
        count(ElementKind::Processor, &p.name, p.line, p.replicas)?;
    }
    for t in &b.tasks {
        count(ElementKind::Task, &t.name, t.line, t.replicas)?;
    }
    let fans = Fans::new(b)?;
    if b.processors.iter().all(|p| p.replicas == 1) && b.tasks.iter().all(|t| t.replicas == 1) {
        return Ok(None);
    }
    let mut maker = Maker { from: b, to: Builder::new(&b.name), fans, places: Places::default() };
    maker.hosts()?;
    maker.tasks();
    maker.works()?;
    let places = maker.places;
    Ok(Some(Flat {
        model: maker.to.build()?,
        processors: places.processors,
        groups: places.groups,
        tasks: places.tasks,
        entries: places.entries,
        activities: places.activities,
    }))
}

fn count(kind: ElementKind, name: &str, line: u32, replicas: u32) -> Result<(), ModelError> {
    if replicas > 0 && replicas as usize <= Limits::ELEMENTS_MAX {
        return Ok(());
    }
    let allowed = "from 1 to 100000";
    let problem = Problem::Range { what: "replicas", value: f64::from(replicas), allowed };
    Err(ModelError::new(kind, name, line, problem))
}

/// Fan-outs of pairs of tasks, checked where calls are.
struct Fans {
    given: std::collections::HashMap<(TaskId, TaskId), (Option<u32>, Option<u32>)>,
}

impl Fans {
    fn new(b: &Builder) -> Result<Self, ModelError> {
        let mut given = std::collections::HashMap::new();
        for fan in &b.fans {
            for task in [fan.from, fan.to] {
                if task.index() >= b.tasks.len() {
                    let problem = Problem::Dangling(ElementKind::Task);
                    return Err(ModelError::new(ElementKind::Model, &b.name, fan.line, problem));
                }
            }
            given.insert((fan.from, fan.to), (fan.fan_out, fan.fan_in));
        }
        Ok(Self { given })
    }

    /// Replicas that each replica of the caller calls.
    fn out(&self, b: &Builder, from: TaskId, to: TaskId, line: u32) -> Result<usize, ModelError> {
        let (a, z) = (&b.tasks[from.index()], &b.tasks[to.index()]);
        let (callers, called) = (u64::from(a.replicas), u64::from(z.replicas));
        let (given_out, given_in) = self.given.get(&(from, to)).copied().unwrap_or_default();
        let out = match (given_out, given_in) {
            (Some(out), _) => u64::from(out),
            (None, Some(fan_in)) => called * u64::from(fan_in) / callers,
            (None, None) => 1,
        };
        let fan_in = given_in.map_or(callers * out / called, u64::from);
        if out == 0 || out > called || callers * out != called * fan_in {
            let problem = Problem::Replicas(format!(
                "fans out to {out} of {called} replicas from {callers}, {fan_in} to each: \
                 replicas times fan-out of \"{}\" must be replicas times fan-in of \"{}\"",
                a.name, z.name
            ));
            let name = format!("{} -> {}", a.name, z.name);
            return Err(ModelError::new(ElementKind::Call, &name, line, problem));
        }
        // Replicas are bounded by Limits::ELEMENTS_MAX.
        Ok(usize::try_from(out).unwrap_or(1))
    }
}

#[derive(Default)]
struct Places {
    processors: Vec<Range>,
    groups: Vec<Range>,
    tasks: Vec<Range>,
    entries: Vec<Range>,
    activities: Vec<Range>,
}

struct Maker<'a> {
    from: &'a Builder,
    to: Builder,
    fans: Fans,
    places: Places,
}

/// The name of a replica, for errors.
fn name(of: &str, replica: usize, replicas: u32) -> String {
    if replicas == 1 { of.to_owned() } else { format!("{of} replica {}", replica + 1) }
}

fn size(replicas: u32) -> usize {
    replicas as usize
}

/// Puts as many copies of an element into a list, each changed by `change`.
fn copies<T: Clone>(
    list: &mut Vec<T>,
    element: &T,
    replicas: u32,
    mut change: impl FnMut(&mut T, usize),
) -> Range {
    let start = list.len();
    for replica in 0..size(replicas) {
        let mut copy = element.clone();
        change(&mut copy, replica);
        list.push(copy);
    }
    start..list.len()
}

impl Maker<'_> {
    fn hosts(&mut self) -> Result<(), ModelError> {
        let b = self.from;
        self.to.settings = b.settings.clone();
        let all = b.processors.iter().map(|p| size(p.replicas));
        let tasks = b.tasks.iter().map(|t| size(t.replicas));
        let entries = b.entries.iter().map(|e| size(b.tasks[e.task.index()].replicas));
        let activities = b.activities.iter().map(|a| size(b.tasks[a.task.index()].replicas));
        for count in [all.sum::<usize>(), tasks.sum(), entries.sum(), activities.sum()] {
            if count > Limits::ELEMENTS_MAX {
                let (what, max) = ("replicas", Limits::ELEMENTS_MAX);
                let problem = Problem::TooMany { what, count, max };
                return Err(ModelError::new(ElementKind::Model, &b.name, 0, problem));
            }
        }
        for p in &b.processors {
            let change = |copy: &mut crate::model::Processor, i| {
                (copy.name, copy.replicas) = (name(&p.name, i, p.replicas), 1);
            };
            let range = copies(&mut self.to.processors, p, p.replicas, change);
            self.places.processors.push(range);
        }
        for g in &b.groups {
            let replicas = b.processors[g.processor.index()].replicas;
            let first = self.places.processors[g.processor.index()].start;
            let change = |copy: &mut crate::model::Group, i| {
                copy.name = name(&g.name, i, replicas);
                copy.processor = ProcessorId::at(first + i);
            };
            let range = copies(&mut self.to.groups, g, replicas, change);
            self.places.groups.push(range);
        }
        for t in &b.tasks {
            let hosts = b.processors[t.processor.index()].replicas;
            if t.replicas % hosts != 0 {
                let problem = Problem::Replicas(format!(
                    "has {} replicas, which cannot be shared equally by the {hosts} of its processor",
                    t.replicas
                ));
                return Err(ModelError::new(ElementKind::Task, &t.name, t.line, problem));
            }
        }
        Ok(())
    }

    fn tasks(&mut self) {
        let b = self.from;
        for t in &b.tasks {
            let hosts = &self.places.processors[t.processor.index()];
            let each = size(t.replicas) / hosts.len().max(1);
            let groups = t.group.map(|g| self.places.groups[g.index()].start);
            let change = |copy: &mut crate::model::Task, i: usize| {
                (copy.name, copy.replicas) = (name(&t.name, i, t.replicas), 1);
                copy.processor = ProcessorId::at(hosts.start + i / each.max(1));
                copy.group = groups.map(|first| GroupId::at(first + i / each.max(1)));
            };
            let range = copies(&mut self.to.tasks, t, t.replicas, change);
            self.places.tasks.push(range);
        }
        let first = |places: &[Range], task: TaskId| places[task.index()].start;
        for e in &b.entries {
            let replicas = b.tasks[e.task.index()].replicas;
            let task = first(&self.places.tasks, e.task);
            let change = |copy: &mut crate::model::Entry, i| {
                copy.name = name(&e.name, i, replicas);
                copy.task = TaskId::at(task + i);
            };
            let range = copies(&mut self.to.entries, e, replicas, change);
            self.places.entries.push(range);
        }
        for a in &b.activities {
            let replicas = b.tasks[a.task.index()].replicas;
            let task = first(&self.places.tasks, a.task);
            let change = |copy: &mut crate::model::Activity, i| {
                copy.name = name(&a.name, i, replicas);
                copy.task = TaskId::at(task + i);
            };
            let range = copies(&mut self.to.activities, a, replicas, change);
            self.places.activities.push(range);
        }
    }

    /// Calls, forwards, graphs: everything that names an element.
    fn works(&mut self) -> Result<(), ModelError> {
        let b = self.from;
        for (index, e) in b.entries.iter().enumerate() {
            for (i, at) in self.places.entries[index].clone().enumerate() {
                for (p, phase) in e.phases.iter().enumerate() {
                    self.to.entries[at].phases[p].calls = self.calls(phase, e.task, i)?;
                }
                self.to.entries[at].start =
                    e.start.map(|a| ActivityId::at(self.places.activities[a.index()].start + i));
                let mut forwards = Vec::new();
                for f in &e.forwards {
                    let targets = self.targets(e.task, f.to, i, f.line)?;
                    #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
                    let probability = f.probability / targets.len() as f64;
                    let forward = |to| crate::model::Forward { to, probability, line: f.line };
                    forwards.extend(targets.into_iter().map(forward));
                }
                self.to.entries[at].forwards = forwards;
            }
        }
        for (index, a) in b.activities.iter().enumerate() {
            for (i, at) in self.places.activities[index].clone().enumerate() {
                self.to.activities[at].work.calls = self.calls(&a.work, a.task, i)?;
                let replies = a.replies.iter();
                self.to.activities[at].replies = replies
                    .map(|e| EntryId::at(self.places.entries[e.index()].start + i))
                    .collect();
            }
        }
        for edge in &b.precedences {
            for (i, at) in self.places.tasks[edge.task.index()].clone().enumerate() {
                let of =
                    |a: &ActivityId| ActivityId::at(self.places.activities[a.index()].start + i);
                let mut copy = edge.clone();
                copy.task = TaskId::at(at);
                copy.join = join(&edge.join, &of);
                copy.fork = fork(&edge.fork, &of);
                self.to.precedences.push(copy);
            }
        }
        Ok(())
    }

    fn calls(&self, phase: &Phase, from: TaskId, replica: usize) -> Result<Vec<Call>, ModelError> {
        let mut out = Vec::new();
        for call in &phase.calls {
            for to in self.targets(from, call.to, replica, call.line)? {
                out.push(Call { to, ..*call });
            }
        }
        if out.len() > Limits::CALLS_MAX {
            let (what, max) = ("calls of one phase", Limits::CALLS_MAX);
            let problem = Problem::TooMany { what, count: out.len(), max };
            return Err(ModelError::new(ElementKind::Model, &self.from.name, 0, problem));
        }
        Ok(out)
    }

    /// The replicas of an entry that replica `i` of a task calls.
    fn targets(
        &self,
        from: TaskId,
        to: EntryId,
        replica: usize,
        line: u32,
    ) -> Result<Vec<EntryId>, ModelError> {
        let task = self.from.entries[to.index()].task;
        let out = self.fans.out(self.from, from, task, line)?;
        let places = &self.places.entries[to.index()];
        Ok((0..out)
            .map(|k| EntryId::at(places.start + (replica * out + k) % places.len()))
            .collect())
    }
}

fn join(join: &Join, of: &dyn Fn(&ActivityId) -> ActivityId) -> Join {
    match join {
        Join::One(one) => Join::One(of(one)),
        Join::And { all, quorum } => {
            Join::And { all: all.iter().map(of).collect(), quorum: *quorum }
        }
        Join::Or(all) => Join::Or(all.iter().map(of).collect()),
    }
}

fn fork(fork: &Fork, of: &dyn Fn(&ActivityId) -> ActivityId) -> Fork {
    let numbered = |all: &[(ActivityId, f64)]| all.iter().map(|(a, x)| (of(a), *x)).collect();
    match fork {
        Fork::One(one) => Fork::One(of(one)),
        Fork::And(all) => Fork::And(all.iter().map(of).collect()),
        Fork::Or(all) => Fork::Or(numbered(all)),
        Fork::Loop { bodies, end } => {
            Fork::Loop { bodies: numbered(bodies), end: end.as_ref().map(of) }
        }
    }
}

/// The mean of figures of replicas. Intervals are not divided: replicas hang together.
fn mean<'a, T: 'a>(
    of: impl Iterator<Item = &'a T> + Clone,
    figure: impl Fn(&T) -> Estimate,
) -> Estimate {
    #[expect(clippy::cast_precision_loss, reason = "a number of replicas")]
    let n = of.clone().count().max(1) as f64;
    let half: Option<f64> = of.clone().map(|r| figure(r).half_width_95).sum();
    Estimate {
        mean: of.map(|r| figure(r).mean).sum::<f64>() / n,
        half_width_95: half.map(|sum| sum / n),
    }
}

impl Flat {
    /// Answers for the replicated model.
    pub(crate) fn fold(&self, model: &Model, r: &Results) -> Results {
        let processors = self.processors.iter().map(|at| ProcessorResult {
            utilization: mean(r.processors[at.clone()].iter(), |p| p.utilization),
        });
        let groups = self.groups.iter().map(|at| mean(r.groups[at.clone()].iter(), |g| *g));
        let tasks = self.tasks.iter().map(|at| {
            let all = r.tasks[at.clone()].iter();
            TaskResult {
                throughput: mean(all.clone(), |t| t.throughput),
                utilization: mean(all.clone(), |t| t.utilization),
                processor_utilization: mean(all, |t| t.processor_utilization),
            }
        });
        Results {
            solver: r.solver,
            steps: r.steps,
            processors: processors.collect(),
            groups: groups.collect(),
            tasks: tasks.collect(),
            entries: (0..self.entries.len()).map(|e| self.entry(model, e, r)).collect(),
            activities: (0..self.activities.len()).map(|a| self.activity(model, a, r)).collect(),
        }
    }
}

/// Figures of each call: it became `outs` calls here, one after the other.
fn calls(outs: &[usize], all: &[&[CallResult]]) -> Vec<CallResult> {
    let mut next = 0;
    let call = |&out: &usize| {
        let here = next..next + out;
        next = here.end;
        let found = all.iter().flat_map(|calls| calls.get(here.clone()).unwrap_or_default());
        CallResult {
            waiting: mean(found.clone(), |c| c.waiting),
            response: mean(found, |c| c.response),
        }
    };
    outs.iter().map(call).collect()
}

impl Flat {
    /// How many calls each of these became in the first replica.
    fn outs(&self, asked: &[Call], here: &[Call]) -> Vec<usize> {
        let same = |call: &Call, flat: &Call| {
            flat.kind == call.kind && self.entries[call.to.index()].contains(&flat.to.index())
        };
        asked.iter().map(|call| here.iter().filter(|flat| same(call, flat)).count()).collect()
    }

    fn entry(&self, model: &Model, e: usize, r: &Results) -> EntryResult {
        let (entry, at) = (&model.entries()[e], self.entries[e].clone());
        let (flat, all) = (&self.model.entries()[at.start], &r.entries[at]);
        let phases = all.first().map_or(0, |r| r.phases.len());
        let open = all.iter().all(|r| r.open_response.is_some());
        let phase = |p: usize| {
            let of = all.iter().map(|r| &r.phases[p]);
            let lists: Vec<&[CallResult]> = of.clone().map(|r| r.calls.as_slice()).collect();
            let asked = entry.phases.get(p).zip(flat.phases.get(p));
            let outs = asked.map_or_else(Vec::new, |(a, b)| self.outs(&a.calls, &b.calls));
            PhaseResult {
                service: mean(of.clone(), |r| r.service),
                service_variance: mean(of.clone(), |r| r.service_variance),
                utilization: mean(of.clone(), |r| r.utilization),
                processor_waiting: mean(of, |r| r.processor_waiting),
                calls: calls(&outs, &lists),
            }
        };
        let forwards: Vec<&[CallResult]> = all.iter().map(|r| r.forwards.as_slice()).collect();
        let forwarded = |f: &crate::model::Forward| {
            let range = &self.entries[f.to.index()];
            flat.forwards.iter().filter(|flat| range.contains(&flat.to.index())).count()
        };
        let outs: Vec<usize> = entry.forwards.iter().map(forwarded).collect();
        EntryResult {
            throughput: mean(all.iter(), |r| r.throughput),
            utilization: mean(all.iter(), |r| r.utilization),
            processor_utilization: mean(all.iter(), |r| r.processor_utilization),
            service: mean(all.iter(), |r| r.service),
            service_variance: mean(all.iter(), |r| r.service_variance),
            phases: (0..phases).map(phase).collect(),
            open_response: open.then(|| mean(all.iter(), |r| r.open_response.unwrap_or_default())),
            forwards: calls(&outs, &forwards),
        }
    }

    fn activity(&self, model: &Model, a: usize, r: &Results) -> ActivityResult {
        let at = self.activities[a].clone();
        let (asked, here) = (&model.activities()[a].work, &self.model.activities()[at.start].work);
        let all = &r.activities[at];
        let lists: Vec<&[CallResult]> = all.iter().map(|r| r.calls.as_slice()).collect();
        ActivityResult {
            throughput: mean(all.iter(), |r| r.throughput),
            utilization: mean(all.iter(), |r| r.utilization),
            processor_utilization: mean(all.iter(), |r| r.processor_utilization),
            service: mean(all.iter(), |r| r.service),
            service_variance: mean(all.iter(), |r| r.service_variance),
            processor_waiting: mean(all.iter(), |r| r.processor_waiting),
            calls: calls(&self.outs(&asked.calls, &here.calls), &lists),
        }
    }
}
