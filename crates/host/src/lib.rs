// SPDX-License-Identifier: MIT OR Apache-2.0
//! Desired, observed, plan, apply: the only crate that changes a host.
