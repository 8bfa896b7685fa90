// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reduces the graph of an entry to moments: when it replies, when it ends, how often each node
//! runs, and which nodes run beside each other.
//!
//! Times of nodes are independent. Alternatives mix, loops are geometric sums, concurrent branches
//! end with the last of them ([`super::extreme`]). Branches that are joined in another order than
//! they were forked are taken for independent from the outermost fork on, which counts what they
//! have in common twice.

use std::collections::BTreeMap;

use super::{Branches, Graph, Refusal, extreme};
use crate::model::Limits;

/// Slack of probabilities that a file gives in decimal.
const SLACK: f64 = 1e-6;

/// Something that happens so often for each request, at a time of this mean and variance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Flow {
    pub(crate) weight: f64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    /// Part of it that comes after the reply.
    replied: f64,
}

impl Flow {
    pub(crate) fn of(mean: f64, variance: f64) -> Self {
        Self { weight: 1.0, mean, variance, replied: 0.0 }
    }

    /// Either of two.
    fn merge(&mut self, other: Self) {
        let weight = self.weight + other.weight;
        if weight <= 0.0 {
            return;
        }
        let part = other.weight / weight;
        let apart = self.mean - other.mean;
        self.variance = (1.0 - part) * self.variance
            + part * other.variance
            + part * (1.0 - part) * apart * apart;
        self.mean += part * (other.mean - self.mean);
        self.replied += part * (other.replied - self.replied);
        self.weight = weight;
    }

    /// What is timed from `start`, timed from where that is.
    fn after(self, start: Self) -> Self {
        Self {
            weight: self.weight * start.weight,
            mean: self.mean + start.mean,
            variance: self.variance + start.variance,
            replied: self.replied,
        }
    }

    fn moments(self) -> (f64, f64) {
        (self.mean, self.variance)
    }
}

/// What is known of the whole graph.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Reduction {
    pub(crate) end: Flow,
    /// Its weight is the probability of a reply before the end.
    pub(crate) reply: Flow,
    /// Per node: executions for each request, before and after the reply.
    pub(crate) visits: Vec<[f64; 2]>,
    /// Per node: the strand that executes it, and how many strands there are.
    pub(crate) strand: Vec<usize>,
    pub(crate) strands: usize,
    /// Pairs of strands, and the mean time for which both execute for one request.
    pub(crate) overlaps: Vec<(usize, usize, f64)>,
}

impl Reduction {
    /// Reduces a graph whose nodes take these times.
    pub(crate) fn of(graph: &Graph, time: &dyn Fn(usize) -> Flow) -> Result<Self, Refusal> {
        let mut last = vec![0; graph.junctions.len()];
        for (at, node) in graph.nodes.iter().enumerate() {
            if let Some(j) = node.next {
                last[j] = last[j].max(at);
            }
        }
        let found = Self {
            visits: vec![[0.0; 2]; graph.nodes.len()],
            strand: vec![0; graph.nodes.len()],
            strands: 1,
            ..Self::default()
        };
        let mut walker = Walker { graph, time, last, found, busy: vec![0.0], free: 1 };
        let whole = Flow { weight: 1.0, ..Flow::default() };
        let out = walker.walk((0, Kind::Node), &whole, 1.0, 0, 0)?;
        if let Some(&(j, _)) = out.parked.first() {
            return Err((graph.junctions[j].named, NEVER));
        }
        let mut found = walker.found;
        found.reply = out.reply;
        found.end = out.end;
        for late in out.trailing {
            let end = found.end;
            let (mean, variance) = extreme::order(&[end.moments(), late.moments()], 2);
            let both = Flow { weight: late.weight, ..Flow::of(mean, variance) };
            found.end = Flow { weight: (1.0 - late.weight).max(0.0), ..end };
            found.end.merge(both);
        }
        Ok(found)
    }
}

const NEVER: &str = "waits at a join that may never be complete";
const DEEP: &str = "is inside more than 64 forks and loops";

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Node,
    Junction,
}

/// A node, or a junction by the last node before it: in an order that follows the graph.
type Place = (usize, Kind);

/// What comes out of a region.
#[derive(Default)]
struct Outcome {
    end: Flow,
    /// Strands that wait at joins for strands of other regions.
    parked: Vec<(usize, Flow)>,
    reply: Flow,
    /// Strands that ended without being joined.
    trailing: Vec<Flow>,
}

struct Walker<'a> {
    graph: &'a Graph,
    time: &'a dyn Fn(usize) -> Flow,
    /// Per junction: the last node before it.
    last: Vec<usize>,
    found: Reduction,
    /// Per strand: time that it executes for each request.
    busy: Vec<f64>,
    /// The first strand that nobody executes now.
    free: usize,
}

impl Walker<'_> {
    /// Follows one strand, which is there `scale` times for each request, until it ends or waits.
    fn walk(
        &mut self,
        first: Place,
        start: &Flow,
        scale: f64,
        strand: usize,
        depth: usize,
    ) -> Result<Outcome, Refusal> {
        let mut out = Outcome::default();
        let begin = Flow { weight: 1.0, replied: start.replied, ..Flow::default() };
        let mut pending = BTreeMap::from([(first, begin)]);
        while let Some(((at, kind), flow)) = pending.pop_first() {
            match kind {
                Kind::Node => self.node(at, flow, scale, strand, &mut pending, &mut out),
                Kind::Junction => {
                    let Some(j) = self.graph.nodes[at].next else { continue };
                    if depth > Limits::GRAPH_DEPTH_MAX {
                        return Err((self.graph.junctions[j].named, DEEP));
                    }
                    self.junction(j, flow, (scale, strand, depth), &mut pending, &mut out)?;
                }
            }
        }
        let waits: f64 = out.parked.iter().map(|p| p.1.weight).fold(1.0, f64::min);
        if let Some(&(j, _)) = out.parked.first()
            && (waits < 1.0 - SLACK || out.end.weight > SLACK)
        {
            return Err((self.graph.junctions[j].named, NEVER));
        }
        Ok(out)
    }

    fn node(
        &mut self,
        at: usize,
        mut flow: Flow,
        scale: f64,
        strand: usize,
        pending: &mut BTreeMap<Place, Flow>,
        out: &mut Outcome,
    ) {
        let time = (self.time)(at);
        flow.mean += time.mean;
        flow.variance += time.variance;
        let visits = scale * flow.weight;
        self.found.visits[at][0] += visits * (1.0 - flow.replied);
        self.found.visits[at][1] += visits * flow.replied;
        self.found.strand[at] = strand;
        self.busy[strand] += visits * time.mean;
        let node = &self.graph.nodes[at];
        if node.replies && flow.replied < 1.0 {
            out.reply.merge(Flow { weight: flow.weight * (1.0 - flow.replied), ..flow });
            flow.replied = 1.0;
        }
        match node.next {
            None => out.end.merge(flow),
            Some(j) if self.graph.junctions[j].inputs > 1 => out.parked.push((j, flow)),
            Some(j) => pending.entry((self.last[j], Kind::Junction)).or_default().merge(flow),
        }
    }

    fn junction(
        &mut self,
        j: usize,
        mut flow: Flow,
        (scale, strand, depth): (f64, usize, usize),
        pending: &mut BTreeMap<Place, Flow>,
        out: &mut Outcome,
    ) -> Result<(), Refusal> {
        let mut go = |to: usize, flow: Flow| {
            pending.entry((to, Kind::Node)).or_default().merge(flow);
        };
        let graph = self.graph;
        match &graph.junctions[j].fork {
            Branches::One(to) => go(*to, flow),
            Branches::Or(all) => {
                for &(to, part) in all {
                    go(to, Flow { weight: flow.weight * part, ..flow });
                }
            }
            Branches::And(all) => match all.as_slice() {
                [only] => go(*only, flow),
                many => self.fork(many, flow, (scale, strand, depth), pending, out)?,
            },
            Branches::Loop { bodies, end } => {
                self.bodies(bodies, &mut flow, (scale, strand, depth), out)?;
                match end {
                    Some(end) => go(*end, flow),
                    None => out.end.merge(flow),
                }
            }
        }
        Ok(())
    }

    /// A geometric number of bodies: the moments of a random sum.
    fn bodies(
        &mut self,
        bodies: &[(usize, f64)],
        flow: &mut Flow,
        (scale, strand, depth): (f64, usize, usize),
        out: &mut Outcome,
    ) -> Result<(), Refusal> {
        let (start, mut one) = (*flow, Flow::default());
        let total: f64 = bodies.iter().map(|b| b.1).sum();
        for &(body, number) in bodies.iter().filter(|b| b.1 > 0.0) {
            let times = scale * start.weight * number;
            let inside = self.walk((body, Kind::Node), &start, times, strand, depth + 1)?;
            if let Some(&(j, _)) = inside.parked.first() {
                return Err((self.graph.junctions[j].named, NEVER));
            }
            one.merge(Flow { weight: number, ..inside.end });
            if inside.reply.weight > 0.0 {
                let some = total / (1.0 + total);
                let reply = Flow { weight: inside.reply.weight * some, ..inside.reply };
                out.reply.merge(reply.after(start));
                flow.replied = flow.replied.max(some * inside.end.replied);
            }
        }
        flow.mean += total * one.mean;
        flow.variance += total * one.variance + (total + total * total) * one.mean * one.mean;
        Ok(())
    }

    /// Concurrent branches. Those that come together go on together, until one strand is left,
    /// which goes on in `pending`, or all have ended, or wait for strands of an outer fork.
    fn fork(
        &mut self,
        branches: &[usize],
        start: Flow,
        (scale, strand, depth): (f64, usize, usize),
        pending: &mut BTreeMap<Place, Flow>,
        out: &mut Outcome,
    ) -> Result<(), Refusal> {
        let times = scale * start.weight;
        let before = self.free;
        let (mut live, mut ended): (Vec<(usize, Flow)>, Vec<Flow>) = (Vec::new(), Vec::new());
        let mut used = Vec::new();
        for (index, &branch) in branches.iter().enumerate() {
            let own = if index == 0 { strand } else { self.new_strand() };
            let (from, busy) = (self.free, self.busy.clone());
            let inside = self.walk((branch, Kind::Node), &start, times, own, depth + 1)?;
            let whole = inside.parked.iter().map(|p| p.1).chain([inside.end]);
            let whole = whole.fold(Flow::default(), |a, b| if b.mean > a.mean { b } else { a });
            used.push(Branch { own, inner: from..self.free, whole, busy });
            collect(inside, &Flow::of(0.0, 0.0), &start, &mut live, &mut ended, out);
        }
        self.overlap(&used, times);
        while let Some((j, joined)) = self.complete(&mut live, &mut ended) {
            let place = (self.last[j], Kind::Junction);
            if live.is_empty() {
                let late = ended.iter().map(|e| e.after(start));
                out.trailing.extend(late);
                self.free = before;
                pending.entry(place).or_default().merge(joined.after(start));
                return Ok(());
            }
            let inside = self.walk(place, &joined, times, strand, depth + 1)?;
            collect(inside, &joined, &start, &mut live, &mut ended, out);
        }
        self.free = before;
        if live.is_empty() {
            let all: Vec<(f64, f64)> = ended.iter().map(|e| e.moments()).collect();
            let (mean, variance) = extreme::order(&all, all.len());
            let replied = ended.iter().map(|e| e.replied).fold(0.0, f64::max);
            out.end.merge(Flow { weight: 1.0, mean, variance, replied }.after(start));
            return Ok(());
        }
        out.trailing.extend(ended.iter().map(|e| e.after(start)));
        out.parked.extend(live.into_iter().map(|(j, flow)| (j, flow.after(start))));
        Ok(())
    }

    fn new_strand(&mut self) -> usize {
        self.free += 1;
        if self.busy.len() < self.free {
            self.busy.push(0.0);
        }
        self.found.strands = self.found.strands.max(self.free);
        self.free - 1
    }

    /// Takes out of `live` the strands of a join that is complete.
    fn complete(
        &self,
        live: &mut Vec<(usize, Flow)>,
        ended: &mut Vec<Flow>,
    ) -> Option<(usize, Flow)> {
        let here = |j: usize| live.iter().filter(|l| l.0 == j).count();
        let full = |j: usize| here(j) == self.graph.junctions[j].inputs as usize;
        let j = live.iter().map(|l| l.0).find(|&j| full(j))?;
        let flows: Vec<Flow> = live.iter().filter(|l| l.0 == j).map(|l| l.1).collect();
        live.retain(|l| l.0 != j);
        let all: Vec<(f64, f64)> = flows.iter().map(|f| f.moments()).collect();
        let need = self.graph.junctions[j].need as usize;
        let (mean, variance) = extreme::order(&all, need);
        if need < all.len() {
            // Those that are not waited for still have to end.
            ended.extend(flows.iter().copied());
        }
        let replied = flows.iter().map(|f| f.replied).fold(0.0, f64::max);
        Some((j, Flow { weight: 1.0, mean, variance, replied }))
    }

    /// Time for which strands of different branches execute at once.
    fn overlap(&mut self, used: &[Branch], times: f64) {
        for (index, a) in used.iter().enumerate() {
            for b in &used[..index] {
                let both = [a.whole.moments(), b.whole.moments()];
                let (shorter, _) = extreme::order(&both, 1);
                for x in a.strands() {
                    for y in b.strands() {
                        let part = self.part(a, x, times) * self.part(b, y, times);
                        self.found.overlaps.push((x, y, times * shorter * part));
                    }
                }
            }
        }
    }

    /// Part of a branch in which a strand executes.
    fn part(&self, branch: &Branch, strand: usize, times: f64) -> f64 {
        if strand == branch.own {
            return 1.0;
        }
        let before = branch.busy.get(strand).copied().unwrap_or(0.0);
        let own = (self.busy[strand] - before) / times.max(1e-300);
        (own / branch.whole.mean.max(1e-300)).clamp(0.0, 1.0)
    }
}

/// A branch of a fork as it was walked.
struct Branch {
    own: usize,
    inner: std::ops::Range<usize>,
    whole: Flow,
    /// Per strand: time before this branch was walked.
    busy: Vec<f64>,
}

impl Branch {
    fn strands(&self) -> impl Iterator<Item = usize> + use<> {
        std::iter::once(self.own).chain(self.inner.clone())
    }
}

/// Sorts what a branch that began at `from` (timed from the fork) left behind.
fn collect(
    inside: Outcome,
    from: &Flow,
    fork: &Flow,
    live: &mut Vec<(usize, Flow)>,
    ended: &mut Vec<Flow>,
    out: &mut Outcome,
) {
    let from = Flow { weight: 1.0, ..*from };
    live.extend(inside.parked.into_iter().map(|(j, flow)| (j, flow.after(from))));
    ended.extend(inside.trailing.into_iter().map(|flow| flow.after(from)));
    if inside.end.weight > SLACK {
        ended.push(inside.end.after(from));
    }
    if inside.reply.weight > 0.0 {
        out.reply.merge(inside.reply.after(from).after(*fork));
    }
}
