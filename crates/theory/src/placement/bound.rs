// SPDX-License-Identifier: MIT OR Apache-2.0
//! A load that every quick method places, however it is cut.

use evenkeel_model::Bandwidth;

/// The total bandwidth up to which capsules of one server each, none larger than `largest`, placed
/// anywhere on `cpus` empty CPUs under EDF, always all fit, by first, best or worst fit of
/// [`super::place`]: limit·(βm + 1)/(β + 1) with β = ⌊limit/largest⌋, rounded down.
///
/// Lopez, Diaz and Garcia, *Utilization bounds for EDF scheduling on real-time multiprocessor
/// systems*, Real-Time Systems 28(1), 2004: the bound of reasonable allocation in order of decreasing
/// utilisation (first and best fit reach it in any order), there for a limit of one whole CPU; with
/// bandwidths divided by the limit it is the same problem.
/// Assumes what [`super::Rule::Edf`] assumes. Nothing where `largest` is zero or above `limit`.
pub fn always_placed_up_to(cpus: usize, largest: Bandwidth, limit: Bandwidth) -> Bandwidth {
    let Some(beta) = limit.as_ppb().checked_div(largest.as_ppb()).filter(|&beta| beta > 0) else {
        return Bandwidth::ZERO;
    };
    let (limit, beta) = (u128::from(limit.as_ppb()), u128::from(beta));
    // β and limit are below 2^64 each, CPUs in practice below 2^13: saturating keeps the rest safe,
    // since a smaller bound is still a bound.
    let numerator = beta.saturating_mul(cpus as u128).saturating_add(1).saturating_mul(limit);
    Bandwidth::from_ppb(u64::try_from(numerator / (beta + 1)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_cpus_where_sizes_are_free() {
        // β = 1: (m + 1)/2, the classic bound.
        let bound = |cpus, largest| {
            let largest = Bandwidth::from_ppb(largest);
            always_placed_up_to(cpus, largest, Bandwidth::ONE).as_ppb()
        };
        assert_eq!(bound(1, 1_000_000_000), 1_000_000_000);
        assert_eq!(bound(3, 1_000_000_000), 2_000_000_000);
        assert_eq!(bound(3, 600_000_000), 2_000_000_000);
        // β = 4, m = 3: 13/5.
        assert_eq!(bound(3, 250_000_000), 2_600_000_000);
        assert_eq!(bound(3, 0), 0);
        assert_eq!(bound(3, 1_000_000_001), 0);
    }
}
