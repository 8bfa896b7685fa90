// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the graph of an entry from the edges of its task, and refuses what cannot be run.

use std::collections::HashMap;

use super::reduce::{Flow, Reduction};
use super::{Branches, Graph, Junction, Node, Refusal};
use crate::model::{Activity, ActivityId, EntryId, Fork, Join, Precedence};

/// The edges of all graphs by the activities before them.
pub(crate) struct Edges<'a> {
    pub(crate) activities: &'a [Activity],
    pub(crate) precedences: &'a [Precedence],
    /// Per activity: the edge that it is before.
    pub(crate) after: Vec<Option<usize>>,
    /// Whether it follows another.
    pub(crate) follows: Vec<bool>,
}

impl<'a> Edges<'a> {
    /// Every activity is before one edge at most and after one at most.
    pub(crate) fn new(
        activities: &'a [Activity],
        precedences: &'a [Precedence],
    ) -> Result<Self, Refusal> {
        let mut after = vec![None; activities.len()];
        let mut follows = vec![false; activities.len()];
        for (index, edge) in precedences.iter().enumerate() {
            for a in edge.join.activities() {
                if after[a.index()].replace(index).is_some() {
                    return Err((
                        a,
                        "is followed by two edges of the graph: fork after one of them",
                    ));
                }
            }
            for a in edge.fork.activities() {
                if std::mem::replace(&mut follows[a.index()], true) {
                    return Err((a, "follows two edges of the graph: join before it"));
                }
            }
        }
        Ok(Self { activities, precedences, after, follows })
    }

    fn next(&self, activity: ActivityId) -> Vec<ActivityId> {
        self.after[activity.index()]
            .map_or_else(Vec::new, |edge| self.precedences[edge].fork.activities())
    }

    /// Activities that can be reached, so that what follows comes later; depth first with a stack
    /// of its own.
    fn order(&self, start: ActivityId) -> Result<Vec<ActivityId>, Refusal> {
        let mut on_path: HashMap<ActivityId, bool> = HashMap::from([(start, true)]);
        let mut path = vec![(start, self.next(start))];
        let mut out = Vec::new();
        while let Some((at, left)) = path.last_mut() {
            let Some(to) = left.pop() else {
                on_path.insert(*at, false);
                out.push(*at);
                path.pop();
                continue;
            };
            match on_path.get(&to) {
                Some(true) => {
                    return Err((to, "follows itself: a loop is written with its mean number"));
                }
                Some(false) => {}
                None => {
                    on_path.insert(to, true);
                    path.push((to, self.next(to)));
                }
            }
        }
        out.reverse();
        Ok(out)
    }
}

impl Graph {
    /// The graph of an entry that begins with this activity.
    pub(crate) fn new(
        edges: &Edges<'_>,
        entry: EntryId,
        start: ActivityId,
    ) -> Result<Self, Refusal> {
        if edges.follows[start.index()] {
            return Err((start, "begins an entry and follows another activity"));
        }
        let order = edges.order(start)?;
        let place: HashMap<ActivityId, usize> =
            order.iter().enumerate().map(|(index, &a)| (a, index)).collect();
        let mut graph = Self::default();
        let mut junctions: HashMap<usize, usize> = HashMap::new();
        for &activity in &order {
            let edge = edges.after[activity.index()];
            let next = edge.map(|edge| {
                *junctions.entry(edge).or_insert_with(|| {
                    graph.junctions.push(junction(&edges.precedences[edge], activity, &place));
                    graph.junctions.len() - 1
                })
            });
            let replies = edges.activities[activity.index()].replies.contains(&entry);
            graph.nodes.push(Node { activity, next, replies, in_loop: None });
        }
        for (&edge, &at) in &junctions {
            if let Join::And { all, .. } = &edges.precedences[edge].join
                && all.iter().any(|a| !place.contains_key(a))
            {
                let named = graph.junctions[at].named;
                return Err((named, "is joined with an activity that another entry begins"));
            }
        }
        graph.assign_loops()?;
        // The reduction finds joins that are never complete.
        let reduction = Reduction::of(&graph, &|_| Flow::default())?;
        graph.second_phase = reduction.visits.iter().any(|v| v[1] > 0.0);
        Ok(graph)
    }

    /// Whose body each node belongs to; and whether the strands of a body are joined at its end.
    fn assign_loops(&mut self) -> Result<(), Refusal> {
        let mut depth = vec![0_u32; self.nodes.len()];
        // The loop and the least depth of the nodes before each junction.
        let mut before: Vec<Option<(Option<usize>, u32)>> = vec![None; self.junctions.len()];
        let mut waiting: Vec<u32> = vec![0; self.junctions.len()];
        for node in &self.nodes {
            if let Some(next) = node.next {
                waiting[next] += 1;
            }
        }
        for at in 0..self.nodes.len() {
            let (activity, in_loop) = (self.nodes[at].activity, self.nodes[at].in_loop);
            let Some(j) = self.nodes[at].next else {
                if in_loop.is_some() && depth[at] > 0 {
                    return Err((activity, "ends a concurrent branch inside a loop: join it"));
                }
                continue;
            };
            let least = match before[j] {
                Some((other, _)) if other != in_loop => {
                    return Err((activity, "is joined with an activity of another loop"));
                }
                Some((_, least)) => least.min(depth[at]),
                None => depth[at],
            };
            before[j] = Some((in_loop, least));
            waiting[j] -= 1;
            if waiting[j] == 0 {
                let joined =
                    if self.junctions[j].inputs > 1 { least.saturating_sub(1) } else { least };
                self.junctions[j].in_loop = in_loop;
                self.enter_fork(j, joined, &mut depth);
            }
        }
        Ok(())
    }

    fn enter_fork(&mut self, j: usize, joined: u32, depth: &mut [u32]) {
        let around = self.junctions[j].in_loop;
        let (inside, outside): (Vec<usize>, Vec<usize>) = match &self.junctions[j].fork {
            Branches::One(one) => (Vec::new(), vec![*one]),
            Branches::And(all) => (Vec::new(), all.clone()),
            Branches::Or(all) => (Vec::new(), all.iter().map(|b| b.0).collect()),
            Branches::Loop { bodies, end } => {
                (bodies.iter().map(|b| b.0).collect(), end.iter().copied().collect())
            }
        };
        let forks = matches!(self.junctions[j].fork, Branches::And(_)) && outside.len() > 1;
        for to in outside {
            self.nodes[to].in_loop = around;
            depth[to] = joined + u32::from(forks);
        }
        for to in inside {
            self.nodes[to].in_loop = Some(j);
            depth[to] = 0;
        }
    }
}

fn junction(edge: &Precedence, named: ActivityId, place: &HashMap<ActivityId, usize>) -> Junction {
    let at = |a: &ActivityId| place.get(a).copied();
    let (inputs, need) = match &edge.join {
        Join::One(_) | Join::Or(_) => (1, 1),
        Join::And { all, quorum } => {
            let inputs = u32::try_from(all.len()).unwrap_or(u32::MAX);
            (inputs, quorum.filter(|&q| q > 0).unwrap_or(inputs))
        }
    };
    let weighted = |all: &[(ActivityId, f64)]| -> Vec<(usize, f64)> {
        all.iter().filter_map(|(a, x)| Some((at(a)?, *x))).collect()
    };
    let fork = match &edge.fork {
        Fork::One(one) => Branches::One(at(one).unwrap_or(0)),
        Fork::And(all) => Branches::And(all.iter().filter_map(at).collect()),
        Fork::Or(all) => Branches::Or(weighted(all)),
        Fork::Loop { bodies, end } => {
            Branches::Loop { bodies: weighted(bodies), end: end.as_ref().and_then(at) }
        }
    };
    Junction { inputs, need, fork, in_loop: None, named }
}
