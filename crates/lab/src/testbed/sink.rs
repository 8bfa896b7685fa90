// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual function without a VM: it eats frames sent to nobody, at the cost that frames for a
//! VM have on the NIC's side. Its NAPI thread is in a small capsule, as a flooded VM's would be;
//! so that there is a VM for that capsule, there is a process that waits for the lab to end, whatever
//! ends it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use evenkeel_kernel::Pid;
use evenkeel_kernel::process::identity;
use evenkeel_model::{Reservation, Span};

use crate::command;
use crate::cpu_layout::Layout;
use crate::error::LabError;
use crate::guest::GuestError;
use crate::journal::{Entry, Journal};

use super::name::Names;
use super::spec::SINK;

/// 5 % of the CPU: what is beyond is dropped in its ring, as with a flooded VM. A period longer than
/// those of the VMs gives it the lowest priority: it delays none of them, and their admission does
/// not have to allow for it.
pub(crate) fn reservation() -> Reservation {
    Reservation::new(Span::from_ms(5), Span::from_ms(100)).expect("5 ms is less than 100 ms")
}

/// It stands.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) names: Names,
    pub(crate) reservation: Option<Reservation>,
    pub(crate) pid: Pid,
    child: Child,
}

impl Sink {
    /// Starts the process that stands for its VM.
    pub(crate) fn start(
        names: Names,
        journal: &mut Journal,
        layout: Layout,
    ) -> Result<Sink, LabError> {
        let program = command::find("cat")?;
        let child = Command::new(command::find("taskset")?)
            .args(["-c", &layout.vm_cpu.to_string()])
            .arg(&program)
            // Nothing is ever written to it; it ends when the other end does.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|source| GuestError::Start {
                vm: SINK.to_owned(),
                program: program.display().to_string(),
                source,
            })?;
        let pid = Pid(child.id());
        journal.record(&Entry::Process { what: SINK.to_owned(), id: identity(pid)? })?;
        Ok(Sink { names, reservation: None, pid, child })
    }

    /// Takes away what is left of it once it has been killed.
    pub(crate) fn reap(&mut self) {
        let _ = self.child.try_wait();
    }
}
