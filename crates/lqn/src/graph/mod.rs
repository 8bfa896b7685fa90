// SPDX-License-Identifier: MIT OR Apache-2.0
//! The activity graph of one entry: what of its task's graph can be reached from where the entry
//! begins, in an order in which nothing comes before what it follows.
//!
//! | word | meaning |
//! |---|---|
//! | node | an activity as this entry runs it |
//! | junction | an edge of the graph: a join of nodes, then a fork to nodes |
//! | strand | one of several nodes that execute at once for the same request |
//!
//! [`Graph::new`] refuses what cannot be run; the simulator runs the rest as it stands, the analytic
//! solver reduces it to the moments of a phase ([`reduce`]).

pub(crate) mod build;
pub(crate) mod extreme;
pub(crate) mod reduce;

use crate::model::ActivityId;

/// The graph of one entry.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Graph {
    /// What follows a node has a larger index.
    pub(crate) nodes: Vec<Node>,
    pub(crate) junctions: Vec<Junction>,
    /// Something follows the reply.
    pub(crate) second_phase: bool,
}

/// An activity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) activity: ActivityId,
    /// The junction after it.
    pub(crate) next: Option<usize>,
    /// Its end replies to the caller of the entry.
    pub(crate) replies: bool,
    /// The junction of the loop whose body this belongs to.
    pub(crate) in_loop: Option<usize>,
}

/// A join and a fork.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Junction {
    /// Strands that come here together; 1 where alternatives come together.
    pub(crate) inputs: u32,
    /// So many of them must have come to go on.
    pub(crate) need: u32,
    pub(crate) fork: Branches,
    /// As of the nodes before it.
    pub(crate) in_loop: Option<usize>,
    /// The first activity before it, to name it in errors.
    pub(crate) named: ActivityId,
}

/// What a junction leads to, by index of node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Branches {
    One(usize),
    And(Vec<usize>),
    Or(Vec<(usize, f64)>),
    Loop { bodies: Vec<(usize, f64)>, end: Option<usize> },
}

/// Why a graph cannot be run, and the activity to name.
pub(crate) type Refusal = (ActivityId, &'static str);
