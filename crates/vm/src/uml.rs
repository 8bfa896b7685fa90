// SPDX-License-Identifier: MIT OR Apache-2.0
//! user-mode-linux: a guest kernel that is a process, and the processes around it.
//!
//! ```text
//! main (the guest's kernel; traces)
//!  |-- helper   clone without an exit signal, not traced: waits for I/O (SIGIO writer, disk, window)
//!  |-- helper
//!  |-- stub     traced by main: an address space of the guest; its user mode runs here
//!  `-- stub ...
//! ```
//!
//! All run the same program, have the same name and the same command line (kernel 6.1); what tells
//! them apart is who traces whom and how they were created, both in procfs. Later kernels run the
//! stubs from a program of their own called `uml-userspace`, traced or not.
//!
//! When the main process is killed, helpers and stubs live on under init, traced by nobody: such
//! leftovers are not a guest.

use evenkeel_kernel::Pid;
use evenkeel_model::Role;

use crate::table::{Process, Table};

/// What later kernels call their stubs (arch/um/kernel/skas/stub_exe.c).
const STUB_NAME: &str = "uml-userspace";

/// Parameters that only a kernel has: they tell a user-mode-linux of any file name from a debugger
/// that traces a copy of itself.
const KERNEL_PARAMETERS: [&str; 6] = ["mem=", "root=", "rootfstype=", "umid=", "ubd0=", "init="];

/// What one process is to a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Stub,
    Helper,
}

/// Whether `process` is the main process of a guest that has come far enough to have a stub or a
/// helper, which it has within its first tenth of a second.
pub(crate) fn is_main(table: &Table, process: &Process) -> bool {
    takes_kernel_parameters(process)
        && table.children(process.stat.pid).any(|child| part(process, child).is_some())
}

/// The main process of the guest that `process` is a part of, itself included.
pub(crate) fn main_of<'a>(table: &'a Table, process: &'a Process) -> Option<&'a Process> {
    if is_main(table, process) {
        return Some(process);
    }
    let parent = table.get(process.stat.ppid)?;
    (is_main(table, parent) && part(parent, process).is_some()).then_some(parent)
}

/// What it is called: the value of `umid=`.
pub(crate) fn name(args: &[String]) -> Option<String> {
    let value = args.iter().filter_map(|arg| arg.strip_prefix("umid=")).next_back()?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The role of the first thread of `process` in the guest of `main`, with the reason; `None` where
/// procfs does not say.
pub(crate) fn role(main: &Process, process: &Process) -> Option<(Role, String)> {
    let pid = main.stat.pid;
    if process.stat.pid == pid {
        return Some((Role::Vcpu, "the guest's kernel: parent of its stubs and helpers".into()));
    }
    Some(match part(main, process)? {
        Part::Stub if process.tracer == Some(pid.leader()) => {
            (Role::Vcpu, format!("traced by process {pid}: user mode of the guest"))
        }
        Part::Stub => (
            Role::Vcpu,
            format!("child of process {pid} named '{STUB_NAME}': user mode of the guest"),
        ),
        Part::Helper => {
            let why = "runs its program, shares its memory, not traced: an I/O helper";
            (Role::Io, format!("child of process {pid}, {why}"))
        }
    })
}

fn takes_kernel_parameters(process: &Process) -> bool {
    let is_parameter = |arg: &String| KERNEL_PARAMETERS.iter().any(|p| arg.starts_with(p));
    process.args.iter().skip(1).any(is_parameter)
}

fn part(main: &Process, child: &Process) -> Option<Part> {
    if child.stat.ppid != main.stat.pid {
        return None;
    }
    if child.stat.comm == STUB_NAME {
        return Some(Part::Stub);
    }
    if main.exe.is_none() || child.exe != main.exe {
        return None;
    }
    match child.tracer {
        Some(tracer) if Pid(tracer.0) == main.stat.pid => Some(Part::Stub),
        Some(_) => None,
        // A stub that is not traced yet was forked and asks for SIGCHLD; a helper was cloned with
        // the memory of the main process and asks for nothing (arch/um/os-Linux/helper.c).
        None if child.stat.exit_signal == 0 => Some(Part::Helper),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::Tid;

    use super::*;
    use crate::table::tests::process;

    const UML: &str = "/usr/bin/linux.uml";
    const ARGS: [&str; 4] = ["linux.uml", "mem=128M", "umid=web", "init=/init"];

    fn guest() -> Vec<Process> {
        let mut helper = process(11, 10, UML, &ARGS);
        helper.stat.exit_signal = 0;
        let mut stub = process(12, 10, UML, &ARGS);
        stub.tracer = Some(Tid(10));
        let forked = process(13, 10, UML, &ARGS);
        vec![process(10, 1, UML, &ARGS), helper, stub, forked]
    }

    #[test]
    fn tracing_and_cloning_tell_the_parts_apart() {
        let processes = guest();
        let table: Table = processes.iter().cloned().collect();
        let main = &processes[0];
        assert!(is_main(&table, main));
        for part in &processes[1..3] {
            assert!(!is_main(&table, part));
            assert_eq!(main_of(&table, part).map(|p| p.stat.pid), Some(Pid(10)));
        }
        let roles: Vec<_> = processes.iter().map(|p| role(main, p).map(|(role, _)| role)).collect();
        assert_eq!(roles, [Some(Role::Vcpu), Some(Role::Io), Some(Role::Vcpu), None]);
        assert_eq!(name(&main.args).as_deref(), Some("web"));
    }

    #[test]
    fn leftovers_of_a_killed_guest_are_none() {
        let table: Table = guest()
            .into_iter()
            .skip(1)
            .map(|mut p| {
                p.stat.ppid = Pid(1);
                p.stat.exit_signal = 17;
                p.tracer = None;
                p
            })
            .collect();
        assert!(!table.iter().any(|p| is_main(&table, p)));
    }

    #[test]
    fn stubs_of_later_kernels_are_known_by_name() {
        let mut stub = process(12, 10, "/memfd:uml-userspace", &["uml-userspace"]);
        stub.stat.comm = STUB_NAME.into();
        let main = process(10, 1, "/usr/bin/linux", &ARGS);
        let table: Table = [main.clone(), stub.clone()].into_iter().collect();
        assert!(is_main(&table, &main));
        assert_eq!(role(&main, &stub).unwrap().0, Role::Vcpu);
    }

    #[test]
    fn a_debugger_that_traces_its_like_is_no_guest() {
        let mut traced = process(12, 10, "/usr/bin/strace", &["strace"]);
        traced.tracer = Some(Tid(10));
        let tracer = process(10, 1, "/usr/bin/strace", &["strace", "strace"]);
        let table: Table = [tracer.clone(), traced].into_iter().collect();
        assert!(!is_main(&table, &tracer));
    }

    #[test]
    fn the_last_name_counts_and_an_empty_one_is_none() {
        let name = |args: &[&str]| name(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
        assert_eq!(name(&["linux", "umid=a", "umid=b"]).as_deref(), Some("b"));
        assert_eq!(name(&["linux", "umid="]), None);
        assert_eq!(name(&["linux"]), None);
    }
}
