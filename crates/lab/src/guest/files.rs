// SPDX-License-Identifier: MIT OR Apache-2.0
//! The files that guests read: scripts, the web server's configuration, and a page of settings for
//! each guest. They lie in the lab's directory on the host, which guests see read-only.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Boot, CONTROL_LOOP, GuestError, GuestProgram};
use crate::paths::Paths;

/// Process 1 of every guest.
const INIT: &str = include_str!("init.sh");
/// What it mounts.
const FSTAB: &str = include_str!("fstab");
/// The web server's configuration.
const NGINX_CONF: &str = include_str!("nginx.conf");

/// Largest receive window of a guest, bytes of `tcp_rmem`. Half of it is window, the other half
/// book-keeping: 300 kB are 207 frames of 1500 bytes, which fit the 256 entries of a veth's ring.
/// A throttled guest then never loses a packet of its own stream (measured: with 350 to 500 kB
/// next to no retransmission, with the default of 6 MB many).
const TCP_RMEM_MAX: u32 = 600_000;

impl Boot {
    /// The directory of this guest, which its processes work in.
    pub(crate) fn directory(&self) -> PathBuf {
        self.paths.directory().join(&self.vm)
    }

    /// The settings that `init.sh` reads.
    fn settings(&self, program: &GuestProgram, console: &str, device: &str) -> String {
        let mut lines = vec![
            ("EK_CONSOLE", console.to_owned()),
            ("EK_PROGRAM_DIRECTORY", program.directory().display().to_string()),
            ("EK_TCP_RMEM_MAX", TCP_RMEM_MAX.to_string()),
        ];
        if let Some(network) = &self.network {
            lines.extend([
                ("EK_DEVICE", device.to_owned()),
                ("EK_ADDRESS", format!("{}/24", network.address)),
                ("EK_CLIENT_ADDRESS", network.client.0.to_string()),
                ("EK_CLIENT_MAC", network.client.1.clone()),
            ]);
        }
        lines.iter().map(|(key, value)| format!("{key}={}\n", quote(value))).collect()
    }

    /// Writes this guest's settings and makes its directory.
    pub(crate) fn write_settings(
        &self,
        program: &GuestProgram,
        console: &str,
        device: &str,
    ) -> Result<(), GuestError> {
        make_directory(&self.directory())?;
        let path = self.paths.directory().join(format!("{}.conf", self.vm));
        write(&path, &self.settings(program, console, device))
    }
}

/// Writes what all guests share.
pub(crate) fn write_files(paths: &Paths) -> Result<(), GuestError> {
    let directory = paths.directory();
    make_directory(&directory)?;
    let init = directory.join("init.sh");
    write(&init, INIT)?;
    set_executable(&init)?;
    write(&directory.join("fstab"), FSTAB)?;
    write(&directory.join("control-loop.sh"), CONTROL_LOOP)?;
    write(&directory.join("nginx.conf"), NGINX_CONF)
}

fn set_executable(path: &Path) -> Result<(), GuestError> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(|source| {
        GuestError::File { action: "make executable", path: path.to_owned(), source }
    })
}

fn make_directory(path: &Path) -> Result<(), GuestError> {
    fs::create_dir_all(path).map_err(|source| GuestError::File {
        action: "create",
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str) -> Result<(), GuestError> {
    fs::write(path, text).map_err(|source| GuestError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// One word for a shell, whatever is in it.
pub(crate) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_words_reach_a_shell_unchanged() {
        for text in ["", "plain", "two words", "it's", "$HOME `id` \"x\" \\"] {
            let script = format!("printf %s {}", quote(text));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
        }
    }

    #[test]
    fn scripts_are_what_bash_understands() {
        for script in [INIT, CONTROL_LOOP] {
            let status = std::process::Command::new("bash").args(["-n", "-c", script]).status();
            assert!(status.unwrap().success());
        }
    }
}
