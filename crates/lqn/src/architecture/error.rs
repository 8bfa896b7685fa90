// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be wrong with a question about architectures.

use crate::error::ModelError;
use crate::mva::MvaError;
use crate::sim::SimError;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArchitectureError {
    /// No architecture has that name.
    #[error("there is no architecture \"{name}\": there are {}", known.join(", "))]
    UnknownArchitecture {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// No machine has that name.
    #[error("there is no machine \"{name}\": there are {}", known.join(", "))]
    UnknownMachine {
        /// What was asked for.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A parameter is out of range.
    #[error("{what} is {value}: must be from {low} to {high}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// What it is.
        value: f64,
        /// The least it may be.
        low: f64,
        /// The most it may be.
        high: f64,
    },
    /// Reservations of all VMs do not fit.
    #[error(
        "{vms} VMs with {share} of the cores each leave nothing for the host: at most {most} fit"
    )]
    Shares {
        /// VMs.
        vms: u32,
        /// Part of all cores of each.
        share: f64,
        /// As many would fit.
        most: u32,
    },
    /// The architecture cannot do what the scenario asks for.
    #[error("{architecture} has no {what}")]
    Lacks {
        /// Which.
        architecture: &'static str,
        /// What it lacks.
        what: &'static str,
    },
    /// The packets per poll and what they cost do not settle.
    #[error("{architecture}: packets per poll do not settle (last {last:.3}, before {before:.3})")]
    NoFixedPoint {
        /// Which.
        architecture: &'static str,
        /// Of the last round.
        last: f64,
        /// Of the one before.
        before: f64,
    },
    /// The model that was built is not valid; a bug of the library.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model has no analytic solution.
    #[error(transparent)]
    Solve(#[from] MvaError),
    /// The model cannot be simulated.
    #[error(transparent)]
    Simulate(#[from] SimError),
}

/// `value` within `low..=high`, finite.
pub(super) fn in_range(
    what: &'static str,
    value: f64,
    low: f64,
    high: f64,
) -> Result<(), ArchitectureError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ArchitectureError::Range { what, value, low, high })
}
