// SPDX-License-Identifier: MIT OR Apache-2.0
//! The part of one CPU that a reservation takes: budget over period.

use std::fmt;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

use crate::Span;

/// A part of one CPU in parts per billion: 1_000_000_000 is a whole CPU. Sums over several CPUs
/// may exceed one. One part per billion of a 10 s period is 10 ns, finer than any enforcer.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Bandwidth(u64);

impl Bandwidth {
    /// Nothing.
    pub const ZERO: Bandwidth = Bandwidth(0);
    /// One whole CPU.
    pub const ONE: Bandwidth = Bandwidth(1_000_000_000);

    /// `ppb` parts per billion of one CPU.
    pub const fn from_ppb(ppb: u64) -> Bandwidth {
        Bandwidth(ppb)
    }

    /// Parts per billion of one CPU.
    pub const fn as_ppb(self) -> u64 {
        self.0
    }

    /// ⌈budget / period⌉ in parts per billion: rounded against whoever asks for it.
    ///
    /// # Panics
    /// If `period` is zero, which no [`crate::Reservation`] allows.
    pub fn of(budget: Span, period: Span) -> Bandwidth {
        let numerator = u128::from(budget.as_ns()) * u128::from(Self::ONE.0);
        let ppb = numerator.div_ceil(u128::from(period.as_ns()));
        Bandwidth(u64::try_from(ppb).expect("a budget is at most 2^64 ns, its period at least 1"))
    }

    /// ⌊budget / period⌋ in parts per billion: for limits, rounded against whoever draws on them.
    ///
    /// # Panics
    /// If `period` is zero, which no [`crate::Reservation`] allows.
    pub fn at_most(budget: Span, period: Span) -> Bandwidth {
        let numerator = u128::from(budget.as_ns()) * u128::from(Self::ONE.0);
        let ppb = numerator / u128::from(period.as_ns());
        // Saturates beyond 2^64 ppb, 18 billion CPUs; a limit that large limits nothing.
        Bandwidth(u64::try_from(ppb).unwrap_or(u64::MAX))
    }

    /// `self - other`, or nothing where `other` is larger.
    pub const fn saturating_sub(self, other: Bandwidth) -> Bandwidth {
        Bandwidth(self.0.saturating_sub(other.0))
    }

    /// As a floating-point fraction, for display and figures only; verdicts never use it.
    pub fn as_fraction(self) -> f64 {
        // Both are below 2^53 for any host with fewer than nine million CPUs.
        self.0 as f64 / Self::ONE.0 as f64
    }
}

impl Add for Bandwidth {
    type Output = Bandwidth;

    /// Saturates: 2^64 ppb are 18 billion CPUs.
    fn add(self, other: Bandwidth) -> Bandwidth {
        Bandwidth(self.0.saturating_add(other.0))
    }
}

impl Sub for Bandwidth {
    type Output = Bandwidth;

    /// Panics where `other` is larger.
    fn sub(self, other: Bandwidth) -> Bandwidth {
        Bandwidth(self.0.checked_sub(other.0).expect("the subtracted bandwidth is the smaller one"))
    }
}

impl std::iter::Sum for Bandwidth {
    fn sum<I: Iterator<Item = Bandwidth>>(parts: I) -> Bandwidth {
        parts.fold(Bandwidth::ZERO, Add::add)
    }
}

impl fmt::Display for Bandwidth {
    /// Per cent of one CPU with at most one decimal, rounded to nearest: `30 %`, `66.7 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A thousandth of a CPU is 10^6 ppb.
        let per_mille = self.0.saturating_add(500_000) / 1_000_000;
        let text = match per_mille % 10 {
            0 => format!("{} %", per_mille / 10),
            tenth => format!("{}.{tenth} %", per_mille / 10),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_against_the_asker() {
        assert_eq!(Bandwidth::of(Span::from_ns(1), Span::from_ns(3)).as_ppb(), 333_333_334);
        assert_eq!(Bandwidth::at_most(Span::from_ns(1), Span::from_ns(3)).as_ppb(), 333_333_333);
        assert_eq!(Bandwidth::of(Span::from_ms(6), Span::from_ms(20)).to_string(), "30 %");
        assert_eq!(Bandwidth::of(Span::from_ms(2), Span::from_ms(3)).to_string(), "66.7 %");
    }
}
