// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starting a process inside a capsule, without a moment outside.
//!
//! A fresh thread of ours enters the capsule itself (group, CPUs, policy) and forks from there. The
//! child inherits all three, and so does whatever it starts: there is no window in which something
//! of it is elsewhere, and no code runs between fork and exec.

use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread::JoinHandle;

use evenkeel_kernel::process::{ProcessId, identity};
use evenkeel_kernel::sched::current_tid;
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::{CapsuleName, Role};
use evenkeel_sched::{Enforcer, EnforcerError, Placement};
use evenkeel_vm::{VmKind, VmRef};

use crate::error::HostError;
use crate::host::Host;
use crate::members::placement;
use crate::state::{State, VmRecord};

impl Host {
    /// Starts `command` inside the capsule `name`, its first thread in `role`. The process is on
    /// record as one of the capsule's VMs until it is detached; attaching it as a VM (`pid:N`)
    /// brings the roles of its threads up to date.
    ///
    /// What it is given back when it is released: the groups, policy and CPUs of the caller.
    ///
    /// The thread that forks ends at once, so that PR_SET_PDEATHSIG in the child would kill it:
    /// that signal is bound to the forking thread.
    pub fn spawn_inside(
        &self,
        name: &CapsuleName,
        role: Role,
        command: &mut Command,
    ) -> Result<Child, HostError> {
        let mut child = None;
        self.change(|state, _| {
            let (enforcer, placement) = self.prepare(state, name, role)?;
            let label = command.get_program().to_string_lossy().into_owned();
            let mut started = launch(&*enforcer, name, &placement, command)?;
            // It is not waited for yet, so that even if it has ended its number is still its own.
            let recorded = identity(Pid(started.id())).map_err(HostError::from).and_then(|main| {
                if let Some(record) = state.capsules.get_mut(name) {
                    record.vms.push(process_record(label, main));
                }
                self.store.save(state)
            });
            if let Err(error) = recorded {
                // What is not on record cannot be released; so it does not run.
                let _ = started.kill();
                let _ = started.wait();
                return Err(error);
            }
            child = Some(started);
            Ok(())
        })?;
        Ok(child.expect("a change that succeeded has started the command"))
    }

    /// Runs `work` on a new thread of this program inside the capsule `name`, in `role`: it is in
    /// the group, on its CPUs and has its policy before `work` begins. The thread ends with `work`
    /// (or is given back the settings of the caller when the capsule is deleted before).
    pub fn thread_inside<T: Send + 'static>(
        &self,
        name: &CapsuleName,
        role: Role,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, HostError> {
        let mut thread = None;
        self.change(|state, _| {
            let (enforcer, placement) = self.prepare(state, name, role)?;
            let name = name.clone();
            let (entered, has_entered) = mpsc::channel();
            let started = std::thread::Builder::new()
                .name(format!("ek-{role}"))
                .spawn(move || {
                    let result = enforcer.adopt(&name, current_tid(), &placement);
                    let is_inside = result.is_ok();
                    // The receiver waits for exactly this.
                    let _ = entered.send(result);
                    if !is_inside {
                        // Ends the thread without a word: the error is the caller's, and nobody
                        // joins.
                        std::panic::resume_unwind(Box::new("not inside"));
                    }
                    work()
                })
                .map_err(|source| HostError::Spawn { command: "a thread".to_owned(), source })?;
            has_entered.recv().expect("a thread says whether it is inside before it ends")?;
            thread = Some(started);
            Ok(())
        })?;
        Ok(thread.expect("a change that succeeded has started the thread"))
    }

    /// Puts on record what the caller is, for whatever is about to start inside.
    fn prepare(
        &self,
        state: &mut State,
        name: &CapsuleName,
        role: Role,
    ) -> Result<(Box<dyn Enforcer>, Placement), HostError> {
        let record = state.capsule(name)?;
        if record.own.is_none() {
            return Err(HostError::NoOwnBudget(name.clone()));
        }
        let enforcer = self.enforcer(record.enforcer)?;
        let placement = placement(record, role);
        let ours = enforcer.capture(current_tid())?;
        if let Some(record) = state.capsules.get_mut(name) {
            record.launcher.get_or_insert(ours);
        }
        state.generation += 1;
        self.store.save(state)?;
        Ok((enforcer, placement))
    }
}

fn process_record(label: String, main: ProcessId) -> VmRecord {
    VmRecord {
        label,
        kind: VmKind::Process,
        reference: VmRef::Pid(main.pid),
        main,
        processes: vec![main],
    }
}

/// Forks from a thread that is inside.
fn launch(
    enforcer: &dyn Enforcer,
    name: &CapsuleName,
    placement: &Placement,
    command: &mut Command,
) -> Result<Child, HostError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let started = std::thread::scope(|scope| {
        let thread = scope.spawn(|| -> Result<std::io::Result<Child>, EnforcerError> {
            enforcer.adopt(name, current_tid(), placement)?;
            Ok(command.spawn())
        });
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let started = started.map_err(|source| HostError::Spawn { command: program, source })?;
    enforcer.settle(name, Tid(started.id()));
    Ok(started)
}
