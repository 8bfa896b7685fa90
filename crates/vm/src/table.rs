// SPDX-License-Identifier: MIT OR Apache-2.0
//! One reading of the process table: what every decision of this crate is made from. Decisions on
//! a table need no kernel, so tests write tables of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evenkeel_kernel::process::{self, ProcessError, ProcessId, ThreadStat};
use evenkeel_kernel::{Pid, Tid};

/// One process as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// Its first thread.
    pub stat: ThreadStat,
    /// Who traces it.
    pub tracer: Option<Tid>,
    /// Its program, where it is readable.
    pub exe: Option<PathBuf>,
    /// Its command line.
    pub args: Vec<String>,
}

impl Process {
    pub(crate) fn id(&self) -> ProcessId {
        ProcessId { pid: self.stat.pid, start_ticks: self.stat.start_ticks }
    }

    /// The file name of its program, or of what it was called as where the program is unreadable.
    pub(crate) fn program(&self) -> Option<&str> {
        let called = || self.args.first().and_then(|arg| arg.rsplit('/').next());
        match &self.exe {
            Some(path) => path.file_name()?.to_str(),
            None => called().filter(|name| !name.is_empty()),
        }
    }
}

/// All processes at one moment, as far as reading them one by one makes a moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    processes: BTreeMap<Pid, Process>,
}

impl Table {
    /// Reads the kernel's table. Processes that end meanwhile are left out, zombies too: they run
    /// nothing. The program of another user's process may be unreadable; that is not an error.
    pub(crate) fn read() -> Result<Table, ProcessError> {
        let mut processes = BTreeMap::new();
        for pid in process::all_processes()? {
            match read_process(pid) {
                Ok(Some(process)) => {
                    processes.insert(pid, process);
                }
                Ok(None) => {}
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Table { processes })
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<&Process> {
        self.processes.get(&pid)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.processes.values()
    }

    /// Children of `pid`.
    pub(crate) fn children(&self, pid: Pid) -> impl Iterator<Item = &Process> {
        self.iter().filter(move |process| process.stat.ppid == pid && process.stat.pid != pid)
    }

    /// `pid` and its descendants, smallest number first.
    pub(crate) fn family(&self, pid: Pid) -> Vec<Pid> {
        let mut family = std::collections::BTreeSet::from([pid]);
        let mut frontier = vec![pid];
        while let Some(parent) = frontier.pop() {
            // Reused numbers could form a ring in a table that is not quite one moment.
            let new = self.children(parent).map(|child| child.stat.pid);
            frontier.extend(new.filter(|child| family.insert(*child)));
        }
        family.into_iter().filter(|pid| self.processes.contains_key(pid)).collect()
    }
}

#[cfg(test)]
impl FromIterator<Process> for Table {
    fn from_iter<I: IntoIterator<Item = Process>>(processes: I) -> Table {
        Table { processes: processes.into_iter().map(|p| (p.stat.pid, p)).collect() }
    }
}

fn read_process(pid: Pid) -> Result<Option<Process>, ProcessError> {
    let stat = process::stat(pid.leader())?;
    if stat.kernel_thread {
        return Ok(Some(Process { stat, tracer: None, exe: None, args: Vec::new() }));
    }
    // A zombie leader whose other threads go on is still a process.
    if matches!(stat.state, 'Z' | 'X') && stat.threads <= 1 {
        return Ok(None);
    }
    let readable = |result: Result<Option<PathBuf>, ProcessError>| match result {
        Err(error) if !error.is_gone() => Ok(None),
        other => other,
    };
    Ok(Some(Process {
        tracer: process::tracer(pid.leader())?,
        exe: readable(process::exe(pid))?,
        args: process::cmdline(pid)?,
        stat,
    }))
}

#[cfg(test)]
pub(crate) mod tests {
    use evenkeel_model::CpuIndex;

    use super::*;

    /// A process for tests.
    pub(crate) fn process(pid: u32, ppid: u32, exe: &str, args: &[&str]) -> Process {
        let comm = exe.rsplit('/').next().unwrap_or_default().chars().take(15).collect();
        Process {
            stat: ThreadStat {
                tid: Tid(pid),
                pid: Pid(pid),
                ppid: Pid(ppid),
                comm,
                state: 'S',
                kernel_thread: exe.is_empty(),
                exiting: false,
                bound: false,
                start_ticks: u64::from(pid),
                cpu: CpuIndex(0),
                threads: 1,
                exit_signal: 17,
            },
            tracer: None,
            exe: (!exe.is_empty()).then(|| PathBuf::from(exe)),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        }
    }

    #[test]
    fn this_process_is_in_the_table() {
        let table = Table::read().unwrap();
        let me = table.get(Pid(std::process::id())).unwrap();
        assert!(me.program().is_some());
        assert!(table.family(me.stat.ppid).contains(&me.stat.pid));
    }

    #[test]
    fn a_family_is_found_even_in_a_ring() {
        let table: Table = [(1, 0), (5, 1), (6, 5), (7, 6), (8, 9), (9, 8)]
            .map(|(pid, ppid)| process(pid, ppid, "/bin/a", &["a"]))
            .into_iter()
            .collect();
        assert_eq!(table.family(Pid(5)), [5, 6, 7].map(Pid));
        assert_eq!(table.family(Pid(8)), [8, 9].map(Pid));
        assert_eq!(table.family(Pid(77)), []);
    }

    #[test]
    fn the_program_is_known_without_its_link() {
        let mut process = process(5, 1, "/usr/bin/qemu-system-x86_64", &["/opt/kvm", "-name"]);
        assert_eq!(process.program(), Some("qemu-system-x86_64"));
        process.exe = None;
        assert_eq!(process.program(), Some("kvm"));
        process.args.clear();
        assert_eq!(process.program(), None);
    }
}
