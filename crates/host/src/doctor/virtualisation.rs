// SPDX-License-Identifier: MIT OR Apache-2.0
//! Devices that virtual machines are made with: /dev/kvm and /dev/vhost-net.
//!
//! Only that they open is checked, and said to be all that was checked: a /dev/kvm that opens can
//! still fail to boot a stock kernel.

use std::path::Path;

use evenkeel_kernel::features::{DeviceAccess, device_access};

use super::Finding;

/// Both devices.
pub(super) fn check() -> Vec<Finding> {
    vec![
        judge_kvm(&device_access(Path::new("/dev/kvm"))),
        judge_vhost_net(&device_access(Path::new("/dev/vhost-net"))),
    ]
}

fn judge_kvm(access: &DeviceAccess) -> Finding {
    const ID: &str = "kvm";
    match access {
        DeviceAccess::Opens => {
            Finding::ok(ID, "/dev/kvm opens (no virtual machine was started to try it)")
        }
        DeviceAccess::Missing => Finding::info(
            ID,
            "there is no /dev/kvm",
            "Virtual machines run emulated (QEMU's TCG) or as user-mode-linux; capsules hold them \
             just the same.",
        )
        .with_fix("modprobe kvm_intel or kvm_amd, with virtualisation enabled in the firmware"),
        DeviceAccess::Refused(error) => {
            Finding::info(ID, format!("/dev/kvm does not open: {error}"), "")
                .with_fix("run as root, or add the user to the group kvm")
        }
    }
}

fn judge_vhost_net(access: &DeviceAccess) -> Finding {
    const ID: &str = "vhost-net";
    match access {
        DeviceAccess::Opens => Finding::ok(ID, "/dev/vhost-net opens"),
        DeviceAccess::Missing => Finding::info(
            ID,
            "there is no /dev/vhost-net",
            "QEMU then moves packets itself, in its I/O threads, which capsules hold as well.",
        )
        .with_fix("modprobe vhost_net"),
        DeviceAccess::Refused(error) => {
            Finding::info(ID, format!("/dev/vhost-net does not open: {error}"), "")
                .with_fix("run as root")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_missing_device_is_no_problem() {
        assert_eq!(judge_kvm(&DeviceAccess::Missing).severity, Severity::Info);
        assert_eq!(judge_vhost_net(&DeviceAccess::Missing).fix.unwrap(), "modprobe vhost_net");
        assert_eq!(judge_kvm(&DeviceAccess::Opens).severity, Severity::Ok);
    }

    #[test]
    fn a_refusal_says_why() {
        let refused = DeviceAccess::Refused(io::Error::from(io::ErrorKind::PermissionDenied));
        assert!(judge_kvm(&refused).what.contains("permission denied"));
    }
}
