// SPDX-License-Identifier: MIT OR Apache-2.0
//! A full disk: the error names the file, an earlier report survives, nothing half-written stays.
//! Needs root, for a small tmpfs of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod samples;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use evenkeel_report::{ReportError, write};

/// A tmpfs that is unmounted again whatever happens.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(size: &str) -> Option<SmallDisk> {
        let path = std::env::temp_dir().join(format!("ek-t-{}-disk", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "ek-t-disk"])
            .arg(&path)
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk(path));
        }
        fs::remove_dir(&path).unwrap();
        None
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_is_named_and_leaves_the_earlier_report() {
    // Room for a report without experiments (some 10 kB), not for one with all (some 800 kB).
    let Some(disk) = SmallDisk::mount("128k") else {
        eprintln!("SKIP a_full_disk_is_named_and_leaves_the_earlier_report: cannot mount a tmpfs");
        return;
    };
    let dir = disk.path().join("report");
    write(&samples::empty(), &dir).unwrap();
    let earlier = fs::read_to_string(dir.join("report.html")).unwrap();
    let error = write(&samples::all(), &dir).unwrap_err();
    assert!(matches!(error, ReportError::DiskFull { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.starts_with("no space left") && text.contains(dir.to_str().unwrap()), "{text}");
    assert_eq!(fs::read_to_string(dir.join("report.html")).unwrap(), earlier);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 1, "no temporary directory stays");
}
