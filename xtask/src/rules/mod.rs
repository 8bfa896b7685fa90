// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules, one file each. Each says what it wants, why, and how far it looks.

pub mod dependencies;
pub mod edges;
pub mod header;
pub mod imports;
pub mod length;
pub mod places;
pub mod purity;
pub mod specification;
pub mod unsafe_code;
