// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the threads inside a capsule get at least: the supply of one of its servers as a function
//! of time, its inverse, and its bounded-delay form.
//!
//! ```text
//!   supply
//!     |                     ___        budget Q somewhere in the first W of every period P;
//!     |          ___Q______/            the window that sees least begins when a budget that came
//!     |         /                       early is spent, and the next ones come late:
//!     |________/____________ time       gap P + W − 2Q, then Q every P
//!       P+W−2Q
//! ```
//!
//! W = P is the periodic server and the hard constant bandwidth server; W < P is a server of which
//! response-time analysis knows that it has its budget earlier. A *debt* is budget that was taken
//! before the window began and is paid back within it.

use evenkeel_model::{Reservation, Span};
use serde::{Deserialize, Serialize};

/// The least that a server supplies while there is work for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Raw", try_from = "Raw")]
pub struct Supply {
    budget: u64,
    period: u64,
    within: u64,
    debt: u64,
}

/// The wire form.
#[derive(Serialize, Deserialize)]
struct Raw {
    budget_ns: u64,
    period_ns: u64,
    within_ns: u64,
    debt_ns: u64,
}

/// Why four times are no supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a supply needs 0 < budget <= within <= period < 2^63 ns and debt < 2^63 ns")]
pub struct SupplyError;

/// Times beyond 2^63 ns (292 years) are refused, so that every sum below fits 128 bits with room.
const TIME_MAX: u64 = i64::MAX.unsigned_abs();

impl Supply {
    /// A whole CPU: nothing to wait for.
    pub const WHOLE_CPU: Supply = Supply { budget: 1, period: 1, within: 1, debt: 0 };

    /// `budget` within the first `within` of every `period`, for analyses that come from elsewhere
    /// than a [`Reservation`]; the model is that of [`Supply::within`].
    ///
    /// # Errors
    /// Unless `0 < budget <= within <= period < 2^63 ns`.
    pub fn new(budget: Span, period: Span, within: Span) -> Result<Supply, SupplyError> {
        let ns = |span: Span| span.as_ns();
        Raw { budget_ns: ns(budget), period_ns: ns(period), within_ns: ns(within), debt_ns: 0 }
            .try_into()
    }

    /// A periodic server: Q in every period, at any place in it.
    ///
    /// Shin and Lee, "Periodic resource model for compositional real-time guarantees", RTSS 2003,
    /// equation 3. Assumption that Linux breaks: see [`crate::supply_bound`].
    pub fn of_periodic_server(reservation: Reservation) -> Supply {
        let (budget, period) = (reservation.budget().as_ns(), reservation.period().as_ns());
        Supply { budget, period, within: period, debt: 0 }
    }

    /// A hard constant bandwidth server among servers scheduled by deadlines, ΣQ/P <= 1.
    ///
    /// Biondi, Melani and Bertogna, "Hard constant bandwidth server: comprehensive formulation and
    /// critical scenarios", SIES 2014: the supply is that of the periodic server. A wake-up within
    /// a server period (c left, d − t to go, kept only if c·P < (d − t)·Q) is no worse than its
    /// middle: at least Q − c was consumed since d − P, so d − t <= P − Q + c, the c comes by d,
    /// and the gap before the next budget is at most P − Q.
    /// Assumptions that Linux breaks: other scheduling classes and interrupts steal supply; timers
    /// fire late, which [`Supply::with_debt`] covers for the server itself.
    pub fn of_hard_cbs(reservation: Reservation) -> Supply {
        Supply::of_periodic_server(reservation)
    }

    /// A server that has its budget within `within` of each period's start: the explicit deadline
    /// periodic model. `None` unless `budget <= within <= period`.
    ///
    /// Easwaran, Anand and Lee, "Compositional analysis framework using EDP resource models",
    /// RTSS 2007, definition 3. For a deferrable server `within` is its response time
    /// ([`crate::deferrable_response_time`]); that work may arrive in the middle of a period does
    /// not hurt: with a full budget it is served within the response time from then on, and what
    /// is missing from the budget was served since the period began.
    pub fn within(reservation: Reservation, within: Span) -> Option<Supply> {
        let whole = reservation.budget()..=reservation.period();
        whole
            .contains(&within)
            .then(|| Supply { within: within.as_ns(), ..Supply::of_periodic_server(reservation) })
    }

    /// The same server where up to `debt` of a window's supply pays for what was taken before it:
    /// a budget that is charged only at ticks or by a late timer overruns, and the overrun comes
    /// out of the next budget. `None` beyond 2^63 ns.
    ///
    /// Over the periods of a window the server consumes what it is granted, less the debt at its
    /// start, plus that at its end: at most `debt` less than without overruns.
    pub fn with_debt(self, debt: Span) -> Option<Supply> {
        (debt.as_ns() <= TIME_MAX).then_some(Supply { debt: debt.as_ns(), ..self })
    }

    /// Q.
    pub const fn budget(self) -> Span {
        Span::from_ns(self.budget)
    }

    /// P.
    pub const fn period(self) -> Span {
        Span::from_ns(self.period)
    }

    /// The longest wait for anything at all, P + W − 2Q, debt not counted.
    pub(crate) fn gap(self) -> u128 {
        u128::from(self.period) + u128::from(self.within) - 2 * u128::from(self.budget)
    }

    /// What may be owed at the start of a window.
    pub(crate) fn debt(self) -> u128 {
        u128::from(self.debt)
    }

    /// The least supply in any window of length `window`.
    ///
    /// Paper and assumptions: those of the constructor.
    pub fn bound(self, window: Span) -> Span {
        narrow(self.bound_ns(u128::from(window.as_ns())))
    }

    /// [`Supply::bound`] in 128 bits; exact for windows up to 2^64 ns, and then at most the window.
    pub(crate) fn bound_ns(self, window: u128) -> u128 {
        let after = window.saturating_sub(self.gap());
        let (budget, period) = (u128::from(self.budget), u128::from(self.period));
        let whole = after / period * budget + (after % period).min(budget);
        whole.saturating_sub(self.debt())
    }

    /// The shortest window that supplies `demand` for certain, the inverse of [`Supply::bound`];
    /// `None` beyond 2^64 ns.
    ///
    /// Shin and Lee, RTSS 2003 (the "service time bound"); assumptions: those of the constructor.
    pub fn time_for(self, demand: Span) -> Option<Span> {
        let time = self.time_for_ns(u128::from(demand.as_ns()))?;
        u64::try_from(time).ok().map(Span::from_ns)
    }

    /// [`Supply::time_for`] in 128 bits; `None` on overflow of those.
    pub(crate) fn time_for_ns(self, demand: u128) -> Option<u128> {
        if demand == 0 {
            return Some(0);
        }
        let demand = demand.checked_add(self.debt())?;
        let (budget, period) = (u128::from(self.budget), u128::from(self.period));
        // Whole budgets before the one in which the last nanosecond of the demand comes.
        let before = (demand - 1) / budget;
        let rest = demand - before * budget;
        before.checked_mul(period)?.checked_add(self.gap())?.checked_add(rest)
    }

    /// The bounded-delay form: rate Q/P after a delay of P + W − 2Q, debt included.
    ///
    /// Mok, Feng and Chen, "Resource partition for real-time systems", RTAS 2001; that this is the
    /// tightest line below the supply bound, Shin and Lee, "Compositional real-time scheduling
    /// framework", RTSS 2004. Assumptions: those of the constructor.
    pub fn bounded_delay(self) -> BoundedDelay {
        let (budget, period) = (u128::from(self.budget), u128::from(self.period));
        // The line reaches a debt of supply only after debt·P/Q, rounded against the capsule.
        let paying = (self.debt() * period).div_ceil(budget);
        BoundedDelay {
            budget: self.budget,
            period: self.period,
            delay: narrow(self.gap() + paying),
        }
    }
}

/// A supply of at least `budget/period` of a CPU after a delay: α = Q/P as an exact fraction, Δ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundedDelay {
    budget: u64,
    period: u64,
    delay: Span,
}

impl BoundedDelay {
    /// Rate `budget/period` after `delay`; `None` unless `0 < budget <= period < 2^63 ns`.
    pub fn new(budget: Span, period: Span, delay: Span) -> Option<BoundedDelay> {
        let (budget, period) = (budget.as_ns(), period.as_ns());
        let valid = 0 < budget && budget <= period && period <= TIME_MAX;
        valid.then_some(BoundedDelay { budget, period, delay })
    }

    /// α as a fraction in nanoseconds per nanoseconds, not reduced.
    pub const fn rate(self) -> (Span, Span) {
        (Span::from_ns(self.budget), Span::from_ns(self.period))
    }

    /// Δ.
    pub const fn delay(self) -> Span {
        self.delay
    }

    /// ⌊α·(window − Δ)⌋: the least supply, rounded against the capsule.
    ///
    /// Mok, Feng and Chen, RTAS 2001, definition 2.
    pub fn bound(self, window: Span) -> Span {
        let after = u128::from(window.saturating_sub(self.delay).as_ns());
        narrow(after * u128::from(self.budget) / u128::from(self.period))
    }

    /// The periodic server of longest period that supplies this much: P = ⌊Δ/(2(1 − α))⌋,
    /// Q = ⌈α·P⌉. `None` where that is shorter or longer than a reservation may be.
    ///
    /// Shin and Lee, RTSS 2004: 2(P − Q) <= Δ and Q/P >= α. Rounding keeps both: a shorter P and a
    /// larger Q wait less.
    pub fn server(self) -> Option<Reservation> {
        let (q, p) = (u128::from(self.budget), u128::from(self.period));
        let delay = u128::from(self.delay.as_ns());
        let longest = u128::from(evenkeel_model::PERIOD_MAX.as_ns());
        // α = 1 needs no period in particular: the longest that a reservation may have.
        let period = (delay * p).checked_div(2 * (p - q)).map_or(longest, |p| p.min(longest));
        let budget = (q * period).div_ceil(p);
        Reservation::new(narrow(budget), narrow(period)).ok()
    }
}

impl From<Supply> for Raw {
    fn from(supply: Supply) -> Raw {
        let Supply { budget, period, within, debt } = supply;
        Raw { budget_ns: budget, period_ns: period, within_ns: within, debt_ns: debt }
    }
}

impl TryFrom<Raw> for Supply {
    type Error = SupplyError;

    fn try_from(raw: Raw) -> Result<Supply, SupplyError> {
        let Raw { budget_ns: budget, period_ns: period, within_ns: within, debt_ns: debt } = raw;
        let valid = 0 < budget && budget <= within && within <= period && period <= TIME_MAX;
        if valid && debt <= TIME_MAX {
            Ok(Supply { budget, period, within, debt })
        } else {
            Err(SupplyError)
        }
    }
}

/// Back to 64 bits; saturates, which only windows of 584 years reach.
fn narrow(ns: u128) -> Span {
    Span::from_ns(u64::try_from(ns).unwrap_or(u64::MAX))
}
