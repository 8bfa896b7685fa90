// SPDX-License-Identifier: MIT OR Apache-2.0
//! Exact schedulability analysis: admission verdicts with reasons.
