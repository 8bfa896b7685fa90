// SPDX-License-Identifier: MIT OR Apache-2.0
//! Testbeds (guests, emulated NIC, clients) and experiments; measurements as data.

mod clean;
pub mod clock;
mod command;
mod cpu_layout;
mod device;
mod error;
pub mod experiment;
pub mod fingerprint;
pub mod generator;
pub mod guest;
mod journal;
pub mod measurement;
mod paths;
pub mod progress;
pub mod run;
mod seed;
pub mod statistics;
pub mod testbed;

pub use clean::{CleanReport, clean, remaining};
pub use command::CommandError;
pub use cpu_layout::Layout;
pub use error::LabError;
pub use journal::JournalError;
pub use testbed::{SINK, Testbed, TestbedSpec, VmSpec};
