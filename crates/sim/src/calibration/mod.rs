// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interference between two machines, fitted to two measured points of the native lab's
//! `neighbour` and held against the other ten.
//!
//! ```text
//!   docs/measurements/neighbour.json -> Measured (12 points: B receives TCP or computes, 10..60 %)
//!        two of them -> fit() -> Parameters -> Scenario for every point -> simulated throughput
//!        the other ten ------------------------------------------------> off by how much
//! ```
//!
//! The two points are those at which each kind of neighbour does most: B with 60 % of the CPU, once
//! receiving TCP and once computing. They fix four numbers ([`Parameters`]): what a packet costs,
//! how long the network answers, what cold caches cost, what a neighbour's interrupt takes. Nothing
//! of the other ten points enters, nor of any other experiment.
//!
//! What the ten can show, and what not: where packets are processed in each machine's own context,
//! neighbours take next to nothing from each other (2 % at worst in these data, as much as the same
//! point differs from itself), so a model that stays within 10 % says that the packet's cost and
//! the reservations are right, and bounds the interference; it does not resolve it.

mod data;
mod fit;
mod parameters;
mod rows;

pub use data::{Kind, MeasureError, Measured, Point};
pub use fit::{Calibration, CalibrationError, Prediction, calibrate, fit};
pub use parameters::Parameters;
pub use rows::bench_rows;
