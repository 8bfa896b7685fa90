// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be wrong with a model. Every error names the element and, if it came from a file, the
//! line.

use std::fmt;

/// Kinds of things a model consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementKind {
    /// A processor.
    Processor,
    /// A group of a processor.
    Group,
    /// A task.
    Task,
    /// An entry.
    Entry,
    /// A phase: named after its entry.
    Phase,
    /// An activity: named after itself.
    Activity,
    /// A call: named `from -> to`.
    Call,
    /// The model as a whole.
    Model,
}

impl fmt::Display for ElementKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processor => "processor",
            Self::Group => "group",
            Self::Task => "task",
            Self::Entry => "entry",
            Self::Phase => "phase",
            Self::Activity => "activity",
            Self::Call => "call",
            Self::Model => "model",
        })
    }
}

/// The element an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    /// What it is.
    pub kind: ElementKind,
    /// What it is called.
    pub name: String,
    /// Where it was read; 0 for a model built by a program.
    pub line: u32,
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.name)?;
        if self.line > 0 { write!(f, " (line {})", self.line) } else { Ok(()) }
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// Two elements of a kind share a name.
    #[error("has the name of another one")]
    Duplicate,
    /// The name is empty or too long.
    #[error(
        "needs a name of 1 to {} bytes without quotes and control characters",
        crate::Limits::NAME_BYTES_MAX
    )]
    Name,
    /// A number is out of range.
    #[error("{what} is {value}: must be {allowed}")]
    Range {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// An id of another model.
    #[error("refers to a {0} that does not exist")]
    Dangling(ElementKind),
    /// More elements than the written limit.
    #[error("has {count} {what}: the limit is {max}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many are allowed.
        max: usize,
    },
    /// A task without entries.
    #[error("has no entry")]
    NoEntry,
    /// A model without reference task and open arrivals.
    #[error("has no load: neither a reference task nor open arrivals")]
    NoLoad,
    /// Something that a reference task cannot have or do.
    #[error("belongs to a reference task, which cannot {0}")]
    Reference(&'static str),
    /// Calls that come back: a thread would wait for itself.
    #[error("is on a cycle of calls: {}", path.join(" -> "))]
    Cycle {
        /// The tasks or entries of the cycle, the first one repeated at the end.
        path: Vec<String>,
    },
    /// A deterministic phase with a fraction of a call.
    #[error("is deterministic and makes {0} calls: must be a whole number")]
    FractionalCalls(f64),
    /// Forwarding probabilities.
    #[error("forwards with a total probability of {0}: must be at most 1")]
    ForwardingTotal(f64),
    /// An activity graph that cannot be run.
    #[error("{0}")]
    Graph(&'static str),
    /// Replicas that cannot be connected.
    #[error("{0}")]
    Replicas(String),
    /// Groups without a fair-share processor, or a task in a group elsewhere.
    #[error("{0}")]
    Grouping(&'static str),
}

/// A model that cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{element} {problem}")]
pub struct ModelError {
    /// What it is about.
    pub element: Element,
    /// What is wrong.
    pub problem: Problem,
}

impl ModelError {
    pub(crate) fn new(kind: ElementKind, name: &str, line: u32, problem: Problem) -> Self {
        Self { element: Element { kind, name: name.to_owned(), line }, problem }
    }
}
