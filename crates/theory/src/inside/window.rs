// SPDX-License-Identifier: MIT OR Apache-2.0
//! The longest busy window inside a server: the time within which the first miss must lie.

use crate::Supply;
use crate::demand::{Numbers, total_request};

/// Steps of one analysis, of one task or of a whole set: steps of fixed points, deadlines looked at,
/// jobs of a busy window, all together. Sets that people write need tens to thousands; beyond this
/// the answer is "undecided", against the asker. With 64 tasks it is some tens of milliseconds.
pub(crate) const STEPS_MAX: u32 = 20_000;

/// The steps that are left.
pub(crate) struct Steps(u32);

impl Steps {
    /// All of them.
    pub fn all() -> Steps {
        Steps(STEPS_MAX)
    }

    /// Takes one; `None` where none is left.
    pub fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}

/// The least w > 0 with `blocking` + requests(w) <= supply(w): every busy window ends by then.
/// `None` where there is none within the steps.
pub(crate) fn busy_window(
    tasks: &[Numbers],
    blocking: u128,
    supply: Supply,
    steps: &mut Steps,
) -> Option<u128> {
    fixed_point(1, supply, steps, |window| total_request(tasks, window)?.checked_add(blocking))
}

/// The least fixed point, from `start` upwards, of w = supply⁻¹(demand(w)) for a demand that grows
/// with w; `None` where there is none within the steps.
pub(crate) fn fixed_point(
    start: u128,
    supply: Supply,
    steps: &mut Steps,
    demand: impl Fn(u128) -> Option<u128>,
) -> Option<u128> {
    let mut window = start;
    loop {
        steps.take()?;
        let next = supply.time_for_ns(demand(window)?)?;
        if next <= window {
            return Some(window);
        }
        window = next;
    }
}
