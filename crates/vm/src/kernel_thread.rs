// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads of the kernel that carry the number of the VM they work for in their names.

use evenkeel_kernel::{Pid, Tid};
use evenkeel_model::Role;

use crate::VmThread;
use crate::table::{Process, Table};

/// The kernel threads in `table` that belong to a VM with these threads.
pub(crate) fn of_vm(table: &Table, tids: &[Tid]) -> Vec<VmThread> {
    table.iter().filter_map(|process| belongs(process, tids)).collect()
}

fn belongs(process: &Process, tids: &[Tid]) -> Option<VmThread> {
    let stat = &process.stat;
    if !stat.kernel_thread {
        return None;
    }
    let (role, owner) = match (vhost_owner(&stat.comm), pit_owner(&stat.comm)) {
        (Some(owner), _) => (Role::Vhost, owner),
        // The emulated timer is a device of the VM.
        (None, Some(owner)) => (Role::Io, owner),
        (None, None) => return None,
    };
    tids.contains(&Tid(owner.0)).then(|| VmThread {
        tid: stat.tid,
        pid: stat.pid,
        role,
        comm: stat.comm.clone(),
        evidence: format!("kernel thread named after process {owner}"),
        recognised: true,
        kernel_thread: true,
    })
}

/// `vhost-PID`: the worker of a vhost device, named after the thread that opened it
/// (drivers/vhost/vhost.c). A kernel thread up to Linux 6.3 and in the mode that 6.17 brought back.
pub(crate) fn vhost_owner(comm: &str) -> Option<Pid> {
    number(comm.strip_prefix("vhost-")?)
}

/// `kvm-pit/PID`: the worker of the emulated interval timer (arch/x86/kvm/i8254.c).
fn pit_owner(comm: &str) -> Option<Pid> {
    number(comm.strip_prefix("kvm-pit/")?)
}

fn number(text: &str) -> Option<Pid> {
    // The standard library would also read '+7'.
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::process;

    fn kernel_thread(pid: u32, comm: &str) -> Process {
        let mut thread = process(pid, 2, "", &[]);
        thread.stat.comm = comm.into();
        thread
    }

    #[test]
    fn they_belong_to_whom_their_name_says() {
        let table: Table = [
            kernel_thread(20, "vhost-500"),
            kernel_thread(21, "kvm-pit/500"),
            kernel_thread(22, "vhost-501"),
            kernel_thread(23, "vhost-5000"),
            kernel_thread(24, "kvm-pit/x"),
            kernel_thread(25, "vhost-+500"),
        ]
        .into_iter()
        .collect();
        let found = of_vm(&table, &[Tid(500), Tid(503)]);
        let found: Vec<_> = found.iter().map(|t| (t.tid.0, t.role, t.kernel_thread)).collect();
        assert_eq!(found, [(20, Role::Vhost, true), (21, Role::Io, true)]);
    }

    #[test]
    fn a_user_process_cannot_claim_to_be_one() {
        let mut impostor = process(30, 1, "/bin/sh", &["sh"]);
        impostor.stat.comm = "vhost-500".into();
        let table: Table = [impostor].into_iter().collect();
        assert!(of_vm(&table, &[Tid(500)]).is_empty());
    }
}
