// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a model has no answer.

use std::io;
use std::path::PathBuf;

use evenkeel_lqn::architecture::ArchitectureError;
use evenkeel_lqn::mva::MvaError;
use evenkeel_lqn::sim::SimError;
use evenkeel_lqn::{KnobError, ReadError};

use crate::status::Status;

/// Why a model has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ModelFailure {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else than a model.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and element.
        source: ReadError,
    },
    /// A result file cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A question about architectures without an answer.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// A file of measurements that is none, or lacks something.
    #[error("{}: {what}", path.display())]
    Measurement {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A number cannot be set.
    #[error(transparent)]
    Set(KnobError),
    /// Nothing to sweep over.
    #[error("nothing to sweep over: the file has no variable with a list of values")]
    NoSweep,
    /// More points than anybody reads.
    #[error("the sweep has more than {max} points")]
    TooManyPoints {
        /// How many there may be.
        max: usize,
    },
    /// No point of a sweep has an answer.
    #[error("no point of the sweep has an answer; the first says: {first}")]
    NoAnswer {
        /// Why the first has none.
        first: String,
    },
    /// The analytic solver gives up.
    #[error("{}: {source}", path.display())]
    Mva {
        /// Which file.
        path: PathBuf,
        /// Why, with the element.
        source: MvaError,
    },
    /// The simulator gives up.
    #[error("{}: {source}", path.display())]
    Sim {
        /// Which file.
        path: PathBuf,
        /// Why, with the element.
        source: SimError,
    },
}

impl ModelFailure {
    /// The exit status: a file that is no model is a matter of its author, like a wrong word.
    pub fn status(&self) -> Status {
        match self {
            Self::Architecture(
                ArchitectureError::Solve(_)
                | ArchitectureError::Simulate(_)
                | ArchitectureError::Model(_)
                | ArchitectureError::NoFixedPoint { .. },
            ) => Status::Failed,
            Self::File { .. }
            | Self::Set(_)
            | Self::NoSweep
            | Self::TooManyPoints { .. }
            | Self::Architecture(_)
            | Self::Measurement { .. } => Status::Usage,
            Self::Read { .. }
            | Self::Write { .. }
            | Self::NoAnswer { .. }
            | Self::Mva { .. }
            | Self::Sim { .. } => Status::Failed,
        }
    }

    /// What would work, where that is known.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Mva { source: MvaError::NoConvergence { .. }, .. } => {
                "the simulator does not iterate: --solver sim"
            }
            Self::Mva { source: MvaError::Unstable { .. }, .. }
            | Self::Sim { source: SimError::Unstable(_), .. } => {
                "lower the arrival rate or the demand, or add threads or cores"
            }
            Self::File { source: ReadError::Several { name, .. }, .. } => {
                return Some(format!("--set '{name}=VALUE', or `evenkeel model sweep`"));
            }
            Self::Architecture(ArchitectureError::Shares { .. }) => {
                "lower --share or the number of VMs"
            }
            Self::Architecture(ArchitectureError::Lacks { .. }) => {
                "hdreconfig-vdi, sr-iov and siov have it"
            }
            Self::Measurement { .. } => "evenkeel lab all --out DIR",
            Self::NoSweep => "--set KEY=FROM..TO",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
