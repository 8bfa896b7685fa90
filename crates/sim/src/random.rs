// SPDX-License-Identifier: MIT OR Apache-2.0
//! Seeded random numbers: the same seed gives the same simulation, on every machine.
//!
//! Each source of events has a generator of its own, seeded from the scenario's seed and its
//! number, so that a workload that is added or misbehaves does not change what the others draw.

use evenkeel_model::Span;

/// xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
/// 47(4), 2021), its state filled by splitmix64 as its authors advise. Not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// The generator number `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Random {
        // The odd constant of splitmix64 keeps neighbouring streams apart.
        let mut mix = seed ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        Random { state: [0; 4].map(|_: u64| splitmix(&mut mix)) }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in `0..=most`. The bias of the multiplication is below most / 2^64.
    pub(crate) fn up_to(&mut self, most: u64) -> u64 {
        let product = u128::from(self.bits()) * (u128::from(most) + 1);
        u64::try_from(product >> 64).unwrap_or(most)
    }

    /// Uniform between both, bounds included.
    pub(crate) fn between(&mut self, least: Span, most: Span) -> Span {
        least + Span::from_ns(self.up_to(most.saturating_sub(least).as_ns()))
    }

    /// Exponentially distributed with this mean, by inversion; at most 45 times the mean, since
    /// the smallest uniform number drawn is 2^-64.
    pub(crate) fn exponential(&mut self, mean: Span) -> Span {
        // (0, 1]: never zero, whose logarithm is infinite. 2^-53 steps are exact in f64.
        let uniform = ((self.bits() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let ns = -uniform.ln() * mean.as_ns() as f64;
        Span::from_ns(round(ns))
    }
}

/// To the nearest whole number; negative and absurd ones to the nearest that fits.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to what fits before it is cast"
)]
fn round(ns: f64) -> u64 {
    // 2^53: beyond, f64 has no single nanoseconds; 104 days are longer than any simulation.
    ns.round().clamp(0.0, (1_u64 << 53) as f64) as u64
}

fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_is_the_published_one() {
        // First outputs for seed 1234567 in the reference implementation's test vectors.
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| splitmix(&mut state)).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn means_are_as_asked_and_streams_differ() {
        let mut random = Random::new(7, 3);
        let mean = Span::from_us(100);
        let total: u64 = (0..100_000).map(|_| random.exponential(mean).as_ns()).sum();
        // Standard error of the mean is 0.32 %; four of them.
        assert!((9_870_000_000..10_130_000_000).contains(&total), "{total}");
        let total: u64 = (0..100_000).map(|_| random.up_to(10)).sum();
        assert!((495_000..505_000).contains(&total), "{total}");
        assert_ne!(Random::new(7, 1).bits(), Random::new(7, 2).bits());
    }

    #[test]
    fn bounds_are_included() {
        let mut random = Random::new(1, 1);
        let mut seen = [false; 3];
        for _ in 0..100 {
            let drawn = random.between(Span::from_ns(5), Span::from_ns(7)).as_ns();
            seen[usize::try_from(drawn - 5).unwrap()] = true;
        }
        assert_eq!(seen, [true; 3]);
    }
}
