// SPDX-License-Identifier: MIT OR Apache-2.0
//! An exact solver for small models, written for the tests and sharing nothing with the crate's
//! solvers: it lists all states of the model's Markov chain and solves the balance equations.
//!
//! It knows exponential slices, stochastic synchronous calls, second phases, several threads and
//! cores, first come first served, processor sharing, head-of-line and preemptive priorities.

#![expect(clippy::unwrap_used, reason = "a test helper: a model too large for it may panic")]

use std::collections::HashMap;

use evenkeel_lqn::{Model, ProcessorDiscipline, ProcessorId, TaskDiscipline, TaskId};

/// States beyond which a model is too large for a test.
const STATES_MAX: usize = 6_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Doing {
    Idle,
    Thinks,
    Executes,
    Blocked,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Thread {
    doing: Doing,
    entry: u16,
    phase: u8,
    caller: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    threads: Vec<Thread>,
    /// Per task: waiting callers and the entries they ask.
    queues: Vec<Vec<(u16, u16)>>,
    /// Per processor: threads in the order of arrival, and whether they hold a core.
    hosts: Vec<Vec<(u16, bool)>>,
}

/// Exact answers.
pub struct Exact {
    /// Per task.
    pub throughput: Vec<f64>,
    /// Per task.
    pub utilization: Vec<f64>,
}

struct Chain<'a> {
    model: &'a Model,
    task_of: Vec<usize>,
}

const NOBODY: u16 = u16::MAX;

impl Chain<'_> {
    fn task(&self, thread: u16) -> usize {
        self.task_of[thread as usize]
    }

    fn submit(&self, s: &mut State, thread: u16) {
        let t = self.task(thread);
        let p = self.model.tasks()[t].processor;
        s.threads[thread as usize].doing = Doing::Executes;
        s.hosts[p.index()].push((thread, false));
        self.dispatch(s, p);
    }

    /// Gives free cores away.
    fn dispatch(&self, s: &mut State, p: ProcessorId) {
        let cores = self.model.cores(p).map_or(usize::MAX, |c| c as usize);
        let priority = |thread: u16| self.model.tasks()[self.task(thread)].priority;
        let host = &mut s.hosts[p.index()];
        let discipline = self.model.processors()[p.index()].discipline;
        if discipline == ProcessorDiscipline::PriorityPreemptive {
            host.iter_mut().for_each(|h| h.1 = false);
        }
        while host.iter().filter(|h| h.1).count() < cores {
            let waiting = (0..host.len()).filter(|&i| !host[i].1);
            let next = match discipline {
                ProcessorDiscipline::HeadOfLine | ProcessorDiscipline::PriorityPreemptive => {
                    waiting.max_by_key(|&i| (priority(host[i].0), std::cmp::Reverse(i)))
                }
                ProcessorDiscipline::Ps => break,
                _ => waiting.min(),
            };
            let Some(i) = next else { break };
            host[i].1 = true;
        }
    }

    fn start(&self, s: &mut State, thread: u16, entry: u16, caller: u16) {
        s.threads[thread as usize] = Thread { doing: Doing::Executes, entry, phase: 0, caller };
        self.submit(s, thread);
    }

    fn request(&self, s: &mut State, caller: u16, entry: u16) {
        let t = self.model.entries()[entry as usize].task.index();
        let idle = (0..s.threads.len())
            .find(|&i| self.task_of[i] == t && s.threads[i].doing == Doing::Idle);
        match idle {
            Some(i) => self.start(s, u16::try_from(i).unwrap(), entry, caller),
            None => s.queues[t].push((caller, entry)),
        }
    }

    fn cycle(&self, s: &mut State, thread: u16) {
        let e = self.model.entries_of(self.id(thread))[0];
        self.start(s, thread, u16::try_from(e.index()).unwrap(), NOBODY);
    }

    fn id(&self, thread: u16) -> TaskId {
        let name = &self.model.tasks()[self.task(thread)].name;
        self.model.task_named(name).unwrap()
    }

    fn end_phase(&self, s: &mut State, thread: u16) {
        let me = s.threads[thread as usize];
        if me.phase == 0 && me.caller != NOBODY {
            // The caller goes first.
            s.threads[thread as usize].caller = NOBODY;
            self.submit(s, me.caller);
        }
        let phases = self.model.entries()[me.entry as usize].phases.len();
        if usize::from(me.phase) + 1 < phases {
            s.threads[thread as usize].phase += 1;
            self.submit(s, thread);
            return;
        }
        let t = self.task(thread);
        let task = &self.model.tasks()[t];
        if task.discipline == TaskDiscipline::Reference {
            if task.think > 0.0 {
                s.threads[thread as usize].doing = Doing::Thinks;
                s.threads[thread as usize].phase = 0;
            } else {
                self.cycle(s, thread);
            }
        } else if s.queues[t].is_empty() {
            let idle = Thread { doing: Doing::Idle, entry: 0, phase: 0, caller: NOBODY };
            s.threads[thread as usize] = idle;
        } else {
            let (caller, entry) = s.queues[t].remove(0);
            self.start(s, thread, entry, caller);
        }
    }

    /// Successors with rates, and the task whose request each ends, if any.
    fn successors(&self, s: &State) -> Vec<(f64, State, Option<usize>)> {
        let mut out = Vec::new();
        for i in 0..s.threads.len() {
            let thread = u16::try_from(i).unwrap();
            let t = self.task(thread);
            let task = &self.model.tasks()[t];
            match s.threads[i].doing {
                Doing::Thinks => {
                    let mut next = s.clone();
                    self.cycle(&mut next, thread);
                    out.push((1.0 / task.think, next, None));
                }
                Doing::Executes => self.slice_ends(s, thread, &mut out),
                _ => {}
            }
        }
        out
    }

    fn slice_ends(&self, s: &State, thread: u16, out: &mut Vec<(f64, State, Option<usize>)>) {
        let me = s.threads[thread as usize];
        let t = self.task(thread);
        let p = self.model.tasks()[t].processor;
        let processor = &self.model.processors()[p.index()];
        let host = &s.hosts[p.index()];
        let speed = if processor.discipline == ProcessorDiscipline::Ps {
            (f64::from(self.model.cores(p).unwrap()) / host.len() as f64).min(1.0)
        } else if host.iter().any(|h| h.0 == thread && h.1) {
            1.0
        } else {
            return;
        };
        let entry = &self.model.entries()[me.entry as usize];
        let phase = &entry.phases[me.phase as usize];
        let slices = 1.0 + phase.calls_mean();
        let rate = speed * processor.speed * slices / phase.demand;
        let mut after = s.clone();
        after.hosts[p.index()].retain(|h| h.0 != thread);
        self.dispatch(&mut after, p);
        for call in &phase.calls {
            let mut next = after.clone();
            next.threads[thread as usize].doing = Doing::Blocked;
            self.request(&mut next, thread, u16::try_from(call.to.index()).unwrap());
            out.push((rate * call.mean / slices, next, None));
        }
        let last = usize::from(me.phase) + 1 == entry.phases.len();
        self.end_phase(&mut after, thread);
        out.push((rate / slices, after, last.then_some(t)));
    }
}

/// Solves a model, or gives up on one with too many states.
pub fn solve(model: &Model) -> Option<Exact> {
    let mut task_of = Vec::new();
    let mut threads = Vec::new();
    for (t, task) in model.tasks().iter().enumerate() {
        for _ in 0..task.copies.finite()? {
            task_of.push(t);
            threads.push(Thread { doing: Doing::Idle, entry: 0, phase: 0, caller: NOBODY });
        }
    }
    let chain = Chain { model, task_of };
    let mut first = State {
        threads,
        queues: vec![Vec::new(); model.tasks().len()],
        hosts: vec![Vec::new(); model.processors().len()],
    };
    for i in 0..first.threads.len() {
        let thread = u16::try_from(i).unwrap();
        let task = &model.tasks()[chain.task(thread)];
        if task.discipline == TaskDiscipline::Reference {
            if task.think > 0.0 {
                first.threads[i].doing = Doing::Thinks;
            } else {
                chain.cycle(&mut first, thread);
            }
        }
    }
    let mut number = HashMap::from([(first.clone(), 0_usize)]);
    let mut states = vec![first];
    let mut arcs: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut ends: Vec<Vec<(usize, f64)>> = Vec::new();
    let mut at = 0;
    while at < states.len() {
        let (mut row, mut done) = (Vec::new(), Vec::new());
        for (rate, next, ended) in chain.successors(&states[at].clone()) {
            let fresh = states.len();
            let to = *number.entry(next.clone()).or_insert(fresh);
            if to == fresh {
                states.push(next);
            }
            row.push((to, rate));
            done.extend(ended.map(|t| (t, rate)));
        }
        arcs.push(row);
        ends.push(done);
        at += 1;
        if states.len() > STATES_MAX {
            return None;
        }
    }
    let p = stationary(&arcs);
    let mut exact = Exact {
        throughput: vec![0.0; model.tasks().len()],
        utilization: vec![0.0; model.tasks().len()],
    };
    for (i, s) in states.iter().enumerate() {
        for &(t, rate) in &ends[i] {
            exact.throughput[t] += p[i] * rate;
        }
        for (k, thread) in s.threads.iter().enumerate() {
            if matches!(thread.doing, Doing::Executes | Doing::Blocked) {
                exact.utilization[chain.task_of[k]] += p[i];
            }
        }
    }
    Some(exact)
}

/// Gauss-Seidel on the balance equations, half a step at a time: whole steps go round in circles where all
/// paths back to a state have the same length.
fn stationary(arcs: &[Vec<(usize, f64)>]) -> Vec<f64> {
    let n = arcs.len();
    let mut into: Vec<Vec<(usize, f64)>> = vec![Vec::new(); n];
    let mut out = vec![0.0; n];
    for (from, row) in arcs.iter().enumerate() {
        for &(to, rate) in row {
            if to != from {
                into[to].push((from, rate));
                out[from] += rate;
            }
        }
    }
    let mut p = vec![1.0 / n as f64; n];
    for _ in 0..20_000 {
        let mut change: f64 = 0.0;
        for i in 0..n {
            let flow: f64 = into[i].iter().map(|&(from, rate)| p[from] * rate).sum();
            let new = if out[i] > 0.0 { (flow / out[i] + p[i]) / 2.0 } else { p[i] };
            change = change.max((new - p[i]).abs());
            p[i] = new;
        }
        let sum: f64 = p.iter().sum();
        p.iter_mut().for_each(|x| *x /= sum);
        if change < 1e-13 {
            return p;
        }
    }
    panic!("no stationary distribution of {n} states was found");
}
