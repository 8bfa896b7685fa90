// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measurements: the program that makes them is built, run inside the machine, and its raw data
//! is kept beside the rows that follow from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use evenkeel_bench::verdict;

use crate::bench;
use crate::bench_vm::job::{self, Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::Shape;
use crate::bench_vm::options::Options;
use crate::metadata::workspace_root;

/// Builds, measures, keeps the raw data below `cache`/raw and prints the rows.
pub fn run(
    options: &Options,
    cache: &Path,
    kernel: &KernelTree,
    shape: &Shape,
) -> anyhow::Result<ExitCode> {
    let program = build(options.short)?;
    let mut directory = RunDirectory::create(cache)?;
    let out = directory.path().join("out");
    let mut command = format!("'{}' measure '{}' ", program.display(), out.display());
    command.push_str(&options.enforcer);
    command.push_str(if options.short { " short" } else { " full" });
    for name in &options.only {
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            bail!("no measurement is called '{name}'");
        }
        command.push(' ');
        command.push_str(name);
    }
    // What is measured goes to stdout; what is said meanwhile must not.
    let command = format!("{command} >&2");
    let limits = Limits { time: options.time_limit };
    let status = job::run(kernel, shape, &mut directory, &command, &limits)?;
    let kept = keep(cache, options.deterministic, directory.path())?;
    eprintln!("Raw data: {}", kept.display());
    if status != 0 {
        bail!("the measurements ended with status {status}; see {}", kept.display());
    }
    let rows = verdict::rows(&kept.join("out"))?;
    bench::run("vm", options.json, || rows)
}

/// The program with the measurements. Where the whole bench runs, figures are those of a release
/// build; the short one is a test and takes what tests are built with.
fn build(short: bool) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--locked", "--package", "evenkeel-bench"]);
    if !short {
        command.arg("--release");
    }
    let status = command.current_dir(workspace_root()).status().context("running cargo build")?;
    if !status.success() {
        bail!("building evenkeel-bench failed");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), PathBuf::from);
    let profile = if short { "debug" } else { "release" };
    let program = target.join(profile).join("evenkeel-bench");
    std::path::absolute(&program).with_context(|| format!("the path {}", program.display()))
}

/// Moves the raw data to where the next run of the same kind replaces it.
fn keep(cache: &Path, deterministic: bool, from: &Path) -> anyhow::Result<PathBuf> {
    let kept = cache.join(if deterministic { "raw-deterministic" } else { "raw" });
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept).with_context(|| format!("creating {}", kept.display()))?;
    for name in ["out", "stdout", "stderr", "dmesg", "console.log"] {
        let (old, new) = (from.join(name), kept.join(name));
        if old.exists() {
            fs::rename(&old, &new).with_context(|| format!("moving {}", old.display()))?;
        }
    }
    Ok(kept)
}
