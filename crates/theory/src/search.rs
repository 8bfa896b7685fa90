// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bisection: the edge between what fits and what does not, in at most 64 tests.

/// The largest number from `low` to `high` that `fits`, if `low` does, where whatever is below a
/// number that fits also fits. Bisection: at most 64 steps.
pub(crate) fn largest(low: u64, high: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
    if low > high || !fits(low) {
        return None;
    }
    let (mut good, mut rest) = (low, high);
    // Invariant: `good` fits, everything above `rest` does not or was not asked for.
    while good < rest {
        let middle = good + (rest - good).div_ceil(2);
        if fits(middle) {
            good = middle;
        } else {
            rest = middle - 1;
        }
    }
    Some(good)
}

/// The smallest number from `low` to `high` that `fits`, if `high` does, where whatever is above a
/// number that fits also fits. Bisection: at most 64 steps.
pub(crate) fn smallest(low: u64, high: u64, fits: impl Fn(u64) -> bool) -> Option<u64> {
    if low > high || !fits(high) {
        return None;
    }
    let (mut rest, mut good) = (low, high);
    // Invariant: `good` fits, everything below `rest` does not or was not asked for.
    while rest < good {
        let middle = rest + (good - rest) / 2;
        if fits(middle) {
            good = middle;
        } else {
            rest = middle + 1;
        }
    }
    Some(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bisection_finds_the_edge_and_nothing_beyond() {
        for edge in 1..=20 {
            assert_eq!(largest(1, 20, |n| n <= edge), Some(edge));
            assert_eq!(smallest(1, 20, |n| n >= edge), Some(edge));
        }
        assert_eq!(largest(5, 20, |n| n <= 4), None);
        assert_eq!(largest(5, 4, |_| true), None);
        assert_eq!(smallest(5, 20, |n| n >= 21), None);
        assert_eq!(smallest(5, 4, |_| true), None);
        assert_eq!(smallest(0, u64::MAX, |n| n == u64::MAX), Some(u64::MAX));
    }
}
