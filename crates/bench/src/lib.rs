// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bench in a virtual machine, seen from inside: capsules are created on a kernel with
//! sched_ext, loaded, and watched with the kernel's own scheduling trace; and what follows from
//! the recordings, as rows with limits.
//!
//! `workload` is what runs inside capsules, `experiment` sets it up and records, `verdict` concludes
//! from recordings alone, so that it can be run again on kept raw data and is tested without a
//! machine.

pub mod experiment;
pub mod random;
pub mod recording;
pub mod trace;
pub mod verdict;
pub mod workload;
