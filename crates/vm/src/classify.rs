// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads of processes, each with a role and the reason for it.

use std::collections::BTreeMap;

use evenkeel_kernel::process::{self, ProcessError, ThreadStat};
use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::Role;

use crate::table::{Process, Table};
use crate::{VmThread, kernel_thread, qemu, uml};

/// What a VM's own monitor says about its threads.
pub(crate) type Told = BTreeMap<Tid, (Role, String)>;

const NOT_RECOGNISED: &str = "not recognised: counted as vmm";

/// The threads of the processes `pids`, then the kernel threads named after them. Those that end
/// while they are read are left out.
pub(crate) fn threads(
    table: &Table,
    pids: &[Pid],
    told: &Told,
) -> Result<Vec<VmThread>, ProcessError> {
    let mut found = Vec::new();
    for process in pids.iter().filter_map(|pid| table.get(*pid)) {
        for stat in thread_stats(process.stat.pid)? {
            found.push(classify(table, process, &stat, told));
        }
    }
    let tids: Vec<Tid> = found.iter().map(|thread| thread.tid).collect();
    found.extend(kernel_thread::of_vm(table, &tids));
    Ok(found)
}

fn thread_stats(pid: Pid) -> Result<Vec<ThreadStat>, ProcessError> {
    let mut stats = Vec::new();
    let tids = match process::threads(pid) {
        Err(error) if error.is_gone() => return Ok(stats),
        tids => tids?,
    };
    for tid in tids {
        match process::stat(tid) {
            Ok(stat) if stat.pid == pid => stats.push(stat),
            // The number belongs to another process by now.
            Ok(_) => {}
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(stats)
}

fn classify(table: &Table, process: &Process, stat: &ThreadStat, told: &Told) -> VmThread {
    let known = told.get(&stat.tid).cloned().or_else(|| role(table, process, stat));
    let recognised = known.is_some();
    let (role, evidence) = known.unwrap_or_else(|| (Role::Vmm, NOT_RECOGNISED.to_owned()));
    VmThread {
        tid: stat.tid,
        pid: stat.pid,
        role,
        comm: stat.comm.clone(),
        evidence,
        recognised,
        kernel_thread: false,
    }
}

fn role(table: &Table, process: &Process, stat: &ThreadStat) -> Option<(Role, String)> {
    let leader = stat.tid == process.stat.pid.leader();
    if qemu::is_qemu(process) {
        return match leader {
            true => Some((Role::Vmm, "QEMU's main thread".to_owned())),
            false => qemu::role_of_name(&stat.comm),
        };
    }
    if leader {
        return uml::role(uml::main_of(table, process)?, process);
    }
    // Any monitor's vhost worker is a thread of its process since Linux 6.4.
    let owner = kernel_thread::vhost_owner(&stat.comm)?;
    (owner == stat.pid).then(|| (Role::Vhost, format!("thread name '{}'", stat.comm)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::process;

    fn stat(process: &Process, tid: u32, comm: &str) -> ThreadStat {
        ThreadStat { tid: Tid(tid), comm: comm.into(), ..process.stat.clone() }
    }

    #[test]
    fn a_thread_of_qemu_has_the_role_its_name_says() {
        let qemu = process(50, 1, "/usr/bin/qemu-system-x86_64", &["qemu"]);
        let table: Table = [qemu.clone()].into_iter().collect();
        let classified = |tid, comm| classify(&table, &qemu, &stat(&qemu, tid, comm), &Told::new());
        let main = classified(50, "CPU 0/KVM");
        assert_eq!((main.role, main.recognised), (Role::Vmm, true));
        assert_eq!(classified(51, "CPU 0/KVM").role, Role::Vcpu);
        let unnamed = classified(52, "qemu-system-x86");
        assert_eq!((unnamed.role, unnamed.recognised), (Role::Vmm, false));
        assert_eq!(unnamed.evidence, NOT_RECOGNISED);
    }

    #[test]
    fn what_the_monitor_says_counts_more_than_a_name() {
        let qemu = process(50, 1, "/usr/bin/qemu-system-x86_64", &["qemu"]);
        let table: Table = [qemu.clone()].into_iter().collect();
        let told = Told::from([(Tid(51), (Role::Vcpu, "QMP: CPU 0".to_owned()))]);
        let thread = classify(&table, &qemu, &stat(&qemu, 51, "qemu-system-x86"), &told);
        assert_eq!((thread.role, thread.evidence.as_str()), (Role::Vcpu, "QMP: CPU 0"));
    }

    #[test]
    fn names_of_other_programs_say_nothing_but_their_own_vhost_worker() {
        let other = process(60, 1, "/usr/bin/monitor", &["monitor"]);
        let table: Table = [other.clone()].into_iter().collect();
        let classified =
            |tid, comm| classify(&table, &other, &stat(&other, tid, comm), &Told::new());
        assert!(!classified(60, "monitor").recognised);
        assert!(!classified(61, "CPU 0/KVM").recognised);
        assert_eq!(classified(62, "vhost-60").role, Role::Vhost);
        assert!(!classified(63, "vhost-99").recognised);
    }
}
