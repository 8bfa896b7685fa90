// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line of Evenkeel: one call into the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    evenkeel::main(std::env::args_os())
}
