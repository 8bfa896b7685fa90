// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/TID/task/TID/stat` and `/proc/TID/status`: name, parent, state, start, tracer of a thread.

use std::path::Path;

use evenkeel_model::CpuIndex;
use serde::{Deserialize, Serialize};

use super::{ProcessError, process_path, thread_path};
use crate::pid::{Pid, Tid};
use crate::pseudo_file::{self, FileError};

/// PF_KTHREAD (include/linux/sched.h): the thread belongs to the kernel.
const FLAG_KERNEL_THREAD: u64 = 0x0020_0000;
/// PF_EXITING (include/linux/sched.h): the thread is on its way out and has, or will shortly have,
/// left its groups.
const FLAG_EXITING: u64 = 0x4;
/// PF_NO_SETAFFINITY: its affinity and its cgroup are fixed.
const FLAG_BOUND: u64 = 0x0400_0000;

/// What the kernel says about one thread.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadStat {
    /// The thread.
    pub tid: Tid,
    /// Its process (thread group).
    pub pid: Pid,
    /// The parent process; 0 for the first process and for kthreadd.
    pub ppid: Pid,
    /// Its name: at most 15 bytes for a user thread, the whole name for a kernel thread. Anything
    /// may stand in it, parentheses and spaces included.
    pub comm: String,
    /// R, S, D, T, t, Z, X, I as in proc_pid_stat(5).
    pub state: char,
    /// Whether it is a thread of the kernel.
    pub kernel_thread: bool,
    /// Whether it has ended or is on its way out. It counts as in the root group then, and no
    /// group takes it; on its way out it may still wait for CPU time, throttled, for a while.
    pub exiting: bool,
    /// Whether the kernel bound it to its CPUs: neither affinity nor cgroup can be changed.
    pub bound: bool,
    /// When it started, in ticks since boot; with the number it is an identity.
    pub start_ticks: u64,
    /// The CPU it ran on last.
    pub cpu: CpuIndex,
    /// How many threads its process has.
    pub threads: u32,
    /// The signal its parent gets when it ends: 17 (SIGCHLD) after a fork, 0 after a clone that
    /// asked for none, -1 for a thread that is not the first of its process. The kernel sets it to
    /// 17 when the parent ends first.
    pub exit_signal: i32,
}

/// What the kernel says about thread `tid`.
pub fn stat(tid: Tid) -> Result<ThreadStat, ProcessError> {
    let path = thread_path(tid, "stat");
    let text = pseudo_file::read(&path).map_err(|e| ProcessError::of_thread(tid, e))?;
    let line = parse_stat(&path, &text)?;
    let pid = process_of(tid)?;
    Ok(ThreadStat { pid, ..line })
}

/// The process that thread `tid` belongs to.
pub fn process_of(tid: Tid) -> Result<Pid, ProcessError> {
    status_number(tid, "Tgid").map(Pid)
}

/// Who traces `tid` (ptrace), if anybody: how user-mode-linux runs its guests' processes.
pub fn tracer(tid: Tid) -> Result<Option<Tid>, ProcessError> {
    let tracer = status_number(tid, "TracerPid")?;
    Ok((tracer != 0).then_some(Tid(tracer)))
}

fn status_number(tid: Tid, key: &str) -> Result<u32, ProcessError> {
    let path = process_path(Pid(tid.0), "status");
    let text = pseudo_file::read(&path).map_err(|e| ProcessError::of_thread(tid, e))?;
    parse_status(&path, &text, key).map_err(ProcessError::File)
}

/// The number after `key:` in a status file.
fn parse_status(path: &Path, text: &str, key: &str) -> Result<u32, FileError> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| *name == key)
        .and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| FileError::unexpected(path, text, "the lines Tgid and TracerPid"))
}

/// Reads a stat line; `pid` is the thread's own number until the caller knows better.
///
/// The name stands in parentheses and may contain parentheses, spaces and escaped line ends, so
/// it ends at the *last* closing parenthesis.
fn parse_stat(path: &Path, text: &str) -> Result<ThreadStat, FileError> {
    let bad = || FileError::unexpected(path, text, "a stat line of proc_pid_stat(5)");
    let (tid, rest) = text.split_once(" (").ok_or_else(bad)?;
    let (comm, rest) = rest.rsplit_once(')').ok_or_else(bad)?;
    // Field 3 of proc_pid_stat(5) is the first word after the name.
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| words.get(number - 3).copied().ok_or_else(bad);
    fn number<T: std::str::FromStr>(word: &str) -> Option<T> {
        word.parse().ok()
    }
    let tid = tid.parse().map_err(|_| bad())?;
    let flags: u64 = number(field(9)?).ok_or_else(bad)?;
    Ok(ThreadStat {
        tid: Tid(tid),
        pid: Pid(tid),
        ppid: Pid(number(field(4)?).ok_or_else(bad)?),
        comm: comm.to_owned(),
        state: field(3)?.chars().next().ok_or_else(bad)?,
        kernel_thread: flags & FLAG_KERNEL_THREAD != 0,
        exiting: flags & FLAG_EXITING != 0,
        bound: flags & FLAG_BOUND != 0,
        start_ticks: number(field(22)?).ok_or_else(bad)?,
        cpu: CpuIndex(number(field(39)?).ok_or_else(bad)?),
        threads: number(field(20)?).ok_or_else(bad)?,
        exit_signal: number(field(38)?).ok_or_else(bad)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const QEMU: &str = "4711 (CPU 0/KVM) R 1 4700 4700 0 -1 138412352 55 0 0 0 1021 300 0 0 20 0 5 0 \
        86410 2148532224 9011 18446744073709551615 1 1 0 0 0 0 268444224 4096 16963 0 0 0 -1 1 0 0 \
        0 0 0 0 0 0 0 0 0 0 0\n";
    const KTHREAD: &str = "88 (napi/vf0-8193) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 123 0 0 \
        18446744073709551615 0 0 0 0 0 0 0 2147483647 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";

    fn parsed(text: &str) -> ThreadStat {
        parse_stat(Path::new("stat"), text).unwrap()
    }

    #[test]
    fn fields_are_found_by_their_numbers() {
        let vcpu = parsed(QEMU);
        assert_eq!((vcpu.tid, vcpu.ppid, vcpu.state), (Tid(4711), Pid(1), 'R'));
        assert_eq!((vcpu.comm.as_str(), vcpu.start_ticks), ("CPU 0/KVM", 86410));
        assert_eq!((vcpu.cpu, vcpu.threads, vcpu.kernel_thread), (CpuIndex(1), 5, false));
        assert_eq!(vcpu.exit_signal, -1);
        let napi = parsed(KTHREAD);
        assert!(napi.kernel_thread && !napi.bound);
        assert_eq!((napi.comm.as_str(), napi.ppid), ("napi/vf0-8193", Pid(2)));
    }

    #[test]
    fn a_name_may_hold_what_closes_it() {
        let hostile = QEMU.replace("CPU 0/KVM", "a) R 9 (b) S");
        let stat = parsed(&hostile);
        assert_eq!((stat.comm.as_str(), stat.ppid), ("a) R 9 (b) S", Pid(1)));
    }

    #[test]
    fn status_lines_are_found_by_name() {
        let text = "Name:\tlinux.uml\nState:\tt (tracing stop)\nTgid:\t70\nPid:\t77\nPPid:\t1\n\
            TracerPid:\t71\n";
        let path = Path::new("status");
        assert_eq!(parse_status(path, text, "Tgid").unwrap(), 70);
        assert_eq!(parse_status(path, text, "TracerPid").unwrap(), 71);
        assert!(parse_status(path, "Name:\tTgid:\n", "Tgid").is_err());
    }

    #[test]
    fn this_thread_is_found_in_its_process() {
        let tid = crate::sched::current_tid();
        let me = stat(tid).unwrap();
        assert_eq!((me.tid, me.pid), (tid, Pid(std::process::id())));
        assert!(!me.kernel_thread);
        assert_eq!(tracer(tid).unwrap(), None);
    }

    #[test]
    fn a_thread_that_is_not_there_is_gone() {
        assert!(matches!(stat(Tid(u32::MAX)), Err(ProcessError::ThreadGone(Tid(u32::MAX)))));
        assert!(tracer(Tid(u32::MAX)).unwrap_err().is_gone());
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "\\PC*|[0-9]{1,20} \\([a-z() ]*\\)( [0-9A-Z-]{0,3}){0,60}") {
            let _ = parse_stat(Path::new("p"), &text);
            let _ = parse_status(Path::new("p"), &text, "Tgid");
        }

        #[test]
        fn every_name_is_read_back(name in "[a-zA-Z0-9/() -]{0,15}") {
            let text = QEMU.replace("CPU 0/KVM", &name);
            prop_assert_eq!(parsed(&text).comm, name);
        }
    }
}
