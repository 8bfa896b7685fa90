// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads the sections of the text format into a [`Builder`].

use std::collections::HashMap;

use super::expression;
use super::lexer::{Token, tokens};
use crate::builder::Builder;
use crate::model::{
    ActivityId, CallKind, CallOrder, EntryId, GroupId, Limits, Model, Multiplicity, PHASES_MAX,
    ProcessorDiscipline, ProcessorId, Settings, TaskDiscipline, TaskId,
};
use crate::parameters::{Parameters, Value, Variables};
use crate::read_error::ReadError;

/// Values of one variable; more points than anybody reads.
const LIST_MAX: usize = 10_000;

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
    let tokens = tokens(text)?;
    let mut parser = Parser::new(&tokens, parameters);
    parser.file()?;
    parser.defined()?;
    parser.link_fans()?;
    Ok(parser.b.build()?)
}

/// Variables that the file gives a list of values, in its order: what it is meant to be solved for.
///
/// # Errors
/// [`ReadError`], if the lines before the first section cannot be read.
pub fn lists(text: &str) -> Result<Vec<(String, Vec<f64>)>, ReadError> {
    if text.len() > Limits::FILE_BYTES_MAX {
        return Err(ReadError::TooLarge(text.len()));
    }
    let tokens = tokens(text)?;
    let mut parser = Parser::new(&tokens, &Parameters::default());
    let mut lists = Vec::new();
    while let Token::Variable(name) = parser.c.peek() {
        parser.assignment(name)?;
        if let Value::Several(values) = parser.variables.get(name) {
            lists.push((name.to_owned(), values.to_vec()));
        }
    }
    Ok(lists)
}

/// A place in the tokens.
pub(super) struct Cursor<'a> {
    tokens: &'a [(Token<'a>, u32)],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn ahead(&self, by: usize) -> Token<'a> {
        // The last token is always Eof and is never passed.
        self.tokens.get(self.at + by).map_or(Token::Eof, |t| t.0)
    }
    pub(super) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }
    pub(super) fn line(&self) -> u32 {
        self.tokens.get(self.at).map_or(0, |t| t.1)
    }
    pub(super) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        if token != Token::Eof {
            self.at += 1;
        }
        token
    }
    pub(super) fn symbol(&mut self, symbol: &'static str) -> Result<(), ReadError> {
        let line = self.line();
        match self.next() {
            Token::Symbol(s) if s == symbol => Ok(()),
            found => Err(ReadError::syntax(line, &format!("\"{symbol}\""), found)),
        }
    }
    /// A name; the format lets names be numbers.
    pub(super) fn name(&mut self, what: &str) -> Result<&'a str, ReadError> {
        let line = self.line();
        match self.next() {
            Token::Name(s) | Token::Integer(s) | Token::Text(s) => Ok(s),
            found => Err(ReadError::syntax(line, &format!("the name of {what}"), found)),
        }
    }
    /// The list ends here.
    pub(super) fn end(&mut self) -> Result<(), ReadError> {
        let line = self.line();
        match self.next() {
            Token::End => Ok(()),
            found => Err(ReadError::syntax(line, "the end of the list (-1)", found)),
        }
    }
    pub(super) fn is_name(&self, name: &str) -> bool {
        self.peek() == Token::Name(name)
    }
}

pub(super) struct Parser<'a> {
    pub(super) c: Cursor<'a>,
    pub(super) b: Builder,
    pub(super) variables: Variables,
    processors: HashMap<&'a str, ProcessorId>,
    groups: HashMap<&'a str, GroupId>,
    pub(super) tasks: HashMap<&'a str, TaskId>,
    entries: HashMap<&'a str, EntryId>,
    entry_tasks: HashMap<EntryId, TaskId>,
    /// Activities of all tasks; the line that names one first, until a line says what it does.
    pub(super) activities: HashMap<(TaskId, &'a str), (ActivityId, Option<u32>)>,
    /// Fan-ins (`I`) and fan-outs (`O`) with the names of their tasks, which may follow.
    fans: Vec<(bool, [&'a str; 2], u32, u32)>,
}

impl<'a> Parser<'a> {
    fn new(tokens: &'a [(Token<'a>, u32)], parameters: &Parameters) -> Self {
        Self {
            c: Cursor { tokens, at: 0 },
            b: Builder::new(""),
            variables: parameters.variables(),
            processors: HashMap::new(),
            groups: HashMap::new(),
            tasks: HashMap::new(),
            entries: HashMap::new(),
            entry_tasks: HashMap::new(),
            activities: HashMap::new(),
            fans: Vec::new(),
        }
    }

    fn file(&mut self) -> Result<(), ReadError> {
        while let Token::Variable(name) = self.c.peek() {
            self.assignment(name)?;
        }
        if self.c.is_name("G") {
            self.general()?;
        }
        self.section("P", "processors", Self::processor)?;
        if self.c.is_name("U") {
            self.section("U", "groups", Self::group)?;
        }
        self.section("T", "tasks", Self::task)?;
        self.section("E", "entries", Self::entry)?;
        while self.c.is_name("A") {
            self.activity_section()?;
        }
        // What follows asks the original tools for reports.
        while self.c.is_name("R") {
            while !matches!(self.c.next(), Token::End | Token::Eof) {}
        }
        match self.c.peek() {
            Token::Eof => Ok(()),
            Token::Name("C") => {
                let what = "a variable that follows from results";
                Err(ReadError::unsupported(self.c.line(), "section \"C\"", what))
            }
            found => Err(ReadError::syntax(self.c.line(), "the end of the file", found)),
        }
    }

    fn assignment(&mut self, name: &str) -> Result<(), ReadError> {
        self.c.next();
        self.c.symbol("=")?;
        match self.c.peek() {
            Token::Symbol("[") => {
                let values = self.list()?;
                self.variables.insert(name, values);
            }
            // Names of solvers and the like.
            Token::Text(_) => {
                self.c.next();
            }
            _ => {
                let value = expression::value(&mut self.c, &self.variables)?;
                self.variables.insert(name, vec![value]);
            }
        }
        Ok(())
    }

    /// `[1, 2, 5]`, or from, to and step: `[1:10, 3]`.
    fn list(&mut self) -> Result<Vec<f64>, ReadError> {
        self.c.symbol("[")?;
        let line = self.c.line();
        let mut values = vec![expression::value(&mut self.c, &self.variables)?];
        if self.c.peek() == Token::Symbol(":") {
            self.c.next();
            let to = expression::value(&mut self.c, &self.variables)?;
            self.c.symbol(",")?;
            let step = expression::value(&mut self.c, &self.variables)?;
            let (from, mut next) = (values[0], 1_u32);
            // Half a step of slack: 0.1 ten times is not 1.
            while step > 0.0 && from + f64::from(next) * step <= to + 0.5 * step {
                values.push(from + f64::from(next) * step);
                if values.len() > LIST_MAX {
                    return Err(ReadError::syntax(line, "at most 10000 values", "more"));
                }
                next += 1;
            }
        } else {
            while self.c.peek() == Token::Symbol(",") {
                self.c.next();
                values.push(expression::value(&mut self.c, &self.variables)?);
            }
        }
        self.c.symbol("]")?;
        Ok(values)
    }

    fn general(&mut self) -> Result<(), ReadError> {
        self.c.next();
        let line = self.c.line();
        let Token::Text(comment) = self.c.next() else {
            return Err(ReadError::syntax(line, "a comment in quotes", "something else"));
        };
        let mut settings = Settings { comment: comment.to_owned(), ..Settings::default() };
        let mut numbers = Vec::new();
        while self.c.peek() != Token::End {
            if numbers.len() >= 4 {
                return Err(ReadError::syntax(
                    self.c.line(),
                    "the end of the list (-1)",
                    self.c.peek(),
                ));
            }
            numbers.push(self.real("a solver parameter")?);
        }
        self.c.end()?;
        if let [convergence, iterations, rest @ ..] = numbers.as_slice() {
            settings.convergence = *convergence;
            settings.iterations = whole(*iterations).unwrap_or(settings.iterations);
            match rest {
                [interval, relaxation] => {
                    settings.print_interval = whole(*interval).unwrap_or(0);
                    settings.under_relaxation = *relaxation;
                }
                [relaxation] => settings.under_relaxation = *relaxation,
                _ => {}
            }
        }
        self.b.settings(settings);
        self.b.name = comment.to_owned();
        self.observations();
        Ok(())
    }

    /// `X count item... -1`; the count is a remark, the end of the list counts.
    fn section(
        &mut self,
        letter: &'static str,
        what: &str,
        item: fn(&mut Self) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let line = self.c.line();
        match self.c.next() {
            Token::Name(name) if name == letter => {}
            found => {
                return Err(ReadError::syntax(line, &format!("section {letter} ({what})"), found));
            }
        }
        self.real("a count")?;
        while self.c.peek() != Token::End {
            self.b.line = self.c.line();
            item(self)?;
        }
        self.c.end()
    }

    fn processor(&mut self) -> Result<(), ReadError> {
        let line = self.c.line();
        match self.c.next() {
            Token::Name("p") => {}
            Token::Name("d") => {
                return Err(ReadError::unsupported(line, "section \"P\"", "a communication delay"));
            }
            found => return Err(ReadError::syntax(line, "a processor (p) or -1", found)),
        }
        let name = self.c.name("a processor")?;
        let line = self.c.line();
        let discipline = match self.c.next() {
            Token::Name("f") => ProcessorDiscipline::Fcfs,
            Token::Name("h") => ProcessorDiscipline::HeadOfLine,
            Token::Name("p") => ProcessorDiscipline::PriorityPreemptive,
            Token::Name("s") => ProcessorDiscipline::Ps,
            Token::Name("c") => ProcessorDiscipline::Cfs,
            Token::Name("r") => ProcessorDiscipline::Random,
            Token::Name("i") => ProcessorDiscipline::Delay,
            found => {
                let expected = "a scheduling letter: f, h, p, s, c, r or i";
                return Err(ReadError::syntax(line, expected, found));
            }
        };
        let id = self.b.processor(name, discipline);
        self.processors.insert(name, id);
        if !matches!(self.c.peek(), Token::Name(_) | Token::End | Token::Observation(_)) {
            // Old files give every discipline one.
            let quantum = self.real("a quantum")?;
            if matches!(discipline, ProcessorDiscipline::Ps | ProcessorDiscipline::Cfs) {
                self.b.quantum(id, quantum);
            }
        }
        while let Token::Name(flag @ ("i" | "m" | "r" | "R")) = self.c.peek() {
            self.c.next();
            match flag {
                "i" => {
                    self.b.cores(id, Multiplicity::Infinite);
                }
                "m" => {
                    let copies = self.copies()?;
                    self.b.cores(id, copies);
                }
                "R" => {
                    let speed = self.real("a speed")?;
                    self.b.speed(id, speed);
                }
                _ => {
                    let replicas = self.replicas()?;
                    self.b.processor_replicas(id, replicas);
                }
            }
        }
        self.observations();
        Ok(())
    }

    fn replicas(&mut self) -> Result<u32, ReadError> {
        let line = self.c.line();
        let n = self.real("a number of replicas")?;
        whole(n).ok_or_else(|| ReadError::syntax(line, "a number of replicas, a whole number", n))
    }

    /// `I from to fan-in`, `O from to fan-out`.
    fn fan(&mut self, letter: &str) -> Result<(), ReadError> {
        let line = self.c.line();
        let tasks = [self.c.name("a task")?, self.c.name("a task")?];
        let number = self.replicas()?;
        self.fans.push((letter == "I", tasks, number, line));
        Ok(())
    }

    fn link_fans(&mut self) -> Result<(), ReadError> {
        for (is_in, [from, to], number, line) in std::mem::take(&mut self.fans) {
            let from = lookup(&self.tasks, from, "task", line)?;
            let to = lookup(&self.tasks, to, "task", line)?;
            self.b.line = line;
            if is_in {
                self.b.fan_in(from, to, number);
            } else {
                self.b.fan_out(from, to, number);
            }
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), ReadError> {
        let line = self.c.line();
        match self.c.next() {
            Token::Name("g") => {}
            found => return Err(ReadError::syntax(line, "a group (g) or -1", found)),
        }
        let name = self.c.name("a group")?;
        let share = self.real("a share")?;
        // `c` is the cap flag, unless it is the name of the processor.
        let cap = self.c.is_name("c")
            && matches!(self.c.ahead(1), Token::Name(n) | Token::Integer(n)
            if self.processors.contains_key(n));
        if cap {
            self.c.next();
        }
        let line = self.c.line();
        let processor = lookup(&self.processors, self.c.name("a processor")?, "processor", line)?;
        let id = self.b.group(name, processor, share, cap);
        self.groups.insert(name, id);
        self.observations();
        Ok(())
    }

    fn task(&mut self) -> Result<(), ReadError> {
        let line = self.c.line();
        match self.c.next() {
            Token::Name("t") => {}
            Token::Name(letter @ ("I" | "O")) => return self.fan(letter),
            found => return Err(ReadError::syntax(line, "a task (t) or -1", found)),
        }
        let name = self.c.name("a task")?;
        let discipline = self.task_discipline(name)?;
        let mut entries = Vec::new();
        while self.c.peek() != Token::End {
            let line = self.c.line();
            entries.push((self.c.name("an entry")?, line));
        }
        self.c.end()?;
        let line = self.c.line();
        let processor = lookup(&self.processors, self.c.name("a processor")?, "processor", line)?;
        let id = self.b.task(name, processor, Multiplicity::Finite(1));
        self.b.discipline(id, discipline);
        if discipline == TaskDiscipline::Delay {
            self.b.threads(id, Multiplicity::Infinite);
        }
        self.tasks.insert(name, id);
        for (entry, line) in entries {
            self.b.line = line;
            let entry_id = self.b.entry(entry, id);
            self.entries.insert(entry, entry_id);
            self.entry_tasks.insert(entry_id, id);
        }
        self.task_options(name, id)
    }

    fn task_discipline(&mut self, task: &str) -> Result<TaskDiscipline, ReadError> {
        let line = self.c.line();
        let refuse = |what| Err(ReadError::unsupported(line, format!("task \"{task}\""), what));
        match self.c.next() {
            Token::Name("r") => Ok(TaskDiscipline::Reference),
            Token::Name("f" | "n") => Ok(TaskDiscipline::Fcfs),
            Token::Name("h") => Ok(TaskDiscipline::HeadOfLine),
            Token::Name("p") => Ok(TaskDiscipline::PriorityPreemptive),
            Token::Name("i") => Ok(TaskDiscipline::Delay),
            Token::Name("b" | "u") => refuse("bursty or uniform arrivals"),
            Token::Name("P") => refuse("polled scheduling"),
            Token::Name("S" | "W") => refuse("a semaphore or lock"),
            found => {
                let expected = "a scheduling letter: r, n, f, h, p or i";
                Err(ReadError::syntax(line, expected, found))
            }
        }
    }

    fn task_options(&mut self, name: &str, id: TaskId) -> Result<(), ReadError> {
        let element = format!("task \"{name}\"");
        loop {
            let line = self.c.line();
            match self.c.peek() {
                Token::Integer(_) => {
                    let priority = self.integer("a priority")?;
                    self.b.priority(id, priority);
                    continue;
                }
                Token::Name("i") => {
                    self.c.next();
                    self.b.threads(id, Multiplicity::Infinite);
                }
                Token::Name("m") => {
                    self.c.next();
                    let threads = self.copies()?;
                    self.b.threads(id, threads);
                }
                Token::Name("z") => {
                    self.c.next();
                    let think = self.real("a think time")?;
                    self.b.think(id, think);
                }
                Token::Name("g") => {
                    self.c.next();
                    let group = self.c.name("a group")?;
                    let group = lookup(&self.groups, group, "group", line)?;
                    self.b.in_group(id, group);
                }
                Token::Name("r") => {
                    self.c.next();
                    let replicas = self.replicas()?;
                    self.b.task_replicas(id, replicas);
                }
                Token::Name("q") => {
                    self.c.next();
                    if self.real("a queue length")? != 0.0 {
                        return Err(ReadError::unsupported(line, element, "a bounded queue"));
                    }
                }
                Token::Name("T") => {
                    return Err(ReadError::unsupported(line, element, "tokens"));
                }
                Token::Variable(_) => {
                    let priority = self.integer("a priority")?;
                    self.b.priority(id, priority);
                }
                _ => break,
            }
        }
        self.observations();
        Ok(())
    }

    fn entry(&mut self) -> Result<(), ReadError> {
        let line = self.c.line();
        let letter = match self.c.next() {
            Token::Name(letter) => letter,
            found => return Err(ReadError::syntax(line, "an entry's letter or -1", found)),
        };
        let element = format!("section \"E\", \"{letter}\"");
        match letter {
            "a" | "A" | "c" | "f" | "F" | "H" | "i" | "M" | "o" | "p" | "s" | "y" | "z" | "Z" => {}
            "P" | "V" | "R" | "U" | "W" | "X" => {
                return Err(ReadError::unsupported(line, element, "a semaphore or lock"));
            }
            found => return Err(ReadError::syntax(line, "an entry's letter or -1", found)),
        }
        let from = self.entry_ref()?;
        match letter {
            "a" => {
                let rate = self.real("an arrival rate")?;
                self.b.open_arrivals(from, rate);
            }
            "A" => self.begins(from)?,
            "i" | "o" => self.entry_fan(letter, from, line)?,
            "p" => {
                let priority = self.integer("a priority")?;
                self.b.entry_priority(from, priority);
            }
            "F" => {
                let to = self.entry_ref()?;
                let probability = self.real("a probability")?;
                self.b.forward(from, to, probability);
                self.c.end()?;
            }
            "y" | "z" => {
                let to = self.entry_ref()?;
                let kind =
                    if letter == "y" { CallKind::Synchronous } else { CallKind::Asynchronous };
                self.per_phase(|b, phase, value| {
                    if value != 0.0 {
                        b.call(from, phase, kind, to, value);
                    }
                })?;
            }
            "H" => self.histogram(true)?,
            "M" => self.per_phase(|_, _, _| ())?,
            "s" => self.per_phase(|b, phase, value| b.phase(from, phase).demand = value)?,
            "c" => self.per_phase(|b, phase, value| b.phase(from, phase).cv_squared = value)?,
            "Z" => self.per_phase(|b, phase, value| b.phase(from, phase).think = value)?,
            _ => self.per_phase(|b, phase, value| {
                let deterministic = value != 0.0;
                b.phase(from, phase).order =
                    if deterministic { CallOrder::Deterministic } else { CallOrder::Stochastic };
            })?,
        }
        self.observations();
        Ok(())
    }

    /// The entry is the graph that begins with this activity.
    fn begins(&mut self, entry: EntryId) -> Result<(), ReadError> {
        let line = self.c.line();
        let name = self.c.name("an activity")?;
        let Some(&task) = self.entry_tasks.get(&entry) else {
            return Err(ReadError::Unknown { line, kind: "task", name: name.to_owned() });
        };
        let first = self.activity(task, name, line);
        self.b.start(entry, first);
        Ok(())
    }

    /// The older form of fan-in and fan-out, by entries: `i from to number -1`.
    fn entry_fan(&mut self, letter: &str, from: EntryId, line: u32) -> Result<(), ReadError> {
        let to = self.entry_ref()?;
        let number = self.replicas()?;
        self.c.end()?;
        let tasks = [from, to].map(|e| self.entry_tasks.get(&e).copied());
        if let [Some(from), Some(to)] = tasks {
            self.b.line = line;
            if letter == "i" {
                self.b.fan_in(from, to, number);
            } else {
                self.b.fan_out(from, to, number);
            }
        }
        Ok(())
    }

    /// `phase min : max bins scale`; an activity has no phases.
    pub(super) fn histogram(&mut self, phases: bool) -> Result<(), ReadError> {
        if phases {
            self.real("a phase")?;
        }
        self.real("a time")?;
        self.c.symbol(":")?;
        self.real("a time")?;
        if matches!(self.c.peek(), Token::Integer(_)) {
            self.c.next();
        }
        if let Token::Name("log" | "linear" | "sqrt") = self.c.peek() {
            self.c.next();
        }
        Ok(())
    }

    /// One to three numbers, then `-1`.
    fn per_phase(
        &mut self,
        mut set: impl FnMut(&mut Builder, usize, f64),
    ) -> Result<(), ReadError> {
        for phase in 1..=PHASES_MAX {
            let value = self.real("a number")?;
            set(&mut self.b, phase, value);
            if self.c.peek() == Token::End {
                break;
            }
        }
        self.c.end()
    }

    pub(super) fn entry_ref(&mut self) -> Result<EntryId, ReadError> {
        let line = self.c.line();
        lookup(&self.entries, self.c.name("an entry")?, "entry", line)
    }

    /// A number, a variable, or an expression in parentheses.
    pub(super) fn real(&mut self, what: &str) -> Result<f64, ReadError> {
        let line = self.c.line();
        match self.c.peek() {
            Token::Variable(_) | Token::Symbol("(") | Token::Symbol("{") => {
                expression::value(&mut self.c, &self.variables)
            }
            token => {
                self.c.next();
                expression::number(token).ok_or_else(|| ReadError::syntax(line, what, token))
            }
        }
    }

    pub(super) fn integer(&mut self, what: &str) -> Result<i32, ReadError> {
        let line = self.c.line();
        let value = self.real(what)?;
        whole(value)
            .and_then(|v| i32::try_from(v).ok())
            .ok_or_else(|| ReadError::syntax(line, &format!("{what}, a whole number"), value))
    }

    fn copies(&mut self) -> Result<Multiplicity, ReadError> {
        let line = self.c.line();
        let value = self.real("a multiplicity")?;
        if value == f64::INFINITY {
            return Ok(Multiplicity::Infinite);
        }
        whole(value)
            .map(Multiplicity::Finite)
            .ok_or_else(|| ReadError::syntax(line, "a multiplicity, a whole number", value))
    }

    /// `%name [phase or level] $variable...`: results of the original tools, nothing for us.
    pub(super) fn observations(&mut self) {
        while let Token::Observation(_) = self.c.peek() {
            self.c.next();
            if matches!(self.c.peek(), Token::Integer(_)) {
                self.c.next();
            }
            while let Token::Variable(_) = self.c.peek() {
                self.c.next();
            }
        }
    }
}

pub(super) fn lookup<T: Copy>(
    map: &HashMap<&str, T>,
    name: &str,
    kind: &'static str,
    line: u32,
) -> Result<T, ReadError> {
    map.get(name).copied().ok_or_else(|| ReadError::Unknown { line, kind, name: name.to_owned() })
}

/// The value of an expression of numbers and known variables.
pub(crate) fn constant(text: &str, variables: &Variables) -> Option<f64> {
    let tokens = tokens(text).ok()?;
    let mut cursor = Cursor { tokens: &tokens, at: 0 };
    let value = expression::value(&mut cursor, variables).ok()?;
    (cursor.peek() == Token::Eof && value.is_finite()).then_some(value)
}

/// A non-negative whole number that fits.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit first")]
pub(crate) fn whole(value: f64) -> Option<u32> {
    let fits = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
    fits.then_some(value as u32)
}
