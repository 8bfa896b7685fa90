// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/TID/task/TID/schedstat`: CPU time of a thread to the nanosecond, and how long it waited.

use std::path::Path;

use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

use super::{ProcessError, thread_path};
use crate::pid::Tid;
use crate::pseudo_file::{self, FileError};

/// Time a thread had and time it wanted, since its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadTime {
    /// Time on a CPU. The kernel brings it up to date at each tick and each switch, so that of a
    /// running thread lags by at most one tick.
    #[serde(rename = "cpu_ns")]
    pub cpu: Span,
    /// Time runnable and not running. Time throttled counts only where the thread stays queued.
    #[serde(rename = "run_delay_ns")]
    pub run_delay: Span,
}

/// Both times of `tid`; zero on a kernel without CONFIG_SCHED_INFO, which none of the
/// distributions build.
pub fn thread_time(tid: Tid) -> Result<ThreadTime, ProcessError> {
    let path = thread_path(tid, "schedstat");
    let text = pseudo_file::read(&path).map_err(|e| ProcessError::of_thread(tid, e))?;
    Ok(parse(&path, &text)?)
}

/// Time that `tid` was on a CPU.
pub fn cpu_time(tid: Tid) -> Result<Span, ProcessError> {
    Ok(thread_time(tid)?.cpu)
}

/// Time that `tid` was runnable and had to wait.
pub fn run_delay(tid: Tid) -> Result<Span, ProcessError> {
    Ok(thread_time(tid)?.run_delay)
}

fn parse(path: &Path, text: &str) -> Result<ThreadTime, FileError> {
    let bad = || FileError::unexpected(path, text, "nanoseconds run, nanoseconds waited, runs");
    let mut words = text.split_ascii_whitespace();
    let mut next = || -> Result<Span, FileError> {
        Ok(Span::from_ns(words.next().and_then(|w| w.parse().ok()).ok_or_else(bad)?))
    };
    Ok(ThreadTime { cpu: next()?, run_delay: next()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_numbers_count() {
        let time = parse(Path::new("schedstat"), "1204331 88001 17\n").unwrap();
        assert_eq!(time.cpu, Span::from_ns(1_204_331));
        assert_eq!(time.run_delay, Span::from_ns(88_001));
        for text in ["", "1", "-1 2 3", "a b c"] {
            assert!(parse(Path::new("schedstat"), text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn work_is_counted_to_the_thread_that_did_it() {
        let worker = std::thread::spawn(|| {
            let tid = crate::sched::current_tid();
            let before = cpu_time(tid).unwrap();
            let mut sum = 0u64;
            // Ten milliseconds of work on any machine of this century.
            for i in 0..20_000_000u64 {
                sum = std::hint::black_box(sum ^ i);
            }
            std::thread::yield_now();
            (tid, cpu_time(tid).unwrap().saturating_sub(before))
        });
        let (tid, spent) = worker.join().unwrap();
        assert!(spent > Span::from_us(100), "{spent}");
        assert!(cpu_time(tid).unwrap_err().is_gone());
    }
}
