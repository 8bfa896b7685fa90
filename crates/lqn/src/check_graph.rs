// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of activity graphs.

use crate::builder::Builder;
use crate::check::{SUM_SLACK, names, number, work};
use crate::error::{ElementKind, ModelError, Problem};
use crate::graph::build::Edges;
use crate::graph::{Graph, Refusal};
use crate::model::{
    ActivityId, CallKind, Entry, EntryId, Fork, Join, Limits, Precedence, TaskDiscipline,
};

/// Checks all activities and makes the graph of each entry that has one.
pub(crate) fn graphs(b: &Builder) -> Result<Vec<Option<Graph>>, ModelError> {
    let refuse = |(activity, problem): Refusal| fail(b, activity, Problem::Graph(problem));
    activities(b)?;
    for edge in &b.precedences {
        self::edge(b, edge)?;
    }
    let edges = Edges::new(&b.activities, &b.precedences).map_err(refuse)?;
    let mut nodes = 0_usize;
    let mut graphs = Vec::with_capacity(b.entries.len());
    for (index, entry) in b.entries.iter().enumerate() {
        let Some(start) = entry.start else {
            graphs.push(None);
            continue;
        };
        begins(b, entry, start)?;
        let graph = Graph::new(&edges, EntryId::at(index), start).map_err(refuse)?;
        // Entries may share activities; each runs a graph of its own.
        nodes += graph.nodes.len();
        if nodes > Limits::ELEMENTS_MAX {
            let (what, max) = ("activities in all graphs", Limits::ELEMENTS_MAX);
            let problem = Problem::TooMany { what, count: nodes, max };
            return Err(ModelError::new(ElementKind::Entry, &entry.name, entry.line, problem));
        }
        graphs.push(Some(graph));
    }
    replies(b, &graphs)?;
    Ok(graphs)
}

fn fail(b: &Builder, activity: ActivityId, problem: Problem) -> ModelError {
    let (name, line) =
        b.activities.get(activity.index()).map_or(("", 0), |a| (a.name.as_str(), a.line));
    ModelError::new(ElementKind::Activity, name, line, problem)
}

fn activities(b: &Builder) -> Result<(), ModelError> {
    let mut by_task = vec![Vec::new(); b.tasks.len()];
    for (index, a) in b.activities.iter().enumerate() {
        let own = |p| fail(b, ActivityId::at(index), p);
        let list = by_task.get_mut(a.task.index());
        list.ok_or_else(|| own(Problem::Dangling(ElementKind::Task)))?.push(a);
        work(b, &a.work, ElementKind::Activity, &a.name, a.line)?;
        for reply in &a.replies {
            let entry = b.entries.get(reply.index());
            let entry = entry.ok_or_else(|| own(Problem::Dangling(ElementKind::Entry)))?;
            if entry.task != a.task {
                return Err(own(Problem::Graph("replies for an entry of another task")));
            }
            if b.tasks[a.task.index()].discipline == TaskDiscipline::Reference {
                return Err(own(Problem::Reference("reply")));
            }
        }
    }
    for of_task in by_task {
        names(ElementKind::Activity, of_task.iter().map(|a| (a.name.as_str(), a.line)))?;
    }
    Ok(())
}

/// All activities belong to the task; probabilities sum to 1; numbers are what they may be.
fn edge(b: &Builder, edge: &Precedence) -> Result<(), ModelError> {
    let before = edge.join.activities();
    let all = before.iter().copied().chain(edge.fork.activities());
    for a in all {
        if b.activities.get(a.index()).is_none_or(|found| found.task != edge.task) {
            return Err(fail(b, a, Problem::Graph("is connected to an activity of another task")));
        }
    }
    let Some(&first) = before.first() else {
        let name = b.tasks.get(edge.task.index()).map_or("", |t| t.name.as_str());
        let problem = Problem::Graph("has an activity graph with an empty join");
        return Err(ModelError::new(ElementKind::Task, name, edge.line, problem));
    };
    let own = |p| fail(b, first, p);
    if let Join::And { all, quorum: Some(quorum) } = &edge.join
        && *quorum as usize > all.len()
    {
        return Err(own(Problem::Graph("has a quorum of more than the branches it joins")));
    }
    match &edge.fork {
        Fork::One(_) => Ok(()),
        Fork::And(all) if all.is_empty() => Err(own(Problem::Graph("forks to nothing"))),
        Fork::And(_) => Ok(()),
        Fork::Or(all) => {
            for (to, p) in all {
                number("probability", *p, (0.0..=1.0).contains(p), "from 0 to 1")
                    .map_err(|p| fail(b, *to, p))?;
            }
            let total: f64 = all.iter().map(|a| a.1).sum();
            let ok = (total - 1.0).abs() <= SUM_SLACK;
            number("total probability of what follows", total, ok, "1").map_err(own)
        }
        Fork::Loop { bodies, .. } => {
            for (to, n) in bodies {
                number("mean number of loops", *n, *n >= 0.0, "a number of at least 0")
                    .map_err(|p| fail(b, *to, p))?;
            }
            Ok(())
        }
    }
}

/// An entry with a graph has nothing else.
fn begins(b: &Builder, entry: &Entry, start: ActivityId) -> Result<(), ModelError> {
    let own = |p| Err(ModelError::new(ElementKind::Entry, &entry.name, entry.line, p));
    match b.activities.get(start.index()) {
        None => return own(Problem::Dangling(ElementKind::Activity)),
        Some(a) if a.task != entry.task => {
            return own(Problem::Graph("begins with an activity of another task"));
        }
        Some(_) => {}
    }
    if entry.phases.len() > 1 || entry.phases.iter().any(|p| !p.is_empty()) {
        return own(Problem::Graph("has both phases and an activity graph"));
    }
    Ok(())
}

/// Whoever waits for an entry, or is forwarded to it while waiting, must get a reply.
fn replies(b: &Builder, graphs: &[Option<Graph>]) -> Result<(), ModelError> {
    let replies = |e: EntryId| {
        graphs[e.index()].as_ref().is_none_or(|g| g.nodes.iter().any(|node| node.replies))
    };
    let works = b.activities.iter().map(|a| &a.work);
    let works = works.chain(b.entries.iter().flat_map(|e| &e.phases));
    for call in works.flat_map(|w| &w.calls) {
        if call.kind == CallKind::Synchronous && call.mean > 0.0 && !replies(call.to) {
            let entry = &b.entries[call.to.index()];
            let problem = Problem::Graph("has callers that wait, and no activity replies to them");
            return Err(ModelError::new(ElementKind::Entry, &entry.name, entry.line, problem));
        }
    }
    for entry in &b.entries {
        if let Some(f) = entry.forwards.iter().find(|f| f.probability > 0.0 && !replies(f.to)) {
            let to = &b.entries[f.to.index()];
            let problem = Problem::Graph("is forwarded to, and no activity replies");
            return Err(ModelError::new(ElementKind::Entry, &to.name, to.line, problem));
        }
    }
    Ok(())
}
