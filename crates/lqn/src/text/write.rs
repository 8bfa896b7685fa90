// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a model in the text format. What is read back is the same model. Names
//! outside letters, digits and underscores are written in quotes.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

use crate::model::{
    ActivityId, CallKind, CallOrder, Entry, Fork, Join, Model, Multiplicity, Phase,
    ProcessorDiscipline, TaskDiscipline, TaskId,
};

/// The model as text.
#[must_use]
pub fn write(model: &Model) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = sections(model, &mut out);
    out
}

fn word(name: &str) -> Cow<'_, str> {
    let plain = name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if plain { name.into() } else { format!("\"{name}\"").into() }
}

fn sections(m: &Model, o: &mut String) -> std::fmt::Result {
    let s = m.settings();
    let comment = s.comment.replace('"', "'");
    writeln!(
        o,
        "G \"{comment}\" {} {} {} {} -1\n",
        s.convergence, s.iterations, s.print_interval, s.under_relaxation
    )?;
    writeln!(o, "P {}", m.processors().len())?;
    for p in m.processors() {
        let letter = match p.discipline {
            ProcessorDiscipline::Fcfs => "f",
            ProcessorDiscipline::HeadOfLine => "h",
            ProcessorDiscipline::PriorityPreemptive => "p",
            ProcessorDiscipline::Ps => "s",
            ProcessorDiscipline::Cfs => "c",
            ProcessorDiscipline::Random => "r",
            ProcessorDiscipline::Delay => "i",
        };
        write!(o, "  p {} {letter}", word(&p.name))?;
        if matches!(p.discipline, ProcessorDiscipline::Ps | ProcessorDiscipline::Cfs) {
            write!(o, " {}", p.quantum)?;
        }
        copies(p.copies, p.discipline == ProcessorDiscipline::Delay, o)?;
        if p.replicas != 1 {
            write!(o, " r {}", p.replicas)?;
        }
        if p.speed != 1.0 {
            write!(o, " R {}", p.speed)?;
        }
        writeln!(o)?;
    }
    writeln!(o, "-1\n")?;
    if !m.groups().is_empty() {
        writeln!(o, "U {}", m.groups().len())?;
        for g in m.groups() {
            let cap = if g.cap { "c " } else { "" };
            let processor = word(&m.processors()[g.processor.index()].name);
            writeln!(o, "  g {} {} {cap}{processor}", word(&g.name), g.share)?;
        }
        writeln!(o, "-1\n")?;
    }
    tasks(m, o)?;
    writeln!(o, "E {}", m.entries().len())?;
    for e in m.entries() {
        entry(m, e, o)?;
    }
    writeln!(o, "-1")?;
    for task in 0..m.tasks().len() {
        activities(m, TaskId::at(task), o)?;
    }
    Ok(())
}

/// Section `A` of a task, if it has activities.
fn activities(m: &Model, task: TaskId, o: &mut String) -> std::fmt::Result {
    let own = || m.activities().iter().filter(|a| a.task == task);
    if own().next().is_none() {
        return Ok(());
    }
    writeln!(o, "\nA {}", word(&m.tasks()[task.index()].name))?;
    for a in own() {
        let (name, work) = (word(&a.name), &a.work);
        writeln!(o, "  s {name} {}", work.demand)?;
        if work.cv_squared != 1.0 {
            writeln!(o, "  c {name} {}", work.cv_squared)?;
        }
        if work.think != 0.0 {
            writeln!(o, "  Z {name} {}", work.think)?;
        }
        if work.order == CallOrder::Deterministic {
            writeln!(o, "  f {name} 1")?;
        }
        for call in &work.calls {
            let letter = if call.kind == CallKind::Synchronous { "y" } else { "z" };
            let to = word(&m.entries()[call.to.index()].name);
            writeln!(o, "  {letter} {name} {to} {}", call.mean)?;
        }
    }
    let mut lines: Vec<String> = Vec::new();
    let edges = || m.precedences().iter().filter(|p| p.task == task);
    for edge in edges() {
        lines.push(format!("  {} -> {}", join(m, &edge.join), fork(m, &edge.fork)));
    }
    // Replies stand with what an activity is before; those of last activities alone.
    let followed: HashSet<ActivityId> = edges().flat_map(|e| e.join.activities()).collect();
    for (index, a) in m.activities().iter().enumerate().filter(|(_, a)| a.task == task) {
        if !a.replies.is_empty() && !followed.contains(&ActivityId::at(index)) {
            lines.push(format!("  {}", joined(m, ActivityId::at(index))));
        }
    }
    if !lines.is_empty() {
        writeln!(o, ":\n{}", lines.join(";\n"))?;
    }
    writeln!(o, "-1")
}

fn name(m: &Model, activity: ActivityId) -> Cow<'_, str> {
    word(&m.activities()[activity.index()].name)
}

/// An activity with its replies.
fn joined(m: &Model, activity: ActivityId) -> String {
    let replies = &m.activities()[activity.index()].replies;
    let replies: Vec<_> = replies.iter().map(|e| word(&m.entries()[e.index()].name)).collect();
    let brackets =
        if replies.is_empty() { String::new() } else { format!("[{}]", replies.join(", ")) };
    format!("{}{brackets}", name(m, activity))
}

fn join(m: &Model, join: &Join) -> String {
    let list = |all: &[ActivityId], operator: &str| {
        let all: Vec<String> = all.iter().map(|&a| joined(m, a)).collect();
        all.join(operator)
    };
    match join {
        Join::One(one) => joined(m, *one),
        Join::Or(all) => list(all, " + "),
        Join::And { all, quorum: None } => list(all, " & "),
        Join::And { all, quorum: Some(quorum) } => format!("{} ({quorum})", list(all, " & ")),
    }
}

fn fork(m: &Model, fork: &Fork) -> String {
    match fork {
        Fork::One(one) => name(m, *one).into_owned(),
        Fork::And(all) => {
            let all: Vec<_> = all.iter().map(|&a| name(m, a)).collect();
            all.join(" & ")
        }
        Fork::Or(all) => {
            let all = all.iter().map(|&(a, p)| format!("({p}) {}", name(m, a)));
            all.collect::<Vec<_>>().join(" + ")
        }
        Fork::Loop { bodies, end } => {
            let bodies = bodies.iter().map(|&(a, n)| format!("{n} * {}", name(m, a)));
            let end = end.map(|a| name(m, a).into_owned());
            bodies.chain(end).collect::<Vec<_>>().join(", ")
        }
    }
}

fn copies(copies: Multiplicity, delay: bool, o: &mut String) -> std::fmt::Result {
    match copies {
        Multiplicity::Infinite if delay => Ok(()),
        Multiplicity::Infinite => write!(o, " i"),
        Multiplicity::Finite(1) if !delay => Ok(()),
        Multiplicity::Finite(n) => write!(o, " m {n}"),
    }
}

fn tasks(m: &Model, o: &mut String) -> std::fmt::Result {
    writeln!(o, "T {}", m.tasks().len())?;
    for (index, t) in m.tasks().iter().enumerate() {
        let letter = match t.discipline {
            TaskDiscipline::Reference => "r",
            TaskDiscipline::Fcfs => "n",
            TaskDiscipline::HeadOfLine => "h",
            TaskDiscipline::PriorityPreemptive => "p",
            TaskDiscipline::Delay => "i",
        };
        write!(o, "  t {} {letter}", word(&t.name))?;
        for e in &m.task_entries[index] {
            write!(o, " {}", word(&m.entries()[e.index()].name))?;
        }
        write!(o, " -1 {}", word(&m.processors()[t.processor.index()].name))?;
        if t.priority != 0 {
            write!(o, " {}", t.priority)?;
        }
        if t.think != 0.0 {
            write!(o, " z {}", t.think)?;
        }
        copies(t.copies, t.discipline == TaskDiscipline::Delay, o)?;
        if t.replicas != 1 {
            write!(o, " r {}", t.replicas)?;
        }
        if let Some(group) = t.group {
            write!(o, " g {}", word(&m.groups()[group.index()].name))?;
        }
        writeln!(o)?;
    }
    for fan in m.fans() {
        let names = [fan.from, fan.to].map(|t| word(&m.tasks()[t.index()].name));
        for (letter, number) in [("I", fan.fan_in), ("O", fan.fan_out)] {
            if let Some(number) = number {
                writeln!(o, "  {letter} {} {} {number}", names[0], names[1])?;
            }
        }
    }
    writeln!(o, "-1\n")
}

fn entry(m: &Model, e: &Entry, o: &mut String) -> std::fmt::Result {
    if let Some(rate) = e.arrival_rate {
        writeln!(o, "  a {} {rate}", word(&e.name))?;
    }
    if e.priority != 0 {
        writeln!(o, "  p {} {}", word(&e.name), e.priority)?;
    }
    if let Some(start) = e.start {
        writeln!(o, "  A {} {}", word(&e.name), name(m, start))?;
        return forwards(m, e, o);
    }
    let mut list = |letter: &str, used: bool, value: &dyn Fn(&Phase) -> f64| {
        if !used {
            return Ok(());
        }
        write!(o, "  {letter} {}", word(&e.name))?;
        for phase in &e.phases {
            write!(o, " {}", value(phase))?;
        }
        writeln!(o, " -1")
    };
    list("s", true, &|p| p.demand)?;
    list("c", e.phases.iter().any(|p| p.cv_squared != 1.0), &|p| p.cv_squared)?;
    list("Z", e.phases.iter().any(|p| p.think != 0.0), &|p| p.think)?;
    let deterministic = |p: &Phase| p.order == CallOrder::Deterministic;
    list("f", e.phases.iter().any(deterministic), &|p| if deterministic(p) { 1.0 } else { 0.0 })?;
    for (number, phase) in e.phases.iter().enumerate() {
        for call in &phase.calls {
            let letter = if call.kind == CallKind::Synchronous { "y" } else { "z" };
            write!(o, "  {letter} {} {}", word(&e.name), word(&m.entries()[call.to.index()].name))?;
            for _ in 0..number {
                write!(o, " 0")?;
            }
            writeln!(o, " {} -1", call.mean)?;
        }
    }
    forwards(m, e, o)
}

fn forwards(m: &Model, e: &Entry, o: &mut String) -> std::fmt::Result {
    for f in &e.forwards {
        writeln!(
            o,
            "  F {} {} {} -1",
            word(&e.name),
            word(&m.entries()[f.to.index()].name),
            f.probability
        )?;
    }
    Ok(())
}
