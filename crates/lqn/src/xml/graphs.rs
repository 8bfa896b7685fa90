// SPDX-License-Identifier: MIT OR Apache-2.0
//! `<precedence>` and `<reply-entry>`: the edges of activity graphs. Activities may be defined
//! after the edges that name them, so everything is linked at the end.

use std::collections::HashMap;

use super::attributes::Attributes;
use crate::builder::Builder;
use crate::model::{ActivityId, EntryId, Fork, Join, TaskId};
use crate::read_error::ReadError;

/// A name, with what the element says beside it (a probability or a number of loops).
struct Named {
    name: String,
    number: f64,
    line: u32,
}

/// One `<precedence>` as read.
struct Edge {
    task: TaskId,
    line: u32,
    pre: String,
    quorum: u32,
    before: Vec<Named>,
    post: String,
    after: Vec<Named>,
    end: Option<Named>,
}

#[derive(Clone, Copy, PartialEq, Default)]
enum Side {
    #[default]
    Neither,
    Pre,
    Post,
}

/// All graphs of a file.
#[derive(Default)]
pub(super) struct Graphs {
    defined: HashMap<(TaskId, String), ActivityId>,
    edges: Vec<Edge>,
    side: Side,
    in_edge: bool,
    /// The entry of the `<reply-entry>` we are in.
    replies_to: Option<String>,
    replies: Vec<(TaskId, Named, String)>,
    starts: Vec<(String, ActivityId, u32)>,
}

impl Graphs {
    /// An element inside `<task-activities>` begins; false to skip it.
    pub(super) fn start(
        &mut self,
        element: &str,
        a: &Attributes<'_>,
        task: TaskId,
    ) -> Result<bool, ReadError> {
        match element {
            "precedence" => {
                self.in_edge = true;
                let (before, after) = (Vec::new(), Vec::new());
                let (pre, post) = (String::new(), String::new());
                let line = a.line;
                self.edges.push(Edge {
                    task,
                    line,
                    pre,
                    quorum: 0,
                    before,
                    post,
                    after,
                    end: None,
                });
            }
            "pre" | "pre-AND" | "pre-OR" if self.in_edge => {
                self.side = Side::Pre;
                let quorum = a.integer("quorum", 0)?;
                if let Some(edge) = self.edges.last_mut() {
                    (edge.pre, edge.quorum) = (element.to_owned(), quorum);
                }
            }
            "post" | "post-AND" | "post-OR" | "post-LOOP" if self.in_edge => {
                self.side = Side::Post;
                let end = a.text("end").filter(|end| !end.is_empty());
                let named = |end: &str| Named { name: end.to_owned(), number: 1.0, line: a.line };
                if let Some(edge) = self.edges.last_mut() {
                    (edge.post, edge.end) = (element.to_owned(), end.map(named));
                }
            }
            "reply-entry" => self.replies_to = Some(a.required("name")?.to_owned()),
            "reply-activity" => {
                let name = a.required("name")?.to_owned();
                let entry = a.inside(self.replies_to.clone(), "a <reply-entry>")?;
                self.replies.push((task, Named { name, number: 1.0, line: a.line }, entry));
            }
            // Results.
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(super) fn end(&mut self, element: &str) {
        match element {
            "precedence" => self.in_edge = false,
            "reply-entry" => self.replies_to = None,
            _ if element.starts_with("pre") || element.starts_with("post") => {
                self.side = Side::Neither;
            }
            _ => {}
        }
    }

    /// Whether an `<activity>` here is one side of an edge; it is taken in then.
    pub(super) fn refers(&mut self, a: &Attributes<'_>) -> Result<bool, ReadError> {
        if self.side == Side::Neither {
            return Ok(false);
        }
        let Some(edge) = self.edges.last_mut() else { return Ok(false) };
        let number = match edge.post.as_str() {
            "post-LOOP" => a.real("count", 1.0)?,
            _ => a.real("prob", 1.0)?,
        };
        let named = Named { name: a.required("name")?.to_owned(), number, line: a.line };
        if self.side == Side::Pre {
            edge.before.push(named)
        } else {
            edge.after.push(named)
        }
        Ok(true)
    }

    /// An `<activity>` with what it does.
    pub(super) fn define(
        &mut self,
        a: &Attributes<'_>,
        task: TaskId,
        id: ActivityId,
    ) -> Result<(), ReadError> {
        self.defined.insert((task, a.required("name")?.to_owned()), id);
        if let Some(entry) = a.text("bound-to-entry").filter(|entry| !entry.is_empty()) {
            self.starts.push((entry.to_owned(), id, a.line));
        }
        Ok(())
    }

    /// Puts everything into the builder.
    pub(super) fn link(
        self,
        b: &mut Builder,
        entries: &HashMap<String, usize>,
    ) -> Result<(), ReadError> {
        let entry = |name: &str, line: u32| {
            let found = entries.get(name).map(|&at| EntryId::at(at));
            let unknown = || ReadError::Unknown { line, kind: "entry", name: name.to_owned() };
            found.ok_or_else(unknown)
        };
        for (name, activity, line) in &self.starts {
            b.start(entry(name, *line)?, *activity);
        }
        for (task, activity, to) in &self.replies {
            b.reply(self.activity(*task, activity)?, entry(to, activity.line)?);
        }
        for edge in &self.edges {
            let (join, fork) = (self.join(edge)?, self.fork(edge)?);
            b.line = edge.line;
            if let (Some(join), Some(fork)) = (join, fork) {
                b.precedence(edge.task, join, fork);
            }
        }
        Ok(())
    }

    fn activity(&self, task: TaskId, named: &Named) -> Result<ActivityId, ReadError> {
        let found = self.defined.get(&(task, named.name.clone())).copied();
        let (line, kind) = (named.line, "activity");
        found.ok_or_else(|| ReadError::Unknown { line, kind, name: named.name.clone() })
    }

    fn all(&self, task: TaskId, named: &[Named]) -> Result<Vec<ActivityId>, ReadError> {
        named.iter().map(|named| self.activity(task, named)).collect()
    }

    /// `None` for an edge without anything before it.
    fn join(&self, edge: &Edge) -> Result<Option<Join>, ReadError> {
        let all = self.all(edge.task, &edge.before)?;
        let single = |edge: &Edge| {
            let found = format!("{} of them", edge.before.len());
            Err(ReadError::syntax(edge.line, "one activity in <pre>", found))
        };
        Ok(match (edge.pre.as_str(), all.as_slice()) {
            (_, []) => return Err(ReadError::syntax(edge.line, "an activity before", "none")),
            ("pre-AND", _) => {
                let quorum = (edge.quorum > 0).then_some(edge.quorum);
                Some(Join::And { all, quorum })
            }
            ("pre-OR", _) => Some(Join::Or(all)),
            (_, [one]) => Some(Join::One(*one)),
            _ => return single(edge),
        })
    }

    /// `None` for an edge with nothing after it.
    fn fork(&self, edge: &Edge) -> Result<Option<Fork>, ReadError> {
        let all = self.all(edge.task, &edge.after)?;
        let numbered = || all.iter().copied().zip(edge.after.iter().map(|n| n.number)).collect();
        Ok(match (edge.post.as_str(), all.as_slice()) {
            ("post-LOOP", _) => {
                let end = edge.end.as_ref().map(|end| self.activity(edge.task, end)).transpose()?;
                Some(Fork::Loop { bodies: numbered(), end })
            }
            (_, []) => None,
            ("post-AND", _) => Some(Fork::And(all)),
            ("post-OR", _) => Some(Fork::Or(numbered())),
            (_, [one]) => Some(Fork::One(*one)),
            _ => return Err(ReadError::syntax(edge.line, "one activity in <post>", "several")),
        })
    }
}
