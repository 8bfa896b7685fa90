// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which QEMU runs the machine, and on what.
//!
//! Counted time with two CPUs needs a QEMU that divides the instructions until the next timer among
//! the CPUs: before 8.1 one busy CPU starves the other for tens of milliseconds. Where the machine
//! has an older one, a newer one is unpacked below `target/vm-bench/qemu`, from the backports suite
//! of the machine's own release (the same libraries), and run from there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;

use crate::bench_vm::job::{self, Limits, RunDirectory};
use crate::bench_vm::kernel::KernelTree;
use crate::bench_vm::machine::{Accelerator, Shape};
use crate::bench_vm::packages::{Suite, codename, output};

const PROGRAM: &str = "qemu-system-x86_64";
/// First release that shares counted instructions fairly among CPUs.
const FAIR_SINCE: (u32, u32) = (8, 1);
/// The program, its ROMs, its firmware.
const PACKAGES: [&str; 3] = ["qemu-system-x86", "qemu-system-data", "seabios"];
/// A working KVM boots in a second or two.
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// A QEMU and where it finds its firmware.
#[derive(Debug, Clone)]
pub struct Qemu {
    /// The program.
    pub program: PathBuf,
    /// Options that come before all others.
    pub options: Vec<OsString>,
}

impl Qemu {
    /// The machine's own.
    pub fn own() -> Qemu {
        Qemu { program: PROGRAM.into(), options: Vec::new() }
    }

    /// One that counts time fairly.
    pub fn fair(cache: &Path) -> anyhow::Result<Qemu> {
        let own = Qemu::own();
        let said = output(Command::new(&own.program).arg("--version"))?;
        if version(&said).is_some_and(|version| version >= FAIR_SINCE) {
            return Ok(own);
        }
        fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
        let lock = File::create(cache.join("lock")).context("creating the lock of the cache")?;
        lock.lock().context("waiting for another bench that fetches QEMU")?;
        let root = cache.join("qemu");
        if !root.join("complete").exists() {
            let suite = Suite::fetch(cache, &format!("{}-backports", codename()))?;
            let version = suite.field(PACKAGES[0], "Version")?;
            eprintln!("Fetching QEMU {version} from Debian's {}.", suite.name());
            let _ = fs::remove_dir_all(&root);
            suite.unpack(&PACKAGES.map(str::to_owned), &root)?;
            fs::write(root.join("complete"), version).context("noting that QEMU is complete")?;
        }
        let mut options = Vec::new();
        for directory in ["usr/share/qemu", "usr/share/seabios"] {
            options.extend(["-L".into(), root.join(directory).into_os_string()]);
        }
        Ok(Qemu { program: root.join("usr/bin").join(PROGRAM), options })
    }
}

/// `QEMU emulator version 7.2.22 (Debian ...)`.
fn version(said: &str) -> Option<(u32, u32)> {
    let numbers = said.split_once("version ")?.1;
    let mut numbers = numbers.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// KVM if it boots the kernel here, else translation. A host may have /dev/kvm and yet not run a
/// stock kernel, so it is tried once and the answer kept with the kernel.
pub fn best_accelerator(cache: &Path, kernel: &KernelTree) -> anyhow::Result<Accelerator> {
    if !Path::new("/dev/kvm").exists() {
        return Ok(Accelerator::Tcg);
    }
    let answer = kernel.root.join("kvm-works");
    let known = fs::read_to_string(&answer).unwrap_or_default();
    let works = match known.trim() {
        "yes" => true,
        "no" => false,
        _ => {
            eprintln!("Trying once whether KVM boots Linux {} here.", kernel.release);
            let works = kvm_boots(cache, kernel)?;
            fs::write(&answer, if works { "yes\n" } else { "no\n" })
                .with_context(|| format!("writing {}", answer.display()))?;
            works
        }
    };
    Ok(if works { Accelerator::Kvm } else { Accelerator::Tcg })
}

fn kvm_boots(cache: &Path, kernel: &KernelTree) -> anyhow::Result<bool> {
    let shape =
        Shape { qemu: Qemu::own(), accelerator: Accelerator::Kvm, cpus: 2, memory_mib: 512 };
    let directory = RunDirectory::create(cache)?;
    let limits = Limits { time: PROBE_LIMIT };
    Ok(job::follow(kernel, &shape, directory.path(), "true", &limits).is_ok())
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions() {
        let said = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
        assert_eq!(version(said), Some((7, 2)));
        assert_eq!(version("QEMU emulator version 10.0.2 (Debian)"), Some((10, 0)));
        assert_eq!(version("something else"), None);
    }
}
