// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processes and threads as procfs shows them, and signals that cannot hit a stranger.
//!
//! Numbers are reused: a [`Pid`] names a process only for as long as somebody holds it. What has
//! to survive longer is a [`ProcessId`], the number together with the start time.

mod error;
mod identity;
mod place;
mod stat;
mod time;
mod tree;

use std::path::{Path, PathBuf};

use evenkeel_model::Span;

pub use error::ProcessError;
pub use identity::{ProcessId, identity, is_alive, kill, wait_exit};
pub use place::{namespace_of, netns, working_directory};
pub use stat::{ThreadStat, process_of, stat, tracer};
pub use time::{ThreadTime, cpu_time, run_delay, thread_time};
pub use tree::{all_processes, children, descendants, threads};

use crate::pid::{Pid, Tid};
use crate::pseudo_file;

/// One tick of the times that procfs reports: 1/USER_HZ, and USER_HZ is 100 on every architecture
/// that virtualises (include/uapi/asm-generic/param.h; Alpha and Itanium alone differ), whatever
/// CONFIG_HZ is.
pub const TICK: Span = Span::from_ms(10);

/// The command line of `pid`, argument by argument; empty for a kernel thread and a zombie.
pub fn cmdline(pid: Pid) -> Result<Vec<String>, ProcessError> {
    let path = process_path(pid, "cmdline");
    let bytes = pseudo_file::read_bytes(&path).map_err(|e| ProcessError::of_process(pid, e))?;
    Ok(parse_cmdline(&bytes))
}

/// Arguments end in NUL bytes. A process that rewrote its title may have none at the end.
fn parse_cmdline(bytes: &[u8]) -> Vec<String> {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    if bytes.is_empty() {
        return Vec::new();
    }
    bytes.split(|b| *b == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// The program that `pid` runs; `None` for a kernel thread, and for a zombie.
///
/// A program whose file was deleted or replaced since keeps its path, without the ` (deleted)`
/// that the kernel appends.
pub fn exe(pid: Pid) -> Result<Option<PathBuf>, ProcessError> {
    let path = process_path(pid, "exe");
    match std::fs::read_link(&path) {
        Ok(target) => Ok(Some(without_deleted(target))),
        // A kernel thread has the link, and it leads nowhere; the directory tells it from a
        // process that has gone.
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && process_path(pid, "").exists() => {
            Ok(None)
        }
        Err(source) => {
            Err(ProcessError::of_process(pid, pseudo_file::FileError::Read { path, source }))
        }
    }
}

fn without_deleted(target: PathBuf) -> PathBuf {
    match target.to_str().and_then(|text| text.strip_suffix(" (deleted)")) {
        Some(path) => PathBuf::from(path),
        None => target,
    }
}

/// `/proc/PID/FILE`.
fn process_path(pid: Pid, file: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(file)
}

/// `/proc/TID/task/TID/FILE`: unlike `/proc/TID/FILE` it speaks of the thread alone. The kernel
/// finds `/proc/TID` for every thread, though it lists only the first of each process.
fn thread_path(tid: Tid, file: &str) -> PathBuf {
    let tid = tid.to_string();
    Path::new("/proc").join(&tid).join("task").join(&tid).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_at_their_ends() {
        assert_eq!(parse_cmdline(b"qemu\0-name\0a b\0"), ["qemu", "-name", "a b"]);
        assert_eq!(parse_cmdline(b"a\0\0b\0"), ["a", "", "b"]);
        assert_eq!(parse_cmdline(b"nginx: worker"), ["nginx: worker"]);
        assert!(parse_cmdline(b"").is_empty());
    }

    #[test]
    fn a_replaced_program_keeps_its_path() {
        assert_eq!(without_deleted("/usr/bin/a (deleted)".into()), PathBuf::from("/usr/bin/a"));
        assert_eq!(without_deleted("/usr/bin/a".into()), PathBuf::from("/usr/bin/a"));
    }

    #[test]
    fn a_kernel_thread_has_neither_program_nor_arguments() {
        // kthreadd has been process 2 since Linux 2.6.23; in a PID namespace 2 is something else.
        let Ok(second) = stat(Tid(2)) else { return };
        if second.kernel_thread {
            assert_eq!(exe(Pid(2)).unwrap(), None);
            assert!(cmdline(Pid(2)).unwrap().is_empty());
        }
    }

    #[test]
    fn a_process_that_is_not_there_is_gone() {
        let nobody = Pid(u32::MAX);
        assert!(exe(nobody).unwrap_err().is_gone());
        assert!(cmdline(nobody).unwrap_err().is_gone());
    }
}
