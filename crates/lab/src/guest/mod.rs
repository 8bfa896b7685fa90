// SPDX-License-Identifier: MIT OR Apache-2.0
//! Guests: real Linux kernels on the host's own root file system, driven over their console.
//!
//! A guest boots in about a second of CPU time, runs the host's programs, and writes to
//! tmpfs only. What boots it, user-mode-linux or QEMU, differs in how its process is started; the
//! scripts inside (`init.sh`, `control-loop.sh`) and everything the experiments do are the same.

mod console;
mod error;
mod files;
mod initramfs;
mod package;
mod process;
pub mod program;
mod qemu;
mod service;
mod sink;
mod uml;

use std::fmt;
use std::net::Ipv4Addr;
use std::process::Child;
use std::sync::Mutex;
use std::time::Instant;

use evenkeel_kernel::Pid;
use evenkeel_kernel::process::{self as processes, ProcessId};
use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

pub use self::console::GuestOutput;
pub use self::error::GuestError;
pub use self::program::GuestProgram;
pub use self::service::{SINK_PORT, SpinnerKind, WEB_PORT};
pub use self::sink::SinkWork;

pub(crate) use self::files::write_files;
pub(crate) use self::process::{MARK_PREFIX, Marks, end_all};
pub(crate) use self::qemu::Qemu;
pub(crate) use self::uml::{MEMORY_DIRECTORY, Uml};

use self::console::Console;
use crate::cpu_layout::Layout;
use crate::paths::Paths;

/// The guest's end of the control channel.
const CONTROL_LOOP: &str = include_str!("control-loop.sh");

/// What boots a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuestKind {
    /// user-mode-linux: a Linux kernel as a process, near native speed, everywhere.
    #[default]
    Uml,
    /// QEMU with a Debian kernel, under KVM where that really works, else emulated.
    Qemu,
}

impl GuestKind {
    /// The lower-case word used on the command line and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            GuestKind::Uml => "uml",
            GuestKind::Qemu => "qemu",
        }
    }
}

impl fmt::Display for GuestKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a guest is booted with.
#[derive(Clone, Debug)]
pub(crate) struct Boot {
    /// Its name.
    pub(crate) vm: String,
    /// The word in its command line by which it is found.
    pub(crate) mark: String,
    /// Its memory.
    pub(crate) memory_mib: u32,
    /// Its network, if it has one.
    pub(crate) network: Option<Network>,
    /// Which CPU is whose, for helpers that are no part of the VM.
    pub(crate) layout: Layout,
    /// Where the lab's files are.
    pub(crate) paths: Paths,
}

/// The network of a guest.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    /// Its tap on the host.
    pub(crate) tap: String,
    /// Its MAC address.
    pub(crate) mac: String,
    /// Its address.
    pub(crate) address: Ipv4Addr,
    /// The address of the client, and its MAC address.
    pub(crate) client: (Ipv4Addr, String),
}

/// The processes that make up a guest which has just been started.
pub(crate) struct Started {
    /// The VM itself; its console is piped.
    pub(crate) child: Child,
    /// What it needs beside it: the file system server of a QEMU guest.
    pub(crate) helpers: Vec<Child>,
}

/// A guest that runs.
#[derive(Debug)]
pub struct Guest {
    vm: String,
    main: ProcessId,
    helpers: Vec<ProcessId>,
    marks: Marks,
    console: Console,
    children: Mutex<Vec<Child>>,
    started: Instant,
    boot_time: Span,
}

impl Guest {
    /// Takes charge of a guest's processes; [`Guest::wait_ready`] is next.
    pub(crate) fn new(boot: &Boot, mut started: Started) -> Result<Guest, GuestError> {
        let failed = |what: &str| GuestError::Ended { vm: boot.vm.clone(), tail: what.to_owned() };
        let pipes = (started.child.stdin.take(), started.child.stdout.take());
        let (Some(input), Some(output)) = pipes else { return Err(failed("no console")) };
        let main = processes::identity(Pid(started.child.id())).map_err(|_| failed("nothing"))?;
        let identify = |child: &Child| processes::identity(Pid(child.id())).ok();
        let helpers: Vec<ProcessId> = started.helpers.iter().filter_map(identify).collect();
        let mut children = vec![started.child];
        children.extend(started.helpers);
        Ok(Guest {
            vm: boot.vm.clone(),
            main,
            marks: Marks::of_guest(boot, &helpers),
            helpers,
            console: Console::new(&boot.vm, input, output),
            children: Mutex::new(children),
            started: Instant::now(),
            boot_time: Span::ZERO,
        })
    }

    /// Waits until it has booted.
    pub(crate) fn wait_ready(&mut self, timeout: Span) -> Result<(), GuestError> {
        self.console.wait_ready(timeout)?;
        // In whole milliseconds, which is what a reader wants of a boot.
        let elapsed = self.started.elapsed().as_millis();
        self.boot_time = Span::from_ms(u64::try_from(elapsed).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.vm
    }

    /// Its main process, by which `evenkeel_vm` finds all its threads.
    pub fn main_process(&self) -> ProcessId {
        self.main
    }

    /// Processes that serve it and are no part of it.
    pub(crate) fn helpers(&self) -> &[ProcessId] {
        &self.helpers
    }

    /// Its processes now, helpers included, as far as they can be listed.
    pub fn pids(&self) -> Vec<Pid> {
        self.marks.find().into_iter().map(|id| id.pid).collect()
    }

    /// From its start until it was ready.
    pub fn boot_time(&self) -> Span {
        self.boot_time
    }

    /// Whether its main process still runs.
    pub fn is_alive(&self) -> bool {
        processes::is_alive(&self.main)
    }

    /// Runs `command` (bash) in it and waits at most `timeout`. Commands of several threads are
    /// carried out one after the other.
    pub fn exec(&self, command: &str, timeout: Span) -> Result<GuestOutput, GuestError> {
        self.console.exec(command, timeout)
    }

    /// The same, where anything but exit status 0 is an error; returns the output.
    pub fn run(&self, command: &str, timeout: Span) -> Result<String, GuestError> {
        let GuestOutput { status, output } = self.exec(command, timeout)?;
        if status == 0 {
            return Ok(output);
        }
        let (vm, command) = (self.vm.clone(), command.to_owned());
        Err(GuestError::CommandFailed { vm, command, status, output: output.trim().to_owned() })
    }

    /// Takes away what is left of its processes once they have been killed.
    pub(crate) fn reap(&self) {
        let mut children = self.children.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for child in children.iter_mut() {
            // Not waited for: one that does not die is reported by whoever killed it.
            let _ = child.try_wait();
        }
    }
}
