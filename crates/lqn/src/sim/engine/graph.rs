// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runs of activity graphs. The thread that serves the request is one strand; a fork borrows more
//! threads, which execute on the same processor and are given back where branches end or are
//! joined. Whichever strand completes a join goes on. The request is done when no strand runs.
//!
//! A loop decides after each body whether it goes round again, so its number is geometric.

use super::{Engine, POPULATION_MAX, Step, Stop};
use crate::graph::Branches;
use crate::sim::fifo::NONE;

/// One request that runs through a graph.
#[derive(Debug, Default)]
pub(super) struct Instance {
    entry: u32,
    message: u32,
    /// The thread that serves the request; `NONE` if the instance is free.
    thread: u32,
    replied: bool,
    /// Strands that execute something.
    running: u32,
    began: f64,
    /// When the phase it is in (1 to the reply, then 2) began, and from when it is not counted yet.
    phase_began: f64,
    busy_since: f64,
    /// Per junction: strands that wait there.
    arrived: Vec<u32>,
}

impl Engine<'_> {
    pub(super) fn start_graph(&mut self, id: u32, entry: u32, message: u32) {
        let instance = match self.free_instances.pop() {
            Some(free) => free,
            None => {
                self.instances.push(Instance::default());
                // One for each thread at most.
                u32::try_from(self.instances.len() - 1).unwrap_or(NONE)
            }
        };
        let code = &self.code.graphs[self.code.entries[entry as usize].graph as usize];
        let run = &mut self.instances[instance as usize];
        (run.entry, run.message, run.thread) = (entry, message, id);
        (run.replied, run.running) = (false, 1);
        (run.began, run.phase_began, run.busy_since) = (self.now, self.now, self.now);
        run.arrived.clear();
        run.arrived.resize(code.graph.junctions.len(), 0);
        let thread = &mut self.threads[id as usize];
        (thread.entry, thread.instance, thread.message) = (entry, instance, NONE);
        let first = code.nodes;
        self.start_phase(id, first);
    }

    /// Ends an activity; true if the thread has nothing to do now.
    pub(super) fn end_node(&mut self, id: u32) -> Result<bool, Stop> {
        let code = self.code;
        let thread = &self.threads[id as usize];
        let (instance, entry) = (thread.instance, thread.entry);
        let graph = &code.graphs[code.entries[entry as usize].graph as usize];
        let node = &graph.graph.nodes[(thread.phase - graph.nodes) as usize];
        let others = self.ready.len();
        if node.replies {
            self.reply_of(instance)?;
        }
        let woken = self.ready.len() > others;
        let done = self.follow(id, node.next, node.in_loop)?;
        // As after a phase: whoever the reply has woken goes first.
        if done || !woken {
            return Ok(done);
        }
        self.ready.insert(others, id);
        Ok(true)
    }

    /// Goes from a node through joins and forks to the next; true if this strand has none.
    fn follow(
        &mut self,
        id: u32,
        mut next: Option<usize>,
        mut in_loop: Option<usize>,
    ) -> Result<bool, Stop> {
        let code = self.code;
        let thread = &self.threads[id as usize];
        let (instance, entry) = (thread.instance, thread.entry);
        let graph = &code.graphs[code.entries[entry as usize].graph as usize].graph;
        loop {
            let j = match (next, in_loop) {
                (Some(j), _) => j,
                (None, Some(around)) => around,
                (None, None) => return self.end_strand(id),
            };
            let junction = &graph.junctions[j];
            if next.is_some() && junction.inputs > 1 {
                let arrived = &mut self.instances[instance as usize].arrived[j];
                *arrived += 1;
                let now_here = *arrived;
                if now_here == junction.inputs {
                    *arrived = 0;
                }
                if now_here != junction.need {
                    return self.end_strand(id);
                }
            }
            let to = match &junction.fork {
                Branches::One(to) => Some(*to),
                Branches::Or(all) => Some(self.alternative(all)),
                Branches::And(all) => {
                    for &other in all.iter().skip(1).rev() {
                        self.spawn(instance, other)?;
                    }
                    all.first().copied()
                }
                Branches::Loop { bodies, end } => self.round(bodies).or(*end),
            };
            let Some(to) = to else {
                (next, in_loop) = (None, junction.in_loop);
                continue;
            };
            self.start_node(id, to);
            return Ok(false);
        }
    }

    fn alternative(&mut self, all: &[(usize, f64)]) -> usize {
        let mut left = self.random.uniform();
        for &(to, part) in all {
            left -= part;
            if left < 0.0 {
                return to;
            }
        }
        // The probabilities sum to 1 but for rounding.
        all.last().map_or(0, |b| b.0)
    }

    /// A body of a loop, or `None` to leave it.
    fn round(&mut self, bodies: &[(usize, f64)]) -> Option<usize> {
        let total: f64 = bodies.iter().map(|b| b.1).sum();
        let mut left = self.random.uniform() * (1.0 + total);
        for &(to, number) in bodies {
            left -= number;
            if left < 0.0 {
                return Some(to);
            }
        }
        None
    }

    fn start_node(&mut self, id: u32, node: usize) {
        let code = self.code;
        let entry = self.threads[id as usize].entry as usize;
        let graph = &code.graphs[code.entries[entry].graph as usize];
        // Nodes of all graphs are bounded by Limits::ELEMENTS_MAX.
        let node = u32::try_from(node).unwrap_or(0);
        self.start_phase(id, graph.nodes + node);
    }

    /// Another strand begins with this node.
    fn spawn(&mut self, instance: u32, node: usize) -> Result<(), Stop> {
        let run = &mut self.instances[instance as usize];
        run.running += 1;
        let (entry, task) = (run.entry, self.code.entries[run.entry as usize].task);
        let id = match self.free_strands[task as usize].pop() {
            Some(free) => free,
            // Every request may fork into as many strands as its graph has activities.
            None if self.threads.len() < 4 * POPULATION_MAX => self.add_thread(task),
            None => return Err(Stop::Unstable(task)),
        };
        let thread = &mut self.threads[id as usize];
        (thread.entry, thread.instance) = (entry, instance);
        self.start_node(id, node);
        self.ready.push(id);
        Ok(())
    }

    /// The strand has ended or waits for others; true if its thread has nothing to do now.
    fn end_strand(&mut self, id: u32) -> Result<bool, Stop> {
        let instance = self.threads[id as usize].instance;
        let run = &mut self.instances[instance as usize];
        run.running -= 1;
        let (running, serves) = (run.running, run.thread);
        let thread = &mut self.threads[id as usize];
        thread.step = Step::Idle;
        if id != serves {
            thread.instance = NONE;
            self.free_strands[thread.task as usize].push(id);
        }
        if running > 0 {
            return Ok(true);
        }
        if self.instances[instance as usize].arrived.iter().any(|&n| n > 0) {
            return Err(Stop::Unjoined(self.threads[serves as usize].task));
        }
        let done = self.end_graph(instance)?;
        if !done && id != serves {
            self.ready.push(serves);
        }
        Ok(done || id != serves)
    }

    /// Ends phase 1 and answers the caller; again it does nothing.
    fn reply_of(&mut self, instance: u32) -> Result<(), Stop> {
        if self.instances[instance as usize].replied {
            return Ok(());
        }
        self.count_instance(instance, true);
        let run = &mut self.instances[instance as usize];
        run.replied = true;
        let (entry, message) = (run.entry, std::mem::replace(&mut run.message, NONE));
        if message == NONE { Ok(()) } else { self.reply(entry, message) }
    }

    /// Counts the time since the last count as that of the phase the instance is in.
    fn count_instance(&mut self, instance: u32, phase_ends: bool) {
        let run = &mut self.instances[instance as usize];
        let phases = self.code.entries[run.entry as usize].phases;
        let tally = &mut self.tally.phases[(phases.from + u32::from(run.replied)) as usize];
        tally.busy += self.now - run.busy_since;
        run.busy_since = self.now;
        if phase_ends {
            let service = self.now - run.phase_began;
            tally.ended += 1.0;
            tally.service += service;
            tally.service_squared += service * service;
            run.phase_began = self.now;
        }
    }

    /// All strands have ended; true if the serving thread has nothing to do now.
    fn end_graph(&mut self, instance: u32) -> Result<bool, Stop> {
        self.count_instance(instance, true);
        let run = &mut self.instances[instance as usize];
        let (entry, thread, began) = (run.entry, run.thread, run.began);
        let message = std::mem::replace(&mut run.message, NONE);
        run.thread = NONE;
        self.free_instances.push(instance);
        if message != NONE {
            // This way through the graph had no reply: its end is one.
            self.reply(entry, message)?;
        }
        let thread_state = &mut self.threads[thread as usize];
        thread_state.instance = NONE;
        thread_state.began = began;
        Ok(self.end_entry(thread))
    }

    /// Counts what instances have done since the last cut.
    pub(super) fn cut_instances(&mut self) {
        for instance in 0..self.instances.len() {
            if self.instances[instance].thread != NONE {
                // At most one for each thread.
                self.count_instance(u32::try_from(instance).unwrap_or(NONE), false);
            }
        }
    }
}
