// SPDX-License-Identifier: MIT OR Apache-2.0
//! Writes a model in the XML format.

use std::fmt::Write;

use quick_xml::escape::escape;

use super::write_graph;
use crate::model::{
    CallKind, CallOrder, Entry, EntryId, Model, Multiplicity, Phase, ProcessorDiscipline, Task,
    TaskDiscipline, TaskId,
};

/// The model as XML.
#[must_use]
pub fn write(model: &Model) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = document(model, &mut out);
    out
}

fn document(m: &Model, o: &mut String) -> std::fmt::Result {
    let s = m.settings();
    writeln!(o, "<?xml version=\"1.0\"?>\n<lqn-model name=\"{}\">", escape(m.name()))?;
    writeln!(
        o,
        "  <solver-params comment=\"{}\" conv_val=\"{}\" it_limit=\"{}\" print_int=\"{}\" \
         underrelax_coeff=\"{}\"/>",
        escape(s.comment.as_str()),
        s.convergence,
        s.iterations,
        s.print_interval,
        s.under_relaxation
    )?;
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
        if p.quantum != 0.0 {
            write!(o, " quantum=\"{}\"", p.quantum)?;
        }
        writeln!(o, ">")?;
        for (g, group) in
            m.groups().iter().enumerate().filter(|(_, g)| g.processor.index() == index)
        {
            let name = escape(group.name.as_str());
            writeln!(
                o,
                "    <group name=\"{name}\" share=\"{}\" cap=\"{}\">",
                group.share, group.cap
            )?;
            tasks(m, |t| t.group.is_some_and(|of| of.index() == g), o)?;
            writeln!(o, "    </group>")?;
        }
        tasks(m, |t| t.group.is_none() && t.processor.index() == index, o)?;
        writeln!(o, "  </processor>")?;
    }
    writeln!(o, "</lqn-model>")
}

fn copies(copies: Multiplicity, o: &mut String) -> std::fmt::Result {
    match copies {
        Multiplicity::Finite(1) => Ok(()),
        Multiplicity::Finite(n) => write!(o, " multiplicity=\"{n}\""),
        Multiplicity::Infinite => write!(o, " multiplicity=\"@infinity\""),
    }
}

fn tasks(m: &Model, here: impl Fn(&Task) -> bool, o: &mut String) -> std::fmt::Result {
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
        writeln!(o, ">")?;
        for &e in m.entries_of(TaskId::at(index)) {
            entry(m, e, o)?;
        }
        write_graph::write(m, TaskId::at(index), o)?;
        writeln!(o, "    </task>")?;
    }
    Ok(())
}

fn entry(m: &Model, id: EntryId, o: &mut String) -> std::fmt::Result {
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
    let name = |to: EntryId| escape(m.entries()[to.index()].name.as_str());
    for f in &e.forwards {
        writeln!(o, "        <forwarding dest=\"{}\" prob=\"{}\"/>", name(f.to), f.probability)?;
    }
    if e.start.is_none() {
        phases(e, &name, o)?;
    }
    writeln!(o, "      </entry>")
}

fn phases<'a>(
    e: &Entry,
    name: &dyn Fn(EntryId) -> std::borrow::Cow<'a, str>,
    o: &mut String,
) -> std::fmt::Result {
    writeln!(o, "        <entry-phase-activities>")?;
    for (number, p) in e.phases.iter().enumerate() {
        let (own, number) = (escape(e.name.as_str()), number + 1);
        write!(o, "          <activity name=\"{own}_ph{number}\" phase=\"{number}\"")?;
        work(p, name, o)?;
    }
    writeln!(o, "        </entry-phase-activities>")
}

/// The rest of an `<activity>`: what it does and calls.
pub(super) fn work<'a>(
    p: &Phase,
    name: &dyn Fn(EntryId) -> std::borrow::Cow<'a, str>,
    o: &mut String,
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
    for call in &p.calls {
        let element = if call.kind == CallKind::Synchronous { "synch-call" } else { "asynch-call" };
        let (dest, mean) = (name(call.to), call.mean);
        writeln!(o, "            <{element} dest=\"{dest}\" calls-mean=\"{mean}\"/>")?;
    }
    writeln!(o, "          </activity>")
}
