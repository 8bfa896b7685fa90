// SPDX-License-Identifier: MIT OR Apache-2.0
//! Response times as counts: quantiles in constant space, never below the true value.
//!
//! Logarithmic buckets with 256 steps an octave: a quantile is the upper edge of its bucket, at
//! most 1/256 (0.4 %) above what it stands for; the largest value is exact.

use evenkeel_model::Span;

/// Steps of an octave, as a power of two. 8: quantiles to 0.4 %, 116 KiB a histogram at most.
const STEP_BITS: u32 = 8;
const STEPS: u64 = 1 << STEP_BITS;

/// Counts of spans.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    /// Grows to the bucket of the longest span seen, which is below 57 * 256.
    counts: Vec<u64>,
    total: u64,
    longest: Span,
    sum_ns: u128,
}

impl Histogram {
    /// Counts one span.
    pub(crate) fn add(&mut self, span: Span) {
        let bucket = bucket_of(span.as_ns());
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.total += 1;
        self.sum_ns += u128::from(span.as_ns());
        self.longest = self.longest.max(span);
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The longest; zero of none.
    pub(crate) fn longest(&self) -> Span {
        self.longest
    }

    /// The mean, rounded down; zero of none.
    pub(crate) fn mean(&self) -> Span {
        let mean = self.sum_ns / u128::from(self.total.max(1));
        // A mean is at most the longest, a 64-bit number.
        Span::from_ns(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The least span that `per_mille` of 1000 do not exceed, rounded up to its bucket's edge; zero
    /// of none.
    pub(crate) fn quantile(&self, per_mille: u64) -> Span {
        // Rank of the element, rounded up, at least the first.
        let rank = u128::from(self.total) * u128::from(per_mille);
        let rank = rank.div_ceil(1000).max(1);
        let mut seen = 0_u128;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += u128::from(count);
            if seen >= rank {
                return Span::from_ns(upper_edge(bucket)).min(self.longest);
            }
        }
        self.longest
    }

    /// Forgets everything, keeps the space.
    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        (self.total, self.longest, self.sum_ns) = (0, Span::ZERO, 0);
    }
}

/// Values below 2 * STEPS have a bucket each; above, the topmost STEP_BITS + 1 bits choose it.
fn bucket_of(ns: u64) -> usize {
    let octave = (ns | (2 * STEPS - 1)).ilog2() - STEP_BITS;
    let bucket = (u64::from(octave) << STEP_BITS) + (ns >> octave);
    // At most 56 * 256 + 511.
    usize::try_from(bucket).unwrap_or(0)
}

/// The largest value of a bucket.
fn upper_edge(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let octave = (bucket >> STEP_BITS).saturating_sub(1);
    let step = bucket - (octave << STEP_BITS);
    // The last bucket's edge is 2^64 - 1: computed from the next one's start, wrapping to it.
    ((step + 1) << octave).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_numbers_are_exact() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|ns| histogram.add(Span::from_ns(ns)));
        let quantile = |per_mille| histogram.quantile(per_mille).as_ns();
        assert_eq!((quantile(500), quantile(990), quantile(1000)), (50, 99, 100));
        assert_eq!(histogram.mean(), Span::from_ns(50));
    }

    proptest! {
        #[test]
        fn edges_enclose_their_values(ns in any::<u64>()) {
            let bucket = bucket_of(ns);
            prop_assert!(upper_edge(bucket) >= ns);
            prop_assert!(upper_edge(bucket) - ns <= ns >> STEP_BITS);
            prop_assert!(bucket == 0 || upper_edge(bucket - 1) < ns);
        }
    }
}
