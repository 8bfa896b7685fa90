// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program of the lab in a capsule of its own, without a guest around it: what `accuracy` spins
//! in.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

use evenkeel_kernel::Pid;
use evenkeel_kernel::process::identity;
use evenkeel_model::{Reservation, Role};

use crate::error::LabError;
use crate::guest::GuestError;
use crate::journal::Entry;

use super::Testbed;
use super::capsule::capsule_name;

impl Testbed {
    /// Makes the capsule `name`, runs `command` inside it in role `vcpu`, waits for its end and
    /// releases the capsule. `name` is letters and digits, and no VM's.
    pub(crate) fn run_inside(
        &mut self,
        name: &str,
        reservation: Reservation,
        command: &mut Command,
    ) -> Result<Output, LabError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |source| GuestError::Start { vm: name.to_owned(), program, source };
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let capsule = capsule_name(name);
        self.journal.record(&Entry::Capsule { name: capsule.clone() })?;
        self.capsules.create(name, reservation)?;
        let child = self.capsules.spawn(&capsule, Role::Vcpu, command)?;
        // It has not been waited for, so that its number is its own.
        let id = identity(Pid(child.id()))?;
        self.journal.record(&Entry::Process { what: name.to_owned(), id })?;
        let output = child.wait_with_output();
        self.capsules.delete(name)?;
        Ok(output.map_err(failed)?)
    }
}
