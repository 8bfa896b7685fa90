// SPDX-License-Identifier: MIT OR Apache-2.0
//! A Debian kernel for QEMU guests, and busybox, fetched once with `apt-get download` into a cache
//! and unpacked there: nothing is installed on the host.

use std::fs;
use std::path::{Path, PathBuf};

use super::GuestError;
use super::initramfs::{Member, archive};
use crate::command;

/// Where it is kept, next to what other programs cache. `lab clean` leaves it: it is no change of
/// the host, and fetching it again takes a network.
const CACHE_DIRECTORY: &str = "/var/cache/evenkeel/qemu-guest";
/// Says where instead; for tests, and for hosts without /var/cache.
const CACHE_VARIABLE: &str = "EVENKEEL_CACHE_DIR";
/// The package that names the newest kernel of the release for virtual machines.
const KERNEL_META_PACKAGE: &str = "linux-image-cloud-amd64";
/// One static program that is a shell, mount, insmod and switch_root.
const BUSYBOX_PACKAGE: &str = "busybox-static";
/// What a guest needs to see its disk and its network, as far as its kernel has it as modules:
/// virtio over PCI, virtiofs, virtio-net. `initramfs-init.sh` loads all of them.
const MODULES: [&str; 10] = [
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "fuse",
    "virtiofs",
    "failover",
    "net_failover",
    "virtio_net",
];
/// Process 1 until the host's root is mounted.
const INIT: &str = include_str!("initramfs-init.sh");
/// How deep below lib/modules a module may be: kernel/drivers/net/ethernet/vendor/ is five.
const DEPTH_MAX: u32 = 8;

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    /// `vmlinuz`.
    pub(crate) image: PathBuf,
    /// The first file system.
    pub(crate) initramfs: PathBuf,
    /// `6.1.0-56-cloud-amd64`.
    pub(crate) release: String,
    /// Where both are; other facts about them may be kept there.
    pub(crate) directory: PathBuf,
}

/// The kernel in the cache; fetched if there is none.
pub(crate) fn kernel(progress: &mut dyn FnMut(&str)) -> Result<Kernel, GuestError> {
    let directory = std::env::var_os(CACHE_VARIABLE)
        .map_or_else(|| PathBuf::from(CACHE_DIRECTORY), PathBuf::from);
    if let Some(kernel) = cached(&directory) {
        return Ok(kernel);
    }
    fetch(&directory, progress)?;
    cached(&directory).ok_or_else(|| GuestError::Image {
        what: format!("the packages unpacked in {} have no kernel", directory.display()),
    })
}

fn cached(directory: &Path) -> Option<Kernel> {
    let release = fs::read_to_string(directory.join("release")).ok()?.trim().to_owned();
    let image = directory.join("vmlinuz");
    let initramfs = directory.join("initramfs");
    let complete = !release.is_empty() && image.is_file() && initramfs.is_file();
    complete.then(|| Kernel { image, initramfs, release, directory: directory.to_owned() })
}

fn fetch(directory: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), GuestError> {
    let unpacked = directory.join("unpacked");
    // What an interrupted fetch left may be half there.
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(&unpacked).map_err(failed("create", &unpacked))?;
    let package = kernel_package()?;
    progress(&format!("fetching {package} and {BUSYBOX_PACKAGE} (once, about 30 MB)"));
    download(directory, &[&package, BUSYBOX_PACKAGE])?;
    for archive in files_ending(directory, ".deb")? {
        let words = ["-x", &archive.display().to_string(), &unpacked.display().to_string()];
        command::run("dpkg-deb", &words).map_err(image_error)?;
        fs::remove_file(&archive).map_err(failed("remove", &archive))?;
    }
    let release = package.trim_start_matches("linux-image-").to_owned();
    let image = unpacked.join(format!("boot/vmlinuz-{release}"));
    let target = directory.join("vmlinuz");
    fs::rename(&image, &target).map_err(failed("take", &image))?;
    let initramfs = directory.join("initramfs");
    let members = initramfs_members(&unpacked)?;
    fs::write(&initramfs, archive(&members)).map_err(failed("write", &initramfs))?;
    fs::remove_dir_all(&unpacked).map_err(failed("remove", &unpacked))?;
    // Last, because it says that everything else is there.
    let marker = directory.join("release");
    fs::write(&marker, &release).map_err(failed("write", &marker))
}

/// The package behind the name that always points at the newest.
fn kernel_package() -> Result<String, GuestError> {
    let words = ["depends", "--important", KERNEL_META_PACKAGE];
    let text = command::run("apt-cache", &words).map_err(image_error)?;
    let package = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Depends: "))
        .find(|package| package.starts_with("linux-image-"));
    package.map(str::to_owned).ok_or_else(|| GuestError::Image {
        what: format!("apt-cache knows no kernel behind {KERNEL_META_PACKAGE}; `apt-get update`?"),
    })
}

/// `apt-get download` writes into its working directory.
fn download(directory: &Path, packages: &[&str]) -> Result<(), GuestError> {
    let script = "cd \"$1\" && shift && exec apt-get -q download \"$@\"";
    let directory = directory.display().to_string();
    let mut words = vec!["-c", script, "download", &directory];
    words.extend(packages);
    command::run("sh", &words).map(drop).map_err(image_error)
}

fn initramfs_members(unpacked: &Path) -> Result<Vec<Member>, GuestError> {
    let mut members: Vec<Member> =
        ["bin", "dev", "proc", "host", "modules"].map(Member::directory).into();
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| unpacked.join(path));
    let busybox = busybox
        .iter()
        .find(|path| path.is_file())
        .ok_or_else(|| GuestError::Image { what: format!("{BUSYBOX_PACKAGE} has no busybox") })?;
    let program = fs::read(busybox).map_err(failed("read", busybox))?;
    members.push(Member::executable("bin/busybox", program));
    members.push(Member::executable("init", INIT.as_bytes().to_vec()));
    let mut modules = Vec::new();
    // Debian 12 has lib/modules, Debian 13 usr/lib/modules.
    for root in ["lib/modules", "usr/lib/modules"] {
        find_modules(&unpacked.join(root), DEPTH_MAX, &mut modules);
    }
    for (name, path) in modules {
        members.push(Member::executable(&format!("modules/{name}.ko"), module(&path)?));
    }
    Ok(members)
}

/// Every file `NAME.ko` or `NAME.ko.xz` below `directory` that is on the list.
fn find_modules(directory: &Path, depth: u32, found: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            if depth > 0 {
                find_modules(&path, depth - 1, found);
            }
            continue;
        }
        let name = entry.file_name().to_string_lossy().replace('-', "_");
        let Some((stem, _)) = name.split_once(".ko") else { continue };
        if MODULES.contains(&stem) {
            found.push((stem.to_owned(), path));
        }
    }
}

/// A module as the kernel loads it.
fn module(path: &Path) -> Result<Vec<u8>, GuestError> {
    if path.extension().is_some_and(|extension| extension == "xz") {
        command::run("xz", &["-d", "-k", "-f", &path.display().to_string()])
            .map_err(image_error)?;
        let plain = path.with_extension("");
        return fs::read(&plain).map_err(failed("read", &plain));
    }
    fs::read(path).map_err(failed("read", path))
}

fn files_ending(directory: &Path, ending: &str) -> Result<Vec<PathBuf>, GuestError> {
    let entries = fs::read_dir(directory).map_err(failed("read", directory))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> GuestError {
    let path = path.to_owned();
    move |source| GuestError::File { action, path, source }
}

fn image_error(error: command::CommandError) -> GuestError {
    GuestError::Image { what: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_by_name_wherever_they_are() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("6.1/kernel/drivers/virtio");
        fs::create_dir_all(&below).unwrap();
        for name in ["virtio.ko", "virtio_pci.ko.xz", "virtio-ring.ko", "other.ko", "virtio.txt"] {
            fs::write(below.join(name), name).unwrap();
        }
        let mut found = Vec::new();
        find_modules(directory.path(), DEPTH_MAX, &mut found);
        let mut names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
        names.sort();
        assert_eq!(names, ["virtio", "virtio_pci", "virtio_ring"]);
    }

    #[test]
    fn a_half_filled_cache_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        assert!(cached(directory.path()).is_none());
        fs::write(directory.path().join("vmlinuz"), "x").unwrap();
        fs::write(directory.path().join("release"), "6.1.0-1-cloud-amd64\n").unwrap();
        assert!(cached(directory.path()).is_none());
        fs::write(directory.path().join("initramfs"), "x").unwrap();
        assert_eq!(cached(directory.path()).unwrap().release, "6.1.0-1-cloud-amd64");
    }
}
