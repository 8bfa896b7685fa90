// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tells the lab which commit it is built from, so that every measurement can name the code that
//! made it. Outside a git checkout the measurements name none.

use std::process::Command;

fn main() {
    // A commit moves HEAD's log; without one (a shallow or fresh clone has both) HEAD itself does.
    for file in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", file]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    if let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) {
        println!("cargo::rustc-env=EVENKEEL_REVISION={revision}");
    }
}

/// What git prints, one line; nothing where git or the checkout is missing.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
