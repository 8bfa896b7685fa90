// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads XML events into a [`Builder`]. Calls may name entries that follow, so they are linked at
//! the end.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::attributes::Attributes;
use super::graphs::Graphs;
use super::variables;
use crate::builder::Builder;
use crate::model::{
    ActivityId, CallKind, CallOrder, EntryId, GroupId, Limits, Model, Multiplicity, PHASES_MAX,
    Phase, ProcessorDiscipline, ProcessorId, Settings, TaskDiscipline, TaskId,
};
use crate::parameters::{Parameters, Variables};
use crate::read_error::ReadError;

/// Reads a model.
///
/// # Errors
/// [`ReadError`], with the line and the element.
pub fn read(text: &str) -> Result<Model, ReadError> {
    read_with(text, &Parameters::default())
}

/// Reads a model with these values for its variables.
///
/// # Errors
/// [`ReadError`], with the line and the element.
pub fn read_with(text: &str, parameters: &Parameters) -> Result<Model, ReadError> {
    if text.len() > Limits::FILE_BYTES_MAX {
        return Err(ReadError::TooLarge(text.len()));
    }
    let mut builder = Linker {
        b: Builder::new(""),
        processor: None,
        group: None,
        task: None,
        entry: None,
        in_graph: false,
        phase: 0,
        activity: None,
        links: Vec::new(),
        fans: Vec::new(),
        graphs: Graphs::default(),
        seen_model: false,
    };
    let variables = variables::constants(text, parameters);
    let mut lines = Lines { text, at: 0, line: 1 };
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    // Depth of the element that is skipped with all inside, and of where we are.
    let (mut skipped, mut depth) = (None, 0_usize);
    loop {
        let event = reader.read_event().map_err(|e| {
            let line = lines.at(reader.error_position());
            ReadError::Xml { line, message: e.to_string() }
        })?;
        match event {
            Event::Start(start) => {
                depth += 1;
                let line = lines.at(reader.buffer_position());
                if depth > Limits::XML_DEPTH_MAX {
                    let found = format!("a depth of {depth}");
                    return Err(ReadError::syntax(line, "at most 32 nested elements", found));
                }
                if skipped.is_none() && !builder.start(&start, line, &variables)? {
                    skipped = Some(depth);
                }
            }
            Event::End(end) => {
                if skipped.is_none() {
                    builder.end(end.name().as_ref());
                }
                if skipped == Some(depth) {
                    skipped = None;
                }
                depth = depth.saturating_sub(1);
            }
            Event::Eof if depth == 0 && builder.seen_model => break,
            Event::Eof => {
                let line = lines.at(reader.buffer_position());
                return Err(ReadError::syntax(line, "</lqn-model>", "the end of the file"));
            }
            _ => {}
        }
    }
    builder.finish()
}

/// Lines of positions that only grow.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    fn at(&mut self, position: u64) -> u32 {
        let to = usize::try_from(position).unwrap_or(usize::MAX).min(self.text.len());
        if let Some(passed) = self.text.as_bytes().get(self.at..to) {
            let breaks = passed.iter().filter(|&&c| c == b'\n').count();
            self.line = self.line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
            self.at = to;
        }
        self.line
    }
}

/// Who makes a call.
#[derive(Clone, Copy)]
enum Source {
    Phase(EntryId, usize),
    Activity(ActivityId),
    /// No call: the request is passed on.
    Forward(EntryId),
}

/// A call or forward whose target is not known yet.
struct Link {
    from: Source,
    kind: CallKind,
    to: String,
    mean: f64,
    line: u32,
}

struct Linker {
    b: Builder,
    processor: Option<ProcessorId>,
    group: Option<GroupId>,
    task: Option<TaskId>,
    entry: Option<EntryId>,
    /// Inside `task-activities`.
    in_graph: bool,
    /// Phase of the activity we are in; 0 outside.
    phase: usize,
    /// The activity of a graph we are in.
    activity: Option<ActivityId>,
    links: Vec<Link>,
    /// Task, the other one, whether it is called, how many, and the line.
    fans: Vec<(TaskId, String, bool, u32, u32)>,
    graphs: Graphs,
    seen_model: bool,
}

impl Linker {
    /// An element begins; false to skip it with all inside.
    fn start(
        &mut self,
        start: &BytesStart<'_>,
        line: u32,
        variables: &Variables,
    ) -> Result<bool, ReadError> {
        let name = start.name();
        let a = Attributes::new(start, line, variables)?;
        self.b.line = line;
        match name.as_ref() {
            "lqn-model" => {
                self.seen_model = true;
                self.b.name = a.text("name").unwrap_or_default().to_owned();
            }
            "solver-params" => self.solver(&a)?,
            "processor" => self.start_processor(&a)?,
            "group" => {
                let processor = a.inside(self.processor, "a processor")?;
                let cap = matches!(a.text("cap"), Some("true" | "1"));
                self.group =
                    Some(self.b.group(a.required("name")?, processor, a.real("share", 0.0)?, cap));
            }
            "task" => self.start_task(&a)?,
            "entry" => self.start_entry(&a)?,
            "entry-phase-activities" | "lqn-core" => {}
            "activity" if self.in_graph => {
                let task = a.inside(self.task, "a task")?;
                if !self.graphs.refers(&a)? {
                    let id = self.b.activity(a.required("name")?, task);
                    work(&a, self.b.work(id))?;
                    self.activity = Some(id);
                    self.graphs.define(&a, task, id)?;
                }
            }
            "activity" => self.start_activity(&a)?,
            "synch-call" => self.start_call(&a, CallKind::Synchronous)?,
            "asynch-call" => self.start_call(&a, CallKind::Asynchronous)?,
            "forwarding" => {
                let from = Source::Forward(a.inside(self.entry, "an entry")?);
                let (to, mean) = (a.required("dest")?.to_owned(), a.real("prob", 1.0)?);
                let kind = CallKind::Synchronous;
                self.links.push(Link { from, kind, to, mean, line });
            }
            "task-activities" => {
                a.inside(self.task, "a task")?;
                self.in_graph = true;
            }
            other if self.in_graph => {
                let task = a.inside(self.task, "a task")?;
                return self.graphs.start(other, &a, task);
            }
            "entry-activity-graph" => return a.refuse("an activity graph inside an entry"),
            "fan-in" => self.start_fan(&a, "source", false)?,
            "fan-out" => self.start_fan(&a, "dest", true)?,
            "spex-convergence" => return a.refuse("a variable that follows from results"),
            "slot" | "call-list" => return a.refuse("this element"),
            // Results, pragmas, control of the original tools.
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn start_call(&mut self, a: &Attributes<'_>, kind: CallKind) -> Result<(), ReadError> {
        let line = a.line;
        let from = match (self.activity, self.entry, self.phase) {
            (Some(activity), ..) => Source::Activity(activity),
            (None, Some(entry), phase) if phase > 0 => Source::Phase(entry, phase),
            _ => return Err(ReadError::syntax(line, "a call inside an activity", &a.element)),
        };
        let (to, mean) = (a.required("dest")?.to_owned(), a.real("calls-mean", 1.0)?);
        self.links.push(Link { from, kind, to, mean, line });
        Ok(())
    }

    fn start_fan(&mut self, a: &Attributes<'_>, other: &str, out: bool) -> Result<(), ReadError> {
        let here = a.inside(self.task, "a task")?;
        let number = a.integer("value", 1)?;
        self.fans.push((here, a.required(other)?.to_owned(), out, number, a.line));
        Ok(())
    }

    fn end(&mut self, name: &str) {
        match name {
            "processor" => self.processor = None,
            "group" => self.group = None,
            "task" => self.task = None,
            "entry" => self.entry = None,
            "activity" => (self.phase, self.activity) = (0, None),
            "task-activities" => self.in_graph = false,
            other => self.graphs.end(other),
        }
    }

    fn solver(&mut self, a: &Attributes<'_>) -> Result<(), ReadError> {
        let default = Settings::default();
        self.b.settings(Settings {
            comment: a.text("comment").unwrap_or_default().to_owned(),
            convergence: a.real("conv_val", default.convergence)?,
            iterations: a.integer("it_limit", default.iterations)?,
            print_interval: a.integer("print_int", default.print_interval)?,
            under_relaxation: a.real("underrelax_coeff", default.under_relaxation)?,
        });
        Ok(())
    }

    fn start_processor(&mut self, a: &Attributes<'_>) -> Result<(), ReadError> {
        let discipline = match a.text("scheduling").unwrap_or("fcfs") {
            "fcfs" => ProcessorDiscipline::Fcfs,
            "ps" => ProcessorDiscipline::Ps,
            "pp" | "pri" | "ps-pp" => ProcessorDiscipline::PriorityPreemptive,
            "hol" | "ps-hol" => ProcessorDiscipline::HeadOfLine,
            "rand" => ProcessorDiscipline::Random,
            "cfs" => ProcessorDiscipline::Cfs,
            "inf" => ProcessorDiscipline::Delay,
            other => return a.wrong("scheduling", "a scheduling discipline", other),
        };
        let replicas = a.integer("replication", 1)?;
        let id = self.b.processor(a.required("name")?, discipline);
        if discipline != ProcessorDiscipline::Delay {
            let copies = a.copies()?;
            self.b.cores(id, copies);
        }
        let (speed, quantum) = (a.real("speed-factor", 1.0)?, a.real("quantum", 0.0)?);
        self.b.speed(id, speed).quantum(id, quantum).processor_replicas(id, replicas);
        self.processor = Some(id);
        Ok(())
    }

    fn start_task(&mut self, a: &Attributes<'_>) -> Result<(), ReadError> {
        let processor = a.inside(self.processor, "a processor")?;
        let discipline = match a.text("scheduling").unwrap_or("fcfs") {
            "ref" => TaskDiscipline::Reference,
            "fcfs" => TaskDiscipline::Fcfs,
            "hol" => TaskDiscipline::HeadOfLine,
            "pri" | "pp" => TaskDiscipline::PriorityPreemptive,
            "inf" => TaskDiscipline::Delay,
            "burst" | "uniform" => return a.refuse("bursty or uniform arrivals").map(|_| ()),
            "poll" => return a.refuse("polled scheduling").map(|_| ()),
            "semaphore" | "rwlock" => return a.refuse("a semaphore or lock").map(|_| ()),
            other => return a.wrong("scheduling", "a scheduling discipline", other),
        };
        let replicas = a.integer("replication", 1)?;
        if a.real("queue-length", 0.0)? != 0.0 {
            return a.refuse("a bounded queue").map(|_| ());
        }
        if a.text("initially").is_some() {
            return a.refuse("tokens").map(|_| ());
        }
        let copies =
            if discipline == TaskDiscipline::Delay { Multiplicity::Infinite } else { a.copies()? };
        let id = self.b.task(a.required("name")?, processor, copies);
        self.b.task_replicas(id, replicas);
        let priority = i32::try_from(a.integer("priority", 0)?).unwrap_or(i32::MAX);
        self.b
            .discipline(id, discipline)
            .priority(id, priority)
            .think(id, a.real("think-time", 0.0)?);
        if let Some(group) = self.group {
            self.b.in_group(id, group);
        }
        self.task = Some(id);
        Ok(())
    }

    fn start_entry(&mut self, a: &Attributes<'_>) -> Result<(), ReadError> {
        let task = a.inside(self.task, "a task")?;
        if a.text("semaphore").is_some() || a.text("rwlock").is_some() {
            return a.refuse("a semaphore or lock").map(|_| ());
        }
        let id = self.b.entry(a.required("name")?, task);
        if a.text("open-arrival-rate").is_some() {
            self.b.open_arrivals(id, a.real("open-arrival-rate", 0.0)?);
        }
        if let Some(priority) = a.text("priority") {
            let Ok(priority) = priority.parse() else {
                return a.wrong("priority", "a whole number", priority);
            };
            self.b.entry_priority(id, priority);
        }
        self.entry = Some(id);
        Ok(())
    }

    fn start_activity(&mut self, a: &Attributes<'_>) -> Result<(), ReadError> {
        let entry = a.inside(self.entry, "an entry")?;
        let phase = usize::try_from(a.integer("phase", 0)?).unwrap_or(0);
        if !(1..=PHASES_MAX).contains(&phase) {
            return a.wrong("phase", "1, 2 or 3", a.text("phase").unwrap_or("nothing"));
        }
        let slot = self.b.phase(entry, phase);
        slot.line = a.line;
        work(a, slot)?;
        self.phase = phase;
        Ok(())
    }

    fn finish(mut self) -> Result<Model, ReadError> {
        let names: HashMap<String, usize> =
            self.b.entries.iter().enumerate().map(|(i, e)| (e.name.clone(), i)).collect();
        for link in self.links {
            let Some(&to) = names.get(&link.to) else {
                let (line, kind) = (link.line, "entry");
                return Err(ReadError::Unknown { line, kind, name: link.to });
            };
            let to = EntryId::at(to);
            self.b.line = link.line;
            match link.from {
                Source::Forward(from) => self.b.forward(from, to, link.mean),
                Source::Phase(from, phase) => self.b.call(from, phase, link.kind, to, link.mean),
                Source::Activity(from) => self.b.activity_call(from, link.kind, to, link.mean),
            };
        }
        self.graphs.link(&mut self.b, &names)?;
        let tasks: HashMap<String, usize> =
            self.b.tasks.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        for (here, other, out, number, line) in self.fans {
            let Some(&at) = tasks.get(&other) else {
                return Err(ReadError::Unknown { line, kind: "task", name: other });
            };
            self.b.line = line;
            if out {
                self.b.fan_out(here, TaskId::at(at), number);
            } else {
                self.b.fan_in(TaskId::at(at), here, number);
            }
        }
        Ok(self.b.build()?)
    }
}

/// What a phase or an activity does.
fn work(a: &Attributes<'_>, work: &mut Phase) -> Result<(), ReadError> {
    work.order = match a.text("call-order").unwrap_or("STOCHASTIC") {
        "STOCHASTIC" => CallOrder::Stochastic,
        "DETERMINISTIC" => CallOrder::Deterministic,
        other => return a.wrong("call-order", "STOCHASTIC or DETERMINISTIC", other),
    };
    work.demand = a.real("host-demand-mean", 0.0)?;
    work.cv_squared = a.real("host-demand-cvsq", 1.0)?;
    work.think = a.real("think-time", 0.0)?;
    Ok(())
}
