// SPDX-License-Identifier: MIT OR Apache-2.0
//! Privileged tests that need this kernel: built on the host, run inside one after the other. What a
//! test skips outside for want of a feature runs here.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::bench_vm::job::{self, Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::Shape;
use crate::bench_vm::options::Options;
use crate::metadata::workspace_root;

/// Packages and integration tests: those of control groups, of scheduling attributes, and of the
/// sched_ext scheduler. Tests that boot guests of their own are left to `guest`.
const TESTS: [(&str, &str); 5] = [
    ("evenkeel-kernel", "host_cgroup"),
    ("evenkeel-kernel", "host_sched"),
    ("evenkeel-host", "host_scx"),
    ("evenkeel-host", "host_scx_hazards"),
    ("evenkeel-host", "host_scx_lifecycle"),
];
/// Programs that `--short` has.
const SHORT: [&str; 3] = ["host_cgroup", "host_sched", "host_scx"];
/// Tests that `--short` leaves out: they watch busy CPUs for long, which takes minutes to emulate.
const LONG: &str = "--skip a_cpu_may_go --skip nobody_starves";
/// For all of them, on a busy host.
const LIMIT: Duration = Duration::from_secs(2400);

/// Builds and runs them; the status is that of the worst.
pub fn run(
    options: &Options,
    cache: &Path,
    kernel: &KernelTree,
    shape: &Shape,
) -> anyhow::Result<ExitCode> {
    let mut command = String::from("status=0\n");
    let skipped = if options.short { LONG } else { "" };
    for (package, test) in TESTS.iter().filter(|(_, test)| !options.short || SHORT.contains(test)) {
        let program = build(package, test)?;
        let directory =
            workspace_root().join("crates").join(package.trim_start_matches("evenkeel-"));
        command.push_str(&format!(
            "echo '== {test}'; cd '{}' && '{program}' --test-threads=1 {skipped} || status=1\n",
            directory.display()
        ));
    }
    command.push_str("exit $status");
    let directory = RunDirectory::create(cache)?;
    let limits = Limits { time: options.time_limit.unwrap_or(LIMIT) };
    job::run(kernel, shape, &directory, &command, &limits).map(ExitCode::from)
}

/// The program that cargo made of an integration test.
fn build(package: &str, test: &str) -> anyhow::Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["test", "--no-run", "--quiet", "--locked", "--message-format=json"])
        .args(["--package", package, "--test", test])
        .current_dir(workspace_root())
        .output()
        .context("running cargo test --no-run")?;
    if !output.status.success() {
        bail!("building {test}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    executable(&said, test).with_context(|| format!("cargo names no program for {test}"))
}

/// Cargo says one object a line; that of the test has its `executable`.
fn executable(said: &str, test: &str) -> Option<String> {
    said.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_test = message["target"]["name"] == test;
        is_test.then(|| message["executable"].as_str().map(str::to_owned))?
    })
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_program_is_found_among_what_cargo_says() {
        let said = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"a\"},\"executable\":null}\n\
                    not json\n\
                    {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"host_x\"},\"executable\":\"/t/x-1\"}\n";
        assert_eq!(executable(said, "host_x").as_deref(), Some("/t/x-1"));
        assert_eq!(executable(said, "host_y"), None);
    }
}
