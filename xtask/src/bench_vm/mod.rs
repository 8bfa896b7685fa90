// SPDX-License-Identifier: MIT OR Apache-2.0
//! The bench in a virtual machine: a stock Debian kernel with sched_ext, KVM and vhost_net, the
//! host's root file system read-only under a writable overlay, and whatever is to be run inside.
//!
//! `--run COMMAND` runs one command as root and returns its output and exit status. With
//! `--deterministic` time inside is the number of executed instructions, so that a figure repeats
//! however busy the host is.

pub mod job;
pub mod kernel;
pub mod machine;
pub mod measure;
pub mod options;
pub mod packages;
pub mod privileged;
pub mod qemu;
pub mod sources;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use evenkeel_bench::experiment::{COUNTED, UNCOUNTED};

use crate::bench_vm::job::{Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::{Accelerator, Shape};
use crate::bench_vm::measure::Part;
use crate::bench_vm::options::Options;
use crate::bench_vm::qemu::Qemu;
use crate::metadata::workspace_root;

/// A boot and a look; ten times what it takes on an idle host.
const PROBE_LIMIT: Duration = Duration::from_secs(120);

/// Measurements of microseconds, by time stamps of which two, one of the scheduler and one of the
/// trace, have to be of the same moment.
const FINE: [&str; 2] = ["saturated", "outside"];
/// A tenth of what is measured, or less. Not a divisor of milliseconds: turns of the CPUs that came at the
/// same moment of every period would shift the same of the two stamps each time, and add up.
const FINE_STEP_US: u32 = 3;
/// Measurements that mostly wait, for minutes of virtual time, and whose figures are counts.
const PATIENT: [&str; 1] = ["soak"];
/// Every step of skipped time costs the host some 30 us: at 20 us a second of waiting takes longer
/// than a second. 200 us are a hundredth of the shortest deadline that is watched there.
const PATIENT_STEP_US: u32 = 200;

/// Tests wait a good deal, and their bounds are tenths of milliseconds.
const TEST_STEP_US: u32 = 50;
/// They watch for seconds, for which a faster machine would only execute more.
const TEST_SHIFT: u32 = 1;

/// Enough for any command that is not a whole bench.
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// Does what the words after `bench-vm` ask.
pub fn main(words: &[&str]) -> anyhow::Result<ExitCode> {
    let options = Options::parse(words)?;
    if let Some(obstacle) = machine::obstacle() {
        if options.or_skip {
            eprintln!("SKIP bench-vm: {obstacle}");
            return Ok(ExitCode::SUCCESS);
        }
        bail!("no virtual machine can be had here: {obstacle}");
    }
    let cache: &Path = &workspace_root().join("target/vm-bench");
    let kernel = match KernelTree::get(cache, options.update, |tree| has_whole_types(cache, tree)) {
        Err(error) if options.or_skip => {
            eprintln!("SKIP bench-vm: {error:#}");
            return Ok(ExitCode::SUCCESS);
        }
        kernel => kernel?,
    };
    let counting = |step_us, shift| {
        anyhow::Ok(options.shape(Qemu::fair(cache)?, Accelerator::Counted { step_us, shift }))
    };
    let counted = |step_us| counting(step_us, 0);
    let uncounted = || {
        let accelerator = match options.accelerator {
            Some(accelerator) => accelerator,
            None => qemu::best_accelerator(cache, &kernel)?,
        };
        anyhow::Ok(options.shape(Qemu::own(), accelerator))
    };
    let shape = if options.deterministic { counted(options.step_us)? } else { uncounted()? };
    if let Some(command) = &options.run {
        let directory = RunDirectory::create(cache)?;
        let limits = Limits { time: options.time_limit.unwrap_or(RUN_LIMIT) };
        return job::run(&kernel, &shape, &directory, command, &limits).map(ExitCode::from);
    }
    if options.tests {
        let slow = || counting(TEST_STEP_US, TEST_SHIFT);
        let shape = if options.deterministic { slow()? } else { shape };
        return privileged::run(&options, cache, &kernel, &shape);
    }
    let guests = options.selected(&UNCOUNTED)?;
    let (patient, rest): (Vec<String>, Vec<String>) =
        options.selected(&COUNTED)?.into_iter().partition(|name| PATIENT.contains(&name.as_str()));
    let (fine, rest) = rest.into_iter().partition(|name| FINE.contains(&name.as_str()));
    let stepping = |step_us| if options.deterministic { counted(step_us) } else { uncounted() };
    let parts = [
        Part { name: "capsules", shape: stepping(FINE_STEP_US)?, measurements: fine },
        Part { name: "loads", shape, measurements: rest },
        Part { name: "operations", shape: stepping(PATIENT_STEP_US)?, measurements: patient },
        Part { name: "guests", shape: uncounted()?, measurements: guests },
    ];
    measure::run(&options, cache, &kernel, &parts)
}

/// Whether programs can call the scheduler of this kernel. Functions with arguments that the
/// verifier fills in have a second entry in its type information; an old pahole forgets it.
fn has_whole_types(cache: &Path, kernel: &KernelTree) -> anyhow::Result<bool> {
    let shape =
        Shape { qemu: Qemu::own(), accelerator: Accelerator::Tcg, cpus: 1, memory_mib: 512 };
    let directory = RunDirectory::create(cache)?;
    let limits = Limits { time: PROBE_LIMIT };
    let look = "grep -q scx_bpf_kick_cpu_impl /sys/kernel/btf/vmlinux";
    Ok(job::follow(kernel, &shape, directory.path(), look, &limits)? == 0)
}
