// SPDX-License-Identifier: MIT OR Apache-2.0
//! Partitioned placement: which CPUs give each capsule its servers.
//!
//! ```text
//!   Site (CPUs, what is held, the enforcer's rule) + Wanted (reservation, how many CPUs, where)
//!     -> place(method) -> Placement: who is where, who is nowhere and why, what would fit
//! ```
//!
//! A capsule has one server on each of its CPUs and they never move: partitioned, so each CPU is
//! judged by itself, with the test that is valid for the enforcer ([`Rule`]). Which capsule goes
//! where is then bin packing, NP-hard in the strong sense (Garey and Johnson, *Computers and
//! Intractability*, 1979, problem SR1), so there are three quick methods that can miss a placement
//! (first, best and worst fit, the largest first) and one that cannot, for small cases
//! ([`Method::Exact`]).
//!
//! What this module refuses to do: split a budget between CPUs, or move what is held.

mod bound;
mod exact;
mod item;
mod obstacle;
mod outcome;
mod packing;
mod quick;
mod site;
mod words;

pub use bound::always_placed_up_to;
pub use exact::{EXACT_WANTED_MAX, NODES_MAX};
pub use obstacle::{Obstacle, Unplaced};
pub use outcome::{CpuLoad, Placement, Proof};
pub use site::{EDF_LIMIT, Method, PlacementError, Rule, Site, Wanted};

use item::items;
use packing::Packing;

/// Places as many of `wanted` as `method` can, beside what `site` holds.
///
/// The tests: [`Rule`]. Quick methods take the largest first, those without a choice before all
/// others, and never take back what they placed. Papers: Johnson, *Near-optimal bin packing
/// algorithms*, MIT 1973 (first and best fit decreasing); Lopez, Diaz and Garcia, Real-Time Systems
/// 28(1), 2004 (what they guarantee for EDF, see [`always_placed_up_to`]). The exact one is a
/// branch and bound in the manner of Martello and Toth, *Knapsack Problems*, 1990, chapter 8. It
/// places the most bandwidth that can be placed, and of all ways to do that one on the fewest CPUs.
///
/// Assumption that Linux breaks: threads of a capsule stay on their CPUs. Only affinity keeps them
/// there; a capsule of several CPUs whose threads are not pinned may use all its servers for one
/// thread.
pub fn place(site: &Site, wanted: &[Wanted], method: Method) -> Result<Placement, PlacementError> {
    let items = items(site, wanted)?;
    let start = Packing::of(site, &items);
    let (chosen, proof) = match method {
        Method::FirstFit | Method::BestFit | Method::WorstFit => {
            (quick::place(start, &items, method), None)
        }
        Method::Exact { nodes_max } => {
            if wanted.len() > EXACT_WANTED_MAX {
                return Err(PlacementError::TooManyForExact(wanted.len()));
            }
            let (chosen, proof) = exact::place(start, &items, nodes_max);
            (chosen, Some(proof))
        }
    };
    Ok(outcome::placement(site, wanted, &items, &chosen, method, proof))
}
