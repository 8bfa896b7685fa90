// SPDX-License-Identifier: MIT OR Apache-2.0
//! user-mode-linux guests: a Linux kernel as a process of the host.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Boot, GuestError, Network, Started};
use crate::command::{self, CommandError};

/// The program that boots them.
pub(crate) struct Uml {
    program: PathBuf,
    version: String,
}

/// Where guests keep their memory: a file system in memory, so that nothing is written to disk.
/// user-mode-linux unlinks the file at once: nothing is left of a killed guest.
pub(crate) const MEMORY_DIRECTORY: &str = "/dev/shm";

/// What the guest's kernel would initialise for nothing: it measures which of its RAID 6 and XOR
/// routines is fastest (0.9 s) and prepares to compress swapped pages (0.1 to 0.7 s). Without these
/// a guest boots in 0.7 s instead of 1.6 s. A kernel that has none of them ignores the names.
const SKIPPED: [&str; 3] = ["raid6_select_algo", "calibrate_xor_blocks", "init_zswap"];

impl Uml {
    /// Finds it.
    pub(crate) fn of_host() -> Result<Uml, CommandError> {
        let program = command::find("linux.uml")?;
        let version = command::run("linux.uml", &["--version"])?;
        Ok(Uml { program, version: version.trim().to_owned() })
    }

    /// For the fingerprint.
    pub(crate) fn label(&self) -> String {
        format!("user-mode-linux {}", self.version)
    }

    /// The name of the network device inside.
    pub(crate) const fn device() -> &'static str {
        "vec0"
    }

    /// The console inside.
    pub(crate) const fn console() -> &'static str {
        "/dev/console"
    }

    /// Starts a guest. Its console is piped; what its kernel says before that goes to a log file.
    pub(crate) fn start(&self, boot: &Boot) -> Result<Started, GuestError> {
        let directory = boot.directory();
        let log = directory.join("kernel.log");
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| GuestError::File { action, path, source }
        };
        let log_file = File::create(&log).map_err(failed("create", &log))?;
        let child = Command::new(&self.program)
            .args(arguments(boot))
            .current_dir(&directory)
            .env("TMPDIR", MEMORY_DIRECTORY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            // Ctrl-C on the lab's terminal is for the lab alone.
            .process_group(0)
            .spawn()
            .map_err(|source| GuestError::Start {
                vm: boot.vm.clone(),
                program: self.program.display().to_string(),
                source,
            })?;
        Ok(Started { child, helpers: Vec::new() })
    }
}

fn arguments(boot: &Boot) -> Vec<String> {
    let lab = boot.paths.directory();
    let mut arguments = vec![
        format!("mem={}M", boot.memory_mib),
        "rootfstype=hostfs".to_owned(),
        "rootflags=/".to_owned(),
        "ro".to_owned(),
        "quiet".to_owned(),
        format!("init={}/init.sh", lab.display()),
        format!("EK_VM={}", boot.vm),
        format!("umid={}", boot.mark),
        // Its control socket and pid file; the default would be ~/.uml.
        format!("uml_dir={}/", boot.directory().display()),
        "con=null".to_owned(),
        "con0=fd:0,fd:1".to_owned(),
        format!("initcall_blacklist={}", SKIPPED.join(",")),
    ];
    if let Some(Network { tap, mac, .. }) = &boot.network {
        // Receives up to 128 packets a system call, and packets as large as GRO makes them.
        arguments.push(format!("vec0:transport=tap,ifname={tap},depth=128,gro=1,mac={mac}"));
    }
    arguments
}
