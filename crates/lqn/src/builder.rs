// SPDX-License-Identifier: MIT OR Apache-2.0
//! Builds a model by program: add elements, get their ids, connect them, then [`Builder::build`]
//! checks everything at once. Setters panic on an id of another builder (a bug of the caller);
//! values are the world's and are checked by `build`.

use crate::check;
use crate::error::ModelError;
use crate::model::{
    Activity, ActivityId, Call, CallKind, CallOrder, Entry, EntryId, Fan, Fork, Forward, Group,
    GroupId, Join, Model, Multiplicity, PHASES_MAX, Phase, Precedence, Processor,
    ProcessorDiscipline, ProcessorId, Settings, Task, TaskDiscipline, TaskId,
};

/// A model in the making.
///
/// ```
/// use evenkeel_lqn::{Builder, CallKind, Multiplicity, ProcessorDiscipline};
/// let mut b = Builder::new("one client, one server");
/// let delay = b.processor("client-cpu", ProcessorDiscipline::Delay);
/// let cpu = b.processor("cpu", ProcessorDiscipline::Fcfs);
/// let client = b.reference_task("client", delay, 1, 0.0);
/// let cycle = b.entry("cycle", client);
/// b.demand(cycle, 1, 1.0);
/// let server = b.task("server", cpu, Multiplicity::Finite(1));
/// let serve = b.entry("serve", server);
/// b.demand(serve, 1, 1.0);
/// b.call(cycle, 1, CallKind::Synchronous, serve, 1.0);
/// let model = b.build().unwrap();
/// assert_eq!(model.tasks().len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Builder {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) processors: Vec<Processor>,
    pub(crate) groups: Vec<Group>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) precedences: Vec<Precedence>,
    pub(crate) fans: Vec<Fan>,
    /// Line given to elements that are added now; readers set it, 0 otherwise.
    pub(crate) line: u32,
}

impl Builder {
    /// An empty model.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            settings: Settings::default(),
            processors: Vec::new(),
            groups: Vec::new(),
            tasks: Vec::new(),
            entries: Vec::new(),
            activities: Vec::new(),
            precedences: Vec::new(),
            fans: Vec::new(),
            line: 0,
        }
    }

    pub(crate) fn of(model: &Model) -> Self {
        Self {
            name: model.name.clone(),
            settings: model.settings.clone(),
            processors: model.processors.clone(),
            groups: model.groups.clone(),
            tasks: model.tasks.clone(),
            entries: model.entries.clone(),
            activities: model.activities.clone(),
            precedences: model.precedences.clone(),
            fans: model.fans.clone(),
            line: 0,
        }
    }

    /// What the model says about solving.
    pub fn settings(&mut self, settings: Settings) -> &mut Self {
        self.settings = settings;
        self
    }

    /// A processor with one core (infinitely many if `Delay`) of speed 1.
    pub fn processor(&mut self, name: &str, discipline: ProcessorDiscipline) -> ProcessorId {
        let copies = match discipline {
            ProcessorDiscipline::Delay => Multiplicity::Infinite,
            _ => Multiplicity::Finite(1),
        };
        let (name, line) = (name.to_owned(), self.line);
        self.processors.push(Processor {
            name,
            discipline,
            copies,
            speed: 1.0,
            quantum: 0.0,
            replicas: 1,
            line,
        });
        ProcessorId::at(self.processors.len() - 1)
    }

    /// Its number of cores.
    pub fn cores(&mut self, processor: ProcessorId, copies: Multiplicity) -> &mut Self {
        self.processors[processor.index()].copies = copies;
        self
    }

    /// Its speed; demands are divided by it.
    pub fn speed(&mut self, processor: ProcessorId, speed: f64) -> &mut Self {
        self.processors[processor.index()].speed = speed;
        self
    }

    /// The time slice a file gives for it.
    pub fn quantum(&mut self, processor: ProcessorId, quantum: f64) -> &mut Self {
        self.processors[processor.index()].quantum = quantum;
        self
    }

    /// Equal copies of a processor.
    pub fn processor_replicas(&mut self, processor: ProcessorId, replicas: u32) -> &mut Self {
        self.processors[processor.index()].replicas = replicas;
        self
    }

    /// Equal copies of a task.
    pub fn task_replicas(&mut self, task: TaskId, replicas: u32) -> &mut Self {
        self.tasks[task.index()].replicas = replicas;
        self
    }

    /// How many replicas of `to` each replica of `from` calls.
    pub fn fan_out(&mut self, from: TaskId, to: TaskId, number: u32) -> &mut Self {
        self.fan(from, to).fan_out = Some(number);
        self
    }

    /// How many replicas of `from` call each replica of `to`.
    pub fn fan_in(&mut self, from: TaskId, to: TaskId, number: u32) -> &mut Self {
        self.fan(from, to).fan_in = Some(number);
        self
    }

    fn fan(&mut self, from: TaskId, to: TaskId) -> &mut Fan {
        let at = self.fans.iter().position(|f| (f.from, f.to) == (from, to));
        let at = at.unwrap_or_else(|| {
            self.fans.push(Fan { from, to, fan_out: None, fan_in: None, line: self.line });
            self.fans.len() - 1
        });
        &mut self.fans[at]
    }

    /// A group of a fair-share processor.
    pub fn group(&mut self, name: &str, on: ProcessorId, share: f64, cap: bool) -> GroupId {
        let (name, line) = (name.to_owned(), self.line);
        self.groups.push(Group { name, processor: on, share, cap, line });
        GroupId::at(self.groups.len() - 1)
    }

    /// A server task; infinitely many threads make it a delay.
    pub fn task(&mut self, name: &str, on: ProcessorId, threads: Multiplicity) -> TaskId {
        let (name, line) = (name.to_owned(), self.line);
        let discipline = match threads {
            Multiplicity::Finite(_) => TaskDiscipline::Fcfs,
            Multiplicity::Infinite => TaskDiscipline::Delay,
        };
        self.tasks.push(Task {
            name,
            discipline,
            processor: on,
            group: None,
            priority: 0,
            copies: threads,
            think: 0.0,
            replicas: 1,
            line,
        });
        TaskId::at(self.tasks.len() - 1)
    }

    /// A load generator of so many customers with that think time.
    pub fn reference_task(
        &mut self,
        name: &str,
        on: ProcessorId,
        customers: u32,
        think: f64,
    ) -> TaskId {
        let id = self.task(name, on, Multiplicity::Finite(customers));
        let task = &mut self.tasks[id.index()];
        (task.discipline, task.think) = (TaskDiscipline::Reference, think);
        id
    }

    /// How a task orders its queue.
    pub fn discipline(&mut self, task: TaskId, discipline: TaskDiscipline) -> &mut Self {
        self.tasks[task.index()].discipline = discipline;
        self
    }

    /// Its threads (customers of a reference task).
    pub fn threads(&mut self, task: TaskId, threads: Multiplicity) -> &mut Self {
        self.tasks[task.index()].copies = threads;
        self
    }

    /// Its priority on its processor; larger goes first.
    pub fn priority(&mut self, task: TaskId, priority: i32) -> &mut Self {
        self.tasks[task.index()].priority = priority;
        self
    }

    /// Pause of a reference task's customers between two cycles.
    pub fn think(&mut self, task: TaskId, think: f64) -> &mut Self {
        self.tasks[task.index()].think = think;
        self
    }

    /// Its group on its processor.
    pub fn in_group(&mut self, task: TaskId, group: GroupId) -> &mut Self {
        self.tasks[task.index()].group = Some(group);
        self
    }

    /// A service of a task, with one empty phase.
    pub fn entry(&mut self, name: &str, task: TaskId) -> EntryId {
        let (name, line) = (name.to_owned(), self.line);
        self.entries.push(Entry {
            name,
            task,
            priority: 0,
            arrival_rate: None,
            phases: vec![Phase { line, ..Phase::default() }],
            start: None,
            forwards: Vec::new(),
            line,
        });
        EntryId::at(self.entries.len() - 1)
    }

    /// Poisson arrivals at an entry.
    pub fn open_arrivals(&mut self, entry: EntryId, rate: f64) -> &mut Self {
        self.entries[entry.index()].arrival_rate = Some(rate);
        self
    }

    /// Its priority in its task's queue; larger goes first.
    pub fn entry_priority(&mut self, entry: EntryId, priority: i32) -> &mut Self {
        self.entries[entry.index()].priority = priority;
        self
    }

    /// Phase 1, 2 or 3 of an entry, made if missing.
    ///
    /// # Panics
    /// If `phase` is not 1, 2 or 3.
    pub fn phase(&mut self, entry: EntryId, phase: usize) -> &mut Phase {
        assert!((1..=PHASES_MAX).contains(&phase), "phase {phase} is not 1, 2 or 3");
        let line = self.line;
        let phases = &mut self.entries[entry.index()].phases;
        while phases.len() < phase {
            phases.push(Phase { line, ..Phase::default() });
        }
        &mut phases[phase - 1]
    }

    /// Mean demand of a phase.
    pub fn demand(&mut self, entry: EntryId, phase: usize, demand: f64) -> &mut Self {
        self.phase(entry, phase).demand = demand;
        self
    }

    /// Squared coefficient of variation of a phase's slices.
    pub fn cv_squared(&mut self, entry: EntryId, phase: usize, cv_squared: f64) -> &mut Self {
        self.phase(entry, phase).cv_squared = cv_squared;
        self
    }

    /// Mean pause of a phase.
    pub fn phase_think(&mut self, entry: EntryId, phase: usize, think: f64) -> &mut Self {
        self.phase(entry, phase).think = think;
        self
    }

    /// How the number of calls of a phase is drawn.
    pub fn order(&mut self, entry: EntryId, phase: usize, order: CallOrder) -> &mut Self {
        self.phase(entry, phase).order = order;
        self
    }

    /// Calls from a phase to another entry. A second call to the same entry adds to the first.
    pub fn call(
        &mut self,
        from: EntryId,
        phase: usize,
        kind: CallKind,
        to: EntryId,
        mean: f64,
    ) -> &mut Self {
        let line = self.line;
        add_call(&mut self.phase(from, phase).calls, Call { kind, to, mean, line });
        self
    }

    /// A step of the activity graph of a task, with neither work nor calls.
    pub fn activity(&mut self, name: &str, task: TaskId) -> ActivityId {
        let (name, line) = (name.to_owned(), self.line);
        let work = Phase { line, ..Phase::default() };
        self.activities.push(Activity { name, task, work, replies: Vec::new(), line });
        ActivityId::at(self.activities.len() - 1)
    }

    /// What an activity does: demand, variation, pause and order of calls can be set.
    ///
    /// # Panics
    /// On an id of another builder.
    pub fn work(&mut self, activity: ActivityId) -> &mut Phase {
        &mut self.activities[activity.index()].work
    }

    /// Calls from an activity to an entry. A second call to the same entry adds to the first.
    pub fn activity_call(
        &mut self,
        from: ActivityId,
        kind: CallKind,
        to: EntryId,
        mean: f64,
    ) -> &mut Self {
        let line = self.line;
        add_call(&mut self.work(from).calls, Call { kind, to, mean, line });
        self
    }

    /// An entry is what its activity graph does from this activity on.
    pub fn start(&mut self, entry: EntryId, first: ActivityId) -> &mut Self {
        self.entries[entry.index()].start = Some(first);
        self
    }

    /// The end of an activity replies to the caller of an entry.
    pub fn reply(&mut self, activity: ActivityId, entry: EntryId) -> &mut Self {
        self.activities[activity.index()].replies.push(entry);
        self
    }

    /// An edge of the activity graph of a task.
    pub fn precedence(&mut self, task: TaskId, join: Join, fork: Fork) -> &mut Self {
        let line = self.line;
        self.precedences.push(Precedence { task, join, fork, line });
        self
    }

    /// The end of phase 1 passes the request on with this probability.
    pub fn forward(&mut self, from: EntryId, to: EntryId, probability: f64) -> &mut Self {
        let line = self.line;
        self.entries[from.index()].forwards.push(Forward { to, probability, line });
        self
    }

    /// Checks everything and makes the model.
    ///
    /// # Errors
    /// The first [`ModelError`] in the order processors, groups, tasks, entries, activities, cycles.
    pub fn build(self) -> Result<Model, ModelError> {
        check::check(self)
    }
}

fn add_call(calls: &mut Vec<Call>, new: Call) {
    match calls.iter_mut().find(|c| c.to == new.to && c.kind == new.kind) {
        Some(call) => call.mean += new.mean,
        None => calls.push(new),
    }
}
