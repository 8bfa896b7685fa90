// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel that the bench boots: Debian's newest cloud kernel with sched_ext and its modules,
//! unpacked once below `target/vm-bench/kernel`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::bench_vm::packages::{Suite, output};

/// Suites that may have a kernel new enough. Kernels of backports are built with that release's
/// tools, and an old pahole leaves out the type information that programs need to call the
/// scheduler, so the suite with the newest tools comes first.
const SUITES: [&str; 2] = ["sid", "trixie-backports"];
/// Debian's kernel for virtual machines: virtio and virtiofs built in, so no initramfs is needed.
const PACKAGE: &str = "linux-image-cloud-amd64";
/// sched_ext is there since 6.12, but servers for starved classes and the timer fixes that
/// enforcement relies on since 7.0.
const MAJOR_MIN: u32 = 7;

/// An unpacked kernel.
#[derive(Debug, Clone)]
pub struct KernelTree {
    /// `uname -r`.
    pub release: String,
    /// What modprobe calls its base directory: has lib/modules/RELEASE.
    pub root: PathBuf,
    /// The image to boot.
    pub image: PathBuf,
}

impl KernelTree {
    /// The cached kernel, or a fresh one if there is none (or `update` asks for it). `is_fit` tries
    /// a fresh one.
    pub fn get(
        cache: &Path,
        update: bool,
        is_fit: impl Fn(&KernelTree) -> anyhow::Result<bool>,
    ) -> anyhow::Result<KernelTree> {
        fs::create_dir_all(cache).with_context(|| format!("creating {}", cache.display()))?;
        let lock = File::create(cache.join("lock")).context("creating the lock of the cache")?;
        lock.lock().context("waiting for another bench that fetches the kernel")?;
        match KernelTree::cached(cache) {
            Some(tree) if !update => Ok(tree),
            _ => KernelTree::fetch(cache, is_fit),
        }
    }

    fn cached(cache: &Path) -> Option<KernelTree> {
        let release = fs::read_to_string(cache.join("kernel/current")).ok()?;
        KernelTree::at(&cache.join("kernel").join(release.trim()), release.trim())
    }

    fn at(root: &Path, release: &str) -> Option<KernelTree> {
        let places =
            [format!("usr/lib/modules/{release}/vmlinuz"), format!("boot/vmlinuz-{release}")];
        let image = places.iter().map(|place| root.join(place)).find(|path| path.exists())?;
        Some(KernelTree { release: release.to_owned(), root: root.to_owned(), image })
    }

    /// The first kernel that is new enough and fit.
    fn fetch(
        cache: &Path,
        is_fit: impl Fn(&KernelTree) -> anyhow::Result<bool>,
    ) -> anyhow::Result<KernelTree> {
        let mut refused = Vec::new();
        for suite in SUITES {
            let tried = KernelTree::fetch_from(cache, suite).and_then(|tree| {
                if !is_fit(&tree)? {
                    bail!("Linux {} of {suite} lacks type information of sched_ext", tree.release);
                }
                Ok(tree)
            });
            match tried {
                Ok(tree) => {
                    fs::write(cache.join("kernel/current"), &tree.release)
                        .context("noting which kernel was fetched")?;
                    return Ok(tree);
                }
                Err(error) => refused.push(format!("{error:#}")),
            }
        }
        bail!("no kernel with sched_ext to be had: {}", refused.join("; "))
    }

    fn fetch_from(cache: &Path, suite: &str) -> anyhow::Result<KernelTree> {
        let suite = Suite::fetch(cache, suite)?;
        let version = suite.field(PACKAGE, "Version")?;
        let major = version.split('.').next().and_then(|word| word.parse::<u32>().ok());
        if major.is_none_or(|major| major < MAJOR_MIN) {
            bail!("{PACKAGE} of {} is {version}, older than {MAJOR_MIN}", suite.name());
        }
        let images = suite.dependencies(PACKAGE)?;
        let release = images.iter().find_map(|image| image.strip_prefix("linux-image-"));
        let release = release.with_context(|| format!("{PACKAGE} {version} names no image"))?;
        eprintln!("Fetching Linux {release} from Debian's {}.", suite.name());
        let image = format!("linux-image-{release}");
        let mut packages = suite.dependencies(&image)?;
        packages.retain(|name| name.ends_with(release));
        packages.push(image);
        let root = cache.join("kernel").join(release);
        let _ = fs::remove_dir_all(&root);
        suite.unpack(&packages, &root)?;
        // modprobe looks below lib, the packages bring usr/lib.
        if !root.join("lib").exists() {
            symlink("usr/lib", root.join("lib")).context("linking lib to usr/lib")?;
        }
        output(Command::new(program("depmod")).arg("-b").arg(&root).arg(release))?;
        KernelTree::at(&root, release)
            .with_context(|| format!("the packages of Linux {release} have no kernel image"))
    }
}

/// Programs of the system administrator, where a PATH without sbin does not find them.
pub fn program(name: &str) -> PathBuf {
    let sbin = ["/usr/sbin", "/sbin"].iter().map(|directory| Path::new(directory).join(name));
    sbin.into_iter().find(|path| path.exists()).unwrap_or_else(|| PathBuf::from(name))
}
