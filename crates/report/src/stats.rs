// SPDX-License-Identifier: MIT OR Apache-2.0
//! The few statistics that the figures need beside the summaries: order statistics of the raw
//! figures of one point, so that no point is shown without its spread.

/// Order statistics of the finite values among some raw figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// How many finite values there were, at least one.
    pub count: usize,
    /// Smallest.
    pub min: f64,
    /// Middle one, or the mean of the two in the middle.
    pub median: f64,
    /// Largest.
    pub max: f64,
}

impl Spread {
    /// `None` where no value is finite.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let (low, high) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        // Halved before they are added: the sum of two huge figures would be infinite.
        Some(Spread { count: sorted.len(), min, median: low / 2.0 + high / 2.0, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finite_values_count() {
        let spread = Spread::of([3.0, f64::NAN, 1.0, f64::INFINITY, 2.0, 4.0]).unwrap();
        assert_eq!(spread, Spread { count: 4, min: 1.0, median: 2.5, max: 4.0 });
        assert_eq!(Spread::of([f64::NAN]), None);
        assert_eq!(Spread::of([f64::MAX, f64::MAX]).unwrap().median, f64::MAX);
    }
}
