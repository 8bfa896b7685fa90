// SPDX-License-Identifier: MIT OR Apache-2.0
//! The smallest reservation that passes a test: the least budget for a period, and the least
//! bandwidth over a range of periods, the cost of switching counted.
//!
//! Nothing is offered because a formula says so: the answer is what the test itself accepted, and
//! the next smaller budget of the grain is what it refused.

use evenkeel_model::{Bandwidth, Reservation, Span};
use serde::Serialize;

use crate::search::smallest;
use crate::{Supply, Task, fits_inside, inside::Scheduler};

/// Most periods tried in one search. Each costs some 24 tests; a thousand of them is a second.
const PERIODS_MAX: u64 = 1_000;

/// What a search looks among.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// The shortest period tried.
    pub period_min: Span,
    /// The longest period tried.
    pub period_max: Span,
    /// The distance of periods tried.
    pub period_step: Span,
    /// Budgets are whole multiples of this: a microsecond where the kernel reads microseconds.
    pub grain: Span,
    /// CPU time that each period of a server costs, whoever pays: the switches into it and out of
    /// it with their cache misses. Added to the budget, since it is charged to it.
    pub overhead: Span,
}

/// Why a grid is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// A step or a grain of nothing.
    #[error("the {0} of a search is zero; it must be above 0")]
    Zero(&'static str),
    /// No period to try.
    #[error("the search has no period to try: its shortest is {0}, its longest {1}")]
    Empty(Span, Span),
    /// Too many periods.
    #[error("the search would try {0} periods; at most {PERIODS_MAX} are tried, use a longer step")]
    TooMany(u64),
}

/// What a search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Smallest {
    /// The reservation, overhead included.
    pub reservation: Reservation,
    /// How many periods were tried.
    pub periods_tried: u64,
    /// At how many of them some budget fits.
    pub periods_fitting: u64,
}

/// The least multiple of `grain` that, as budget every `period`, passes `fits`, and `overhead` on
/// top of it; `None` where not even the whole period does.
///
/// `fits` must accept more than what it accepts: then bisection finds the least (Shin and Lee,
/// RTSS 2003, section 4.2, search the same way; a supply grows with its budget, so all tests of
/// this crate qualify). Should it not, what is found still passed it.
pub fn smallest_budget(
    period: Span,
    grain: Span,
    overhead: Span,
    fits: impl Fn(Reservation) -> bool,
) -> Option<Reservation> {
    let with = |units: u64| {
        let budget = grain.checked_mul(units)?.min(period);
        Reservation::new(budget, period).ok()
    };
    // The last unit may end beyond the period; the whole period stands for it.
    let units_max = period.as_ns().div_ceil(grain.as_ns());
    let units = smallest(1, units_max, |units| with(units).is_some_and(&fits))?;
    let net = with(units)?;
    Reservation::new(net.budget().checked_add(overhead)?, period).ok()
}

/// The reservation of least bandwidth among the periods of `grid` whose budget passes `fits`, the
/// longer period first among equals, since it switches less; `None` where none does.
///
/// Every period of the grid is tried: the least budget over the period falls and rises again with
/// the period, and not smoothly (Lipari and Bini, "A methodology for designing hierarchical
/// scheduling systems", Journal of Embedded Computing 1(2), 2005, who also charge the overhead this
/// way), so nothing less is certain to find the least.
///
/// # Errors
/// If the grid has no periods or too many.
pub fn smallest_reservation(
    grid: &Grid,
    fits: impl Fn(Reservation) -> bool,
) -> Result<Option<Smallest>, GridError> {
    let mut best: Option<Reservation> = None;
    let (mut tried, mut fitting) = (0, 0);
    for period in grid.periods()? {
        tried += 1;
        let Some(found) = smallest_budget(period, grid.grain, grid.overhead, &fits) else {
            continue;
        };
        fitting += 1;
        if best.is_none_or(|best| !less(best, found)) {
            best = Some(found);
        }
    }
    Ok(best.map(|reservation| Smallest {
        reservation,
        periods_tried: tried,
        periods_fitting: fitting,
    }))
}

/// The reservation of least budget every `period` that finishes `work` within `latency` of its
/// arrival, whenever it arrives, if no other work is in the way. `None` where none does.
///
/// The inverse of the supply bound: Shin and Lee, RTSS 2003. Assumptions that Linux breaks: those
/// of [`Supply::of_hard_cbs`].
pub fn smallest_for_latency(
    work: Span,
    latency: Span,
    period: Span,
    grain: Span,
) -> Option<Reservation> {
    let in_time = |reservation| {
        Supply::of_hard_cbs(reservation).time_for(work).is_some_and(|time| time <= latency)
    };
    smallest_budget(period, grain, Span::ZERO, in_time)
}

/// The reservation of least budget every `period` in which `tasks` under `scheduler` are never
/// late. `None` where a whole CPU is not enough.
///
/// The tests and their assumptions: [`crate::misfits`].
pub fn smallest_for_tasks(
    scheduler: Scheduler,
    tasks: &[Task],
    period: Span,
    grain: Span,
) -> Option<Reservation> {
    let fits = |reservation| fits_inside(scheduler, tasks, Supply::of_periodic_server(reservation));
    smallest_budget(period, grain, Span::ZERO, fits)
}

impl Grid {
    /// The periods, shortest first.
    fn periods(&self) -> Result<impl Iterator<Item = Span> + use<>, GridError> {
        let (first, last) = (self.period_min, self.period_max);
        if self.period_step == Span::ZERO {
            return Err(GridError::Zero("step of periods"));
        }
        if self.grain == Span::ZERO {
            return Err(GridError::Zero("grain of budgets"));
        }
        if first > last {
            return Err(GridError::Empty(first, last));
        }
        let step = self.period_step.as_ns();
        let count = ((last - first).as_ns() / step).saturating_add(1);
        if count > PERIODS_MAX {
            return Err(GridError::TooMany(count));
        }
        // k·step is at most last − first.
        Ok((0..count).map(move |k| Span::from_ns(first.as_ns() + k * step)))
    }
}

/// Whether `a` takes less of a CPU than `b`, exactly.
fn less(a: Reservation, b: Reservation) -> bool {
    let product = |x: Reservation, y: Reservation| {
        u128::from(x.budget().as_ns()) * u128::from(y.period().as_ns())
    };
    product(a, b) < product(b, a)
}

impl Smallest {
    /// ⌈Q/P⌉, overhead included.
    pub fn bandwidth(&self) -> Bandwidth {
        self.reservation.bandwidth()
    }
}
