// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which process exactly: an identity that outlives the reuse of its number.

use std::fmt;
use std::thread::sleep;
use std::time::{Duration, Instant};

use evenkeel_model::Span;
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::{ProcessError, stat, threads};
use crate::pid::Pid;

/// How often [`wait_exit`] looks. Guests take 10 ms and more to end; 5 ms add little to that and
/// cost under one per cent of a CPU.
const WAIT_STEP: Duration = Duration::from_millis(5);

/// One process and no other: its number and when it started. Two processes share both only if
/// the number is reused within one tick (10 ms), which takes a wrap of all process numbers.
///
/// Start ticks count from boot: keep the boot id beside an identity that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: Pid,
    /// When its first thread started, in ticks since boot.
    pub start_ticks: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pid.fmt(f)
    }
}

/// Who has the number `pid` now.
pub fn identity(pid: Pid) -> Result<ProcessId, ProcessError> {
    let stat = stat(pid.leader()).map_err(|error| match error {
        ProcessError::ThreadGone(_) => ProcessError::Gone(pid),
        other => other,
    })?;
    // The number of a thread that is not the first of its process opens in procfs, too.
    if stat.pid != pid {
        return Err(ProcessError::Gone(pid));
    }
    Ok(ProcessId { pid, start_ticks: stat.start_ticks })
}

/// Whether `id` still runs. A zombie does not: it has ended and waits for its parent. A process
/// whose first thread has ended while others go on does.
pub fn is_alive(id: &ProcessId) -> bool {
    let Ok(stat) = stat(id.pid.leader()) else { return false };
    if stat.start_ticks != id.start_ticks || stat.pid != id.pid {
        return false;
    }
    match stat.state {
        'X' | 'x' => false,
        'Z' => threads(id.pid).is_ok_and(|threads| threads.len() > 1),
        _ => true,
    }
}

/// Sends `signal` to exactly this process: a pidfd holds whoever has the number now, then the
/// start time is compared, then the signal goes through the pidfd.
pub fn kill(id: &ProcessId, signal: Signal) -> Result<(), ProcessError> {
    let failed = |errno: Errno| match errno {
        // EINVAL of pidfd_open: the number is that of a thread that is not the first.
        Errno::SRCH | Errno::INVAL => ProcessError::Gone(id.pid),
        errno => {
            ProcessError::Signal { pid: id.pid, signal: signal.as_raw(), source: errno.into() }
        }
    };
    let raw = i32::try_from(id.pid.0).ok().and_then(rustix::process::Pid::from_raw);
    let pid = raw.ok_or(ProcessError::Gone(id.pid))?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    if identity(id.pid)? != *id {
        return Err(ProcessError::Gone(id.pid));
    }
    pidfd_send_signal(pidfd, signal).map_err(failed)
}

/// Waits until `id` has ended, at most `timeout`; false if it still runs then.
pub fn wait_exit(id: &ProcessId, timeout: Span) -> bool {
    let deadline = Instant::now() + timeout.as_duration();
    while is_alive(id) {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(WAIT_STEP);
    }
    true
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_signal_reaches_its_process_and_no_other() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let id = identity(Pid(child.id())).unwrap();
        assert!(is_alive(&id));
        let stranger = ProcessId { start_ticks: id.start_ticks + 1, ..id };
        assert!(!is_alive(&stranger));
        assert!(kill(&stranger, Signal::KILL).unwrap_err().is_gone());
        assert!(is_alive(&id));
        assert!(!wait_exit(&id, Span::from_ms(20)));
        kill(&id, Signal::KILL).unwrap();
        // A zombie until its parent, this test, waits for it.
        assert!(wait_exit(&id, Span::from_s(5)));
        child.wait().unwrap();
        assert!(kill(&id, Signal::KILL).unwrap_err().is_gone());
        assert!(identity(id.pid).is_err());
    }

    #[test]
    fn a_thread_is_not_a_process() {
        std::thread::spawn(|| {
            let tid = crate::sched::current_tid();
            assert!(identity(Pid(tid.0)).unwrap_err().is_gone());
        })
        .join()
        .unwrap();
    }
}
