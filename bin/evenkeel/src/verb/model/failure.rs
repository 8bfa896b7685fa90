// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a model has no answer.

use std::io;
use std::path::PathBuf;

use evenkeel_lqn::ReadError;
use evenkeel_lqn::mva::MvaError;
use evenkeel_lqn::sim::SimError;

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
            Self::File { .. } => Status::Usage,
            Self::Read { .. } | Self::Mva { .. } | Self::Sim { .. } => Status::Failed,
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
            _ => return None,
        };
        Some(text.to_owned())
    }
}
