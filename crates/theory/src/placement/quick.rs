// SPDX-License-Identifier: MIT OR Apache-2.0
//! First, best and worst fit, the largest first: one pass, nothing taken back.

use std::cmp::Reverse;

use super::item::{Item, decreasing};
use super::packing::Packing;
use super::site::Method;

/// Where each item went: positions of its CPUs, `None` where it found no place.
pub(super) type Chosen = Vec<Option<Vec<usize>>>;

/// Places what fits.
pub(super) fn place(mut packing: Packing<'_>, items: &[Item], method: Method) -> Chosen {
    let mut chosen = vec![None; items.len()];
    for index in decreasing(items) {
        let item = &items[index];
        if let Some(positions) = choose(&packing, item, method) {
            packing.put(item, &positions);
            chosen[index] = Some(positions);
        }
    }
    chosen
}

/// The CPUs that `item` gets: of each alternative as many as it needs, in the method's order, and
/// of all alternatives the one whose CPUs come first in that order.
pub(super) fn choose(packing: &Packing<'_>, item: &Item, method: Method) -> Option<Vec<usize>> {
    if !packing.host_has_room(item) {
        return None;
    }
    let left = |position: &usize| packing.left(*position);
    let of_alternative = |positions: &Vec<usize>| {
        let mut good: Vec<usize> =
            positions.iter().copied().filter(|&p| packing.cpu_has_room(item, p)).collect();
        match method {
            // Positions are ascending already; the exact method starts from first fit.
            Method::FirstFit | Method::Exact { .. } => {}
            Method::BestFit => good.sort_by_key(left),
            Method::WorstFit => good.sort_by_key(|p| Reverse(left(p))),
        }
        good.truncate(item.servers);
        (good.len() == item.servers).then_some(good)
    };
    let mut offers = item.alternatives.iter().filter_map(of_alternative);
    let rest =
        |offer: &Vec<usize>| -> u128 { offer.iter().map(|p| u128::from(left(p).as_ppb())).sum() };
    match method {
        Method::FirstFit | Method::Exact { .. } => offers.next(),
        Method::BestFit => offers.min_by_key(rest),
        // The first among equals, as `min_by_key` has it.
        Method::WorstFit => offers.min_by_key(|offer| Reverse(rest(offer))),
    }
}
