// SPDX-License-Identifier: MIT OR Apache-2.0
//! The nouns of a layered queueing network. Values here are what a file or a program said; the
//! rules between them are in `check`, and only [`crate::Builder::build`] makes a [`Model`].

use serde::{Deserialize, Serialize};

use crate::graph::Graph;
use crate::replicate::Flat;

/// Phases an entry can have: the format's limit, and the number of results per entry.
pub const PHASES_MAX: usize = 3;

/// Written limits: a file cannot make the solvers allocate without bound.
#[derive(Debug, Clone, Copy)]
pub struct Limits;

impl Limits {
    /// Bytes of a model file; the largest published models are below 1 MiB.
    pub const FILE_BYTES_MAX: usize = 16 << 20;
    /// Elements of one kind (processors, groups, tasks, entries, activities).
    pub const ELEMENTS_MAX: usize = 100_000;
    /// Calls in the whole model.
    pub const CALLS_MAX: usize = 1_000_000;
    /// Bytes of a name.
    pub const NAME_BYTES_MAX: usize = 256;
    /// Threads or cores of one element; beyond it say infinite.
    pub const COPIES_MAX: u32 = 1_000_000;
    /// Forks and loops of an activity graph inside each other; published graphs have three.
    pub const GRAPH_DEPTH_MAX: usize = 64;
    /// Nesting of XML elements; the schema needs eight.
    pub const XML_DEPTH_MAX: usize = 32;
}

macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Index of a ", $what, " in its model; valid only there.")]
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub struct $name(pub(crate) u32);

        impl $name {
            /// Position in the model's list.
            #[must_use]
            pub fn index(self) -> usize {
                self.0 as usize
            }

            pub(crate) fn at(index: usize) -> Self {
                // Lists are bounded by Limits::ELEMENTS_MAX, far below 2^32.
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    };
}
id!(ProcessorId, "processor");
id!(GroupId, "processor group");
id!(TaskId, "task");
id!(EntryId, "entry");
id!(ActivityId, "activity");

/// Cores of a processor or threads of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Multiplicity {
    /// This many, at least one.
    Finite(u32),
    /// No request ever waits.
    Infinite,
}

impl Multiplicity {
    /// The number, or `None` for infinite.
    #[must_use]
    pub fn finite(self) -> Option<u32> {
        match self {
            Self::Finite(n) => Some(n),
            Self::Infinite => None,
        }
    }
}

/// How a processor orders the slices of its tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProcessorDiscipline {
    /// First come, first served; a slice runs to its end.
    Fcfs,
    /// Head of line: the waiting slice of the highest task priority next; a slice runs to its end.
    HeadOfLine,
    /// Preemptive resume by task priority.
    PriorityPreemptive,
    /// Processor sharing.
    Ps,
    /// Fair share among groups, processor sharing inside a group.
    Cfs,
    /// Any waiting slice with equal probability; a slice runs to its end.
    Random,
    /// Pure delay, the same as an infinite multiplicity.
    Delay,
}

/// How a task orders waiting requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskDiscipline {
    /// A load generator: its threads cycle, nobody calls it.
    Reference,
    /// First come, first served.
    Fcfs,
    /// The waiting request with the highest entry priority next; service runs to its end.
    HeadOfLine,
    /// As head of line: a task cannot take back a request it has started.
    PriorityPreemptive,
    /// Every request gets a thread of its own at once.
    Delay,
}

/// Something that executes slices of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Processor {
    /// Unique among processors.
    pub name: String,
    /// Order of service.
    pub discipline: ProcessorDiscipline,
    /// Cores.
    pub copies: Multiplicity,
    /// Demands are divided by this.
    pub speed: f64,
    /// Time slice of the original tools for `Ps` and `Cfs`; kept for writing, ideal sharing is
    /// solved.
    pub quantum: f64,
    /// Equal copies of the whole processor, each with tasks of its own.
    pub replicas: u32,
    pub(crate) line: u32,
}

/// A share of a [`ProcessorDiscipline::Cfs`] processor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Unique among groups.
    pub name: String,
    /// Where.
    pub processor: ProcessorId,
    /// Part of the whole processor, 0 to 1: guaranteed when others want the rest.
    pub share: f64,
    /// The share is also a limit.
    pub cap: bool,
    pub(crate) line: u32,
}

/// A server with threads, or a load generator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique among tasks.
    pub name: String,
    /// Order of service, or a load generator.
    pub discipline: TaskDiscipline,
    /// Where its demands execute.
    pub processor: ProcessorId,
    /// Its group there.
    pub group: Option<GroupId>,
    /// For the processor's queue; a larger number goes first.
    pub priority: i32,
    /// Threads (customers of a reference task).
    pub copies: Multiplicity,
    /// Pause of a reference task's thread between two cycles; never busy.
    pub think: f64,
    /// Equal copies of the whole task, each with a queue of its own.
    pub replicas: u32,
    pub(crate) line: u32,
}

/// How the number of calls of a phase is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallOrder {
    /// Geometric with the given mean; slices of mean demand / (1 + all calls).
    Stochastic,
    /// Exactly the given (whole) number, in the order of the list.
    Deterministic,
}

/// Whether the caller waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallKind {
    /// The caller's thread blocks until the reply.
    Synchronous,
    /// The caller goes on at once.
    Asynchronous,
}

/// Mean number of requests from a phase to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Whether the caller waits.
    pub kind: CallKind,
    /// The service asked for.
    pub to: EntryId,
    /// Mean number per execution of the phase.
    pub mean: f64,
    pub(crate) line: u32,
}

/// One phase of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Mean processor demand.
    pub demand: f64,
    /// Squared coefficient of variation of each slice; 1 is exponential, 0 constant.
    pub cv_squared: f64,
    /// Mean pause, exponential, before the first slice; the thread stays busy.
    pub think: f64,
    /// How the number of calls is drawn.
    pub order: CallOrder,
    /// Its calls.
    pub calls: Vec<Call>,
    pub(crate) line: u32,
}

impl Default for Phase {
    fn default() -> Self {
        let order = CallOrder::Stochastic;
        Self { demand: 0.0, cv_squared: 1.0, think: 0.0, order, calls: Vec::new(), line: 0 }
    }
}

impl Phase {
    /// Neither work nor pause nor calls.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.demand == 0.0 && self.think == 0.0 && self.calls.iter().all(|c| c.mean == 0.0)
    }

    /// Mean number of calls of both kinds.
    #[must_use]
    pub fn calls_mean(&self) -> f64 {
        self.calls.iter().map(|c| c.mean).sum()
    }
}

/// The end of phase 1 passes the request on instead of replying.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Forward {
    /// Who replies in our place.
    pub to: EntryId,
    /// How often.
    pub probability: f64,
    pub(crate) line: u32,
}

/// One service of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Unique among entries.
    pub name: String,
    /// Whose.
    pub task: TaskId,
    /// For the task's queue under [`TaskDiscipline::HeadOfLine`]; larger goes first.
    pub priority: i32,
    /// Poisson arrivals from outside the model.
    pub arrival_rate: Option<f64>,
    /// One to [`PHASES_MAX`] phases; empty ones if it has an activity graph.
    pub phases: Vec<Phase>,
    /// Where its activity graph begins, if it has one.
    pub start: Option<ActivityId>,
    /// Where requests go on after phase 1.
    pub forwards: Vec<Forward>,
    pub(crate) line: u32,
}

/// A step of an activity graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Unique among the activities of its task.
    pub name: String,
    /// Whose.
    pub task: TaskId,
    /// Demand, calls and the rest, as of a phase.
    pub work: Phase,
    /// Entries whose callers get their reply at its end; what follows is their second phase.
    pub replies: Vec<EntryId>,
    pub(crate) line: u32,
}

/// What must have ended before a [`Fork`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Join {
    /// This activity.
    One(ActivityId),
    /// All of these, or as many as the quorum says: concurrent branches come together.
    And {
        /// The ends of the branches.
        all: Vec<ActivityId>,
        /// How many must have ended to go on; the others go on beside it.
        quorum: Option<u32>,
    },
    /// Any one of these: alternatives come together.
    Or(Vec<ActivityId>),
}

/// What follows a [`Join`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Fork {
    /// This activity.
    One(ActivityId),
    /// All of these, concurrently.
    And(Vec<ActivityId>),
    /// One of these, with these probabilities.
    Or(Vec<(ActivityId, f64)>),
    /// Each of these so many times on average (geometric), in any order; then the end.
    Loop {
        /// First activities of the bodies, which end where nothing follows, and their numbers.
        bodies: Vec<(ActivityId, f64)>,
        /// What follows.
        end: Option<ActivityId>,
    },
}

impl Join {
    /// Its activities.
    #[must_use]
    pub fn activities(&self) -> Vec<ActivityId> {
        match self {
            Self::One(one) => vec![*one],
            Self::And { all, .. } | Self::Or(all) => all.clone(),
        }
    }
}

impl Fork {
    /// Its activities.
    #[must_use]
    pub fn activities(&self) -> Vec<ActivityId> {
        match self {
            Self::One(one) => vec![*one],
            Self::And(all) => all.clone(),
            Self::Or(all) => all.iter().map(|a| a.0).collect(),
            Self::Loop { bodies, end } => bodies.iter().map(|b| b.0).chain(*end).collect(),
        }
    }
}

/// An edge of an activity graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precedence {
    /// Whose graph.
    pub task: TaskId,
    /// What must have ended.
    pub join: Join,
    /// What follows.
    pub fork: Fork,
    pub(crate) line: u32,
}

/// What the file says about solving; the solvers take their own options and use these as defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Comment of the `G` section.
    pub comment: String,
    /// Stop when the root mean square change of utilisations is below it.
    pub convergence: f64,
    /// Iterations.
    pub iterations: u32,
    /// Print interval of the original tools; kept for writing.
    pub print_interval: u32,
    /// Weight of the new value, 0 to 1.
    pub under_relaxation: f64,
}

impl Default for Settings {
    /// The defaults of LQNS 5.
    fn default() -> Self {
        Self {
            comment: String::new(),
            convergence: 1e-5,
            iterations: 50,
            print_interval: 0,
            under_relaxation: 0.9,
        }
    }
}

/// Between two replicated tasks: how many replicas of the one each replica of the other deals with.
/// `fan_out` times the replicas of `from` is `fan_in` times those of `to`; a call then goes so many
/// times to *each* of the `fan_out` replicas.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fan {
    /// Who calls.
    pub from: TaskId,
    /// Who is called.
    pub to: TaskId,
    /// Replicas of `to` that each replica of `from` calls; 1 if not given.
    pub fan_out: Option<u32>,
    /// Replicas of `from` that call each replica of `to`; follows from the other if not given.
    pub fan_in: Option<u32>,
    pub(crate) line: u32,
}

/// A checked layered queueing network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Model {
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) processors: Vec<Processor>,
    pub(crate) groups: Vec<Group>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) activities: Vec<Activity>,
    pub(crate) precedences: Vec<Precedence>,
    pub(crate) fans: Vec<Fan>,
    /// Entries of each task, in the order of their making.
    pub(crate) task_entries: Vec<Vec<EntryId>>,
    /// Per entry: its activity graph.
    #[serde(skip)]
    pub(crate) graphs: Vec<Option<Graph>>,
    /// The same without replication, if there is any: what is solved.
    #[serde(skip)]
    pub(crate) flat: Option<Box<Flat>>,
}

impl Model {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
    /// What its file says about solving.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
    /// All processors; a [`ProcessorId`] is an index.
    #[must_use]
    pub fn processors(&self) -> &[Processor] {
        &self.processors
    }
    /// All groups; a [`GroupId`] is an index.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
    /// All tasks; a [`TaskId`] is an index.
    #[must_use]
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
    /// All entries; an [`EntryId`] is an index.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// All activities; an [`ActivityId`] is an index.
    #[must_use]
    pub fn activities(&self) -> &[Activity] {
        &self.activities
    }
    /// The edges of all activity graphs.
    #[must_use]
    pub fn precedences(&self) -> &[Precedence] {
        &self.precedences
    }
    /// Fan-ins and fan-outs between replicated tasks.
    #[must_use]
    pub fn fans(&self) -> &[Fan] {
        &self.fans
    }
    /// What an entry executes: its phases, or the activities that its graph reaches.
    pub fn works_of(&self, entry: EntryId) -> impl Iterator<Item = &Phase> {
        let of_graph = self.graphs[entry.index()].iter().flat_map(|g| &g.nodes);
        let of_graph = of_graph.map(|n| &self.activities[n.activity.index()].work);
        self.entries[entry.index()].phases.iter().chain(of_graph)
    }
    /// The entries of a task.
    #[must_use]
    pub fn entries_of(&self, task: TaskId) -> &[EntryId] {
        &self.task_entries[task.index()]
    }
    /// The processor of that name.
    #[must_use]
    pub fn processor_named(&self, name: &str) -> Option<ProcessorId> {
        self.processors.iter().position(|p| p.name == name).map(ProcessorId::at)
    }
    /// The task of that name.
    #[must_use]
    pub fn task_named(&self, name: &str) -> Option<TaskId> {
        self.tasks.iter().position(|t| t.name == name).map(TaskId::at)
    }
    /// The entry of that name.
    #[must_use]
    pub fn entry_named(&self, name: &str) -> Option<EntryId> {
        self.entries.iter().position(|e| e.name == name).map(EntryId::at)
    }
    /// A builder that starts from this model: how a sweep changes one value and checks again.
    #[must_use]
    pub fn to_builder(&self) -> crate::Builder {
        crate::Builder::of(self)
    }

    /// Threads of a task, `None` where every request gets one.
    #[must_use]
    pub fn threads(&self, task: TaskId) -> Option<u32> {
        let t = &self.tasks[task.index()];
        if t.discipline == TaskDiscipline::Delay { None } else { t.copies.finite() }
    }

    /// Cores of a processor, `None` for a pure delay.
    #[must_use]
    pub fn cores(&self, processor: ProcessorId) -> Option<u32> {
        let p = &self.processors[processor.index()];
        if p.discipline == ProcessorDiscipline::Delay { None } else { p.copies.finite() }
    }
}
