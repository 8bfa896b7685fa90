// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clocks of workloads, in nanoseconds.

use rustix::thread::{ClockId as SleepClock, clock_nanosleep_absolute};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// CLOCK_MONOTONIC.
pub fn now() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// What the calling thread has executed.
pub fn executed() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// Sleeps until `moment` of CLOCK_MONOTONIC, signals or not.
pub fn sleep_until(moment: u64) {
    while now() < moment {
        let seconds = i64::try_from(moment / 1_000_000_000).unwrap_or(i64::MAX);
        let nanos = i64::try_from(moment % 1_000_000_000).unwrap_or(0);
        let until = Timespec { tv_sec: seconds, tv_nsec: nanos };
        // An interrupted sleep is begun again by the loop.
        let _ = clock_nanosleep_absolute(SleepClock::Monotonic, &until);
    }
}

fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
