// SPDX-License-Identifier: MIT OR Apache-2.0
//! `run`: a command in a capsule of its own, released when the command ends.
//!
//! It waits for the command itself. What the command leaves behind (daemons) goes on outside, put
//! back to what the caller of `run` was, and is told: a capsule without anyone who would delete it
//! would hold its bandwidth for ever.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};

use evenkeel_kernel::process::identity;
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{CapsuleName, Role};

use crate::error::HostError;
use crate::host::{Host, Outcome};
use crate::plan::Plan;
use crate::request::{Request, RunRequest};
use crate::signals::Signals;

/// Exit statuses of commands that died of signal n begin here, as in shells.
const EXIT_SIGNAL: i32 = 128;

/// How a `run` ended.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// How the command ended.
    pub status: ExitStatus,
    /// What could not be as it was, what the command left behind.
    pub notes: Vec<String>,
}

impl RunOutcome {
    /// The command's exit status; 128 + n where signal n ended it.
    pub fn exit_code(&self) -> u8 {
        let code = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => code,
            (None, Some(signal)) => EXIT_SIGNAL + signal,
            (None, None) => EXIT_SIGNAL,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }
}

impl Host {
    /// The steps before the command starts.
    pub fn plan_run(&self, request: &RunRequest) -> Result<Plan, HostError> {
        self.plan(&request_of(request))
    }

    /// Creates the capsule, starts the command inside, passes signals on, waits, and releases the
    /// capsule whatever happened.
    pub fn run(&self, request: &RunRequest) -> Result<RunOutcome, HostError> {
        let name = &request.create.name;
        let Some((program, arguments)) = request.command.split_first() else {
            return Err(HostError::NoCommand(name.clone()));
        };
        // Before anything is changed: a Ctrl-C meanwhile waits until it can be passed on.
        let signals = Signals::catch()?;
        let plan = self.plan_run(request)?;
        let Outcome { mut notes } = self.apply(&plan)?;
        let mut command = Command::new(program);
        command.args(arguments);
        let ran = self.run_inside(name, &mut command, signals);
        let left = self.left_behind(name);
        let released = self.release_run(name);
        let status = ran?;
        notes.extend(left);
        notes.extend(released?.notes);
        Ok(RunOutcome { status, notes })
    }

    /// From the start of the command to its end.
    fn run_inside(
        &self,
        name: &CapsuleName,
        command: &mut Command,
        mut signals: Signals,
    ) -> Result<ExitStatus, HostError> {
        // What a command's threads do is not known; `vmm` is what the unknown is.
        let mut child = self.spawn_inside(name, Role::Vmm, command)?;
        let id = identity(Pid(child.id()))?;
        let handle = signals.handle();
        let waited = std::thread::scope(|scope| {
            let waiter = scope.spawn(move || {
                let status = child.wait();
                handle.close();
                status
            });
            signals.pass_on(&id);
            waiter.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        waited.map_err(HostError::Wait)
    }

    /// Words about what the command has left running.
    fn left_behind(&self, name: &CapsuleName) -> Option<String> {
        let record = self.load().ok()?.capsules.remove(name)?;
        let enforcer = self.enforcer(record.enforcer).ok()?;
        let kthreads = record.netdevs.iter().flat_map(|netdev| &netdev.found.kthreads);
        let kthreads: Vec<Tid> = kthreads.map(|kthread| kthread.tid).collect();
        let members = enforcer.members(name).ok()?;
        let left = members.iter().filter(|tid| !kthreads.contains(tid)).count();
        let threads = if left == 1 { "1 thread".to_owned() } else { format!("{left} threads") };
        (left > 0).then(|| format!("the command left {threads} running: outside '{name}' now"))
    }

    /// Somebody may have deleted the capsule meanwhile, or even made another one of its name;
    /// then there is nothing left to do.
    fn release_run(&self, name: &CapsuleName) -> Result<Outcome, HostError> {
        let record = self.load()?.capsules.remove(name);
        let run = record.and_then(|record| record.run);
        if run.is_none_or(|run| run.pid.0 != std::process::id()) {
            let note = format!("capsule '{name}' was deleted while its command ran");
            return Ok(Outcome { notes: vec![note] });
        }
        self.apply(&self.plan_delete(name)?)
    }
}

fn request_of(request: &RunRequest) -> Request {
    Request::Run { create: request.create.clone(), netdevs: request.netdevs.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_are_those_of_shells() {
        let code =
            |raw| RunOutcome { status: ExitStatus::from_raw(raw), notes: vec![] }.exit_code();
        assert_eq!(code(0), 0);
        assert_eq!(code(7 << 8), 7);
        assert_eq!(code(15), 143);
        // Killed with a core dump.
        assert_eq!(code(11 | 0x80), 139);
    }
}
