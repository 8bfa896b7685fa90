// SPDX-License-Identifier: MIT OR Apache-2.0
//! A length of time in whole nanoseconds, and its human form with a mandatory unit.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A length of time, nanoseconds, never negative. In JSON a plain integer whose key ends in `_ns`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(u64);

/// Why a text is not a span.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Digits without a unit: `6` could be anything.
    #[error("'{0}' has no unit; write {0}ms, {0}us, {0}ns or {0}s")]
    MissingUnit(String),
    /// A unit that is not ns, us, ms or s.
    #[error("'{text}' has the unknown unit '{unit}'; use ns, us, ms or s")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// What stood where the unit is expected.
        unit: String,
    },
    /// No number, or one that is not a plain decimal.
    #[error("'{0}' is not a time; write for example 6ms or 1.5s")]
    NotANumber(String),
    /// More decimals than nanoseconds can hold.
    #[error("'{0}' is finer than one nanosecond")]
    TooFine(String),
    /// Beyond 2^63 nanoseconds (292 years).
    #[error("'{0}' is longer than any time this program can handle")]
    TooLong(String),
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);

    /// `ns` nanoseconds.
    pub const fn from_ns(ns: u64) -> Span {
        Span(ns)
    }

    /// `us` microseconds; saturates at 2^64 ns.
    pub const fn from_us(us: u64) -> Span {
        Span(us.saturating_mul(1_000))
    }

    /// `ms` milliseconds; saturates at 2^64 ns.
    pub const fn from_ms(ms: u64) -> Span {
        Span(ms.saturating_mul(1_000_000))
    }

    /// `s` seconds; saturates at 2^64 ns.
    pub const fn from_s(s: u64) -> Span {
        Span(s.saturating_mul(1_000_000_000))
    }

    /// Whole nanoseconds.
    pub const fn as_ns(self) -> u64 {
        self.0
    }

    /// Whole microseconds, rounded down.
    pub const fn as_us(self) -> u64 {
        self.0 / 1_000
    }

    /// The same length for `std` interfaces.
    pub const fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0)
    }

    /// `self - other`, or zero where `other` is longer.
    pub const fn saturating_sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }

    /// `self + other`, or `None` beyond 2^64 ns.
    pub const fn checked_add(self, other: Span) -> Option<Span> {
        match self.0.checked_add(other.0) {
            Some(ns) => Some(Span(ns)),
            None => None,
        }
    }

    /// `self * n`, or `None` beyond 2^64 ns.
    pub const fn checked_mul(self, n: u64) -> Option<Span> {
        match self.0.checked_mul(n) {
            Some(ns) => Some(Span(ns)),
            None => None,
        }
    }
}

impl Add for Span {
    type Output = Span;

    /// Panics on overflow: 2^64 ns are 584 years, so overflow is a bug of the caller.
    fn add(self, other: Span) -> Span {
        Span(self.0.checked_add(other.0).expect("a sum of spans stays below 584 years"))
    }
}

impl Sub for Span {
    type Output = Span;

    /// Panics where `other` is longer; use [`Span::saturating_sub`] where that can happen.
    fn sub(self, other: Span) -> Span {
        Span(self.0.checked_sub(other.0).expect("the subtracted span is the shorter one"))
    }
}

impl fmt::Display for Span {
    /// The largest unit that needs at most three decimals, trailing zeros dropped: `6ms`, `1.5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0;
        let (unit_ns, unit) = match ns {
            0 => return f.pad("0ms"),
            1_000_000_000.. if ns.is_multiple_of(1_000_000) => (1_000_000_000, "s"),
            1_000_000.. if ns.is_multiple_of(1_000) => (1_000_000, "ms"),
            1_000.. => (1_000, "us"),
            _ => (1, "ns"),
        };
        let (whole, rest) = (ns / unit_ns, ns % unit_ns);
        if rest == 0 {
            return f.pad(&format!("{whole}{unit}"));
        }
        // unit_ns is at most 10^9 and rest < unit_ns, so thousandths fit easily in 64 bits.
        let thousandths = rest * 1_000 / unit_ns;
        let decimals = format!("{thousandths:03}");
        f.pad(&format!("{whole}.{}{unit}", decimals.trim_end_matches('0')))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    /// Reads `6ms`, `1.5s`, `20000us`, `7ns`. A unit is required; decimals are exact or refused.
    fn from_str(text: &str) -> Result<Span, SpanError> {
        let trimmed = text.trim();
        let split =
            trimmed.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..split], trimmed[split..].trim_start());
        if number.is_empty() || !number.bytes().any(|b| b.is_ascii_digit()) {
            return Err(SpanError::NotANumber(text.to_owned()));
        }
        let unit_ns: u64 = match unit {
            "" => return Err(SpanError::MissingUnit(trimmed.to_owned())),
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            other => {
                return Err(SpanError::UnknownUnit {
                    text: trimmed.to_owned(),
                    unit: other.to_owned(),
                });
            }
        };
        decimal_times(number, unit_ns, text).map(Span)
    }
}

/// `number * unit_ns`, exactly, for a decimal such as `1.5`.
fn decimal_times(number: &str, unit_ns: u64, text: &str) -> Result<u64, SpanError> {
    let not_a_number = || SpanError::NotANumber(text.to_owned());
    let too_long = || SpanError::TooLong(text.to_owned());
    let (whole, decimals) = match number.split_once('.') {
        Some((_, d)) if d.is_empty() || d.contains('.') => return Err(not_a_number()),
        Some((w, d)) => (w, d.trim_end_matches('0')),
        None => (number, ""),
    };
    let whole: u64 = match whole {
        "" => 0,
        w => w.parse().map_err(|_| too_long())?,
    };
    let whole_ns = whole.checked_mul(unit_ns).ok_or_else(too_long)?;
    let mut rest_ns = 0;
    let mut place_ns = unit_ns;
    for digit in decimals.bytes() {
        if !place_ns.is_multiple_of(10) {
            return Err(SpanError::TooFine(text.to_owned()));
        }
        place_ns /= 10;
        rest_ns += u64::from(digit - b'0') * place_ns;
    }
    let ns = whole_ns.checked_add(rest_ns).ok_or_else(too_long)?;
    // 2^63: so that every span also fits in the signed integers that the kernel uses.
    if ns > i64::MAX.unsigned_abs() { Err(too_long()) } else { Ok(ns) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_decimals_are_exact() {
        assert_eq!("6ms".parse(), Ok(Span::from_ms(6)));
        assert_eq!("1.5s".parse(), Ok(Span::from_ms(1500)));
        assert_eq!("20000us".parse(), Ok(Span::from_ms(20)));
        assert_eq!(" 7 ns ".parse(), Ok(Span::from_ns(7)));
        assert_eq!("0.000000001s".parse(), Ok(Span::from_ns(1)));
    }

    #[test]
    fn a_missing_or_unknown_unit_is_named() {
        assert_eq!("6".parse::<Span>(), Err(SpanError::MissingUnit("6".into())));
        let error = "6m".parse::<Span>().unwrap_err().to_string();
        assert_eq!(error, "'6m' has the unknown unit 'm'; use ns, us, ms or s");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "ms", ".", "-6ms", "1.2.3ms", "1.ms"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
        assert_eq!("0.5ns".parse::<Span>(), Err(SpanError::TooFine("0.5ns".into())));
        let long = "99999999999999999999s";
        assert_eq!(long.parse::<Span>(), Err(SpanError::TooLong(long.into())));
    }

    #[test]
    fn display_round_trips_where_it_is_exact() {
        for ns in [1, 999, 1_000, 1_500, 6_000_000, 1_500_000_000, 20_000_001] {
            let span = Span::from_ns(ns);
            let text = span.to_string();
            if ns != 20_000_001 {
                assert_eq!(text.parse(), Ok(span), "{text}");
            }
        }
    }
}
