// SPDX-License-Identifier: MIT OR Apache-2.0
//! House rules, generated files, and checks that a compiler cannot make.
//!
//! A rule is a pure function from the [`tree::Tree`] (or from cargo's metadata) to violations, so
//! that each has tests that show it fails on a bad example. Rules judge form; what is true stays a
//! matter of tests.

pub mod bench;
pub mod bench_model;
pub mod bench_vm;
pub mod generate;
pub mod house;
pub mod metadata;
pub mod rules;
pub mod tokens;
pub mod tree;
pub mod violation;
