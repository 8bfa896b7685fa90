// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clock of the lab: CLOCK_MONOTONIC, as points in time that are not spans, and sleeping until
//! one of them. Generators release work at absolute times; a sleep for a span would add up its own
//! lateness.

use std::ops::Add;

use evenkeel_model::Span;
use rustix::io::Errno;
use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

/// A point in time on CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Span);

impl Moment {
    /// Now.
    pub fn now() -> Moment {
        Moment(span_of(clock_gettime(ClockId::Monotonic)))
    }

    /// What has passed since `earlier`; nothing where `earlier` is still to come.
    pub const fn since(self, earlier: Moment) -> Span {
        self.0.saturating_sub(earlier.0)
    }

    /// As the kernel takes it.
    pub(crate) fn timespec(self) -> Timespec {
        let ns = self.0.as_ns();
        // Seconds since boot fit 34 bits of the 63, the rest is below 10^9.
        Timespec {
            tv_sec: i64::try_from(ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(ns % 1_000_000_000).unwrap_or(0),
        }
    }
}

impl Add<Span> for Moment {
    type Output = Moment;

    fn add(self, span: Span) -> Moment {
        Moment(self.0 + span)
    }
}

/// Sleeps until `moment`; returns at once where it has passed.
pub fn sleep_until(moment: Moment) {
    // A signal interrupts the sleep; anything else would be a clock that does not exist.
    while clock_nanosleep_absolute(ClockId::Monotonic, &moment.timespec()) == Err(Errno::INTR) {}
}

/// CPU time that the calling thread has had, to the nanosecond and without the lag of a tick that
/// readings from outside have.
pub fn own_cpu_time() -> Span {
    span_of(clock_gettime(ClockId::ThreadCPUTime))
}

/// None of the clocks used here is ever negative.
fn span_of(time: Timespec) -> Span {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Span::from_s(seconds) + Span::from_ns(u64::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_after_its_moment() {
        let begin = Moment::now();
        let end = begin + Span::from_ms(3);
        sleep_until(end);
        assert!(Moment::now() >= end);
        assert_eq!(begin.since(end), Span::ZERO);
        assert_eq!(end.since(begin), Span::from_ms(3));
        sleep_until(begin);
    }

    #[test]
    fn a_moment_is_split_into_seconds_and_the_rest() {
        let moment = Moment(Span::from_ns(3_000_000_007));
        let time = moment.timespec();
        assert_eq!((time.tv_sec, time.tv_nsec), (3, 7));
        assert_eq!(span_of(time), Span::from_ns(3_000_000_007));
    }

    #[test]
    fn only_own_work_is_own_cpu_time() {
        let before = own_cpu_time();
        sleep_until(Moment::now() + Span::from_ms(20));
        assert!(own_cpu_time().saturating_sub(before) < Span::from_ms(10));
    }
}
