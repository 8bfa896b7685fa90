// SPDX-License-Identifier: MIT OR Apache-2.0
//! Architectures of network I/O virtualization as parametric layered queueing networks: which one
//! would carry my VMs, and at what cost.
//!
//! | word | meaning |
//! |---|---|
//! | block | a station of a packet's path: it has a place that pays, and costs with their sources |
//! | unit | what a network stack handles at once: a packet, a segment, an aggregate |
//! | era | the machine that an architecture's cycles are counted on |
//! | machine | clock, cores, links, and a factor for each era |
//! | scenario | machine, number of VMs, what they do, reservations and limits |
//! | crosstalk | what VM 1 loses while VM 2 is flooded or sends without limit |
//!
//! ```text
//! catalogue (blocks) + scenario -> assemble -> Model -> mva::solve -> Answer
//!                                     ^------ packets per poll <-'
//! ```
//!
//! Every figure is an answer of a solved model; nothing is computed beside it. What the published
//! studies say and what the models answer stand side by side in [`claims`].

mod assemble;
pub mod bench;
mod block;
pub mod calibration;
mod catalogue;
pub mod chapter;
pub mod claims;
mod crosstalk;
mod device;
mod error;
mod fit;
mod linux;
mod machine;
mod scenario;
mod site;
mod solve;
mod source;
mod xen;

pub use block::{Block, Place};
pub use catalogue::{Architecture, NicSharing, catalogue};
pub use crosstalk::{
    Crosstalk, CrosstalkPoint, crosstalk, crosstalk_model, crosstalk_simulated, flood_direction,
    overload_pps,
};
pub use error::ArchitectureError;
pub use machine::{Era, Machine};
pub use scenario::{Direction, Load, Scenario, VMS_MAX, Web};
pub use solve::{Answer, BlockShare, model, solve};
pub use source::{Cost, Origin, Per, Source};
