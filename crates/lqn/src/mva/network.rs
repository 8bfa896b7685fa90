// SPDX-License-Identifier: MIT OR Apache-2.0
//! What of a model does not change while it is solved: who visits whom, in which layer.

use std::collections::{BTreeMap, HashMap};

use super::submodel::{Bucket, Order};
use crate::graph::Graph;
use crate::graph::reduce::{Flow, Reduction};
use crate::model::{
    CallKind, CallOrder, EntryId, Model, Phase, ProcessorDiscipline, ProcessorId, TaskDiscipline,
    TaskId,
};

/// A request that a phase makes, directly or through a forward.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) entry: usize,
    /// Requests per execution of the phase.
    pub(super) mean: f64,
    /// The call of the phase that leads there.
    pub(super) call: usize,
    pub(super) waits: bool,
}

/// A phase, or an activity of a graph.
#[derive(Debug, Clone)]
pub(super) struct PhasePlan {
    /// Executions for each request: 1 for a phase.
    pub(super) visits: f64,
    /// It runs after the reply.
    pub(super) later: bool,
    /// Which of the strands that a request may have executes it; 0 outside of forks.
    pub(super) strand: usize,
    /// Mean demand at the speed of the processor.
    pub(super) demand: f64,
    pub(super) cv_squared: f64,
    pub(super) think: f64,
    /// 1 + mean number of calls that wait: executions of the processor, if there is demand. What a
    /// phase does between them, requests nobody waits for included, is one execution.
    pub(super) slices: f64,
    pub(super) deterministic: bool,
    pub(super) targets: Vec<Target>,
}

#[derive(Debug, Clone)]
pub(super) struct EntryPlan {
    pub(super) task: usize,
    pub(super) priority: i32,
    pub(super) arrivals: f64,
    pub(super) phases: Vec<PhasePlan>,
    /// Its activity graph: node `i` is phase `i` above.
    pub(super) graph: Option<Graph>,
    /// Of requests nobody waits for: where they go on.
    pub(super) forwards: Vec<(usize, f64)>,
}

/// How many of a task's threads can be busy at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Population {
    Closed(f64),
    /// Any number: the task passes open flows on.
    Open,
}

#[derive(Debug, Clone)]
pub(super) struct TaskPlan {
    pub(super) reference: bool,
    pub(super) think: f64,
    pub(super) threads: Option<u32>,
    pub(super) population: Population,
    pub(super) processor: usize,
    pub(super) priority: i32,
    pub(super) bucket: usize,
    pub(super) entries: Vec<usize>,
    /// Strands that one of its threads may fork into.
    pub(super) strands: usize,
    /// It has a thread for every request: what it asks of its processor and of others is asked by
    /// the threads of its callers, which are few, and which wait meanwhile.
    pub(super) through: bool,
}

/// One way of using a station: a target of a phase, or the slices of a phase.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) entry: usize,
    pub(super) phase: usize,
    /// Index into the phase's targets; `None` for slices.
    pub(super) target: Option<usize>,
}

/// The uses that one task makes of a station at one priority, with one of its strands.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) task: usize,
    pub(super) strand: usize,
    pub(super) priority: i32,
    pub(super) bucket: usize,
    pub(super) uses: Vec<Use>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Task(usize),
    Processor(usize),
}

#[derive(Debug, Clone)]
pub(super) struct StationPlan {
    pub(super) server: Server,
    pub(super) servers: f64,
    pub(super) order: Order,
    pub(super) buckets: Vec<Bucket>,
    pub(super) closed: Vec<Client>,
    pub(super) open: Vec<Client>,
    /// Open arrivals at entries of the station.
    pub(super) arrivals: Vec<usize>,
    level: usize,
}

#[derive(Debug)]
pub(super) struct Network {
    pub(super) entries: Vec<EntryPlan>,
    pub(super) tasks: Vec<TaskPlan>,
    pub(super) stations: Vec<StationPlan>,
    /// Entries so that calls go to later ones.
    pub(super) order: Vec<usize>,
    /// Stations that are solved together, the layers from the top.
    pub(super) submodels: Vec<Vec<usize>>,
}

impl Network {
    pub(super) fn new(model: &Model) -> Self {
        let depth = depths(model);
        let mut order: Vec<usize> = (0..depth.len()).collect();
        order.sort_by_key(|&e| depth[e]);
        let entries: Vec<EntryPlan> =
            (0..depth.len()).map(|e| entry_plan(model, e, &depth)).collect();
        let mut tasks = task_plans(model);
        for e in &entries {
            let strands = e.phases.iter().map(|p| p.strand + 1).max().unwrap_or(1);
            tasks[e.task].strands = tasks[e.task].strands.max(strands);
        }
        populations(&mut tasks, &entries);
        let behind = behind(&tasks, &entries, &order);
        let mut network =
            Self { entries, tasks, stations: Vec::new(), order, submodels: Vec::new() };
        network.stations = stations(model, &network, &depth, &behind);
        network.submodels = network.group();
        network
    }

    /// Stations of one level that share clients are one submodel.
    fn group(&self) -> Vec<Vec<usize>> {
        let mut parent: Vec<usize> = (0..self.stations.len()).collect();
        let root = |parent: &mut Vec<usize>, mut i: usize| {
            while parent[i] != i {
                parent[i] = parent[parent[i]];
                i = parent[i];
            }
            i
        };
        let mut first: HashMap<(usize, usize), usize> = HashMap::new();
        for (i, s) in self.stations.iter().enumerate() {
            for client in &s.closed {
                let with = *first.entry((s.level, client.task)).or_insert(i);
                let (a, b) = (root(&mut parent, with), root(&mut parent, i));
                parent[a.max(b)] = a.min(b);
            }
        }
        let mut groups: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
        for i in 0..self.stations.len() {
            let of = root(&mut parent, i);
            groups.entry((self.stations[i].level, of)).or_default().push(i);
        }
        groups.into_values().collect()
    }
}

/// Longest path of calls and forwards to each entry.
fn depths(model: &Model) -> Vec<usize> {
    let n = model.entries().len();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut callers = vec![0_usize; n];
    for (i, e) in model.entries().iter().enumerate() {
        let calls = model.works_of(EntryId::at(i)).flat_map(|p| &p.calls);
        let calls = calls.filter(|c| c.mean > 0.0).map(|c| c.to);
        let forwards = e.forwards.iter().filter(|f| f.probability > 0.0).map(|f| f.to);
        for to in calls.chain(forwards) {
            next[i].push(to.index());
            callers[to.index()] += 1;
        }
    }
    let mut depth = vec![0; n];
    let mut ready: Vec<usize> = (0..n).filter(|&e| callers[e] == 0).collect();
    while let Some(e) = ready.pop() {
        for &to in &next[e] {
            depth[to] = depth[to].max(depth[e] + 1);
            callers[to] -= 1;
            if callers[to] == 0 {
                ready.push(to);
            }
        }
    }
    depth
}

fn entry_plan(model: &Model, index: usize, depth: &[usize]) -> EntryPlan {
    let e = &model.entries()[index];
    let task = &model.tasks()[e.task.index()];
    let speed = model.processors()[task.processor.index()].speed;
    let graph = model.graphs[index].clone();
    let phases: Vec<PhasePlan> = match &graph {
        None => {
            let phases = e.phases.iter().enumerate();
            phases
                .map(|(i, p)| PhasePlan { later: i > 0, ..phase_plan(model, p, speed, depth) })
                .collect()
        }
        Some(graph) => activity_plans(model, graph, speed, depth),
    };
    EntryPlan {
        task: e.task.index(),
        priority: e.priority,
        arrivals: e.arrival_rate.unwrap_or(0.0),
        phases,
        graph,
        forwards: e.forwards.iter().map(|f| (f.to.index(), f.probability)).collect(),
    }
}

/// The nodes of a graph as phases.
fn activity_plans(model: &Model, graph: &Graph, speed: f64, depth: &[usize]) -> Vec<PhasePlan> {
    // Graphs are checked when the model is made; visits and strands do not depend on times.
    let shape = Reduction::of(graph, &|_| Flow::default()).unwrap_or_default();
    let nodes = graph.nodes.iter().enumerate();
    nodes
        .map(|(i, node)| {
            let visits = shape.visits.get(i).copied().unwrap_or_default();
            PhasePlan {
                visits: visits[0] + visits[1],
                later: visits[1] > visits[0],
                strand: shape.strand.get(i).copied().unwrap_or(0),
                ..phase_plan(model, &model.activities()[node.activity.index()].work, speed, depth)
            }
        })
        .collect()
}

fn phase_plan(model: &Model, phase: &Phase, speed: f64, depth: &[usize]) -> PhasePlan {
    let mut targets = Vec::new();
    for (call, c) in phase.calls.iter().enumerate().filter(|(_, c)| c.mean > 0.0) {
        let waits = c.kind == CallKind::Synchronous;
        if waits {
            // A caller waits for everybody who may come to reply, by expected numbers.
            for (entry, part) in reached(model, c.to, depth) {
                targets.push(Target { entry, mean: c.mean * part, call, waits });
            }
        } else {
            targets.push(Target { entry: c.to.index(), mean: c.mean, call, waits });
        }
    }
    let waits = phase.calls.iter().filter(|c| c.kind == CallKind::Synchronous);
    let waits: f64 = waits.map(|c| c.mean).sum();
    PhasePlan {
        visits: 1.0,
        later: false,
        strand: 0,
        demand: phase.demand / speed,
        cv_squared: phase.cv_squared,
        think: phase.think,
        slices: 1.0 + waits,
        deterministic: phase.order == CallOrder::Deterministic,
        targets,
    }
}

/// An entry and all that its requests are forwarded to, with the expected number of visits.
fn reached(model: &Model, first: EntryId, depth: &[usize]) -> Vec<(usize, f64)> {
    let mut open = BTreeMap::from([((depth[first.index()], first.index()), 1.0)]);
    let mut out = Vec::new();
    while let Some(((_, entry), part)) = open.pop_first() {
        out.push((entry, part));
        for f in model.entries()[entry].forwards.iter().filter(|f| f.probability > 0.0) {
            *open.entry((depth[f.to.index()], f.to.index())).or_insert(0.0) += part * f.probability;
        }
    }
    out
}

fn task_plans(model: &Model) -> Vec<TaskPlan> {
    let mut used: HashMap<ProcessorId, Vec<usize>> = HashMap::new();
    (0..model.tasks().len())
        .map(|index| {
            let t = &model.tasks()[index];
            // Bucket 0 is for tasks without a group, as in the simulator.
            let bucket = t.group.map_or(0, |g| {
                let groups = used.entry(t.processor).or_default();
                let at = groups.iter().position(|&x| x == g.index()).unwrap_or_else(|| {
                    groups.push(g.index());
                    groups.len() - 1
                });
                at + 1
            });
            TaskPlan {
                reference: t.discipline == TaskDiscipline::Reference,
                think: t.think,
                threads: model.threads(TaskId::at(index)),
                population: Population::Open,
                processor: t.processor.index(),
                priority: t.priority,
                bucket,
                entries: model.entries_of(TaskId::at(index)).iter().map(|e| e.index()).collect(),
                strands: 1,
                through: false,
            }
        })
        .collect()
}

/// Busy threads are bounded by the threads, and by the threads of the callers if all callers wait.
fn populations(tasks: &mut [TaskPlan], entries: &[EntryPlan]) {
    let mut callers: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    let mut open_input = vec![false; tasks.len()];
    for e in entries {
        open_input[e.task] |= e.arrivals > 0.0;
        for target in e.phases.iter().flat_map(|p| &p.targets) {
            let to = entries[target.entry].task;
            if target.waits {
                if !callers[to].contains(&e.task) {
                    callers[to].push(e.task);
                }
            } else {
                // Forwards of requests nobody waits for are open as well.
                let mut stack = vec![target.entry];
                while let Some(at) = stack.pop() {
                    if !std::mem::replace(&mut open_input[entries[at].task], true)
                        || at == target.entry
                    {
                        stack.extend(entries[at].forwards.iter().map(|f| f.0));
                    }
                }
            }
        }
    }
    for e in entries.iter().filter(|e| e.arrivals > 0.0) {
        e.forwards.iter().for_each(|f| open_input[entries[f.0].task] = true);
    }
    let outlasts = |t: &TaskPlan| {
        let later = |e: &usize| {
            let mut later = entries[*e].phases.iter().filter(|p| p.later);
            later.any(|p| p.demand > 0.0 || !p.targets.is_empty())
        };
        t.entries.iter().any(later)
    };
    let own: Vec<f64> = tasks.iter().map(|t| t.threads.map_or(f64::INFINITY, f64::from)).collect();
    let mut bound = own.clone();
    // Calls that wait form no cycle, so the bounds settle after as many rounds as there are layers.
    loop {
        let mut changed = false;
        for t in 0..tasks.len() {
            if tasks[t].reference || open_input[t] || outlasts(&tasks[t]) {
                continue;
            }
            #[expect(clippy::cast_precision_loss, reason = "few strands")]
            let requests = |&c: &usize| bound[c] * tasks[c].strands as f64;
            let sum: f64 = callers[t].iter().map(requests).sum();
            let new = own[t].min(sum.max(1.0));
            changed |= new != bound[t];
            bound[t] = new;
            // A lone thread is followed as one: it cannot meet itself.
            let many = tasks[t].threads != Some(1) && tasks[t].strands == 1;
            tasks[t].through = many && own[t] >= sum && !callers[t].is_empty();
        }
        if !changed {
            break;
        }
    }
    for (task, bound) in tasks.iter_mut().zip(bound) {
        if bound.is_finite() {
            task.population = Population::Closed(bound);
        }
    }
}

/// Per entry of a task that requests go through: the tasks whose threads they are.
fn behind(tasks: &[TaskPlan], entries: &[EntryPlan], order: &[usize]) -> Vec<Vec<usize>> {
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); entries.len()];
    for &e in order {
        let through = tasks[entries[e].task].through;
        let own = if through { behind[e].clone() } else { vec![entries[e].task] };
        for target in entries[e].phases.iter().flat_map(|p| &p.targets).filter(|t| t.waits) {
            if tasks[entries[target.entry].task].through {
                for &task in &own {
                    if !behind[target.entry].contains(&task) {
                        behind[target.entry].push(task);
                    }
                }
            }
        }
    }
    behind
}

fn stations(
    model: &Model,
    network: &Network,
    depth: &[usize],
    behind: &[Vec<usize>],
) -> Vec<StationPlan> {
    let level = |t: &TaskPlan| t.entries.iter().map(|&e| depth[e]).max().unwrap_or(0);
    let mut stations = Vec::new();
    let mut at_task = vec![None; network.tasks.len()];
    for (i, t) in network.tasks.iter().enumerate() {
        let Some(threads) = t.threads.filter(|_| !t.reference) else { continue };
        at_task[i] = Some(stations.len());
        let ordered = matches!(
            model.tasks()[i].discipline,
            TaskDiscipline::HeadOfLine | TaskDiscipline::PriorityPreemptive
        );
        let order = if ordered { Order::HeadOfLine } else { Order::Fcfs };
        stations.push(plan(Server::Task(i), f64::from(threads), order, level(t)));
    }
    let mut at_processor = vec![None; model.processors().len()];
    for (i, p) in model.processors().iter().enumerate() {
        let Some(cores) = model.cores(ProcessorId::at(i)) else { continue };
        let here = network.tasks.iter().filter(|t| t.processor == i);
        let Some(deepest) = here.map(level).max() else { continue };
        at_processor[i] = Some(stations.len());
        let order = match p.discipline {
            ProcessorDiscipline::Ps => Order::Sharing,
            ProcessorDiscipline::Cfs => Order::Groups,
            ProcessorDiscipline::HeadOfLine => Order::HeadOfLine,
            ProcessorDiscipline::PriorityPreemptive => Order::Preemptive,
            _ => Order::Fcfs,
        };
        let cores = f64::from(cores);
        let mut station = plan(Server::Processor(i), cores, order, deepest + 1);
        if order == Order::Groups {
            station.buckets = buckets(model, network, i, cores);
        }
        stations.push(station);
    }
    for (e, entry) in network.entries.iter().enumerate() {
        if let Some(s) = at_task[entry.task].filter(|_| entry.arrivals > 0.0) {
            stations[s].arrivals.push(e);
        }
        let task = &network.tasks[entry.task];
        for (p, phase) in entry.phases.iter().enumerate() {
            if let Some(s) = at_processor[task.processor].filter(|_| phase.demand > 0.0) {
                let this = Use { entry: e, phase: p, target: None };
                let closed = task.population != Population::Open;
                let (strand, priority, bucket) = (phase.strand, task.priority, task.bucket);
                add(
                    &mut stations[s],
                    closed,
                    client(entry.task, strand, priority, bucket),
                    this,
                    &behind[e],
                );
            }
            for (k, target) in phase.targets.iter().enumerate() {
                let to = &network.entries[target.entry];
                let Some(s) = at_task[to.task] else { continue };
                let this = Use { entry: e, phase: p, target: Some(k) };
                let closed = target.waits && task.population != Population::Open;
                let hol = stations[s].order == Order::HeadOfLine;
                let priority = if hol { to.priority } else { 0 };
                let client = client(entry.task, phase.strand, priority, 0);
                add(&mut stations[s], closed, client, this, &behind[e]);
            }
        }
    }
    stations
}

fn plan(server: Server, servers: f64, order: Order, level: usize) -> StationPlan {
    let (closed, open, arrivals, buckets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    StationPlan { server, servers, order, buckets, closed, open, arrivals, level }
}

fn client(task: usize, strand: usize, priority: i32, bucket: usize) -> Client {
    Client { task, strand, priority, bucket, uses: Vec::new() }
}

/// A use by a client, or by the clients behind it.
fn add(s: &mut StationPlan, closed: bool, new: Client, this: Use, behind: &[usize]) {
    let clients = if closed { &mut s.closed } else { &mut s.open };
    let own = [new.task];
    for &task in if closed && !behind.is_empty() { behind } else { &own } {
        // Those behind are not forked here: whichever strand of theirs it is, they wait.
        let strand = if task == new.task { new.strand } else { 0 };
        let same =
            |c: &&mut Client| c.task == task && c.strand == strand && c.priority == new.priority;
        // Uses come in the order of entries: a task's clients are near the end if they exist.
        match clients.iter_mut().rev().find(same) {
            Some(client) => client.uses.push(this),
            None => clients.push(Client { task, strand, uses: vec![this], ..new.clone() }),
        }
    }
}

fn buckets(model: &Model, network: &Network, processor: usize, cores: f64) -> Vec<Bucket> {
    let mut list = vec![Bucket { guaranteed: 0.0, cores_max: cores }];
    for (t, task) in network.tasks.iter().enumerate() {
        let Some(group) = model.tasks()[t].group.filter(|_| task.processor == processor) else {
            continue;
        };
        if task.bucket == list.len() {
            let g = &model.groups()[group.index()];
            let guaranteed = g.share * cores;
            list.push(Bucket { guaranteed, cores_max: if g.cap { guaranteed } else { cores } });
        }
    }
    let shares: f64 = list[1..].iter().map(|b| b.guaranteed).sum();
    list[0].guaranteed = (cores - shares).max(0.0);
    list
}
