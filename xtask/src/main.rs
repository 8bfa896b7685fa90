// SPDX-License-Identifier: MIT OR Apache-2.0
//! House rules, generated files, and checks that a compiler cannot make.

fn main() {}
