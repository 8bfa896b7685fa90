// SPDX-License-Identifier: MIT OR Apache-2.0
//! RSV(Q, P): budget Q every period P on each CPU of a CPU set, a guarantee and a limit.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Bandwidth, Span};

/// Shortest period accepted. Below one millisecond the timer ticks of common kernels (1 to 10 ms)
/// are longer than the whole period and no enforcer can keep a budget.
pub const PERIOD_MIN: Span = Span::from_ms(1);
/// Longest period accepted. A VM that waits longer than this for its next budget looks dead to its
/// peers (TCP gives up, guest watchdogs bark after 10 to 20 s).
pub const PERIOD_MAX: Span = Span::from_s(10);

/// A hard reservation: `0 < budget <= period`, period within [`PERIOD_MIN`] and [`PERIOD_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Reservation {
    budget: Span,
    period: Span,
}

/// The wire form, before the checks.
#[derive(Serialize, Deserialize)]
struct Raw {
    budget_ns: Span,
    period_ns: Span,
}

/// Why a budget and a period do not make a reservation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReservationError {
    /// A budget of nothing.
    #[error("the budget is zero; a reservation needs a budget above 0 and at most its period")]
    ZeroBudget,
    /// A period of nothing.
    #[error("the period is zero; use one from {PERIOD_MIN} to {PERIOD_MAX}")]
    ZeroPeriod,
    /// More budget than there is time.
    #[error(
        "the budget {budget} is longer than the period {period}; lower the budget to at most {period}"
    )]
    BudgetAbovePeriod {
        /// The budget asked for.
        budget: Span,
        /// The period asked for.
        period: Span,
    },
    /// A period outside the accepted range.
    #[error(
        "the period {0} is outside the accepted range; use one from {PERIOD_MIN} to {PERIOD_MAX}"
    )]
    PeriodOutOfRange(Span),
}

impl Reservation {
    /// Checks the ranges. Errors name the value and what would be accepted.
    pub fn new(budget: Span, period: Span) -> Result<Reservation, ReservationError> {
        if period == Span::ZERO {
            return Err(ReservationError::ZeroPeriod);
        }
        if !(PERIOD_MIN..=PERIOD_MAX).contains(&period) {
            return Err(ReservationError::PeriodOutOfRange(period));
        }
        if budget == Span::ZERO {
            return Err(ReservationError::ZeroBudget);
        }
        if budget > period {
            return Err(ReservationError::BudgetAbovePeriod { budget, period });
        }
        Ok(Reservation { budget, period })
    }

    /// Q, the time granted in each period.
    pub const fn budget(self) -> Span {
        self.budget
    }

    /// P.
    pub const fn period(self) -> Span {
        self.period
    }

    /// ⌈Q/P⌉ in parts per billion.
    pub fn bandwidth(self) -> Bandwidth {
        Bandwidth::of(self.budget, self.period)
    }
}

impl TryFrom<Raw> for Reservation {
    type Error = ReservationError;

    fn try_from(raw: Raw) -> Result<Reservation, ReservationError> {
        Reservation::new(raw.budget_ns, raw.period_ns)
    }
}

impl From<Reservation> for Raw {
    fn from(reservation: Reservation) -> Raw {
        Raw { budget_ns: reservation.budget, period_ns: reservation.period }
    }
}

impl fmt::Display for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} every {}", self.budget, self.period))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(budget: u64, period: u64) -> Result<Reservation, ReservationError> {
        Reservation::new(Span::from_ms(budget), Span::from_ms(period))
    }

    #[test]
    fn ranges_are_checked_once_here() {
        assert_eq!(ms(6, 20).unwrap().to_string(), "6ms every 20ms");
        assert_eq!(ms(0, 20), Err(ReservationError::ZeroBudget));
        assert_eq!(ms(6, 0), Err(ReservationError::ZeroPeriod));
        assert!(matches!(ms(21, 20), Err(ReservationError::BudgetAbovePeriod { .. })));
        assert!(matches!(ms(1, 10_001), Err(ReservationError::PeriodOutOfRange(_))));
        let too_short = Reservation::new(Span::from_us(1), Span::from_us(999));
        assert!(matches!(too_short, Err(ReservationError::PeriodOutOfRange(_))));
        assert!(ms(20, 20).is_ok());
    }

    #[test]
    fn json_has_units_in_its_keys_and_is_checked() {
        let json = serde_json::to_string(&ms(6, 20).unwrap()).unwrap();
        assert_eq!(json, r#"{"budget_ns":6000000,"period_ns":20000000}"#);
        assert!(serde_json::from_str::<Reservation>(r#"{"budget_ns":2,"period_ns":1}"#).is_err());
    }
}
