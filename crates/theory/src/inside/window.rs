// SPDX-License-Identifier: MIT OR Apache-2.0
//! The longest busy window inside a server: the time within which the first miss must lie.

use crate::Supply;
use crate::demand::{Numbers, total_request};

/// Steps of one search: fixed points, deadlines looked at, jobs of a busy window. Sets that people
/// write need tens to thousands; beyond this the answer is "undecided", against the asker.
pub(crate) const STEPS_MAX: u32 = 20_000;

/// The least w > 0 with `blocking` + requests(w) <= supply(w): every busy window ends by then.
/// `None` where there is none within the steps.
pub(crate) fn busy_window(tasks: &[Numbers], blocking: u128, supply: Supply) -> Option<u128> {
    fixed_point(1, supply, |window| total_request(tasks, window)?.checked_add(blocking))
}

/// The least fixed point, from `start` upwards, of w = supply⁻¹(demand(w)) for a demand that grows
/// with w; `None` where there is none within the steps.
pub(crate) fn fixed_point(
    start: u128,
    supply: Supply,
    demand: impl Fn(u128) -> Option<u128>,
) -> Option<u128> {
    let mut window = start;
    for _ in 0..STEPS_MAX {
        let next = supply.time_for_ns(demand(window)?)?;
        if next <= window {
            return Some(window);
        }
        window = next;
    }
    None
}
