// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules between the elements of a model. After this, solvers may index without asking.

use std::collections::HashSet;

use crate::builder::Builder;
use crate::check_graph;
use crate::error::{ElementKind, ModelError, Problem};
use crate::graph::Graph;
use crate::model::{
    CallKind, CallOrder, Entry, EntryId, Limits, Model, Multiplicity, Phase, ProcessorDiscipline,
    TaskDiscipline,
};
use crate::replicate;

/// Rounding slack of probabilities and shares that a file gives in decimal: 1/3 three times.
pub(crate) const SUM_SLACK: f64 = 1e-6;

pub(crate) fn check(b: Builder) -> Result<Model, ModelError> {
    sizes(&b)?;
    processors(&b)?;
    groups(&b)?;
    tasks(&b)?;
    let mut task_entries = vec![Vec::new(); b.tasks.len()];
    for (index, entry) in b.entries.iter().enumerate() {
        self::entry(&b, entry)?;
        task_entries[entry.task.index()].push(EntryId::at(index));
    }
    for (task, entries) in b.tasks.iter().zip(&task_entries) {
        if entries.is_empty() {
            return Err(ModelError::new(
                ElementKind::Task,
                &task.name,
                task.line,
                Problem::NoEntry,
            ));
        }
    }
    let loaded = b.entries.iter().any(|e| e.arrival_rate.is_some_and(|r| r > 0.0))
        || b.tasks.iter().any(|t| t.discipline == TaskDiscipline::Reference);
    if !loaded {
        return Err(ModelError::new(ElementKind::Model, &b.name, 0, Problem::NoLoad));
    }
    let graphs = check_graph::graphs(&b)?;
    cycles(&b, &graphs)?;
    let flat = replicate::flat(&b)?.map(Box::new);
    Ok(Model {
        name: b.name,
        settings: b.settings,
        processors: b.processors,
        groups: b.groups,
        tasks: b.tasks,
        entries: b.entries,
        activities: b.activities,
        precedences: b.precedences,
        fans: b.fans,
        task_entries,
        graphs,
        flat,
    })
}

fn sizes(b: &Builder) -> Result<(), ModelError> {
    let model = |what, count, max| {
        let problem = Problem::TooMany { what, count, max };
        Err(ModelError::new(ElementKind::Model, &b.name, 0, problem))
    };
    let counts = [
        ("processors", b.processors.len()),
        ("groups", b.groups.len()),
        ("tasks", b.tasks.len()),
        ("entries", b.entries.len()),
        ("activities", b.activities.len()),
        ("edges of activity graphs", b.precedences.len()),
    ];
    for (what, count) in counts {
        if count > Limits::ELEMENTS_MAX {
            return model(what, count, Limits::ELEMENTS_MAX);
        }
    }
    let calls = b
        .entries
        .iter()
        .map(|e| e.forwards.len() + e.phases.iter().map(|p| p.calls.len()).sum::<usize>());
    let of_activities = b.activities.iter().map(|a| a.work.calls.len());
    let count = calls.sum::<usize>() + of_activities.sum::<usize>();
    if count > Limits::CALLS_MAX {
        return model("calls", count, Limits::CALLS_MAX);
    }
    Ok(())
}

/// Names of one kind: unique, and of bounded length.
pub(crate) fn names<'a>(
    kind: ElementKind,
    of: impl Iterator<Item = (&'a str, u32)>,
) -> Result<(), ModelError> {
    let mut seen = HashSet::new();
    for (name, line) in of {
        let odd = |c: char| c.is_control() || c == '"' || c == '\\';
        if name.is_empty() || name.len() > Limits::NAME_BYTES_MAX || name.contains(odd) {
            return Err(ModelError::new(kind, name, line, Problem::Name));
        }
        if !seen.insert(name) {
            return Err(ModelError::new(kind, name, line, Problem::Duplicate));
        }
    }
    Ok(())
}

/// A range check; `ok` decides, the rest is for the message.
pub(crate) fn number(
    what: &'static str,
    value: f64,
    ok: bool,
    allowed: &'static str,
) -> Result<(), Problem> {
    if ok && value.is_finite() { Ok(()) } else { Err(Problem::Range { what, value, allowed }) }
}

fn not_negative(what: &'static str, value: f64) -> Result<(), Problem> {
    number(what, value, value >= 0.0, "a number of at least 0")
}

fn copies(what: &'static str, copies: Multiplicity) -> Result<(), Problem> {
    match copies {
        Multiplicity::Finite(n) => {
            let ok = (1..=Limits::COPIES_MAX).contains(&n);
            number(what, f64::from(n), ok, "from 1 to 1000000, or infinite")
        }
        Multiplicity::Infinite => Ok(()),
    }
}

fn processors(b: &Builder) -> Result<(), ModelError> {
    names(ElementKind::Processor, b.processors.iter().map(|p| (p.name.as_str(), p.line)))?;
    for p in &b.processors {
        copies("multiplicity", p.copies)
            .and_then(|()| number("speed", p.speed, p.speed > 0.0, "above 0"))
            .and_then(|()| not_negative("quantum", p.quantum))
            .map_err(|e| ModelError::new(ElementKind::Processor, &p.name, p.line, e))?;
    }
    Ok(())
}

fn groups(b: &Builder) -> Result<(), ModelError> {
    names(ElementKind::Group, b.groups.iter().map(|g| (g.name.as_str(), g.line)))?;
    let mut sums = vec![0.0; b.processors.len()];
    for g in &b.groups {
        let fail = |e| ModelError::new(ElementKind::Group, &g.name, g.line, e);
        let p = b.processors.get(g.processor.index());
        let p = p.ok_or_else(|| fail(Problem::Dangling(ElementKind::Processor)))?;
        if p.discipline != ProcessorDiscipline::Cfs {
            return Err(fail(Problem::Grouping(
                "needs a processor with fair-share scheduling (cfs)",
            )));
        }
        number("share", g.share, g.share > 0.0 && g.share <= 1.0, "above 0 and at most 1")
            .map_err(fail)?;
        sums[g.processor.index()] += g.share;
        if sums[g.processor.index()] > 1.0 + SUM_SLACK {
            return Err(fail(Problem::Grouping("makes the shares of its processor exceed 1")));
        }
    }
    Ok(())
}

fn tasks(b: &Builder) -> Result<(), ModelError> {
    names(ElementKind::Task, b.tasks.iter().map(|t| (t.name.as_str(), t.line)))?;
    names(ElementKind::Entry, b.entries.iter().map(|e| (e.name.as_str(), e.line)))?;
    for t in &b.tasks {
        let fail = |e| ModelError::new(ElementKind::Task, &t.name, t.line, e);
        if t.processor.index() >= b.processors.len() {
            return Err(fail(Problem::Dangling(ElementKind::Processor)));
        }
        copies("multiplicity", t.copies).map_err(fail)?;
        not_negative("think time", t.think).map_err(fail)?;
        not_negative("priority", f64::from(t.priority)).map_err(fail)?;
        match (t.discipline, t.copies) {
            (TaskDiscipline::Reference, Multiplicity::Infinite) => {
                return Err(fail(Problem::Reference("have infinitely many customers")));
            }
            (TaskDiscipline::Reference, _) => {}
            _ => number("think time", t.think, t.think == 0.0, "0 for a task that serves")
                .map_err(fail)?,
        }
        if let Some(group) = t.group {
            let group = b.groups.get(group.index());
            let group = group.ok_or_else(|| fail(Problem::Dangling(ElementKind::Group)))?;
            if group.processor != t.processor {
                return Err(fail(Problem::Grouping("is in a group of another processor")));
            }
        }
    }
    Ok(())
}

fn entry(b: &Builder, e: &Entry) -> Result<(), ModelError> {
    let fail = |p| ModelError::new(ElementKind::Entry, &e.name, e.line, p);
    let task = b.tasks.get(e.task.index());
    let task = task.ok_or_else(|| fail(Problem::Dangling(ElementKind::Task)))?;
    let reference = task.discipline == TaskDiscipline::Reference;
    not_negative("priority", f64::from(e.priority)).map_err(fail)?;
    if let Some(rate) = e.arrival_rate {
        not_negative("open arrival rate", rate).map_err(fail)?;
        if reference {
            return Err(fail(Problem::Reference("have open arrivals")));
        }
    }
    for phase in &e.phases {
        let line = if phase.line > 0 { phase.line } else { e.line };
        work(b, phase, ElementKind::Phase, &e.name, line)?;
    }
    let mut total = 0.0;
    for f in &e.forwards {
        called(b, &e.name, e.line, (f.to, f.line), |fail| {
            let ok = (0.0..=1.0).contains(&f.probability);
            number("forwarding probability", f.probability, ok, "from 0 to 1").map_err(fail)
        })?;
        total += f.probability;
    }
    if total > 1.0 + SUM_SLACK {
        return Err(fail(Problem::ForwardingTotal(total)));
    }
    if reference && total > 0.0 {
        return Err(fail(Problem::Reference("forward")));
    }
    Ok(())
}

/// What a phase or an activity does.
pub(crate) fn work(
    b: &Builder,
    work: &Phase,
    kind: ElementKind,
    name: &str,
    line: u32,
) -> Result<(), ModelError> {
    not_negative("demand", work.demand)
        .and_then(|()| not_negative("squared coefficient of variation", work.cv_squared))
        .and_then(|()| not_negative("think time", work.think))
        .map_err(|p| ModelError::new(kind, name, line, p))?;
    for call in &work.calls {
        let deterministic = work.order == CallOrder::Deterministic;
        called(b, name, line, (call.to, call.line), |fail| {
            not_negative("mean number of calls", call.mean).map_err(fail)?;
            if deterministic && call.mean.fract() != 0.0 {
                return Err(fail(Problem::FractionalCalls(call.mean)));
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Checks the target of a call, then the rest with an error maker for that call.
fn called(
    b: &Builder,
    from: &str,
    from_line: u32,
    (to, line): (EntryId, u32),
    rest: impl FnOnce(&dyn Fn(Problem) -> ModelError) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let Some(target) = b.entries.get(to.index()) else {
        let problem = Problem::Dangling(ElementKind::Entry);
        return Err(ModelError::new(ElementKind::Entry, from, from_line, problem));
    };
    let name = format!("{from} -> {}", target.name);
    let fail = |p| ModelError::new(ElementKind::Call, &name, line, p);
    if b.tasks.get(target.task.index()).is_some_and(|t| t.discipline == TaskDiscipline::Reference) {
        return Err(fail(Problem::Reference("be called")));
    }
    rest(&fail)
}

/// Two kinds of cycle are errors: among tasks by calls that block (a thread may wait for itself),
/// and among entries by any calls (one request may make requests without end).
fn cycles(b: &Builder, graphs: &[Option<Graph>]) -> Result<(), ModelError> {
    let mut blocking = vec![Vec::new(); b.tasks.len()];
    let mut all = vec![Vec::new(); b.entries.len()];
    for (index, e) in b.entries.iter().enumerate() {
        let nodes = graphs[index].iter().flat_map(|g| &g.nodes);
        let works = nodes.map(|n| &b.activities[n.activity.index()].work).chain(&e.phases);
        for call in works.flat_map(|p| &p.calls).filter(|c| c.mean > 0.0) {
            let to = b.entries[call.to.index()].task.index();
            if call.kind == CallKind::Synchronous {
                // The caller also waits for whoever replies in the place of the one it called.
                blocking[e.task.index()].push(to);
                blocking[e.task.index()].extend(forwarded(b, call.to));
            }
            all[index].push(call.to.index());
        }
        for f in e.forwards.iter().filter(|f| f.probability > 0.0) {
            all[index].push(f.to.index());
        }
    }
    if let Some(path) = cycle(&blocking) {
        let t = &b.tasks[path[0]];
        let path = path.iter().map(|&i| b.tasks[i].name.clone()).collect();
        return Err(ModelError::new(ElementKind::Task, &t.name, t.line, Problem::Cycle { path }));
    }
    if let Some(path) = cycle(&all) {
        let e = &b.entries[path[0]];
        let path = path.iter().map(|&i| b.entries[i].name.clone()).collect();
        return Err(ModelError::new(ElementKind::Entry, &e.name, e.line, Problem::Cycle { path }));
    }
    Ok(())
}

/// Tasks that requests to this entry may be forwarded to, through any number of hands.
fn forwarded(b: &Builder, entry: EntryId) -> Vec<usize> {
    let (mut seen, mut stack, mut tasks) = (HashSet::new(), vec![entry], Vec::new());
    while let Some(at) = stack.pop() {
        for f in b.entries[at.index()].forwards.iter().filter(|f| f.probability > 0.0) {
            if seen.insert(f.to) {
                tasks.push(b.entries[f.to.index()].task.index());
                stack.push(f.to);
            }
        }
    }
    tasks
}

/// A cycle of a graph, its first node repeated at the end. Depth first with a stack of its own: a
/// chain of 100,000 tasks must not overflow the thread's.
pub(crate) fn cycle(next: &[Vec<usize>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; next.len()];
    for start in 0..next.len() {
        if marks[start] != Mark::New {
            continue;
        }
        let mut path = vec![(start, 0)];
        marks[start] = Mark::OnPath;
        while let Some((node, position)) = path.last_mut() {
            let Some(&to) = next[*node].get(*position) else {
                marks[*node] = Mark::Done;
                path.pop();
                continue;
            };
            *position += 1;
            match marks[to] {
                Mark::Done => {}
                Mark::New => {
                    marks[to] = Mark::OnPath;
                    path.push((to, 0));
                }
                Mark::OnPath => {
                    let from = path.iter().position(|&(n, _)| n == to).unwrap_or(0);
                    let mut found: Vec<usize> = path[from..].iter().map(|&(n, _)| n).collect();
                    found.push(to);
                    return Some(found);
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::{Builder, CallKind, Multiplicity, Problem, ProcessorDiscipline};

    #[test]
    fn names_the_element_that_is_wrong() {
        let mut b = Builder::new("m");
        let p = b.processor("p", ProcessorDiscipline::Fcfs);
        let t = b.reference_task("t", p, 1, 0.0);
        let e = b.entry("e", t);
        b.demand(e, 1, -1.0);
        let error = b.build().unwrap_err();
        assert_eq!(error.to_string(), "phase \"e\" demand is -1: must be a number of at least 0");
    }

    #[test]
    fn a_cycle_of_blocking_calls_is_refused_with_its_path() {
        let mut b = Builder::new("m");
        let p = b.processor("p", ProcessorDiscipline::Fcfs);
        let mut entries = Vec::new();
        for name in ["a", "b", "c"] {
            let t = b.task(name, p, Multiplicity::Finite(1));
            entries.push(b.entry(name, t));
        }
        b.open_arrivals(entries[0], 0.1);
        for i in 0..3 {
            b.call(entries[i], 1, CallKind::Synchronous, entries[(i + 1) % 3], 0.1);
        }
        let error = b.build().unwrap_err();
        assert!(matches!(error.problem, Problem::Cycle { .. }), "{error}");
        assert_eq!(error.to_string(), "task \"a\" is on a cycle of calls: a -> b -> c -> a");
    }
}
