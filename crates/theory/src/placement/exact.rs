// SPDX-License-Identifier: MIT OR Apache-2.0
//! The best placement, by branch and bound: the most bandwidth, and then the fewest CPUs.
//!
//! Items are taken in the order of the quick methods; each is put on every set of CPUs that is not
//! the same as one tried before, and left out. A branch ends where even all that is still to come,
//! or all that is still free, would not beat the best placement known, which at the start is the
//! best of the quick ones: so the answer is never worse than theirs, proven or not.
//!
//! Two CPUs are the same for what is to come where no item tells them apart and they hold the
//! same: the same sum under EDF, the same servers under fixed priorities.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::item::{Item, decreasing};
use super::outcome::Proof;
use super::packing::Packing;
use super::quick::{self, Chosen};
use super::site::Method;

/// Most capsules that are placed exactly. The search goes as deep as there are capsules, and beyond
/// a few dozen a proof is out of reach anyway.
pub const EXACT_WANTED_MAX: usize = 64;

/// A sensible `nodes_max`: about a second's work.
pub const NODES_MAX: u64 = 1_000_000;

/// Sets of CPUs tried for one item at one node. 16 CPUs of which 8 are wanted give 12,870; more is
/// no small case, and the answer then says that it is not proven.
const SETS_MAX: usize = 20_000;

/// How good a placement is: more bandwidth first, then fewer CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Worth {
    size: u128,
    unused: Reverse<usize>,
}

/// The search.
struct Search<'a> {
    packing: Packing<'a>,
    items: &'a [Item],
    order: Vec<usize>,
    /// Size of all items from a depth on.
    still: Vec<u128>,
    /// A number for each CPU; equal where no item tells the two apart.
    class: Vec<usize>,
    chosen: Chosen,
    placed: u128,
    best: Chosen,
    best_worth: Worth,
    nodes: u64,
    nodes_max: u64,
    truncated: bool,
}

/// Places `items` as well as it can be done.
pub(super) fn place(packing: Packing<'_>, items: &[Item], nodes_max: u64) -> (Chosen, Proof) {
    let order = decreasing(items);
    let mut still = vec![0; order.len() + 1];
    for (depth, &index) in order.iter().enumerate().rev() {
        still[depth] = still[depth + 1] + items[index].size();
    }
    let (best, best_worth) = start(&packing, items);
    let class = classes(&packing, items);
    let chosen = vec![None; items.len()];
    let mut search = Search {
        packing,
        items,
        order,
        still,
        class,
        chosen,
        placed: 0,
        best,
        best_worth,
        nodes: 0,
        nodes_max,
        truncated: false,
    };
    search.descend(0);
    let proof = Proof {
        nodes: search.nodes,
        // Nothing beats everything; that needs no search.
        most: !search.truncated || search.best.iter().all(Option::is_some),
        fewest: !search.truncated,
    };
    (search.best, proof)
}

/// The best of the quick placements.
fn start(packing: &Packing<'_>, items: &[Item]) -> (Chosen, Worth) {
    let methods = [Method::FirstFit, Method::BestFit, Method::WorstFit];
    let tried = methods.map(|method| {
        let chosen = quick::place(packing.clone(), items, method);
        let worth = worth(packing.clone(), items, &chosen);
        (chosen, worth)
    });
    let none = (vec![None; items.len()], worth(packing.clone(), items, &[]));
    tried.into_iter().fold(none, |best, one| if one.1 > best.1 { one } else { best })
}

/// What `chosen` is worth, put into `packing`.
fn worth(mut packing: Packing<'_>, items: &[Item], chosen: &[Option<Vec<usize>>]) -> Worth {
    let mut size = 0;
    for (item, positions) in items.iter().zip(chosen) {
        if let Some(positions) = positions {
            packing.put(item, positions);
            size += item.size();
        }
    }
    Worth { size, unused: Reverse(packing.used()) }
}

/// CPUs by which alternatives of which items they belong to.
fn classes(packing: &Packing<'_>, items: &[Item]) -> Vec<usize> {
    let membership = |position: usize| -> Vec<bool> {
        let alternatives = items.iter().flat_map(|item| &item.alternatives);
        alternatives.map(|set| set.binary_search(&position).is_ok()).collect()
    };
    let all: Vec<Vec<bool>> = (0..packing.cpus()).map(membership).collect();
    // The class is the first CPU of the same membership.
    all.iter().map(|own| all.iter().position(|other| other == own).unwrap_or(usize::MAX)).collect()
}

impl Search<'_> {
    fn descend(&mut self, depth: usize) {
        if self.nodes >= self.nodes_max {
            self.truncated = true;
            return;
        }
        self.nodes += 1;
        let worth = Worth { size: self.placed, unused: Reverse(self.packing.used()) };
        if worth > self.best_worth {
            self.best_worth = worth;
            self.best.clone_from(&self.chosen);
        }
        if depth == self.order.len() || !self.could_beat_best(depth) {
            return;
        }
        let index = self.order[depth];
        let items = self.items;
        let item = &items[index];
        if !self.twin_was_left_out(depth) && self.packing.host_has_room(item) {
            for positions in self.sets(item) {
                self.packing.put(item, &positions);
                self.placed += item.size();
                self.chosen[index] = Some(positions);
                self.descend(depth + 1);
                self.placed -= item.size();
                if let Some(positions) = self.chosen[index].take() {
                    self.packing.take(item, &positions);
                }
            }
        }
        self.descend(depth + 1);
    }

    /// Whether anything below this node can be worth more than the best known.
    fn could_beat_best(&self, depth: usize) -> bool {
        let room = self.still[depth].min(self.packing.capacity());
        let size_most = self.placed + room;
        let best = self.best_worth;
        if size_most != best.size {
            return size_most > best.size;
        }
        // Equal bandwidth at best: all of `room` must be placed, on fewer CPUs than the best. What
        // does not fit on the CPUs in use needs others, each of which takes a whole limit at most.
        let in_use = (0..self.packing.cpus()).filter(|&p| self.packing.sum(p).as_ppb() > 0);
        let left_in_use: u128 = in_use.map(|p| u128::from(self.packing.left(p).as_ppb())).sum();
        let unused = (0..self.packing.cpus()).filter(|&p| self.packing.sum(p).as_ppb() == 0);
        let whole = unused.map(|p| self.packing.left(p).as_ppb()).max().unwrap_or(0).max(1);
        let more = room.saturating_sub(left_in_use).div_ceil(u128::from(whole));
        self.packing.used() as u128 + more < best.unused.0 as u128
    }

    /// Whether the item before is the same and was left out: then this one in its place has been
    /// tried already.
    fn twin_was_left_out(&self, depth: usize) -> bool {
        let Some(before) = depth.checked_sub(1).map(|d| self.order[d]) else { return false };
        self.packing.is_edf()
            && self.chosen[before].is_none()
            && self.items[before].interchangeable(&self.items[self.order[depth]])
    }

    /// The sets of CPUs on which `item` fits, one of each kind, the fullest CPUs first.
    fn sets(&mut self, item: &Item) -> Vec<Vec<usize>> {
        let mut sets = Vec::new();
        for positions in &item.alternatives {
            let groups = self.groups(item, positions);
            let mut picked = Vec::with_capacity(item.servers);
            if !pick(&groups, item.servers, &mut picked, &mut sets) {
                self.truncated = true;
            }
        }
        sets
    }

    /// Those of `positions` that have room, together where they are the same.
    fn groups(&self, item: &Item, positions: &[usize]) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let good = positions.iter().copied().filter(|&p| self.packing.cpu_has_room(item, p));
        for position in good {
            let same = |group: &&mut Vec<usize>| {
                let first = group[0];
                self.class[first] == self.class[position]
                    && self.packing.signature(first) == self.packing.signature(position)
            };
            match groups.iter_mut().find(same) {
                Some(group) => group.push(position),
                None => groups.push(vec![position]),
            }
        }
        groups.sort_by_key(|group| self.packing.left(group[0]));
        groups
    }
}

/// Adds to `sets` every way to take `servers` more CPUs out of `groups`, counting only how many of
/// each. False where there are more than [`SETS_MAX`].
fn pick(
    groups: &[Vec<usize>],
    servers: usize,
    picked: &mut Vec<usize>,
    sets: &mut Vec<Vec<usize>>,
) -> bool {
    if servers == 0 {
        if sets.len() >= SETS_MAX {
            return false;
        }
        sets.push(picked.clone());
        return true;
    }
    let Some((first, rest)) = groups.split_first() else { return true };
    let elsewhere: usize = rest.iter().map(Vec::len).sum();
    let least = servers.saturating_sub(elsewhere);
    let most = servers.min(first.len());
    // More of the fuller CPUs first: what best fit would do.
    for count in (least..=most).rev() {
        picked.extend_from_slice(&first[..count]);
        let all = pick(rest, servers - count, picked, sets);
        picked.truncate(picked.len() - count);
        if !all {
            return false;
        }
    }
    true
}
