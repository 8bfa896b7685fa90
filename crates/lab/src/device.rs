// SPDX-License-Identifier: MIT OR Apache-2.0
//! Network devices and namespaces that bear the lab's names: listing and deleting them.

use std::time::{Duration, Instant};

use evenkeel_kernel::netdev;

use crate::command::{self, CommandError};
use crate::error::LabError;
use crate::testbed::{NETNS_CLIENT, NETNS_DIRECTORY, NETNS_NIC, is_device};

/// How long the kernel may take to tear down a namespace with its devices, which it does in the
/// background. It takes 0.05 s here; a device whose NAPI thread is busy has been seen to take 60 s
/// (OpenWrt PR 24732).
const TEAR_DOWN_TIMEOUT: Duration = Duration::from_secs(90);

/// The lab's devices in the host's namespace.
pub(crate) fn names() -> Vec<String> {
    let all = netdev::list().unwrap_or_default();
    all.into_iter().map(|netdev| netdev.name).filter(|name| is_device(name)).collect()
}

/// The lab's namespaces that are there.
pub(crate) fn namespaces() -> Vec<&'static str> {
    let file = |name: &&str| std::path::Path::new(NETNS_DIRECTORY).join(name).exists();
    [NETNS_CLIENT, NETNS_NIC].into_iter().filter(file).collect()
}

/// What was written beside a device.
pub(crate) fn alias(name: &str) -> String {
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifalias")).unwrap_or_default()
}

/// Deletes a device; false if it has gone meanwhile, as the other end of a pair does.
pub(crate) fn delete(name: &str) -> Result<bool, CommandError> {
    match command::run("ip", &["link", "delete", "dev", name]) {
        Ok(_) => Ok(true),
        Err(_) if !names().iter().any(|present| present == name) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes a namespace. A name whose namespace was never mounted (the lab was killed in between)
/// is a plain file, which `ip netns delete` refuses; it is removed as such.
pub(crate) fn delete_namespace(name: &str) -> Result<(), LabError> {
    let Err(error) = command::run("ip", &["netns", "delete", name]) else { return Ok(()) };
    let path = std::path::Path::new(NETNS_DIRECTORY).join(name);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(()),
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(_) => Err(error.into()),
    }
}

/// Waits until the kernel has torn all of it down.
pub(crate) fn wait_gone() -> Result<(), LabError> {
    let deadline = Instant::now() + TEAR_DOWN_TIMEOUT;
    loop {
        let left = names();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(LabError::CleanIncomplete { left });
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
