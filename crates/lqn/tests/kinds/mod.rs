// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random models of each kind that regression suites of layered queueing networks have. A model is
//! named by its kind and seed.

use evenkeel_lqn::{
    Builder, CallKind, CallOrder, EntryId, Fork, Join, Model, Multiplicity, ProcessorDiscipline,
    ProcessorId, TaskDiscipline, TaskId, mva, sim,
};

/// A small generator of its own (SplitMix64), so that a seed means the same model for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
    /// From `low` to `high`, both included.
    fn count(&mut self, low: u32, high: u32) -> u32 {
        low + u32::try_from(self.below(u64::from(high - low + 1))).unwrap_or(0)
    }
    fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.below(1000) as f64 / 1000.0)
    }
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.below(of.len() as u64)).unwrap_or(0)]
    }
}

/// What a random model may have.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    clients: (u32, u32),
    customers: (u32, u32),
    layers: (u32, u32),
    threads: (u32, u32),
    cores: (u32, u32),
    disciplines: &'static [ProcessorDiscipline],
    /// Tasks of a layer share one processor, in percent.
    share: u64,
    /// Percent of servers with a second phase.
    second: u64,
    /// Percent of calls that nobody waits for.
    asynchronous: u64,
    /// Percent of servers that forward.
    forward: u64,
    /// Load from open arrivals: at most this utilisation.
    open: f64,
    closed: bool,
    deterministic: bool,
    entries: (u32, u32),
    /// Percent of servers with an activity graph: alternatives and loops, and forks.
    alternatives: u64,
    forks: u64,
    infinite: u64,
    variation: bool,
    priorities: bool,
}

use ProcessorDiscipline::{Delay, Fcfs, HeadOfLine, PriorityPreemptive, Ps};

const PLAIN: Kind = Kind {
    name: "plain",
    clients: (1, 2),
    customers: (1, 4),
    layers: (1, 3),
    threads: (1, 1),
    cores: (1, 1),
    disciplines: &[Fcfs],
    share: 0,
    second: 0,
    asynchronous: 0,
    forward: 0,
    open: 0.0,
    closed: true,
    deterministic: false,
    entries: (1, 1),
    alternatives: 0,
    forks: 0,
    infinite: 0,
    variation: false,
    priorities: false,
};

/// All kinds.
pub const KINDS: [Kind; 22] = [
    PLAIN,
    Kind {
        name: "multiserver",
        threads: (2, 6),
        customers: (2, 10),
        disciplines: &[Delay],
        ..PLAIN
    },
    Kind { name: "multicore", threads: (2, 6), cores: (2, 4), customers: (2, 10), ..PLAIN },
    Kind { name: "entries", entries: (2, 3), ..PLAIN },
    Kind { name: "second phase", second: 70, ..PLAIN },
    Kind {
        name: "second phase, threads",
        second: 70,
        threads: (2, 5),
        disciplines: &[Delay],
        customers: (1, 6),
        ..PLAIN
    },
    Kind {
        name: "second phase, many",
        second: 70,
        clients: (3, 5),
        customers: (2, 4),
        layers: (1, 2),
        ..PLAIN
    },
    Kind { name: "interlock", customers: (1, 1), clients: (1, 1), layers: (2, 3), ..PLAIN },
    Kind { name: "forwarding", forward: 60, ..PLAIN },
    Kind {
        name: "preemptive",
        disciplines: &[PriorityPreemptive],
        share: 70,
        priorities: true,
        ..PLAIN
    },
    Kind { name: "head of line", disciplines: &[HeadOfLine], share: 70, priorities: true, ..PLAIN },
    Kind { name: "sharing", disciplines: &[Ps], share: 70, threads: (1, 4), ..PLAIN },
    Kind { name: "shared fcfs", share: 70, threads: (1, 4), ..PLAIN },
    Kind {
        name: "shared multicore",
        share: 70,
        threads: (1, 6),
        cores: (2, 4),
        disciplines: &[Ps, Fcfs],
        ..PLAIN
    },
    Kind { name: "open", open: 0.8, closed: false, ..PLAIN },
    Kind {
        name: "open, threads",
        open: 0.8,
        closed: false,
        threads: (1, 5),
        second: 30,
        disciplines: &[Delay],
        ..PLAIN
    },
    Kind { name: "mixed", open: 0.4, ..PLAIN },
    Kind { name: "asynchronous", asynchronous: 40, customers: (1, 2), ..PLAIN },
    Kind { name: "deterministic", deterministic: true, variation: true, ..PLAIN },
    Kind { name: "infinite", infinite: 60, customers: (2, 10), ..PLAIN },
    Kind { name: "alternatives", alternatives: 70, ..PLAIN },
    Kind {
        name: "fork-join",
        forks: 60,
        share: 30,
        threads: (1, 3),
        disciplines: &[Fcfs, Ps, Delay],
        cores: (1, 2),
        ..PLAIN
    },
];

/// A service: its task, and what its demand may be multiplied by.
#[derive(Clone, Copy)]
struct Service {
    entry: EntryId,
    task: TaskId,
}

struct Maker {
    b: Builder,
    d: Dice,
    kind: Kind,
    names: u32,
}

/// The model of that kind and seed.
pub fn random(kind: Kind, seed: u64) -> Model {
    let mut salt = 0_u64;
    for byte in kind.name.bytes() {
        salt = salt.wrapping_mul(31).wrapping_add(u64::from(byte));
    }
    let b = Builder::new(&format!("{} {seed}", kind.name));
    let mut m = Maker { b, d: Dice(salt ^ (seed << 20)), kind, names: 0 };
    let layers = m.d.count(kind.layers.0, kind.layers.1);
    let mut below: Vec<Service> = Vec::new();
    for _ in 0..layers {
        let layer = m.layer(&below);
        below = if m.d.chance(50) { layer } else { [layer, below].concat() };
    }
    if kind.open > 0.0 {
        m.arrivals(&below);
    }
    if kind.closed {
        for _ in 0..m.d.count(kind.clients.0, kind.clients.1) {
            m.client(&below);
        }
    }
    m.b.build().unwrap_or_else(|e| panic!("{} {seed}: {e}", kind.name))
}

impl Maker {
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}{}", self.names)
    }

    fn processor(&mut self) -> ProcessorId {
        let name = self.name("p");
        let discipline = self.d.pick(self.kind.disciplines);
        let p = self.b.processor(&name, discipline);
        if discipline != Delay {
            let cores = self.d.count(self.kind.cores.0, self.kind.cores.1);
            self.b.cores(p, Multiplicity::Finite(cores));
        }
        p
    }

    /// One to three servers that call those below.
    fn layer(&mut self, below: &[Service]) -> Vec<Service> {
        let shared = self.processor();
        let mut out = Vec::new();
        for _ in 0..self.d.count(1, 3) {
            let p = if self.d.chance(self.kind.share) { shared } else { self.processor() };
            let name = self.name("t");
            let threads = if self.d.chance(self.kind.infinite) {
                Multiplicity::Infinite
            } else {
                Multiplicity::Finite(self.d.count(self.kind.threads.0, self.kind.threads.1))
            };
            let task = self.b.task(&name, p, threads);
            if self.kind.priorities {
                let priority = i32::try_from(self.d.below(4)).unwrap_or(0);
                self.b.priority(task, priority);
            }
            for _ in 0..self.d.count(self.kind.entries.0, self.kind.entries.1) {
                let name = self.name("e");
                let entry = self.b.entry(&name, task);
                let this = Service { entry, task };
                if self.d.chance(self.kind.alternatives) {
                    self.alternatives(this, below);
                } else if self.d.chance(self.kind.forks) {
                    self.fork(this, below);
                } else {
                    self.phases(this, below);
                }
                out.push(this);
            }
        }
        out
    }

    fn phases(&mut self, this: Service, below: &[Service]) {
        let demand = self.d.real(0.1, 1.0);
        self.b.demand(this.entry, 1, demand);
        if self.d.chance(self.kind.second) {
            let demand = self.d.real(0.1, 1.5);
            self.b.demand(this.entry, 2, demand);
            if self.d.chance(30) {
                self.calls(this.entry, 2, below);
            }
        }
        if self.kind.variation {
            let cv = self.d.pick(&[0.0, 0.25, 1.0, 2.0]);
            self.b.cv_squared(this.entry, 1, cv);
        }
        if self.d.chance(self.kind.forward) && !below.is_empty() {
            let to = self.d.pick(below);
            let probability = self.d.real(0.2, 1.0);
            self.b.forward(this.entry, to.entry, probability);
        } else {
            self.calls(this.entry, 1, below);
        }
    }

    fn calls(&mut self, from: EntryId, phase: usize, below: &[Service]) {
        if below.is_empty() {
            return;
        }
        if self.kind.deterministic && self.d.chance(60) {
            self.b.order(from, phase, CallOrder::Deterministic);
        }
        let deterministic = self.b.phase(from, phase).order == CallOrder::Deterministic;
        for _ in 0..self.d.count(1, 2) {
            let to = self.d.pick(below);
            let mean = if deterministic { 1.0 } else { self.d.real(0.3, 2.0) };
            let nobody_waits = self.d.chance(self.kind.asynchronous);
            let (kind, mean) = if nobody_waits {
                (CallKind::Asynchronous, mean * 0.3)
            } else {
                (CallKind::Synchronous, mean)
            };
            let mean = if deterministic { 1.0 } else { mean };
            self.b.call(from, phase, kind, to.entry, mean);
        }
    }

    fn activity(
        &mut self,
        task: TaskId,
        demand: f64,
        below: &[Service],
    ) -> evenkeel_lqn::ActivityId {
        let name = self.name("a");
        let a = self.b.activity(&name, task);
        self.b.work(a).demand = demand;
        if !below.is_empty() && self.d.chance(50) {
            let to = self.d.pick(below);
            let mean = self.d.real(0.3, 1.5);
            self.b.activity_call(a, CallKind::Synchronous, to.entry, mean);
        }
        a
    }

    /// first -> alternatives -> loop -> reply, and perhaps something after.
    fn alternatives(&mut self, this: Service, below: &[Service]) {
        let t = this.task;
        let mut demands = [0.0; 6];
        for demand in &mut demands {
            *demand = self.d.real(0.05, 0.4);
        }
        let a = demands.map(|demand| self.activity(t, demand, below));
        let p = self.d.real(0.1, 0.9);
        let n = self.d.real(0.2, 2.0);
        self.b.start(this.entry, a[0]);
        self.b.precedence(t, Join::One(a[0]), Fork::Or(vec![(a[1], p), (a[2], 1.0 - p)]));
        let rounds = Fork::Loop { bodies: vec![(a[4], n)], end: Some(a[5]) };
        self.b.precedence(t, Join::Or(vec![a[1], a[2]]), Fork::One(a[3]));
        self.b.precedence(t, Join::One(a[3]), rounds);
        let reply = if self.d.chance(50) { a[5] } else { a[3] };
        self.b.reply(reply, this.entry);
    }

    /// first -> two or three branches -> last, which replies.
    fn fork(&mut self, this: Service, below: &[Service]) {
        let t = this.task;
        let first = self.activity(t, 0.05, &[]);
        let mut branches = Vec::new();
        for _ in 0..self.d.count(2, 3) {
            let demand = self.d.real(0.1, 0.6);
            branches.push(self.activity(t, demand, below));
        }
        let last = self.activity(t, 0.05, &[]);
        self.b.start(this.entry, first);
        self.b.precedence(t, Join::One(first), Fork::And(branches.clone()));
        let join = Join::And { all: branches, quorum: None };
        self.b.precedence(t, join, Fork::One(last));
        self.b.reply(last, this.entry);
    }

    fn client(&mut self, below: &[Service]) {
        let p = self.processor();
        let name = self.name("c");
        let customers = self.d.count(self.kind.customers.0, self.kind.customers.1);
        let think = if self.d.chance(50) { 0.0 } else { self.d.real(0.5, 6.0) };
        let task = self.b.reference_task(&name, p, customers, think);
        self.b.cores(p, Multiplicity::Infinite);
        let entry = self.b.entry(&name, task);
        let demand = self.d.real(0.1, 2.0);
        self.b.demand(entry, 1, demand);
        self.calls(entry, 1, below);
    }

    /// Arrivals at one or two entries, so that nothing is busier than wished. The load of a rate is
    /// found by solving a model with hardly any.
    fn arrivals(&mut self, below: &[Service]) {
        let chosen = [self.d.pick(below), self.d.pick(below)];
        let tiny = 1e-4;
        let mut probe = self.b.clone();
        for s in chosen {
            probe.open_arrivals(s.entry, tiny);
        }
        let parts = [self.d.real(0.3, 1.0), self.d.real(0.3, 1.0)];
        let load = self.d.real(0.3, 1.0) * self.kind.open;
        let bottleneck = bottleneck(probe, tiny);
        for (s, part) in chosen.into_iter().zip(parts) {
            self.b.open_arrivals(s.entry, 0.5 * part * load / bottleneck);
        }
    }
}

/// Busy part of the busiest task or processor per unit of arrival rate.
fn bottleneck(probe: Builder, rate: f64) -> f64 {
    let m = probe.build().unwrap_or_else(|e| panic!("{e}"));
    let r = mva::solve(&m, &mva::Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let of = |copies: Option<u32>, busy: f64| copies.map_or(0.0, |n| busy / f64::from(n));
    let tasks = m.tasks().iter().zip(&r.tasks).map(|(t, r)| {
        let threads = if t.discipline == TaskDiscipline::Delay { None } else { t.copies.finite() };
        of(threads, r.utilization.mean)
    });
    let processors = m
        .processors()
        .iter()
        .zip(&r.processors)
        .map(|(p, r)| of(p.copies.finite(), r.utilization.mean));
    tasks.chain(processors).fold(1e-9, f64::max) / rate
}

/// How far the analytic figures are from the simulated ones.
#[derive(Debug, Clone, Copy, Default)]
pub struct Errors {
    /// Largest relative error of a throughput of reference tasks, or of an open response.
    pub throughput: f64,
    /// Largest relative error of the service time of an entry that is called at all.
    pub service: f64,
    /// How much more than its capacity a task or processor is busy.
    pub excess: f64,
}

/// Compares the solvers; `None` if the analytic one has no answer, or the model has none.
pub fn compare(m: &Model, events: u64) -> Result<Errors, String> {
    let options = sim::Options { seed: 3, events, events_max: events, ..sim::Options::default() };
    let exact = match sim::simulate(m, &options) {
        Ok(exact) => exact,
        Err(error) => return Err(format!("sim: {error}")),
    };
    let r = mva::solve(m, &mva::Options::default()).map_err(|e| format!("mva: {e}"))?;
    let mut errors = Errors::default();
    let off = |a: f64, b: f64| if b.abs() > 1e-9 { (a - b).abs() / b.abs() } else { 0.0 };
    for (t, task) in m.tasks().iter().enumerate() {
        let (a, b) = (r.tasks[t].throughput.mean, exact.tasks[t].throughput.mean);
        if task.discipline == TaskDiscipline::Reference {
            errors.throughput = errors.throughput.max(off(a, b));
        } else if let Some(n) =
            task.copies.finite().filter(|_| task.discipline != TaskDiscipline::Delay)
        {
            errors.excess = errors.excess.max(r.tasks[t].utilization.mean / f64::from(n) - 1.0);
        }
    }
    for (p, processor) in m.processors().iter().enumerate() {
        if let Some(n) = processor.copies.finite() {
            errors.excess =
                errors.excess.max(r.processors[p].utilization.mean / f64::from(n) - 1.0);
        }
    }
    for (e, entry) in m.entries().iter().enumerate() {
        let (a, b) = (&r.entries[e], &exact.entries[e]);
        if let (Some(a), Some(b)) = (a.open_response, b.open_response) {
            errors.throughput = errors.throughput.max(off(a.mean, b.mean));
        }
        let reference = m.tasks()[entry.task.index()].discipline == TaskDiscipline::Reference;
        if b.throughput.mean > 1e-3 && !reference {
            errors.service = errors.service.max(off(a.service.mean, b.service.mean));
        }
    }
    Ok(errors)
}
