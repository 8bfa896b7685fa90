// SPDX-License-Identifier: MIT OR Apache-2.0
//! A point in time, nanoseconds since an origin that the caller chose. Nobody in the pure ring asks
//! what time it is: an instant is always an argument.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::Span;

/// A point in time. Instants of different origins must not meet; a driver has one origin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The origin.
    pub const ORIGIN: Instant = Instant(0);
    /// Later than anything that happens: 584 years after the origin.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// `ns` nanoseconds after the origin.
    pub const fn from_ns(ns: u64) -> Instant {
        Instant(ns)
    }

    /// Nanoseconds since the origin.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// The length of time since the origin.
    pub const fn since_origin(self) -> Span {
        Span::from_ns(self.0)
    }

    /// `self + span`, or [`Instant::NEVER`] where that is later.
    pub const fn saturating_add(self, span: Span) -> Instant {
        Instant(self.0.saturating_add(span.as_ns()))
    }

    /// `self - span`, or the origin where that is earlier.
    pub const fn saturating_sub(self, span: Span) -> Instant {
        Instant(self.0.saturating_sub(span.as_ns()))
    }

    /// `self + span`, or `None` beyond 2^64 ns.
    pub const fn checked_add(self, span: Span) -> Option<Instant> {
        match self.0.checked_add(span.as_ns()) {
            Some(ns) => Some(Instant(ns)),
            None => None,
        }
    }

    /// From `earlier` to `self`, or no time at all where `earlier` is the later one.
    pub const fn saturating_since(self, earlier: Instant) -> Span {
        Span::from_ns(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Span> for Instant {
    type Output = Instant;

    /// Panics on overflow: 2^64 ns are 584 years, so overflow is a bug of the caller.
    fn add(self, span: Span) -> Instant {
        self.checked_add(span).expect("an instant stays within 584 years of its origin")
    }
}

impl Sub for Instant {
    type Output = Span;

    /// Panics where `earlier` is the later one; use [`Instant::saturating_since`] where that can
    /// happen.
    fn sub(self, earlier: Instant) -> Span {
        Span::from_ns(self.0.checked_sub(earlier.0).expect("the subtracted instant is earlier"))
    }
}

impl fmt::Display for Instant {
    /// The time since the origin, in the form of [`Span`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Instant::NEVER {
            return f.pad("never");
        }
        fmt::Display::fmt(&self.since_origin(), f)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_exact_or_saturates_where_it_says_so() {
        let (a, b) = (Instant::from_ns(5), Instant::from_ns(8));
        assert_eq!(b - a, Span::from_ns(3));
        assert_eq!(a + Span::from_ns(3), b);
        assert_eq!(a.saturating_since(b), Span::ZERO);
        assert_eq!(a.saturating_sub(Span::from_ns(9)), Instant::ORIGIN);
        assert_eq!(Instant::NEVER.saturating_add(Span::from_ns(1)), Instant::NEVER);
        assert_eq!(Instant::NEVER.checked_add(Span::from_ns(1)), None);
        assert_eq!(Instant::from_ns(6_000_000).to_string(), "6ms");
        assert_eq!(Instant::NEVER.to_string(), "never");
    }
}
