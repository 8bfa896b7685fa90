// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reads sections `A`: the activities of a task, and how they follow each other.
//!
//! ```text
//! A server
//!   s first 0.1
//!   s left 0.2
//!   y left disk 2
//!   s right 0.3
//!   s last 0.1
//! :
//!   first -> left & right;
//!   left & right -> last;
//!   last[serve]
//! -1
//! ```

use super::expression;
use super::lexer::Token;
use super::parser::{Parser, lookup, whole};
use crate::model::{ActivityId, CallKind, CallOrder, Fork, Join, TaskId};
use crate::read_error::ReadError;

impl<'a> Parser<'a> {
    /// The activity of that name, made if this is the first time.
    pub(super) fn activity(&mut self, task: TaskId, name: &'a str, line: u32) -> ActivityId {
        if let Some(&(id, _)) = self.activities.get(&(task, name)) {
            return id;
        }
        self.b.line = line;
        let id = self.b.activity(name, task);
        self.activities.insert((task, name), (id, Some(self.b.line)));
        id
    }

    /// Every activity that an entry begins with must be defined.
    pub(super) fn defined(&self) -> Result<(), ReadError> {
        let missing = self
            .activities
            .iter()
            .filter_map(|((_, name), (_, line))| Some((*line.as_ref()?, *name)));
        match missing.min() {
            Some((line, name)) => Err(unknown(line, name)),
            None => Ok(()),
        }
    }

    pub(super) fn activity_section(&mut self) -> Result<(), ReadError> {
        self.c.next();
        let line = self.c.line();
        let task = lookup(&self.tasks, self.c.name("a task")?, "task", line)?;
        loop {
            match self.c.peek() {
                Token::End => return self.c.end(),
                Token::Symbol(":") => {
                    self.c.next();
                    break;
                }
                _ => self.definition(task)?,
            }
        }
        while self.c.peek() != Token::End {
            self.connection(task)?;
            if self.c.peek() != Token::Symbol(";") {
                break;
            }
            self.c.next();
        }
        self.c.end()
    }

    /// `s activity demand` and its kind; each has one value.
    fn definition(&mut self, task: TaskId) -> Result<(), ReadError> {
        let line = self.c.line();
        self.b.line = line;
        let letter = match self.c.next() {
            Token::Name(letter @ ("c" | "f" | "H" | "M" | "s" | "y" | "z" | "Z")) => letter,
            found => {
                let expected = "an activity's letter (s, c, f, y, z, Z), a colon or -1";
                return Err(ReadError::syntax(line, expected, found));
            }
        };
        let name = self.c.name("an activity")?;
        let id = self.activity(task, name, line);
        if let Some((_, undefined)) = self.activities.get_mut(&(task, name)) {
            *undefined = None;
        }
        match letter {
            "y" | "z" => {
                let to = self.entry_ref()?;
                let mean = self.real("a number of calls")?;
                let kind =
                    if letter == "y" { CallKind::Synchronous } else { CallKind::Asynchronous };
                if mean != 0.0 {
                    self.b.activity_call(id, kind, to, mean);
                }
            }
            "H" => self.histogram(false)?,
            _ => {
                let value = self.real("a number")?;
                let work = self.b.work(id);
                match letter {
                    "s" => work.demand = value,
                    "c" => work.cv_squared = value,
                    "Z" => work.think = value,
                    "f" if value != 0.0 => work.order = CallOrder::Deterministic,
                    "f" => work.order = CallOrder::Stochastic,
                    _ => {}
                }
            }
        }
        self.observations();
        Ok(())
    }

    /// `join -> fork`, or a last activity with its replies.
    fn connection(&mut self, task: TaskId) -> Result<(), ReadError> {
        let line = self.c.line();
        let join = self.join(task)?;
        if self.c.peek() != Token::Symbol("->") {
            return match join {
                Join::One(_) => Ok(()),
                _ => Err(ReadError::syntax(self.c.line(), "\"->\"", self.c.peek())),
            };
        }
        self.c.next();
        let fork = self.fork(task)?;
        self.b.line = line;
        self.b.precedence(task, join, fork);
        Ok(())
    }

    fn join(&mut self, task: TaskId) -> Result<Join, ReadError> {
        let first = self.joined(task)?;
        let Token::Symbol(operator @ ("&" | "+")) = self.c.peek() else {
            return Ok(Join::One(first));
        };
        let mut all = vec![first];
        while self.c.peek() == Token::Symbol(operator) {
            self.c.next();
            all.push(self.joined(task)?);
        }
        if operator == "+" {
            return Ok(Join::Or(all));
        }
        let mut quorum = None;
        if self.c.peek() == Token::Symbol("(") {
            self.c.next();
            let line = self.c.line();
            let value = self.real("a quorum")?;
            let wrong = || ReadError::syntax(line, "a quorum, a whole number", value);
            quorum = Some(whole(value).ok_or_else(wrong)?);
            self.c.symbol(")")?;
        }
        Ok(Join::And { all, quorum })
    }

    /// An activity, and the entries that it replies to in brackets.
    fn joined(&mut self, task: TaskId) -> Result<ActivityId, ReadError> {
        let id = self.known(task)?;
        if self.c.peek() == Token::Symbol("[") {
            self.c.next();
            loop {
                let entry = self.entry_ref()?;
                self.b.reply(id, entry);
                if self.c.peek() != Token::Symbol(",") {
                    break;
                }
                self.c.next();
            }
            self.c.symbol("]")?;
        }
        Ok(id)
    }

    fn known(&mut self, task: TaskId) -> Result<ActivityId, ReadError> {
        let line = self.c.line();
        let name = self.c.name("an activity")?;
        let found = self.activities.get(&(task, name));
        found.map(|a| a.0).ok_or_else(|| unknown(line, name))
    }

    fn fork(&mut self, task: TaskId) -> Result<Fork, ReadError> {
        if self.c.peek() == Token::Symbol("(") {
            return self.alternatives(task);
        }
        if self.c.ahead(1) == Token::Symbol("*") {
            return self.rounds(task);
        }
        let first = self.known(task)?;
        if self.c.peek() != Token::Symbol("&") {
            return Ok(Fork::One(first));
        }
        let mut all = vec![first];
        while self.c.peek() == Token::Symbol("&") {
            self.c.next();
            all.push(self.known(task)?);
        }
        Ok(Fork::And(all))
    }

    /// `(0.3) a + (0.7) b`.
    fn alternatives(&mut self, task: TaskId) -> Result<Fork, ReadError> {
        let mut all = Vec::new();
        loop {
            self.c.symbol("(")?;
            let probability = expression::value(&mut self.c, &self.variables)?;
            self.c.symbol(")")?;
            all.push((self.known(task)?, probability));
            if self.c.peek() != Token::Symbol("+") {
                return Ok(Fork::Or(all));
            }
            self.c.next();
        }
    }

    /// `3 * a, 2 * b, end`.
    fn rounds(&mut self, task: TaskId) -> Result<Fork, ReadError> {
        let mut bodies = Vec::new();
        loop {
            if self.c.ahead(1) != Token::Symbol("*") {
                let end = Some(self.known(task)?);
                return Ok(Fork::Loop { bodies, end });
            }
            // A product would be an expression, too; the number is one token.
            let line = self.c.line();
            let number = match self.c.next() {
                Token::Variable(name) => Some(expression::variable(name, &self.variables, line)?),
                token => expression::number(token),
            };
            let number =
                number.ok_or_else(|| ReadError::syntax(line, "a number", "another word"))?;
            self.c.symbol("*")?;
            bodies.push((self.known(task)?, number));
            if self.c.peek() != Token::Symbol(",") {
                return Ok(Fork::Loop { bodies, end: None });
            }
            self.c.next();
        }
    }
}

fn unknown(line: u32, name: &str) -> ReadError {
    ReadError::Unknown { line, kind: "activity", name: name.to_owned() }
}
