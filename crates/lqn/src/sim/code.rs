// SPDX-License-Identifier: MIT OR Apache-2.0
//! The model as flat tables, so that the event loop follows indices only.

use super::fifo::NONE;
use super::random::Slice;
use crate::graph::Graph;
use crate::model::{
    CallKind, CallOrder, EntryId, Model, Phase, ProcessorDiscipline, TaskDiscipline, TaskId,
};

/// A range of one of the flat tables.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Span {
    #[inline]
    pub(crate) fn iter(self) -> std::ops::Range<usize> {
        self.from as usize..self.to as usize
    }
}

/// What a call does, and which tally slot counts its waiting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallCode {
    /// Sum of the means of the phase's calls up to this one: what a draw is compared with.
    pub(crate) cumulative: f64,
    pub(crate) to: u32,
    pub(crate) slot: u32,
    pub(crate) waits: bool,
    /// How many, in a deterministic phase.
    pub(crate) times: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseCode {
    pub(crate) slice: Slice,
    pub(crate) think: f64,
    /// 1 + sum of the means of the calls.
    pub(crate) slices: f64,
    pub(crate) calls: Span,
    pub(crate) deterministic: bool,
    /// Some calls are asynchronous.
    pub(crate) sends: bool,
    pub(crate) empty: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct ForwardCode {
    pub(crate) cumulative: f64,
    pub(crate) to: u32,
    pub(crate) slot: u32,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryCode {
    pub(crate) task: u32,
    /// Rank of its priority in its task's queue, 0 first.
    pub(crate) rank: u32,
    pub(crate) phases: Span,
    pub(crate) forwards: Span,
    pub(crate) arrival_rate: f64,
    pub(crate) open_slot: u32,
    /// Index of its activity graph, or `NONE`. Its two phases are then only counted, not run.
    pub(crate) graph: u32,
}

/// The activity graph of an entry; node `i` is the phase `nodes + i`.
#[derive(Debug, Clone)]
pub(crate) struct GraphCode {
    pub(crate) nodes: u32,
    pub(crate) graph: Graph,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskCode {
    pub(crate) processor: u32,
    /// Rank of its priority on its processor, 0 first.
    pub(crate) rank: u32,
    /// Bucket of a sharing processor.
    pub(crate) bucket: u32,
    pub(crate) reference: bool,
    pub(crate) think: f64,
    pub(crate) threads: Option<u32>,
    pub(crate) ranks: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum ProcessorCode {
    Delay,
    /// Run to the end, in the order of ranks.
    Queue {
        cores: u32,
        ranks: u32,
        preemptive: bool,
    },
    Random {
        cores: u32,
    },
    /// Buckets: weight and the most cores it may take.
    Sharing {
        cores: f64,
        buckets: Vec<(f64, f64)>,
    },
}

#[derive(Debug, Clone)]
pub(crate) struct Code {
    pub(crate) phases: Vec<PhaseCode>,
    pub(crate) calls: Vec<CallCode>,
    pub(crate) forwards: Vec<ForwardCode>,
    pub(crate) entries: Vec<EntryCode>,
    pub(crate) graphs: Vec<GraphCode>,
    pub(crate) tasks: Vec<TaskCode>,
    pub(crate) task_entries: Vec<Vec<u32>>,
    pub(crate) processors: Vec<ProcessorCode>,
    pub(crate) slots: usize,
}

fn index(n: usize) -> u32 {
    // Tables are bounded by Limits, far below 2^32.
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Rank of each value among the distinct ones, the largest first.
fn ranks(values: &[i32]) -> (Vec<u32>, u32) {
    let mut distinct = values.to_vec();
    distinct.sort_unstable_by(|a, b| b.cmp(a));
    distinct.dedup();
    let rank = |v: &i32| index(distinct.binary_search_by(|d| v.cmp(d)).unwrap_or(0));
    (values.iter().map(rank).collect(), index(distinct.len().max(1)))
}

impl Code {
    pub(crate) fn new(model: &Model) -> Self {
        let mut code = Self {
            phases: Vec::new(),
            calls: Vec::new(),
            forwards: Vec::new(),
            entries: Vec::new(),
            graphs: Vec::new(),
            tasks: Vec::new(),
            task_entries: Vec::new(),
            processors: Vec::new(),
            slots: 0,
        };
        for e in 0..model.entries().len() {
            code.entry(model, EntryId::at(e));
        }
        code.hosts(model);
        for t in 0..model.tasks().len() {
            code.queue(model, TaskId::at(t));
        }
        code
    }

    fn slot(&mut self) -> u32 {
        self.slots += 1;
        index(self.slots - 1)
    }

    fn entry(&mut self, model: &Model, id: EntryId) {
        let e = &model.entries()[id.index()];
        let speed = model.processors()[model.tasks()[e.task.index()].processor.index()].speed;
        let first = index(self.phases.len());
        for phase in &e.phases {
            let code = self.work(phase, speed);
            self.phases.push(code);
        }
        let mut graph = NONE;
        if let Some(found) = &model.graphs[id.index()] {
            // A second phase to count what follows the reply.
            let second = self.work(&Phase::default(), speed);
            self.phases.push(second);
            graph = index(self.graphs.len());
            let nodes = index(self.phases.len());
            for node in &found.nodes {
                let code = self.work(&model.activities()[node.activity.index()].work, speed);
                self.phases.push(code);
            }
            self.graphs.push(GraphCode { nodes, graph: found.clone() });
        }
        let phases_to = match self.graphs.get(graph as usize) {
            Some(code) => code.nodes,
            None => index(self.phases.len()),
        };
        let from = index(self.forwards.len());
        let mut cumulative = 0.0;
        for f in &e.forwards {
            cumulative += f.probability;
            let slot = self.slot();
            self.forwards.push(ForwardCode { cumulative, to: f.to.0, slot });
        }
        let open_slot = self.slot();
        self.entries.push(EntryCode {
            task: e.task.0,
            rank: 0,
            phases: Span { from: first, to: phases_to },
            forwards: Span { from, to: index(self.forwards.len()) },
            arrival_rate: e.arrival_rate.unwrap_or(0.0),
            open_slot,
            graph,
        });
    }

    /// What a phase or an activity does.
    fn work(&mut self, phase: &Phase, speed: f64) -> PhaseCode {
        let from = index(self.calls.len());
        let mut cumulative = 0.0;
        for call in &phase.calls {
            cumulative += call.mean;
            let slot = self.slot();
            self.calls.push(CallCode {
                cumulative,
                to: call.to.0,
                slot,
                waits: call.kind == CallKind::Synchronous,
                times: crate::text::whole(call.mean).unwrap_or(0),
            });
        }
        let slices = 1.0 + cumulative;
        PhaseCode {
            slice: Slice::new(phase.demand / speed / slices, phase.cv_squared),
            think: phase.think,
            slices,
            calls: Span { from, to: index(self.calls.len()) },
            sends: phase.calls.iter().any(|c| c.kind == CallKind::Asynchronous),
            deterministic: phase.order == CallOrder::Deterministic,
            empty: phase.is_empty(),
        }
    }

    fn hosts(&mut self, model: &Model) {
        let mut at: Vec<Vec<usize>> = vec![Vec::new(); model.processors().len()];
        for (i, t) in model.tasks().iter().enumerate() {
            at[t.processor.index()].push(i);
            self.tasks.push(TaskCode {
                processor: t.processor.0,
                rank: 0,
                bucket: 0,
                reference: t.discipline == TaskDiscipline::Reference,
                think: t.think,
                threads: model.threads(TaskId::at(i)),
                ranks: 1,
            });
        }
        for (p, tasks) in model.processors().iter().zip(&at) {
            let Some(cores) =
                p.copies.finite().filter(|_| p.discipline != ProcessorDiscipline::Delay)
            else {
                self.processors.push(ProcessorCode::Delay);
                continue;
            };
            let preemptive = p.discipline == ProcessorDiscipline::PriorityPreemptive;
            let code = match p.discipline {
                ProcessorDiscipline::Ps | ProcessorDiscipline::Cfs => {
                    self.buckets(model, tasks, f64::from(cores))
                }
                ProcessorDiscipline::Random => ProcessorCode::Random { cores },
                ProcessorDiscipline::Fcfs | ProcessorDiscipline::Delay => {
                    ProcessorCode::Queue { cores, ranks: 1, preemptive }
                }
                ProcessorDiscipline::HeadOfLine | ProcessorDiscipline::PriorityPreemptive => {
                    let priorities: Vec<i32> =
                        tasks.iter().map(|&t| model.tasks()[t].priority).collect();
                    let (rank, ranks) = ranks(&priorities);
                    for (&t, rank) in tasks.iter().zip(rank) {
                        self.tasks[t].rank = rank;
                    }
                    ProcessorCode::Queue { cores, ranks, preemptive }
                }
            };
            self.processors.push(code);
        }
    }

    /// One bucket per group that is used, and one for tasks without a group: it has the weight
    /// that the groups leave (all of it under plain processor sharing).
    fn buckets(&mut self, model: &Model, tasks: &[usize], cores: f64) -> ProcessorCode {
        let mut buckets = vec![(1.0, cores)];
        let mut of_group = std::collections::HashMap::new();
        for &t in tasks {
            let Some(group) = model.tasks()[t].group else { continue };
            let bucket = *of_group.entry(group).or_insert_with(|| {
                let g = &model.groups()[group.index()];
                buckets.push((g.share, if g.cap { g.share * cores } else { cores }));
                buckets.len() - 1
            });
            self.tasks[t].bucket = index(bucket);
        }
        let shares: f64 = buckets[1..].iter().map(|b| b.0).sum();
        buckets[0].0 = (1.0 - shares).max(0.0);
        ProcessorCode::Sharing { cores, buckets }
    }

    fn queue(&mut self, model: &Model, task: TaskId) {
        let entries = model.entries_of(task);
        self.task_entries.push(entries.iter().map(|e| e.0).collect());
        let ordered = matches!(
            model.tasks()[task.index()].discipline,
            TaskDiscipline::HeadOfLine | TaskDiscipline::PriorityPreemptive
        );
        if ordered {
            let priorities: Vec<i32> =
                entries.iter().map(|e| model.entries()[e.index()].priority).collect();
            let (rank, ranks) = ranks(&priorities);
            for (e, rank) in entries.iter().zip(rank) {
                self.entries[e.index()].rank = rank;
            }
            self.tasks[task.index()].ranks = ranks;
        }
    }
}
