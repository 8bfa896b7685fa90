// SPDX-License-Identifier: MIT OR Apache-2.0
//! Quantities and nouns that every other crate speaks: instants, spans, bandwidths, CPU sets,
//! reservations, capsule names, roles.
//!
//! Part of the pure ring: no I/O, no clock, no threads. Raw integers live at the edges with the
//! unit in the name; inside, a quantity has a type. Constructors check ranges once, so that no
//! later code has to.

#![forbid(unsafe_code)]

mod band;
mod bandwidth;
mod bench_row;
mod capsule_name;
mod cpu_set;
mod enforcer_kind;
mod instant;
mod network_context;
mod reservation;
mod role;
mod span;

pub use band::{BANDS_MAX, Band};
pub use bandwidth::Bandwidth;
pub use bench_row::{BenchReport, BenchRow};
pub use capsule_name::{CapsuleName, CapsuleNameError};
pub use cpu_set::{CPU_INDEX_MAX, CpuIndex, CpuSet, CpuSetError};
pub use enforcer_kind::EnforcerKind;
pub use instant::Instant;
pub use network_context::NetworkContextKind;
pub use reservation::{PERIOD_MAX, PERIOD_MIN, Reservation, ReservationError};
pub use role::Role;
pub use span::{Span, SpanError};
