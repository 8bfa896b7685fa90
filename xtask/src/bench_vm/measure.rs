// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measurements: the program that makes them is built, run inside the machine, and its raw data
//! is kept beside the rows that follow from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use evenkeel_bench::verdict;
use evenkeel_model::BenchRow;

use crate::bench;
use crate::bench_vm::job::{self, Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::{Accelerator, Shape};
use crate::bench_vm::options::Options;
use crate::metadata::workspace_root;

/// For the whole bench on a slow and busy host.
const MEASURE_LIMIT: Duration = Duration::from_secs(3600);

/// A machine and what is measured in it.
#[derive(Debug)]
pub struct Part {
    /// Names the directory of its raw data.
    pub name: &'static str,
    /// The machine.
    pub shape: Shape,
    /// Names of measurements.
    pub measurements: Vec<String>,
}

/// Builds, measures part by part, keeps the raw data below `cache` and prints the rows.
pub fn run(
    options: &Options,
    cache: &Path,
    kernel: &KernelTree,
    parts: &[Part],
) -> anyhow::Result<ExitCode> {
    let program = build(options.short)?;
    let raw = cache.join(if options.deterministic { "raw-deterministic" } else { "raw" });
    let one = |part: &Part| {
        let kept = raw.join(part.name);
        let _ = fs::remove_dir_all(&kept);
        fs::create_dir_all(&kept).with_context(|| format!("creating {}", kept.display()))?;
        let failed = measure(options, cache, kernel, part, &program, &kept).err();
        let mut rows = verdict::rows(&kept)?;
        rows.extend(failed.map(|error| verdict::not_measured(part.name, &format!("{error:#}"))));
        anyhow::Ok(rows)
    };
    let wanted = || parts.iter().filter(|part| !part.measurements.is_empty());
    let is_counted = |part: &&Part| matches!(part.shape.accelerator, Accelerator::Counted { .. });
    // Time that is counted does not care what else this host does; other time wants it for itself.
    let mut all = at_once(wanted().filter(is_counted).collect(), &one)?;
    for part in wanted().filter(|part| !is_counted(part)) {
        all.push((part.name, one(part)?));
    }
    let place = |name: &str| parts.iter().position(|part| part.name == name);
    all.sort_by_key(|(name, _)| place(name));
    eprintln!("Raw data: {}", raw.display());
    bench::run("vm", options.json, || all.into_iter().flat_map(|(_, rows)| rows).collect())
}

/// The rows of a part, by its name.
type Rows = (&'static str, Vec<BenchRow>);

/// As many parts at a time as there are CPUs, each of which keeps one of them busy; the last ones first,
/// which take longest.
fn at_once(
    parts: Vec<&Part>,
    one: &(impl Fn(&Part) -> anyhow::Result<Vec<BenchRow>> + Sync),
) -> anyhow::Result<Vec<Rows>> {
    let workers = thread::available_parallelism().context("counting CPUs")?.get().min(parts.len());
    let waiting = Mutex::new(parts);
    let take = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        let mut done = Vec::new();
        while let Some(part) = take() {
            done.push((part.name, one(part)?));
        }
        anyhow::Ok(done)
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            let done = worker.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?;
            all.extend(done?);
        }
        Ok(all)
    })
}

/// Runs the program in a machine and moves what it wrote to `kept`, whatever became of it.
fn measure(
    options: &Options,
    cache: &Path,
    kernel: &KernelTree,
    part: &Part,
    program: &Path,
    kept: &Path,
) -> anyhow::Result<()> {
    let directory = RunDirectory::create(cache)?;
    let out = directory.path().join("out");
    // A copy: workloads start it again, and a build meanwhile must not change what is measured.
    let copy = directory.path().join("evenkeel-bench");
    fs::copy(program, &copy).with_context(|| format!("copying {}", program.display()))?;
    let length = if options.short { "short" } else { "full" };
    // stdout is for the rows; what is said meanwhile is talk.
    let command = format!(
        "'{}' measure '{}' {} {length} {} >&2",
        copy.display(),
        out.display(),
        options.enforcer,
        part.measurements.join(" ")
    );
    let limits = Limits { time: options.time_limit.unwrap_or(MEASURE_LIMIT) };
    let status = job::run(kernel, &part.shape, &directory, &command, &limits);
    let from = directory.present();
    for name in ["out", "stderr", "dmesg", "console.log", job::REGISTERS] {
        let (old, new) = (from.join(name), kept.join(name));
        if old.exists() {
            fs::rename(&old, &new).with_context(|| format!("moving {}", old.display()))?;
        }
    }
    match status? {
        0 => Ok(()),
        status => bail!("the program ended with status {status}"),
    }
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
