// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a model in the XML format.

use std::fmt::Write;

use quick_xml::escape::escape;

use super::write_graph;
use super::write_results::Out;
use crate::model::{
    CallKind, CallOrder, EntryId, Model, Multiplicity, Phase, ProcessorDiscipline, Task,
    TaskDiscipline, TaskId,
};
use crate::results::{CallResult, Results};

/// The model as XML.
#[must_use]
pub fn write(model: &Model) -> String {
    Out::with(None, |o| document(model, o))
}

/// The model as XML with its results in place, as the tools of the format write them.
#[must_use]
pub fn write_solved(model: &Model, results: &Results) -> String {
    Out::with(Some(results), |o| document(model, o))
}

fn document(m: &Model, o: &mut Out<'_>) -> std::fmt::Result {
    let s = m.settings();
    writeln!(o, "<?xml version=\"1.0\"?>\n<lqn-model name=\"{}\">", escape(m.name()))?;
    writeln!(
        o,
        "  <solver-params comment=\"{}\" conv_val=\"{}\" it_limit=\"{}\" print_int=\"{}\" \
         underrelax_coeff=\"{}\">",
        escape(s.comment.as_str()),
        s.convergence,
        s.iterations,
        s.print_interval,
        s.under_relaxation
    )?;
    o.general()?;
    writeln!(o, "  </solver-params>")?;
    for (index, p) in m.processors().iter().enumerate() {
        let scheduling = match p.discipline {
            ProcessorDiscipline::Fcfs => "fcfs",
            ProcessorDiscipline::HeadOfLine => "hol",
            ProcessorDiscipline::PriorityPreemptive => "pp",
            ProcessorDiscipline::Ps => "ps",
            ProcessorDiscipline::Cfs => "cfs",
            ProcessorDiscipline::Random => "rand",
            ProcessorDiscipline::Delay => "inf",
        };
        write!(o, "  <processor name=\"{}\" scheduling=\"{scheduling}\"", escape(p.name.as_str()))?;
        if p.discipline != ProcessorDiscipline::Delay {
            copies(p.copies, o)?;
        }
        if p.speed != 1.0 {
            write!(o, " speed-factor=\"{}\"", p.speed)?;
        }
        if p.replicas != 1 {
            write!(o, " replication=\"{}\"", p.replicas)?;
        }
        if p.quantum != 0.0 {
            write!(o, " quantum=\"{}\"", p.quantum)?;
        }
        writeln!(o, ">")?;
        o.processor(index)?;
        for (g, group) in
            m.groups().iter().enumerate().filter(|(_, g)| g.processor.index() == index)
        {
            let name = escape(group.name.as_str());
            writeln!(
                o,
                "    <group name=\"{name}\" share=\"{}\" cap=\"{}\">",
                group.share, group.cap
            )?;
            o.group(g)?;
            tasks(m, |t| t.group.is_some_and(|of| of.index() == g), o)?;
            writeln!(o, "    </group>")?;
        }
        tasks(m, |t| t.group.is_none() && t.processor.index() == index, o)?;
        writeln!(o, "  </processor>")?;
    }
    writeln!(o, "</lqn-model>")
}

fn copies(copies: Multiplicity, o: &mut Out<'_>) -> std::fmt::Result {
    match copies {
        Multiplicity::Finite(1) => Ok(()),
        Multiplicity::Finite(n) => write!(o, " multiplicity=\"{n}\""),
        Multiplicity::Infinite => write!(o, " multiplicity=\"@infinity\""),
    }
}

fn tasks(m: &Model, here: impl Fn(&Task) -> bool, o: &mut Out<'_>) -> std::fmt::Result {
    for (index, t) in m.tasks().iter().enumerate().filter(|(_, t)| here(t)) {
        let scheduling = match t.discipline {
            TaskDiscipline::Reference => "ref",
            TaskDiscipline::Fcfs => "fcfs",
            TaskDiscipline::HeadOfLine => "hol",
            TaskDiscipline::PriorityPreemptive => "pri",
            TaskDiscipline::Delay => "inf",
        };
        write!(o, "    <task name=\"{}\" scheduling=\"{scheduling}\"", escape(t.name.as_str()))?;
        if t.discipline != TaskDiscipline::Delay {
            copies(t.copies, o)?;
        }
        if t.priority != 0 {
            write!(o, " priority=\"{}\"", t.priority)?;
        }
        if t.think != 0.0 {
            write!(o, " think-time=\"{}\"", t.think)?;
        }
        if t.replicas != 1 {
            write!(o, " replication=\"{}\"", t.replicas)?;
        }
        writeln!(o, ">")?;
        o.task(index)?;
        fans(m, TaskId::at(index), o)?;
        for &e in m.entries_of(TaskId::at(index)) {
            entry(m, e, o)?;
        }
        write_graph::write(m, TaskId::at(index), o)?;
        writeln!(o, "    </task>")?;
    }
    Ok(())
}

fn fans(m: &Model, task: TaskId, o: &mut Out<'_>) -> std::fmt::Result {
    let name = |t: TaskId| escape(m.tasks()[t.index()].name.as_str());
    for fan in m.fans() {
        if let Some(number) = fan.fan_out.filter(|_| fan.from == task) {
            writeln!(o, "      <fan-out dest=\"{}\" value=\"{number}\"/>", name(fan.to))?;
        }
        if let Some(number) = fan.fan_in.filter(|_| fan.to == task) {
            writeln!(o, "      <fan-in source=\"{}\" value=\"{number}\"/>", name(fan.from))?;
        }
    }
    Ok(())
}

fn entry(m: &Model, id: EntryId, o: &mut Out<'_>) -> std::fmt::Result {
    let e = &m.entries()[id.index()];
    let kind = if e.start.is_some() { "NONE" } else { "PH1PH2" };
    write!(o, "      <entry name=\"{}\" type=\"{kind}\"", escape(e.name.as_str()))?;
    if let Some(rate) = e.arrival_rate {
        write!(o, " open-arrival-rate=\"{rate}\"")?;
    }
    if e.priority != 0 {
        write!(o, " priority=\"{}\"", e.priority)?;
    }
    writeln!(o, ">")?;
    o.entry(id.index(), e.start.is_some())?;
    let name = |to: EntryId| escape(m.entries()[to.index()].name.as_str());
    for (at, f) in e.forwards.iter().enumerate() {
        let (to, probability) = (name(f.to), f.probability);
        write!(o, "        <forwarding dest=\"{to}\" prob=\"{probability}\"")?;
        let result = o.results.map(|r| r.entries[id.index()].forwards[at].waiting);
        o.call("forwarding", result)?;
    }
    if e.start.is_none() {
        phases(m, id.index(), &name, o)?;
    }
    writeln!(o, "      </entry>")
}

fn phases<'a>(
    m: &Model,
    index: usize,
    name: &dyn Fn(EntryId) -> std::borrow::Cow<'a, str>,
    o: &mut Out<'_>,
) -> std::fmt::Result {
    let e = &m.entries()[index];
    writeln!(o, "        <entry-phase-activities>")?;
    for (at, p) in e.phases.iter().enumerate() {
        let (own, number) = (escape(e.name.as_str()), at + 1);
        write!(o, "          <activity name=\"{own}_ph{number}\" phase=\"{number}\"")?;
        let results = o.results.map(|r| &r.entries[index].phases[at]);
        let calls = results.map(|r| r.calls.as_slice());
        work(p, name, o, calls, |o| o.phase(results))?;
    }
    writeln!(o, "        </entry-phase-activities>")
}

/// The rest of an `<activity>`: what it does, its results, its calls with theirs.
pub(super) fn work<'a, 'r>(
    p: &Phase,
    name: &dyn Fn(EntryId) -> std::borrow::Cow<'a, str>,
    o: &mut Out<'r>,
    calls: Option<&[CallResult]>,
    results: impl FnOnce(&mut Out<'r>) -> std::fmt::Result,
) -> std::fmt::Result {
    write!(o, " host-demand-mean=\"{}\"", p.demand)?;
    if p.cv_squared != 1.0 {
        write!(o, " host-demand-cvsq=\"{}\"", p.cv_squared)?;
    }
    if p.think != 0.0 {
        write!(o, " think-time=\"{}\"", p.think)?;
    }
    if p.order == CallOrder::Deterministic {
        write!(o, " call-order=\"DETERMINISTIC\"")?;
    }
    writeln!(o, ">")?;
    results(o)?;
    for (at, call) in p.calls.iter().enumerate() {
        let waits = call.kind == CallKind::Synchronous;
        let element = if waits { "synch-call" } else { "asynch-call" };
        let (dest, mean) = (name(call.to), call.mean);
        write!(o, "            <{element} dest=\"{dest}\" calls-mean=\"{mean}\"")?;
        // The tools of the format give the response of a request that nobody waits for.
        let result = calls.map(|c| if waits { c[at].waiting } else { c[at].response });
        o.call(element, result)?;
    }
    writeln!(o, "          </activity>")
}
