// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random numbers of the simulator: a stream per replication, and the distributions of slices.

/// xoshiro256++ (Blackman and Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS
/// 47(4) 2021): 256 bits of state, period 2^256 - 1, a nanosecond a number. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: [u64; 4],
}

impl Random {
    /// Streams of different (seed, stream) start at unrelated points: SplitMix64 fills the state,
    /// as its authors advise.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut x = seed ^ stream.wrapping_mul(0xd134_2543_de82_ef95);
        let mut next = || {
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        };
        Self { state: [next(), next(), next(), next()] }
    }

    #[inline]
    fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Uniform in [0, 1), 53 bits.
    #[inline]
    pub(crate) fn uniform(&mut self) -> f64 {
        // Exact: 53 bits fit a double; 2^-53 is a power of two.
        #[expect(clippy::cast_precision_loss, reason = "53 bits are exact in a double")]
        let x = (self.bits() >> 11) as f64;
        x * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Exponential with mean 1; `1 - uniform` is never 0.
    #[inline]
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.uniform()).ln()
    }

    /// Uniform below `n`, n > 0; the bias of the product is below 2^-32 for lists of our sizes.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let product = u128::from(self.bits()) * n as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    fn normal(&mut self) -> f64 {
        // Marsaglia's polar method; the second number is not kept: gamma slices are rare.
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                return u * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    /// Gamma of shape at least 1: Marsaglia and Tsang, ACM TOMS 26(3) 2000.
    fn gamma(&mut self, shape: f64) -> f64 {
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.uniform()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

/// Distribution of a slice, from its mean and squared coefficient of variation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Slice {
    /// No time at all: the processor is not visited.
    Zero,
    /// Always the mean.
    Constant(f64),
    /// cv^2 = 1.
    Exponential(f64),
    /// cv^2 < 1: gamma of that shape and scale.
    Gamma { shape: f64, scale: f64 },
    /// cv^2 > 1: two exponentials with balanced means.
    Hyper { first: f64, mean_first: f64, mean_second: f64 },
}

impl Slice {
    pub(crate) fn new(mean: f64, cv_squared: f64) -> Self {
        if mean <= 0.0 {
            Self::Zero
        } else if cv_squared == 0.0 {
            Self::Constant(mean)
        } else if cv_squared < 1.0 {
            Self::Gamma { shape: 1.0 / cv_squared, scale: mean * cv_squared }
        } else if cv_squared > 1.0 {
            let first = 0.5 * (1.0 + ((cv_squared - 1.0) / (cv_squared + 1.0)).sqrt());
            let (mean_first, mean_second) = (mean / (2.0 * first), mean / (2.0 * (1.0 - first)));
            Self::Hyper { first, mean_first, mean_second }
        } else {
            Self::Exponential(mean)
        }
    }

    #[inline]
    pub(crate) fn draw(&self, random: &mut Random) -> f64 {
        match *self {
            Self::Zero => 0.0,
            Self::Constant(mean) => mean,
            Self::Exponential(mean) => mean * random.exponential(),
            Self::Gamma { shape, scale } => scale * random.gamma(shape),
            Self::Hyper { first, mean_first, mean_second } => {
                let mean = if random.uniform() < first { mean_first } else { mean_second };
                mean * random.exponential()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_have_their_mean_and_variation() {
        let mut random = Random::new(7, 0);
        for cv_squared in [0.0, 0.25, 0.5, 1.0, 2.0, 9.0] {
            let slice = Slice::new(3.0, cv_squared);
            let n = 200_000;
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..n {
                let x = slice.draw(&mut random);
                sum += x;
                squares += x * x;
            }
            let mean = sum / f64::from(n);
            let cv = (squares / f64::from(n) - mean * mean) / (mean * mean);
            assert!((mean - 3.0).abs() < 0.06, "cv^2 {cv_squared}: mean {mean}");
            assert!((cv - cv_squared).abs() < 0.03 + 0.06 * cv_squared, "{cv_squared}: {cv}");
        }
    }
}
