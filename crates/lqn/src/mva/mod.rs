// SPDX-License-Identifier: MIT OR Apache-2.0
//! Analytic solution by layers: each layer of called tasks and processors is a closed queueing
//! network whose customers are the calling tasks; its waits make the service times of the layers
//! above, whose throughputs make the think times of its customers. Repeated until nothing changes.
//!
//! Method: Rolia and Sevcik, "The Method of Layers" (IEEE TSE 21(8) 1995); Woodside et al., "The
//! Stochastic Rendezvous Network model" (IEEE TC 44(1) 1995); Franks et al., "Enhanced Modeling
//! and Solution of Layered Queueing Networks" (IEEE TSE 35(2) 2009). Small layers are solved by the
//! exact recursion, larger ones by Linearizer, very large ones by Schweitzer's approximation.
//!
//! Assumptions: service times of a server are independent of each other and of the queue; open
//! flows, also those from other servers, are Poisson; a preempted slice resumes.

mod exact;
mod interlock;
mod linearizer;
mod multiserver;
mod network;
mod overtaking;
mod result;
mod second_phase;
mod state;
mod station;
mod submodel;

use std::collections::BTreeMap;

use network::{Client, Network, Population, Server, StationPlan};
use state::{State, Wait};
use submodel::{Chain, Load, Order, Station, Submodel, Visit, Waits};

use crate::error::{Element, ElementKind};
use crate::model::Model;
use crate::results::Results;

/// When to stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Largest change of a task's utilisation (relative, where it is above 1) in one iteration at
    /// which the solution counts as found.
    pub convergence: f64,
    /// Iterations at most; beyond it the model did not converge, which is an error.
    pub iterations_max: u32,
    /// Weight of new waits, above 0 to 1; lowered by itself when waits swing.
    pub under_relaxation: f64,
}

impl Default for Options {
    /// Tighter than the files' usual 1e-5 and 50 iterations: an iteration costs microseconds.
    fn default() -> Self {
        Self { convergence: 1e-7, iterations_max: 1000, under_relaxation: 0.9 }
    }
}

/// Why a model could not be solved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MvaError {
    /// Requests arrive faster than they are served.
    #[error("{element} is unstable: its load is {load:.3} of {capacity}")]
    Unstable {
        /// Task or processor.
        element: Element,
        /// Threads or cores wanted.
        load: f64,
        /// Threads or cores there are.
        capacity: f64,
    },
    /// Zero demands and think times all around.
    #[error("{0} cycles without taking any time")]
    Instant(Element),
    /// The iterations ran out.
    #[error(
        "no convergence after {iterations} iterations: {element} still changes by {change:.2e}"
    )]
    NoConvergence {
        /// Iterations done.
        iterations: u32,
        /// Task that changes most.
        element: Element,
        /// By how much.
        change: f64,
    },
    /// Options out of range.
    #[error("{0}")]
    Options(&'static str),
}

/// Solves a model.
///
/// # Errors
/// [`MvaError`], naming the element.
pub fn solve(model: &Model, options: &Options) -> Result<Results, MvaError> {
    if !(options.under_relaxation > 0.0 && options.under_relaxation <= 1.0) {
        return Err(MvaError::Options("under-relaxation must be above 0 and at most 1"));
    }
    if let Some(flat) = &model.flat {
        return solve(&flat.model, options).map(|r| flat.fold(model, &r));
    }
    let mut solver = Solver::new(model, true);
    match solver.solved(options) {
        // The wait of a station that is too full grows without end here, and loads above it with
        // it: without it the loads are those that are asked for.
        Err(unstable @ MvaError::Unstable { .. }) => {
            match Solver::new(model, false).solved(options) {
                Err(plain @ MvaError::Unstable { .. }) => Err(plain),
                _ => Err(unstable),
            }
        }
        solved => solved,
    }
}

struct Solver<'a> {
    model: &'a Model,
    network: Network,
    state: State,
    /// Per station: how its service depends on the number of busy threads.
    stretches: Vec<Vec<f64>>,
    /// Loads of each submodel's last solution: where the next one starts.
    loads: Vec<Option<Vec<Load>>>,
    sources: interlock::Sources,
    /// Per station: the last wait found for second phases, and what for.
    seconds: Vec<Option<(second_phase::Inputs, f64)>>,
    /// Per station: wait beyond what the layer says, without which it would serve more than it can.
    excess: Vec<f64>,
    /// Whether there is such a thing.
    bounded: bool,
    /// Per station: [`Solver::met`], and whether it still follows the waits.
    mets: Vec<Vec<f64>>,
    bounds_move: bool,
}

/// Interlocked flows and the competition of threads depend little on the last digits of the waits:
/// after so many iterations they stand.
const INTERLOCK_ITERATIONS: u32 = 30;
/// Clients of a station up to which pairs are looked at.
const MET_CLIENTS_MAX: usize = 48;
/// Iterations after which waits that do not settle are damped more.
const PATIENCE: u32 = 20;
/// Where a bound takes hold and lets go in turn, the last digits never settle. After so many
/// iterations the criterion of LQNS is enough: a change of 1e-5.
const PATIENCE_MAX: u32 = 400;
const NEAR: f64 = 1e-5;
/// And after twice as many, what nobody can read off a table.
const NEAR_ENOUGH: f64 = 1e-4;
/// Iterations after which the bounds on who meets whom stand.
const MET_ITERATIONS: u32 = 60;

impl<'a> Solver<'a> {
    fn new(model: &'a Model, bounded: bool) -> Self {
        let network = Network::new(model);
        Self {
            model,
            state: State::new(&network),
            loads: vec![None; network.submodels.len()],
            stretches: vec![Vec::new(); network.stations.len()],
            sources: Vec::new(),
            seconds: vec![None; network.stations.len()],
            excess: vec![0.0; network.stations.len()],
            bounded,
            mets: vec![Vec::new(); network.stations.len()],
            bounds_move: true,
            network,
        }
    }

    fn solved(&mut self, options: &Options) -> Result<Results, MvaError> {
        let iterations = self.run(options)?;
        self.stable()?;
        Ok(result::results(self.model, &self.network, &self.state, iterations))
    }

    fn run(&mut self, options: &Options) -> Result<u32, MvaError> {
        let mut weight = options.under_relaxation;
        let mut before = self.utilizations();
        let (mut last_change, mut swings) = (f64::INFINITY, 0);
        for iteration in 1..=options.iterations_max {
            if iteration <= INTERLOCK_ITERATIONS {
                self.sources = interlock::sources(&self.network, &self.state);
                self.stretch();
            }
            self.bounds_move = iteration <= MET_ITERATIONS;
            for s in 0..self.network.submodels.len() {
                self.layer(s, if iteration == 1 { 1.0 } else { weight });
            }
            self.state.update(&self.network);
            let after = self.utilizations();
            let change = before.iter().zip(&after).map(|(a, b)| (a - b).abs() / b.max(1.0));
            let change = change.fold(0.0, f64::max);
            // Damped steps are short also far from the solution.
            let near = (change < NEAR && iteration > PATIENCE_MAX)
                || (change < NEAR_ENOUGH && iteration > 2 * PATIENCE_MAX);
            if near || (change < options.convergence * weight && iteration > 2) {
                return Ok(iteration);
            }
            swings += u32::from(change > last_change);
            if iteration > PATIENCE && swings > 3 && weight > 0.02 {
                weight *= 0.7;
                swings = 0;
            }
            (before, last_change) = (after, change);
        }
        Err(self.no_convergence(options, last_change))
    }

    /// How the threads of each task slow each other down.
    fn stretch(&mut self) {
        for (i, plan) in self.network.stations.iter().enumerate() {
            let Server::Task(t) = plan.server else { continue };
            if plan.servers < 2.0 {
                continue;
            }
            let threads = |c: &Client| match self.network.tasks[c.task].population {
                Population::Closed(n) => n,
                Population::Open => 0.0,
            };
            let (n, s) = (&self.network, &mut self.state);
            let rate = s.task_rate(n, t);
            let own = s.competition(n, t);
            let scaled = s.utilization(n, t) / rate.max(1e-300);
            let alone = scaled - own * s.bunching[t];
            let found = multiserver::competing(multiserver::Competing {
                threads: plan.servers,
                sources: plan.closed.iter().map(threads).sum(),
                open: n.tasks[t].entries.iter().map(|&e| s.open_rates[e]).sum(),
                rate,
                alone,
                mean: alone + own,
            });
            let Some((services, mean)) = found else {
                self.stretches[i].clear();
                continue;
            };
            // Halfway: the waits below follow with the next iteration.
            s.bunching[t] += 0.5 * ((mean - alone) / own - s.bunching[t]);
            let now = alone + own * s.bunching[t];
            self.stretches[i] = services.iter().map(|x| x / now).collect();
        }
    }

    fn utilizations(&self) -> Vec<f64> {
        // Of a reference task the throughput: its utilisation is its population when it does not
        // think.
        (0..self.network.tasks.len())
            .map(|t| {
                let (n, s) = (&self.network, &self.state);
                if n.tasks[t].reference {
                    let service: f64 = n.tasks[t].entries.iter().map(|&e| s.total(e).mean).sum();
                    s.task_rate(n, t) * service.min(1.0)
                } else {
                    s.utilization(n, t)
                }
            })
            .collect()
    }

    fn no_convergence(&self, options: &Options, change: f64) -> MvaError {
        let stable = self.stable();
        if let Err(unstable) = stable {
            return unstable;
        }
        let busiest = (0..self.network.tasks.len()).max_by(|&a, &b| {
            let of = |t| self.state.utilization(&self.network, t);
            of(a).total_cmp(&of(b))
        });
        let element = self.element(Server::Task(busiest.unwrap_or(0)));
        MvaError::NoConvergence { iterations: options.iterations_max, element, change }
    }

    fn element(&self, server: Server) -> Element {
        match server {
            Server::Task(t) => {
                let t = &self.model.tasks()[t];
                Element { kind: ElementKind::Task, name: t.name.clone(), line: t.line }
            }
            Server::Processor(p) => {
                let p = &self.model.processors()[p];
                Element { kind: ElementKind::Processor, name: p.name.clone(), line: p.line }
            }
        }
    }

    /// Open flows must leave room everywhere, and reference tasks must take time.
    fn stable(&self) -> Result<(), MvaError> {
        let (n, s) = (&self.network, &self.state);
        for (t, task) in n.tasks.iter().enumerate() {
            let rate = s.task_rate(n, t);
            if task.reference && (rate <= 0.0 || !rate.is_finite()) {
                return Err(MvaError::Instant(self.element(Server::Task(t))));
            }
        }
        // Closed flows take what open ones leave.
        for station in &n.stations {
            let arrivals = match station.server {
                Server::Task(t) => self.arrivals(station, t),
                Server::Processor(_) => Vec::new(),
            };
            let open = station.open.iter().map(|c| self.visit(c, 1.0)).chain(arrivals);
            let load: f64 = open.map(|v| v.visits * v.service).sum();
            if load > 0.0 {
                self.room(station.server, load, station.servers)?;
            }
        }
        Ok(())
    }

    fn room(&self, server: Server, load: f64, capacity: f64) -> Result<(), MvaError> {
        // A millionth short of full would wait a million services.
        if load < capacity * (1.0 - 1e-6) {
            return Ok(());
        }
        Err(MvaError::Unstable { element: self.element(server), load, capacity })
    }

    /// Solves one submodel and takes over its waits.
    fn layer(&mut self, index: usize, weight: f64) {
        let plans: Vec<usize> = self.network.submodels[index].clone();
        let mut submodel = Submodel::default();
        let mut chains: Vec<(usize, usize)> = Vec::new();
        for &plan in &plans {
            let mut station = self.station(&self.network.stations[plan], &mut chains);
            if self.bounds_move {
                self.mets[plan] = self.met(&self.network.stations[plan], &station.closed);
            }
            station.met.clone_from(&self.mets[plan]);
            station.stretch.clone_from(&self.stretches[plan]);
            self.second_phases(plan, &mut station);
            self.capacity(plan, &station, weight);
            submodel.stations.push(station);
        }
        let mut inside = vec![0.0; chains.len()];
        for (station, &plan) in submodel.stations.iter().zip(&plans) {
            for (v, client) in station.closed.iter().zip(&self.network.stations[plan].closed) {
                // What the layer does not know of counts as time outside it.
                let known = (self.wait_now(client).mean - self.excess[plan]).max(0.0);
                inside[v.chain] += v.visits * (v.reply + known);
            }
        }
        for (&(t, _), inside) in chains.iter().zip(inside) {
            submodel.chains.push(self.chain(t, inside));
        }
        let submodels = self.network.submodels.len();
        let (waits, loads) = if exact::fits(&submodel, submodels) {
            exact::solve(&submodel)
        } else {
            linearizer::solve(&submodel, submodels, self.loads[index].as_deref())
        };
        self.take(&plans, &submodel, &waits, &loads, weight);
        self.loads[index] = Some(loads);
    }

    /// Where several threads go on after the reply, the wait follows from a Markov chain. (With one
    /// thread the recursion and the probability of overtaking know more about each caller.)
    fn second_phases(&mut self, plan: usize, station: &mut Station) {
        let is_task = matches!(self.network.stations[plan].server, Server::Task(_));
        let queues = station.order == Order::Fcfs && station.open.is_empty();
        if !is_task || !queues || station.servers < 2.0 {
            return;
        }
        let (mut rate, mut waits, mut first, mut service) = (0.0, 0.0, 0.0, 0.0);
        // Per chain: its flow and its threads.
        let mut callers: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
        for (v, client) in station.closed.iter().zip(&self.network.stations[plan].closed) {
            let x = self.state.task_rate(&self.network, client.task) * v.visits;
            rate += x;
            waits += x * self.wait_now(client).mean;
            first += x * v.reply;
            service += x * v.service;
            if let Population::Closed(n) = self.network.tasks[client.task].population {
                let caller = callers.entry(v.chain).or_insert((0.0, n));
                caller.0 += x;
            }
        }
        if rate <= 0.0 || service - first <= 0.01 * service {
            return;
        }
        // Callers of different flows are as many equal ones as give the flows the same variance.
        let squares: f64 = callers.values().map(|(x, n)| x * x / n.max(1e-9)).sum();
        let equal = (rate * rate / squares).min(station.threads_max);
        let inputs = second_phase::Inputs {
            threads: station.servers,
            callers: equal,
            away: ((equal - first - waits) / rate).max(0.0),
            first: first / rate,
            second: (service - first) / rate,
            stretch: station.stretch.clone(),
        };
        let known = self.seconds[plan].as_ref().filter(|(last, _)| inputs.same(last));
        let wait = known.map(|(_, wait)| *wait).or_else(|| second_phase::wait(&inputs));
        let Some(wait) = wait else { return };
        self.seconds[plan] = Some((inputs, wait));
        for v in &mut station.closed {
            v.wait = Some(wait);
        }
    }

    /// No station serves more than it can: what callers of a full one wait is what keeps them from
    /// more. Where the approximations say less, the rest is found here, step by step.
    fn capacity(&mut self, plan: usize, station: &Station, weight: f64) {
        let by_priority = matches!(station.order, Order::HeadOfLine | Order::Preemptive);
        let open = station.open_load();
        if !self.bounded || by_priority || open >= station.servers {
            return;
        }
        let (mut requests, mut busy, mut threads) = (0.0, open, 0.0);
        for (v, client) in station.closed.iter().zip(&self.network.stations[plan].closed) {
            let x = self.state.task_rate(&self.network, client.task) * v.visits;
            requests += x;
            busy += x * v.service;
            if let Population::Closed(n) = self.network.tasks[client.task].population {
                threads += n;
            }
        }
        if requests > 0.0 {
            // The step that would be right if everything else stood still, halved.
            let step = 0.5 * weight * (busy / station.servers - 1.0) * threads / requests;
            self.excess[plan] = (self.excess[plan] + step).max(0.0);
        }
    }

    fn chain(&self, task: usize, inside: f64) -> Chain {
        let (n, s) = (&self.network, &self.state);
        let population = match n.tasks[task].population {
            Population::Closed(threads) => threads,
            Population::Open => 0.0,
        };
        let rate = s.task_rate(n, task);
        if rate <= 0.0 {
            return Chain { population: 0.0, think: 1.0 };
        }
        let cycle = if n.tasks[task].reference {
            s.idle(n, task) + s.utilization(n, task) / rate
        } else {
            population / rate
        };
        let think = cycle - inside;
        Chain { population, think: think.max(0.0) }
    }

    /// Mean wait of a client as it stands: all its uses have the same.
    fn wait_now(&self, client: &Client) -> Wait {
        client.uses.first().map_or(Wait::default(), |u| match u.target {
            Some(k) => self.state.waits[u.entry][u.phase][k],
            None => self.state.slice_waits[u.entry][u.phase],
        })
    }

    fn station(&self, plan: &StationPlan, chains: &mut Vec<(usize, usize)>) -> Station {
        let closed = plan.closed.iter().map(|client| {
            // Strands of a thread are chains of their own: each rests while only others run.
            let key = (client.task, client.strand);
            let chain = chains.iter().position(|&c| c == key).unwrap_or_else(|| {
                chains.push(key);
                chains.len() - 1
            });
            let rate = self.state.task_rate(&self.network, client.task);
            let mut visit = self.visit(client, if rate > 0.0 { 1.0 / rate } else { 0.0 });
            visit.chain = chain;
            if let Population::Closed(n) = self.network.tasks[client.task].population {
                let cycle = n / (rate * visit.visits).max(1e-300);
                visit.away = (cycle - visit.reply - self.wait_now(client).mean).max(0.0);
            }
            let later = visit.service - visit.reply;
            if later > 1e-12 * visit.service {
                let p = overtaking::probability(&self.network, &self.state, client, later);
                visit.overtaking = p * later;
            }
            visit
        });
        let closed: Vec<Visit> = closed.collect();
        let mut open: Vec<Visit> = plan.open.iter().map(|c| self.visit(c, 1.0)).collect();
        if let Server::Task(t) = plan.server {
            open.extend(self.arrivals(plan, t));
        }
        let (interlock, threads_max) =
            interlock::matrix(&self.network, &self.state, plan, &self.sources);
        Station {
            servers: plan.servers,
            order: plan.order,
            closed,
            open,
            buckets: plan.buckets.clone(),
            stretch: Vec::new(),
            interlock,
            met: Vec::new(),
            threads_max,
        }
    }

    /// Most requests of client `j` that an arrival of client `i` finds at a single server, on
    /// average: `met[i * n + j]`. A thread that comes while a request of `j` is there waits behind
    /// it, and so comes only once; if services of `j` are long and `i` is soon back, most of its
    /// requests come between them. With `X` the flows, `N` the threads and `R` the responses,
    ///
    /// ```text
    /// X_j N_i / X_i (away_i p(R_j) + (1 - away_i) p(S_j + W_j / 2)),  p(t) = t / (t + away time of i)
    /// ```
    ///
    /// counts for each request of `j` the threads of `i` that come while it is there: those that
    /// are away when it comes, and those that are in front of it, leave and are back in time. The
    /// arrival theorem says more where services differ, for then it does not hold.
    fn met(&self, plan: &StationPlan, closed: &[Visit]) -> Vec<f64> {
        let n = closed.len();
        if plan.servers > 1.0 || plan.order != Order::Fcfs || !(2..=MET_CLIENTS_MAX).contains(&n) {
            return Vec::new();
        }
        let figures: Vec<(f64, f64, f64)> = closed
            .iter()
            .zip(&plan.closed)
            .map(|(v, client)| {
                let flow = self.state.task_rate(&self.network, client.task) * v.visits;
                let threads = match self.network.tasks[client.task].population {
                    Population::Closed(threads) => threads,
                    Population::Open => f64::INFINITY,
                };
                (flow, threads, self.wait_now(client).mean)
            })
            .collect();
        let mut met = vec![f64::INFINITY; n * n];
        for i in 0..n {
            let (flow, threads, wait) = figures[i];
            let away = closed[i].away.max(0.0);
            if flow <= 0.0 || !away.is_finite() {
                continue;
            }
            let is_away = away / (away + closed[i].reply + wait).max(1e-300);
            for j in 0..n {
                if closed[i].chain == closed[j].chain {
                    continue;
                }
                let (other, _, other_wait) = figures[j];
                let back = |t: f64| t / (t + away).max(1e-300);
                let long = back(closed[j].service + other_wait);
                let short = back(closed[j].service + 0.5 * other_wait);
                let each = is_away * long + (1.0 - is_away) * short;
                met[i * n + j] = other * threads / flow * each;
            }
        }
        met
    }

    /// Sums the uses of a client; `scale` turns rates into visits.
    fn visit(&self, client: &Client, scale: f64) -> Visit {
        let mut sums = Sums::default();
        for u in &client.uses {
            let phase = &self.network.entries[u.entry].phases[u.phase];
            let part = self.state.part(&self.network, u.entry, client.task);
            let rate = self.state.rates[u.entry] * part * phase.visits;
            match u.target {
                Some(k) => {
                    let target = phase.targets[k];
                    let reply = self.state.reply[target.entry].mean;
                    let total = self.state.total(target.entry);
                    sums.add(rate * target.mean, reply, total.mean, total.variance);
                }
                None => {
                    let work = phase.demand / phase.slices;
                    let variance = phase.cv_squared * work * work;
                    sums.add(rate * phase.slices, work, work, variance);
                }
            }
        }
        sums.visit(scale, client.priority, client.bucket)
    }

    /// Requests from outside, and forwards of requests that nobody waits for, one flow per
    /// priority.
    fn arrivals(&self, plan: &StationPlan, task: usize) -> Vec<Visit> {
        let mut flows: Vec<(i32, Sums)> = Vec::new();
        for &e in &self.network.tasks[task].entries {
            let called: f64 = plan
                .open
                .iter()
                .flat_map(|c| &c.uses)
                .map(|u| (u, &self.network.entries[u.entry].phases[u.phase]))
                .filter_map(|(u, phase)| Some((u, phase.targets[u.target?])))
                .filter(|(_, target)| target.entry == e && !target.waits)
                .map(|(u, target)| {
                    let phase = &self.network.entries[u.entry].phases[u.phase];
                    self.state.rates[u.entry] * phase.visits * target.mean
                })
                .sum();
            let rate = self.state.open_rates[e] - called;
            if rate <= 1e-15 * self.state.open_rates[e] {
                continue;
            }
            let total = self.state.total(e);
            let priority = self.network.entries[e].priority;
            let at = flows.iter().position(|f| f.0 == priority).unwrap_or_else(|| {
                flows.push((priority, Sums::default()));
                flows.len() - 1
            });
            flows[at].1.add(rate, self.state.reply[e].mean, total.mean, total.variance);
        }
        flows.into_iter().map(|(priority, sums)| sums.visit(1.0, priority, 0)).collect()
    }

    fn take(
        &mut self,
        plans: &[usize],
        submodel: &Submodel,
        waits: &Waits,
        loads: &[Load],
        weight: f64,
    ) {
        for (k, &plan) in plans.iter().enumerate() {
            let station = &submodel.stations[k];
            let busy: f64 = loads[k].busy.iter().sum::<f64>() + station.open_load();
            let probability = (busy / station.servers).clamp(1e-3, 1.0);
            let (step, longest) = queue(submodel, station, &loads[k], busy);
            let how = Wait { probability, step, longest, ..Wait::default() };
            let excess = self.excess[plan];
            let plan = &self.network.stations[plan];
            let closed = plan.closed.iter().zip(&waits.closed[k]);
            let open = plan.open.iter().zip(&waits.open[k]);
            let closed = closed.map(|(client, wait)| (client, wait + excess));
            let open = open.map(|(client, wait)| (client, *wait));
            // What the threads of several tasks wait for is their mean.
            let mut sums: BTreeMap<Place, Vec<(usize, f64)>> = BTreeMap::new();
            for (client, wait) in closed.chain(open) {
                for u in &client.uses {
                    let place = (u.entry, u.phase, u.target);
                    if self.network.entries[u.entry].task == client.task {
                        set_wait(&mut self.state, place, weight, wait, how);
                    } else {
                        sums.entry(place).or_default().push((client.task, wait));
                    }
                }
            }
            for (place, waits) in sums {
                let part = |task: usize| self.state.part(&self.network, place.0, task);
                let wait = waits.iter().map(|&(task, wait)| part(task) * wait).sum();
                set_wait(&mut self.state, place, weight, wait, how);
            }
            for (i, client) in plan.closed.iter().enumerate() {
                let own = own_part(submodel, k, i, &loads[k]);
                for u in &client.uses {
                    // Whoever waits for somebody else's thread is not its own competition.
                    let direct = self.network.entries[u.entry].task == client.task;
                    let own = if direct { own } else { 0.0 };
                    match u.target {
                        Some(t) => self.state.waits[u.entry][u.phase][t].own = own,
                        None => self.state.slice_waits[u.entry][u.phase].own = own,
                    }
                }
            }
            let Server::Task(t) = plan.server else { continue };
            let flows = &station.open[plan.open.len()..];
            for &e in &self.network.tasks[t].entries {
                let priority = self.network.entries[e].priority;
                let flow = flows.iter().position(|f| f.priority == priority);
                if let Some(at) = flow {
                    let wait = waits.open[k][plan.open.len() + at];
                    let place = &mut self.state.arrival_waits[e];
                    place.mean += weight * (wait - place.mean);
                    place.probability = probability;
                    (place.step, place.longest) = (step, longest);
                }
            }
        }
    }
}

/// Where a wait stands: entry, phase, and target (none for slices).
type Place = (usize, usize, Option<usize>);

/// Moves a wait towards its new mean; the rest of `how` it varies is taken over.
fn set_wait(state: &mut State, (entry, phase, target): Place, weight: f64, wait: f64, how: Wait) {
    let place = match target {
        Some(t) => &mut state.waits[entry][phase][t],
        None => &mut state.slice_waits[entry][phase],
    };
    place.mean += weight * (wait - place.mean);
    place.probability = how.probability;
    (place.step, place.longest) = (how.step, how.longest);
}

/// Time between two departures of a station that is busy all the time, and the longest queue.
fn queue(submodel: &Submodel, station: &Station, load: &Load, busy: f64) -> (f64, f64) {
    let closed = station.closed.iter().zip(&load.busy).map(|(v, b)| b * v.service);
    let open = station.open.iter().map(|v| v.visits * v.service * v.service);
    let service: f64 = closed.chain(open).sum::<f64>() / busy.max(1e-300);
    let step = service / station.servers;
    if !station.open.is_empty() {
        return (step, f64::INFINITY);
    }
    let threads: f64 = station.closed.iter().map(|v| submodel.chains[v.chain].population).sum();
    (step, (threads - station.servers).max(0.0) * step)
}

/// Part of the work that visit `i` finds which belongs to other threads of its own task.
fn own_part(submodel: &Submodel, k: usize, i: usize, load: &Load) -> f64 {
    let station = &submodel.stations[k];
    let chain = station.closed[i].chain;
    let (mut own, mut all) = (0.0, station.open_load());
    for (j, v) in station.closed.iter().enumerate() {
        let work =
            (load.queued[j] + load.busy[j]) * v.service / station.closed[i].service.max(1e-300);
        if v.chain == chain {
            let n = submodel.chains[chain].population;
            let others = work * ((n - 1.0) / n.max(1.0)).max(0.0);
            own += others;
            all += others;
        } else {
            all += work * station.visible(i, j);
        }
    }
    if all > 0.0 { own / all } else { 0.0 }
}

/// Weighted sums of service times.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    reply: f64,
    service: f64,
    square: f64,
}

impl Sums {
    fn add(&mut self, weight: f64, reply: f64, mean: f64, variance: f64) {
        self.weight += weight;
        self.reply += weight * reply;
        self.service += weight * mean;
        self.square += weight * (variance + mean * mean);
    }

    fn visit(&self, scale: f64, priority: i32, bucket: usize) -> Visit {
        let per = if self.weight > 0.0 { 1.0 / self.weight } else { 0.0 };
        let residual = if self.service > 0.0 { self.square / (2.0 * self.service) } else { 0.0 };
        Visit {
            chain: 0,
            visits: self.weight * scale,
            reply: self.reply * per,
            service: self.service * per,
            residual,
            priority,
            bucket,
            away: f64::INFINITY,
            overtaking: 0.0,
            wait: None,
        }
    }
}
