// SPDX-License-Identifier: MIT OR Apache-2.0
//! The best of many hosts, at hand at any time: a tournament tree.
//!
//! Every leaf is a host with a key or none; every inner node holds the smaller of its two. A change
//! of one host costs as many comparisons as the tree is high, fourteen for ten thousand hosts, and
//! ends early where it changes no winner. Among equal keys the lower number wins.

/// A host in the race: its key, then its number.
type Entry = (u64, u32);

/// Beaten by every host; keys stay below it.
const NOBODY: Entry = (u64::MAX, u32::MAX);

/// Which host has the smallest key.
#[derive(Clone, Debug)]
pub(super) struct Tournament {
    /// Node 1 is the root, the children of n are 2n and 2n + 1, leaves are in the second half.
    nodes: Vec<Entry>,
}

impl Tournament {
    /// `hosts` hosts, none of them in the race.
    pub fn new(hosts: usize) -> Tournament {
        Tournament { nodes: vec![NOBODY; 2 * hosts.next_power_of_two()] }
    }

    /// The host with the smallest key.
    pub fn winner(&self) -> Option<u32> {
        let (key, host) = self.nodes[1];
        (key < u64::MAX).then_some(host)
    }

    /// Gives `host` a key below `u64::MAX`, or takes it out of the race.
    pub fn set(&mut self, host: u32, key: Option<u64>) {
        // A number of hosts fits the address space, and so does twice its next power of two.
        let mut node = self.nodes.len() / 2 + host as usize;
        let mut entry = key.map_or(NOBODY, |key| (key, host));
        while self.nodes[node] != entry {
            self.nodes[node] = entry;
            if node == 1 {
                return;
            }
            entry = entry.min(self.nodes[node ^ 1]);
            node /= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn the_winner_is_who_a_search_finds() {
        for hosts in [1, 2, 3, 7, 64, 65] {
            let mut tree = Tournament::new(hosts);
            let mut keys: Vec<Option<u64>> = vec![None; hosts];
            let mut random = Random::new(1, hosts as u64);
            assert_eq!(tree.winner(), None);
            for _ in 0..2_000 {
                let host = random.up_to(hosts as u64 - 1);
                let key = Some(random.up_to(9)).filter(|&key| key < 6);
                keys[usize::try_from(host).unwrap()] = key;
                tree.set(u32::try_from(host).unwrap(), key);
                let found = (0u32..).zip(&keys).filter_map(|(host, key)| Some(((*key)?, host)));
                assert_eq!(tree.winner(), found.min().map(|(_, host)| host), "{keys:?}");
            }
        }
    }
}
