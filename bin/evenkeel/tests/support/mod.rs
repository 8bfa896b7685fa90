// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole-answer snapshots: what a command printed on both streams, and its status.
//!
//! A snapshot holds one or more transcripts:
//!
//! ```text
//! $ evenkeel capsule list
//! [status 0]
//! --- stdout
//! ...
//! --- stderr
//! ...
//! ```
//!
//! `SNAPSHOTS=overwrite cargo test -p evenkeel` writes them anew; the diff is then reviewed.

#![allow(dead_code, reason = "every test binary uses its own part of this module")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use snapbox::{Assert, Data};

pub mod host;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_evenkeel");

/// A command in an environment of its own: no colour wishes, no state of the host.
pub fn evenkeel(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    isolate(&mut command);
    command
}

/// Takes out of the environment what would change the answer.
pub fn isolate(command: &mut Command) {
    // A directory that does not exist: nothing is on record.
    command.env("EVENKEEL_STATE_DIR", "/nonexistent/evenkeel");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "TERM"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
}

/// Everything a command said.
pub fn transcript(shown: &str, output: &Output) -> String {
    let status = match output.status.code() {
        Some(code) => format!("[status {code}]"),
        None => format!("[{}]", output.status),
    };
    let mut text = format!("$ {shown}\n{status}\n");
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        text.push_str(&format!("--- {name}\n{}", String::from_utf8_lossy(bytes)));
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text.push('\n');
    text
}

/// Runs `evenkeel ARGUMENTS` and returns its transcript.
pub fn run(arguments: &[&str]) -> String {
    let output = evenkeel(arguments).output().unwrap();
    transcript(&shown(arguments), &output)
}

/// The command as a person would type it.
pub fn shown(arguments: &[&str]) -> String {
    let quoted: Vec<String> = arguments
        .iter()
        .map(|word| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,".contains(c);
            match !word.is_empty() && word.chars().all(plain) {
                true => (*word).to_owned(),
                false => format!("'{word}'"),
            }
        })
        .collect();
    format!("evenkeel {}", quoted.join(" "))
}

/// Compares `actual` with `tests/snapshots/NAME.txt`.
#[track_caller]
pub fn assert_snapshot(name: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots");
    let path: PathBuf = path.join(format!("{name}.txt"));
    Assert::new()
        .action_env("SNAPSHOTS")
        // A backslash is a backslash here, not a directory of another system.
        .normalize_paths(false)
        .eq(actual.trim_end(), Data::read_from(&path, None));
}
