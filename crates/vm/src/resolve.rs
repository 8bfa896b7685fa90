// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a reference to the VM it means; from a VM to what it has become; all VMs of the host.

use std::collections::BTreeSet;
use std::path::Path;

use evenkeel_kernel::cgroup::{Cgroup, CgroupError};
use evenkeel_kernel::process::{self, ProcessId};
use evenkeel_kernel::{Pid, Tid};

use crate::classify::{self, Told};
use crate::table::{Process, Table};
use crate::{QmpError, Vm, VmError, VmKind, VmRef, qemu, qmp, uml};

/// Most groups under one control group that are looked at: libvirt makes about ten for a VM.
const GROUPS_MAX: usize = 10_000;

/// Finds the VM that `reference` means.
pub fn resolve(reference: &VmRef) -> Result<Vm, VmError> {
    let table = Table::read().map_err(VmError::Process)?;
    match reference {
        VmRef::Pid(pid) => by_pid(&table, reference, *pid),
        VmRef::QemuName(name) => by_name(&table, reference, |process| {
            is_qemu_main(&table, process)
                && qemu::name(&process.args).as_deref() == Some(name.as_str())
        }),
        VmRef::Name(name) => by_name(&table, reference, |process| {
            name_of(&table, process).as_deref() == Some(name.as_str())
        }),
        VmRef::Qmp(path) => by_qmp(&table, reference, path),
        VmRef::Cgroup(path) => by_cgroup(&table, reference, path),
    }
}

/// The same VM as it is now: threads that came and went. A thread whose role was known keeps it
/// where nothing says otherwise (QEMU's monitor may be busy).
pub fn refresh(vm: &Vm) -> Result<Vm, VmError> {
    if let VmRef::Cgroup(path) = &vm.reference {
        let table = Table::read().map_err(VmError::Process)?;
        return by_cgroup(&table, &vm.reference, path).map(|now| keep_roles(vm, now));
    }
    let vanished = || VmError::Vanished { label: vm.label.clone() };
    if !process::is_alive(&vm.main) {
        return Err(vanished());
    }
    let told = match &vm.reference {
        VmRef::Qmp(path) => qmp::ask(path).map(|answer| told_by(&answer)).unwrap_or_default(),
        _ => Told::new(),
    };
    let table = Table::read().map_err(VmError::Process)?;
    let main = table.get(vm.main.pid).filter(|main| main.id() == vm.main).ok_or_else(vanished)?;
    family(&table, &vm.reference, main, &told).map(|now| keep_roles(vm, now))
}

/// Every VM that is recognised without a hint: QEMU and user-mode-linux processes.
pub fn scan() -> Result<Vec<Vm>, VmError> {
    let table = Table::read().map_err(VmError::Process)?;
    let mut found = Vec::new();
    for main in table.iter().filter(|process| is_main(&table, process)) {
        match family(&table, &VmRef::Pid(main.stat.pid), main, &Told::new()) {
            Ok(vm) => found.push(vm),
            Err(error) if error.is_gone() => {}
            Err(VmError::ContainsThisProgram { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn by_pid(table: &Table, reference: &VmRef, pid: Pid) -> Result<Vm, VmError> {
    let process = table.get(pid).ok_or_else(|| no_such_vm(table, reference))?;
    if process.stat.kernel_thread {
        return Err(VmError::KernelThread { reference: reference.clone() });
    }
    let main = uml::main_of(table, process).unwrap_or(process);
    family(table, reference, main, &Told::new())
}

fn by_name(
    table: &Table,
    reference: &VmRef,
    matches: impl Fn(&Process) -> bool,
) -> Result<Vm, VmError> {
    let found: Vec<&Process> = table.iter().filter(|process| matches(process)).collect();
    match found.as_slice() {
        [] => Err(no_such_vm(table, reference)),
        [main] => family(table, reference, main, &Told::new()),
        several => Err(VmError::Ambiguous {
            reference: reference.clone(),
            candidates: several.iter().map(|process| describe(table, process)).collect(),
        }),
    }
}

fn by_qmp(table: &Table, reference: &VmRef, path: &Path) -> Result<Vm, VmError> {
    let answer = qmp::ask(path)?;
    let mut owners = BTreeSet::new();
    for tid in answer.cpus.iter().chain(&answer.iothreads).map(|thread| thread.tid) {
        // A number that names no thread here comes from another PID namespace, or has just ended.
        owners.extend(process::process_of(tid).ok());
    }
    // A machine without CPUs: whoever listens.
    if answer.cpus.is_empty() {
        owners.extend(answer.listener);
    }
    let foreign = || QmpError::ForeignThreads(path.to_owned());
    let mut owners = owners.into_iter();
    let (Some(pid), None) = (owners.next(), owners.next()) else { return Err(foreign().into()) };
    // A process that started after the table was read is found in a new one.
    let fresh = Table::read().map_err(VmError::Process)?;
    let table = if table.get(pid).is_some() { table } else { &fresh };
    let main = table.get(pid).ok_or_else(foreign)?;
    if !qemu::is_qemu(main) && answer.listener != Some(pid) {
        return Err(foreign().into());
    }
    family(table, reference, main, &told_by(&answer))
}

fn told_by(answer: &qmp::Answer) -> Told {
    answer.roles().into_iter().collect()
}

fn by_cgroup(table: &Table, reference: &VmRef, path: &Path) -> Result<Vm, VmError> {
    let pids = processes_below(&Cgroup::at(path)).map_err(VmError::Cgroup)?;
    let members: Vec<&Process> = pids.iter().filter_map(|pid| table.get(*pid)).collect();
    // The VM in it, if there is exactly one; else the process that was there first.
    let mut mains = members.iter().filter(|process| is_main(table, process));
    let main = match (mains.next(), mains.next()) {
        (Some(main), None) => Some(main),
        _ => members.iter().min_by_key(|process| process.id().start_ticks),
    };
    let main = main.ok_or_else(|| VmError::EmptyCgroup { reference: reference.clone() })?;
    let pids: Vec<Pid> = members.iter().map(|process| process.stat.pid).collect();
    let label = path.display().to_string();
    build(table, reference, VmKind::Cgroup, label, main, &pids, &Told::new())
}

/// Processes of a group and its subgroups, smallest number first. In version 1 a process with
/// threads in several groups is in each; in version 2 a threaded subgroup lists none and its
/// domain above lists them all.
fn processes_below(top: &Cgroup) -> Result<BTreeSet<Pid>, CgroupError> {
    let mut pids = BTreeSet::new();
    let mut groups = vec![top.clone()];
    let mut seen = 0;
    while let Some(group) = groups.pop().filter(|_| seen < GROUPS_MAX) {
        seen += 1;
        let inside = group.processes().and_then(|pids| Ok((pids, group.subgroups()?)));
        match inside {
            Ok((members, subgroups)) => {
                pids.extend(members);
                groups.extend(subgroups);
            }
            // A subgroup may end while we look; the group that was asked for may not. A threaded
            // subgroup of version 2 refuses to list processes.
            Err(error) if group != *top && (error.is_gone() || is_threaded(&group)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(pids)
}

fn is_threaded(group: &Cgroup) -> bool {
    group.read("cgroup.type").is_ok_and(|kind| kind.trim() == "threaded")
}

/// A process and its descendants.
fn family(table: &Table, reference: &VmRef, main: &Process, told: &Told) -> Result<Vm, VmError> {
    let kind = match main {
        main if qemu::is_qemu(main) => VmKind::Qemu,
        main if uml::is_main(table, main) => VmKind::Uml,
        _ => VmKind::Process,
    };
    let pids = table.family(main.stat.pid);
    build(table, reference, kind, label(table, main), main, &pids, told)
}

fn build(
    table: &Table,
    reference: &VmRef,
    kind: VmKind,
    label: String,
    main: &Process,
    pids: &[Pid],
    told: &Told,
) -> Result<Vm, VmError> {
    if pids.contains(&Pid(std::process::id())) {
        return Err(VmError::ContainsThisProgram { reference: reference.clone() });
    }
    let threads = classify::threads(table, pids, told).map_err(VmError::Process)?;
    if !process::is_alive(&main.id()) {
        return Err(VmError::Vanished { label });
    }
    let alive: BTreeSet<Pid> = threads.iter().map(|thread| thread.pid).collect();
    let processes: Vec<ProcessId> = pids
        .iter()
        .filter(|pid| alive.contains(pid))
        .filter_map(|pid| table.get(*pid).map(Process::id))
        .collect();
    Ok(Vm { kind, label, reference: reference.clone(), main: main.id(), processes, threads })
}

fn keep_roles(before: &Vm, mut now: Vm) -> Vm {
    for thread in now.threads.iter_mut().filter(|thread| !thread.recognised) {
        let same = |old: &&crate::VmThread| {
            old.recognised
                && (old.tid, old.pid, &old.comm) == (thread.tid, thread.pid, &thread.comm)
        };
        if let Some(old) = before.threads.iter().find(same) {
            *thread = old.clone();
        }
    }
    now
}

fn is_main(table: &Table, process: &Process) -> bool {
    is_qemu_main(table, process) || uml::is_main(table, process)
}

/// A QEMU that is no fork of another: QEMU forks to become a daemon and to start helpers, and the
/// fork has the command line of its parent until it calls exec.
fn is_qemu_main(table: &Table, process: &Process) -> bool {
    let is_fork = || table.get(process.stat.ppid).is_some_and(|parent| parent.args == process.args);
    qemu::is_qemu(process) && !is_fork()
}

fn name_of(table: &Table, process: &Process) -> Option<String> {
    if is_qemu_main(table, process) {
        return qemu::name(&process.args);
    }
    uml::is_main(table, process).then(|| uml::name(&process.args))?
}

fn label(table: &Table, main: &Process) -> String {
    name_of(table, main).unwrap_or_else(|| {
        format!("{}[{}]", main.program().unwrap_or(&main.stat.comm), main.stat.pid)
    })
}

/// `pid:42 (qemu 'web')`.
fn describe(table: &Table, process: &Process) -> String {
    let kind = if qemu::is_qemu(process) { VmKind::Qemu } else { VmKind::Uml };
    match name_of(table, process) {
        Some(name) => format!("pid:{} ({kind} '{name}')", process.stat.pid),
        None => format!("pid:{} ({kind})", process.stat.pid),
    }
}

fn no_such_vm(table: &Table, reference: &VmRef) -> VmError {
    let mains = table.iter().filter(|process| is_main(table, process));
    let mut candidates: Vec<String> = mains.map(|process| describe(table, process)).collect();
    if let VmRef::Pid(Pid(number)) = reference {
        // A thread's number in place of its process's is an easy mistake: `ps -L` shows both.
        let owner = process::process_of(Tid(*number)).ok().filter(|owner| owner.0 != *number);
        candidates.extend(owner.map(|owner| format!("pid:{owner} (which has thread {number})")));
    }
    VmError::NoSuchVm { reference: reference.clone(), candidates }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Role;

    use super::*;
    use crate::VmThread;
    use crate::table::tests::process;

    #[test]
    fn a_fork_of_qemu_is_not_a_second_vm() {
        let args = ["qemu-system-x86_64", "-name", "web"];
        let table: Table = [
            process(50, 1, "/usr/bin/qemu-system-x86_64", &args),
            process(51, 50, "/usr/bin/qemu-system-x86_64", &args),
            process(60, 1, "/usr/bin/qemu-system-x86_64", &["q", "-name", "db"]),
        ]
        .into_iter()
        .collect();
        let mains: Vec<u32> =
            table.iter().filter(|p| is_main(&table, p)).map(|p| p.stat.pid.0).collect();
        assert_eq!(mains, [50, 60]);
        let described = describe(&table, table.get(Pid(60)).unwrap());
        assert_eq!(described, "pid:60 (qemu 'db')");
    }

    #[test]
    fn several_of_one_name_are_ambiguous_and_listed() {
        let qemu =
            |pid| process(pid, 1, "/usr/bin/kvm", &["kvm", "-name", "web", &pid.to_string()]);
        let table: Table = [qemu(50), qemu(60)].into_iter().collect();
        let reference = VmRef::Name("web".into());
        let error = by_name(&table, &reference, |p| is_main(&table, p)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "'web' is ambiguous; it could be: pid:50 (qemu 'web'), pid:60 (qemu 'web')"
        );
    }

    #[test]
    fn a_role_once_known_is_kept_for_the_same_thread_only() {
        let thread = |tid, comm: &str, recognised| VmThread {
            tid: Tid(tid),
            pid: Pid(50),
            role: if recognised { Role::Vcpu } else { Role::Vmm },
            comm: comm.into(),
            evidence: String::new(),
            recognised,
            kernel_thread: false,
        };
        let vm = |threads| Vm {
            kind: VmKind::Qemu,
            label: "web".into(),
            reference: VmRef::Name("web".into()),
            main: ProcessId { pid: Pid(50), start_ticks: 7 },
            processes: Vec::new(),
            threads,
        };
        let before = vm(vec![thread(51, "qemu", true), thread(52, "qemu", true)]);
        let now = vm(vec![thread(51, "qemu", false), thread(52, "worker", false)]);
        let roles: Vec<Role> = keep_roles(&before, now).threads.iter().map(|t| t.role).collect();
        assert_eq!(roles, [Role::Vcpu, Role::Vmm]);
    }

    #[test]
    fn a_vm_that_is_not_there_and_one_that_holds_us_are_refused() {
        let nobody = VmRef::Pid(Pid(4_194_304));
        assert!(matches!(resolve(&nobody), Err(VmError::NoSuchVm { .. })));
        let us = VmRef::Pid(Pid(std::process::id()));
        assert!(matches!(resolve(&us), Err(VmError::ContainsThisProgram { .. })));
        assert!(matches!(resolve(&VmRef::Pid(Pid(1))), Err(VmError::ContainsThisProgram { .. })));
        let name = VmRef::Name("ek-no-such-vm".into());
        assert!(resolve(&name).unwrap_err().is_gone());
        let no_group = VmRef::Cgroup("/tmp".into());
        assert!(matches!(resolve(&no_group), Err(VmError::Cgroup(CgroupError::NotACgroup(_)))));
    }
}
