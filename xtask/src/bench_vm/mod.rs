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
pub mod options;
pub mod packages;
pub mod qemu;
pub mod sources;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;

use crate::bench_vm::job::{Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::Accelerator;
use crate::bench_vm::options::Options;
use crate::bench_vm::qemu::Qemu;
use crate::metadata::workspace_root;

/// Does what the words after `bench-vm` ask.
pub fn main(words: &[&str]) -> anyhow::Result<ExitCode> {
    let options = Options::parse(words)?;
    if let Some(obstacle) = machine::obstacle() {
        bail!("no virtual machine can be had here: {obstacle}");
    }
    let Some(command) = &options.run else { bail!("give a command: --run COMMAND") };
    let status = run(&options, command)?;
    Ok(ExitCode::from(status))
}

/// Where kernels and runs are kept.
fn cache() -> PathBuf {
    workspace_root().join("target/vm-bench")
}

fn run(options: &Options, command: &str) -> anyhow::Result<u8> {
    let cache: &Path = &cache();
    let kernel = KernelTree::get(cache, options.update)?;
    let limits = Limits { time: options.time_limit };
    let (qemu, accelerator) = match options.accelerator {
        _ if options.deterministic => (Qemu::fair(cache)?, Accelerator::Counted),
        Some(accelerator) => (Qemu::own(), accelerator),
        None => (Qemu::own(), qemu::best_accelerator(cache, &kernel)?),
    };
    let mut directory = RunDirectory::create(cache)?;
    job::run(&kernel, &options.shape(qemu, accelerator), &mut directory, command, &limits)
}
