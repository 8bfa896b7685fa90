// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers that a seed decides, the same on every machine: SplitMix64 (Steele, Lea, Flood,
//! OOPSLA 2014), and the task sets drawn with them.

/// A generator.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Below `bound`; the bias of the remainder is below 2^-32 for the small bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound.max(1)
    }

    /// In [0, 1), from the upper 53 bits.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact in f64")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// `count` utilisations with sum `total`, uniform over all such (UUniFast; Bini and Buttazzo, Real-Time
/// Systems 30, 2005).
pub fn uunifast(random: &mut Random, count: u32, total: f64) -> Vec<f64> {
    let mut left = total;
    let mut utilisations = Vec::new();
    for remaining in (1..count).rev() {
        let next = left * random.unit().powf(1.0 / f64::from(remaining));
        utilisations.push(left - next);
        left = next;
    }
    utilisations.push(left);
    utilisations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // First outputs of SplitMix64 with seed 1234567.
        let mut random = Random::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn utilisations_add_up() {
        let mut random = Random::new(7);
        for count in 1..9 {
            let set = uunifast(&mut random, count, 0.95);
            assert_eq!(set.len(), usize::try_from(count).unwrap());
            assert!((set.iter().sum::<f64>() - 0.95).abs() < 1e-12);
            assert!(set.iter().all(|utilisation| *utilisation >= 0.0));
        }
    }
}
