// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a capsule on several CPUs gets at least: the multiprocessor periodic resource ⟨Π, Θ, m'⟩,
//! and the servers that implement it, one a CPU.
//!
//! ⟨Π, Θ, m'⟩ promises Θ in every Π, from at most m' CPUs at a time. The window that sees least:
//!
//! ```text
//!   CPUs m' |####|                          |####|    a budget all at the start of its period,
//!           |####|___________ window _______|####|    the next all at the end of its own
//!           period             period
//! ```

use evenkeel_model::{Reservation, Span};

use crate::Supply;

/// A multiprocessor periodic resource ⟨Π, Θ, m'⟩.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiSupply {
    period: u64,
    budget: u64,
    cpus: u32,
}

impl MultiSupply {
    /// Θ = `budget` in every Π = `period` from at most m' = `cpus` CPUs at a time. `None` unless
    /// 0 < Θ <= m'·Π, Π < 2^63 ns and m' <= 8192.
    pub fn new(period: Span, budget: Span, cpus: u32) -> Option<MultiSupply> {
        let (period, budget) = (period.as_ns(), budget.as_ns());
        let most = u128::from(period) * u128::from(cpus);
        let valid = 0 < budget
            && u128::from(budget) <= most
            && period <= i64::MAX.unsigned_abs()
            && cpus <= evenkeel_model::CPU_INDEX_MAX + 1;
        valid.then_some(MultiSupply { period, budget, cpus })
    }

    /// The least supply, of all CPUs together, in any window of length `window`.
    ///
    /// Shin, Easwaran and Lee, "Hierarchical scheduling framework for virtual clustering of
    /// multiprocessors", ECRTS 2008, lemma 1; here not in their closed form but as what it stands
    /// for: the least, over where the window begins, of the end of a budget that comes as early
    /// as it can, whole budgets, and the beginning of one that comes as late as it can. Both parts
    /// are piecewise linear in the beginning, so the least lies at one of their corners.
    ///
    /// Assumptions that Linux breaks: none of its enforcers replenishes the servers of one capsule
    /// at the same moment, so real capsules are analysed by [`Supply`] per CPU, summed; interrupts
    /// and other classes steal supply.
    pub fn bound(self, window: Span) -> Span {
        let window = u128::from(window.as_ns());
        let (period, budget) = (u128::from(self.period), u128::from(self.budget));
        let cpus = u128::from(self.cpus);
        // The budget's length on all CPUs at once, and with the last one partly used.
        let (whole, ceil) = (budget / cpus, budget.div_ceil(cpus));
        // Corners: of the early budget, and of the late one at the window's other end.
        let early = [0, whole, ceil, period];
        let late = [0, period - ceil, period - whole, period];
        let from_end = late.map(|at| (at + period - window % period) % period);
        let beginnings = early.into_iter().chain(from_end).chain(from_end.map(|at| at + period));
        let least = beginnings.filter(|&b| b <= period).map(|b| self.supply_from(b, window)).min();
        let inside_one_period = (window <= period).then(|| self.late(window));
        let least = least.into_iter().chain(inside_one_period).min().unwrap_or(0);
        Span::from_ns(u64::try_from(least).unwrap_or(u64::MAX))
    }

    /// The supply of a window that begins `beginning` into a period whose budget comes early and
    /// ends in one whose budget comes late.
    fn supply_from(self, beginning: u128, window: u128) -> u128 {
        let (period, budget) = (u128::from(self.period), u128::from(self.budget));
        let rest = period - beginning;
        if window <= rest {
            return self.early(beginning + window) - self.early(beginning);
        }
        let after = window - rest;
        let first = budget - self.early(beginning);
        // The last period is entered or just ended; a whole one may count either way.
        first + after / period * budget + self.late(after % period)
    }

    /// What a budget that comes as early as it can has supplied by `time` into its period.
    fn early(self, time: u128) -> u128 {
        (u128::from(self.cpus) * time).min(u128::from(self.budget))
    }

    /// What a budget that comes as late as it can has supplied by `time` into its period.
    fn late(self, time: u128) -> u128 {
        let rest = u128::from(self.cpus) * (u128::from(self.period) - time);
        u128::from(self.budget).saturating_sub(rest)
    }

    /// The servers that implement it, one on each of m' CPUs: (⌈Θ/m'⌉, Π), rounded up so that they
    /// supply no less. `None` where that is no reservation.
    ///
    /// Easwaran, Shin and Lee, "Optimal virtual cluster-based multiprocessor scheduling",
    /// Real-Time Systems 43(1), 2009, section 4.3 (which gives the remainder to some CPUs only).
    pub fn server(self) -> Option<Reservation> {
        let budget = Span::from_ns(self.budget.div_ceil(u64::from(self.cpus)));
        Reservation::new(budget, Span::from_ns(self.period)).ok()
    }
}

/// The least supply, of all servers together, in any window of length `window`: the sum, since
/// nothing says that their periods are aligned. Saturates at 2^64 ns.
///
/// Bini, Buttazzo and Bertogna, "The multi supply function abstraction for multiprocessors", RTCSA
/// 2009 (the sum of independent supplies is the parallel supply at full parallelism). Assumptions
/// that Linux breaks: those of the [`Supply`] constructors, and that a thread ready on one CPU of
/// the capsule starts at once on another that is free: migration takes its time.
pub fn parallel_supply(supplies: &[Supply], window: Span) -> Span {
    let window = u128::from(window.as_ns());
    let sum = supplies.iter().fold(0_u128, |sum, s| sum.saturating_add(s.bound_ns(window)));
    Span::from_ns(u64::try_from(sum).unwrap_or(u64::MAX))
}
