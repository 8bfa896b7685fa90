// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything random in a run: the order in which points are measured, from one seed that the
//! results name. A drift of the host (its clock speed, a neighbour of its own) then falls on all
//! points alike instead of on the last ones.

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): eight
/// lines, passes BigCrush, and the same seed gives the same order for ever, on every version.
#[derive(Clone, Debug)]
pub struct Order(u64);

impl Order {
    /// The sequence of `seed`.
    pub const fn new(seed: u64) -> Order {
        Order(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Puts `items` in a random order (Fisher and Yates). The remainder favours low indices by less
    /// than one part in 2^50 for any list of experiments.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let chosen = self.next() % (last as u64 + 1);
            // At most `last`, an index already.
            items.swap(last, usize::try_from(chosen).unwrap_or(last));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first outputs for seed 1234567, from the reference implementation (Vigna).
        let mut order = Order::new(1_234_567);
        assert_eq!(order.next(), 6_457_827_717_110_365_317);
        assert_eq!(order.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn a_seed_names_one_order_of_all_items() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..20).collect();
            Order::new(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(7), shuffled(7));
        assert_ne!(shuffled(7), shuffled(8));
        let mut sorted = shuffled(7);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
    }
}
