// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tasks demand at most: jobs that must be finished within a window, jobs that can ask for
//! time in it, and the long-run load against a supply's rate.

use evenkeel_model::Span;

use crate::{Supply, Task};

/// Numbers of one task in 128 bits, where no sum of a few of them overflows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// C.
    pub wcet: u128,
    /// T.
    pub period: u128,
    /// D.
    pub deadline: u128,
    /// J.
    pub jitter: u128,
}

impl From<&Task> for Numbers {
    fn from(task: &Task) -> Numbers {
        let wide = |span: Span| u128::from(span.as_ns());
        Numbers {
            wcet: wide(task.wcet()),
            period: wide(task.period()),
            deadline: wide(task.deadline()),
            jitter: wide(task.jitter()),
        }
    }
}

impl Numbers {
    /// The most that jobs with release and deadline in a window of `window` demand:
    /// (⌊(window + J − D)/T⌋ + 1)·C, nothing for window + J < D. `None` beyond 2^128.
    pub fn demand(&self, window: u128) -> Option<u128> {
        let Some(after) = (window + self.jitter).checked_sub(self.deadline) else {
            return Some(0);
        };
        (after / self.period + 1).checked_mul(self.wcet)
    }

    /// The most that jobs released in a window of `window` ask for: ⌈(window + J)/T⌉·C. `None`
    /// beyond 2^128.
    pub fn request(&self, window: u128) -> Option<u128> {
        if window == 0 {
            return Some(0);
        }
        (window + self.jitter).div_ceil(self.period).checked_mul(self.wcet)
    }
}

/// The numbers of `tasks`.
pub(crate) fn numbers(tasks: &[Task]) -> Vec<Numbers> {
    tasks.iter().map(Numbers::from).collect()
}

/// The demand of all, `None` beyond 2^128.
pub(crate) fn total_demand(tasks: &[Numbers], window: u128) -> Option<u128> {
    tasks.iter().try_fold(0_u128, |sum, task| sum.checked_add(task.demand(window)?))
}

/// The requests of all, `None` beyond 2^128.
pub(crate) fn total_request(tasks: &[Numbers], window: u128) -> Option<u128> {
    tasks.iter().try_fold(0_u128, |sum, task| sum.checked_add(task.request(window)?))
}

/// The demand bound function: the most time that jobs with both release and deadline in one window
/// of length `window` need. Saturates at 2^64 ns.
///
/// Baruah, Rosier and Howell, "Algorithms and complexity concerning the preemptive scheduling of
/// periodic, real-time tasks on one processor", Real-Time Systems 2, 1990, lemma 3 (arbitrary
/// deadlines); with release jitter, Spuri, INRIA report 2772, 1996.
/// Assumptions that Linux breaks: `wcet` includes no interrupt that the kernel happens to charge to
/// the thread, and no cost of the switch.
pub fn demand_bound(tasks: &[Task], window: Span) -> Span {
    narrow(total_demand(&numbers(tasks), u128::from(window.as_ns())))
}

/// The request bound function: the most time that jobs released in one window of length `window`
/// ask for. Saturates at 2^64 ns.
///
/// Lehoczky, Sha and Ding, "The rate monotonic scheduling algorithm: exact characterization and
/// average case behavior", RTSS 1989; with jitter, Audsley et al., Software Engineering Journal
/// 8(5), 1993. Assumptions that Linux breaks: those of [`demand_bound`].
pub fn request_bound(tasks: &[Task], window: Span) -> Span {
    narrow(total_request(&numbers(tasks), u128::from(window.as_ns())))
}

fn narrow(ns: Option<u128>) -> Span {
    Span::from_ns(ns.and_then(|ns| u64::try_from(ns).ok()).unwrap_or(u64::MAX))
}

/// Binary places of a load: 2^-40 is finer than one nanosecond in a quarter of an hour, and leaves
/// 128-bit products of two times and a load in range.
const LOAD_BITS: u32 = 40;

/// How the long-run load Σ C/T stands to the rate Q/P.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// At most the rate; the difference is at least `slack`·2^-40, which may be 0.
    Within {
        /// The difference, rounded down.
        slack: u128,
    },
    /// Above the rate.
    Above,
    /// Closer to the rate than the arithmetic can tell.
    Unknown,
}

/// Compares the load of `tasks` with the rate of `supply`: first rounded outwards, then exactly
/// over the least common multiple of all periods where that is below 2^63.
pub(crate) fn load(tasks: &[Numbers], supply: Supply) -> Load {
    let (budget, period) = (supply.budget().as_ns(), supply.period().as_ns());
    let rate = (u128::from(budget) << LOAD_BITS, u128::from(period));
    let (mut up, mut down) = (0_u128, 0_u128);
    for task in tasks {
        // C <= 2^63, so the shifted value stays below 2^103; a sum of 2^24 of them fits.
        let scaled = task.wcet << LOAD_BITS;
        up += scaled.div_ceil(task.period);
        down += scaled / task.period;
    }
    if up <= rate.0 / rate.1 {
        return Load::Within { slack: rate.0 / rate.1 - up };
    }
    if down > rate.0.div_ceil(rate.1) {
        return Load::Above;
    }
    match exact_load(tasks, supply) {
        Some(true) => Load::Within { slack: 0 },
        Some(false) => Load::Above,
        None => Load::Unknown,
    }
}

/// Whether Σ C·H/T <= Q·H/P for H the least common multiple of all periods.
fn exact_load(tasks: &[Numbers], supply: Supply) -> Option<bool> {
    let hyperperiod = hyperperiod(tasks, supply)?;
    let rate = |wcet: u128, period: u128| wcet.checked_mul(hyperperiod / period);
    let needed = tasks
        .iter()
        .try_fold(0_u128, |sum, task| sum.checked_add(rate(task.wcet, task.period)?))?;
    let given = rate(u128::from(supply.budget().as_ns()), u128::from(supply.period().as_ns()))?;
    Some(needed <= given)
}

/// The least common multiple of all periods, the server's among them, where it is below 2^63.
pub(crate) fn hyperperiod(tasks: &[Numbers], supply: Supply) -> Option<u128> {
    let server = u128::from(supply.period().as_ns());
    tasks.iter().try_fold(server, |multiple, task| {
        let multiple = (multiple / divisor(multiple, task.period)).checked_mul(task.period)?;
        (multiple < 1 << 63).then_some(multiple)
    })
}

/// The greatest common divisor; Euclid, at most 2·64 steps below 2^64.
fn divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A window beyond which demand stays below supply for good: with U the load, α the rate,
/// (Σ U_i·max(0, T_i + J_i − D_i) + α·gap + debt) / (α − U), rounded up. `None` without slack.
///
/// The line above the demand, Baruah, Mok and Rosier, RTSS 1990; the line below the supply,
/// [`Supply::bounded_delay`]; where they meet, Shin and Lee, RTSS 2003, theorem 1.
pub(crate) fn linear_horizon(tasks: &[Numbers], supply: Supply, slack: u128) -> Option<u128> {
    let mut above = supply.debt() << LOAD_BITS;
    for task in tasks {
        let early = (task.period + task.jitter).saturating_sub(task.deadline);
        let load = (task.wcet << LOAD_BITS).div_ceil(task.period);
        above = above.checked_add(load.checked_mul(early)?)?;
    }
    let budget = u128::from(supply.budget().as_ns());
    let rate = (budget << LOAD_BITS).div_ceil(u128::from(supply.period().as_ns()));
    // The rate is at most 2^40, the gap below 2^65.
    above.checked_add(rate * supply.gap())?.checked_add(slack.checked_sub(1)?)?.checked_div(slack)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(c: u64, t: u64, d: u64) -> Task {
        let ns = Span::from_ns;
        Task::new("t", ns(c), ns(t), ns(d)).unwrap()
    }

    #[test]
    fn demand_steps_at_deadlines_and_requests_at_arrivals() {
        let set = [task(2, 5, 4), task(1, 3, 7)];
        let demand = |t| demand_bound(&set, Span::from_ns(t)).as_ns();
        let steps: Vec<u64> = (0..=10).map(demand).collect();
        // Deadlines of the first at 4 and 9, of the second at 7 and 10.
        assert_eq!(steps, [0, 0, 0, 0, 2, 2, 2, 3, 3, 5, 6]);
        let request = |t| request_bound(&set, Span::from_ns(t)).as_ns();
        assert_eq!([0, 1, 3, 4, 5, 6].map(request), [0, 3, 3, 4, 4, 6]);
    }

    #[test]
    fn loads_are_compared_exactly_where_they_meet() {
        let third = Numbers::from(&task(1, 3, 3));
        let whole = Supply::WHOLE_CPU;
        assert_eq!(load(&[third; 3], whole), Load::Within { slack: 0 });
        assert_eq!(load(&[third; 4], whole), Load::Above);
        let more = Numbers::from(&task(1, 3_000_000_000, 3));
        assert_eq!(load(&[third, third, third, more], whole), Load::Above);
        assert!(matches!(load(&[third; 2], whole), Load::Within { slack } if slack > 0));
    }
}
