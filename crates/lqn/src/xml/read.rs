// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads XML events into a [`Builder`]. Calls may name entries that follow, so they are linked at
//! the end.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::builder::Builder;
use crate::model::{
    CallKind, CallOrder, EntryId, GroupId, Limits, Model, Multiplicity, PHASES_MAX,
    ProcessorDiscipline, ProcessorId, Settings, TaskDiscipline, TaskId,
};
use crate::read_error::ReadError;
use crate::text::whole;

/// Reads a model.
///
/// # Errors
/// [`ReadError`], with the line and the element.
pub fn read(text: &str) -> Result<Model, ReadError> {
    if text.len() > Limits::FILE_BYTES_MAX {
        return Err(ReadError::TooLarge(text.len()));
    }
    let mut builder = Linker {
        b: Builder::new(""),
        processor: None,
        group: None,
        task: None,
        entry: None,
        phase: 0,
        links: Vec::new(),
        seen_model: false,
    };
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
                if skipped.is_none() && !builder.start(&start, line)? {
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

/// A call or forward whose target is not known yet.
struct Link {
    from: EntryId,
    /// 0 is a forward.
    phase: usize,
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
    /// Phase of the activity we are in; 0 outside.
    phase: usize,
    links: Vec<Link>,
    seen_model: bool,
}

impl Linker {
    /// An element begins; false to skip it with all inside.
    fn start(&mut self, start: &BytesStart<'_>, line: u32) -> Result<bool, ReadError> {
        let name = start.name();
        let a = Attributes::new(start, line)?;
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
            "activity" => self.start_activity(&a)?,
            "synch-call" | "asynch-call" => {
                let entry = a.inside(self.entry, "an entry")?;
                if self.phase == 0 {
                    return Err(ReadError::syntax(line, "a call inside an activity", &a.element));
                }
                let kind = if name.as_ref() == "synch-call" {
                    CallKind::Synchronous
                } else {
                    CallKind::Asynchronous
                };
                let (to, mean) = (a.required("dest")?.to_owned(), a.real("calls-mean", 1.0)?);
                self.links.push(Link { from: entry, phase: self.phase, kind, to, mean, line });
            }
            "forwarding" => {
                let from = a.inside(self.entry, "an entry")?;
                let (to, mean) = (a.required("dest")?.to_owned(), a.real("prob", 1.0)?);
                let kind = CallKind::Synchronous;
                self.links.push(Link { from, phase: 0, kind, to, mean, line });
            }
            "task-activities" | "entry-activity-graph" => return a.refuse("an activity graph"),
            "fan-in" | "fan-out" => return a.refuse("replication"),
            "slot" | "call-list" => return a.refuse("this element"),
            // Results, pragmas, control of the original tools.
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn end(&mut self, name: &str) {
        match name {
            "processor" => self.processor = None,
            "group" => self.group = None,
            "task" => self.task = None,
            "entry" => self.entry = None,
            "activity" => self.phase = 0,
            _ => {}
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
        a.one("replication")?;
        let id = self.b.processor(a.required("name")?, discipline);
        if discipline != ProcessorDiscipline::Delay {
            let copies = a.copies()?;
            self.b.cores(id, copies);
        }
        let (speed, quantum) = (a.real("speed-factor", 1.0)?, a.real("quantum", 0.0)?);
        self.b.speed(id, speed).quantum(id, quantum);
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
        a.one("replication")?;
        if a.real("queue-length", 0.0)? != 0.0 {
            return a.refuse("a bounded queue").map(|_| ());
        }
        if a.text("initially").is_some() {
            return a.refuse("tokens").map(|_| ());
        }
        let copies =
            if discipline == TaskDiscipline::Delay { Multiplicity::Infinite } else { a.copies()? };
        let id = self.b.task(a.required("name")?, processor, copies);
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
        let order = match a.text("call-order").unwrap_or("STOCHASTIC") {
            "STOCHASTIC" => CallOrder::Stochastic,
            "DETERMINISTIC" => CallOrder::Deterministic,
            other => return a.wrong("call-order", "STOCHASTIC or DETERMINISTIC", other),
        };
        let slot = self.b.phase(entry, phase);
        slot.demand = a.real("host-demand-mean", 0.0)?;
        slot.cv_squared = a.real("host-demand-cvsq", 1.0)?;
        slot.think = a.real("think-time", 0.0)?;
        slot.order = order;
        slot.line = a.line;
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
            if link.phase == 0 {
                self.b.forward(link.from, to, link.mean);
            } else {
                self.b.call(link.from, link.phase, link.kind, to, link.mean);
            }
        }
        Ok(self.b.build()?)
    }
}

/// The attributes of an element, unescaped.
struct Attributes<'a> {
    element: String,
    line: u32,
    list: Vec<(&'a str, String)>,
}

impl<'a> Attributes<'a> {
    fn new(start: &'a BytesStart<'_>, line: u32) -> Result<Self, ReadError> {
        let mut list = Vec::new();
        for attribute in start.attributes() {
            let wrong = |e: &dyn std::fmt::Display| ReadError::Xml { line, message: e.to_string() };
            let attribute = attribute.map_err(|e| wrong(&e))?;
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|e| wrong(&e))?;
            list.push((attribute.key.into_inner(), value.into_owned()));
        }
        let mut element = format!("<{}>", start.name().as_ref());
        if let Some((_, name)) = list.iter().find(|(key, _)| *key == "name") {
            let name: String = name.chars().take(Limits::NAME_BYTES_MAX).collect();
            element = format!("<{} name=\"{name}\">", start.name().as_ref());
        }
        Ok(Self { element, line, list })
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.list.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    fn required(&self, key: &str) -> Result<&str, ReadError> {
        let expected = || format!("{} with attribute \"{key}\"", self.element);
        self.text(key).ok_or_else(|| ReadError::syntax(self.line, &expected(), "none"))
    }

    /// The element that must be around this one.
    fn inside<T>(&self, around: Option<T>, what: &str) -> Result<T, ReadError> {
        let expected = || format!("{} inside {what}", self.element);
        around.ok_or_else(|| ReadError::syntax(self.line, &expected(), "it elsewhere"))
    }

    fn wrong<T>(&self, key: &str, expected: &str, found: &str) -> Result<T, ReadError> {
        let expected = format!("{} with {key} {expected}", self.element);
        Err(ReadError::syntax(self.line, &expected, format!("\"{found}\"")))
    }

    fn refuse(&self, what: &str) -> Result<bool, ReadError> {
        Err(ReadError::unsupported(self.line, self.element.clone(), what))
    }

    fn real(&self, key: &str, default: f64) -> Result<f64, ReadError> {
        let Some(value) = self.text(key) else { return Ok(default) };
        match value.trim() {
            v if v.starts_with('$') => {
                let what = format!("the variable {v}");
                Err(ReadError::unsupported(self.line, self.element.clone(), &what))
            }
            "@infinity" => Ok(f64::INFINITY),
            v => v.parse().or_else(|_| self.wrong(key, "a number", value)),
        }
    }

    fn integer(&self, key: &str, default: u32) -> Result<u32, ReadError> {
        let value = self.real(key, f64::from(default))?;
        whole(value).map_or_else(|| self.wrong(key, "a whole number", &value.to_string()), Ok)
    }

    fn copies(&self) -> Result<Multiplicity, ReadError> {
        let value = self.real("multiplicity", 1.0)?;
        if value == f64::INFINITY {
            return Ok(Multiplicity::Infinite);
        }
        Ok(Multiplicity::Finite(self.integer("multiplicity", 1)?))
    }

    fn one(&self, key: &str) -> Result<(), ReadError> {
        if self.real(key, 1.0)? == 1.0 { Ok(()) } else { self.refuse("replication").map(|_| ()) }
    }
}
