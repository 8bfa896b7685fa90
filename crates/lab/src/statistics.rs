// SPDX-License-Identifier: MIT OR Apache-2.0
//! The statistics that summaries are made of, each with its definition.
//!
//! Pure: figures in, figures out. Medians and quartiles rather than means, because a window in
//! which somebody else disturbed the host is an outlier, and outliers are kept. Exact order
//! statistics rather than histograms: a series has hundreds of figures, not millions.

use evenkeel_model::Span;
use serde::{Deserialize, Serialize};

/// The three quartiles of some figures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter of the figures is smaller.
    pub lower: f64,
    /// The middle.
    pub median: f64,
    /// A quarter of the figures is larger.
    pub upper: f64,
}

/// A straight line through points, by least squares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Rise for a step of one.
    pub slope: f64,
    /// Value at zero.
    pub intercept: f64,
    /// Coefficient of determination: the part of the variance that the line explains, 0 to 1.
    pub r_squared: f64,
}

/// The quantile `q` (0 to 1), interpolated between the two neighbouring order statistics: the one
/// of rank `q (n - 1)` counted from zero (type 7 of Hyndman and Fan, "Sample quantiles in
/// statistical packages", 1996; the default of R and NumPy). `None` without figures.
///
/// # Panics
/// If a figure is not a number, or `q` is outside 0 to 1: both are bugs of the caller.
pub fn quantile(figures: &[f64], q: f64) -> Option<f64> {
    assert!((0.0..=1.0).contains(&q), "a quantile is asked for between 0 and 1, not {q}");
    assert!(figures.iter().all(|f| !f.is_nan()), "a figure is not a number");
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = q * (sorted.len().checked_sub(1)? as f64);
    // Both are whole, non-negative and at most the length of a slice.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= rank < length, and a float holds every length below 2^53 exactly"
    )]
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    let part = rank - rank.floor();
    Some(sorted[below] * (1.0 - part) + sorted[above] * part)
}

/// The middle figure, or the mean of the two in the middle. `None` without figures.
pub fn median(figures: &[f64]) -> Option<f64> {
    quantile(figures, 0.5)
}

/// The quartiles. `None` without figures.
pub fn quartiles(figures: &[f64]) -> Option<Quartiles> {
    Some(Quartiles {
        lower: quantile(figures, 0.25)?,
        median: quantile(figures, 0.5)?,
        upper: quantile(figures, 0.75)?,
    })
}

/// The mean. `None` without figures.
pub fn mean(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// The standard deviation of a sample (divided by n - 1). `None` below two figures.
pub fn standard_deviation(figures: &[f64]) -> Option<f64> {
    let mean = mean(figures)?;
    let divisor = figures.len().checked_sub(1).filter(|d| *d > 0)? as f64;
    let squares: f64 = figures.iter().map(|f| (f - mean).powi(2)).sum();
    Some((squares / divisor).sqrt())
}

/// The percentile `percent` by nearest rank: the smallest time that at least `percent` per cent of
/// the times do not exceed. Always one of the times, so p99 of 500 is the fifth largest. `None`
/// without times.
///
/// # Panics
/// If `percent` is not 1 to 100.
pub fn percentile(times: &[Span], percent: u32) -> Option<Span> {
    assert!((1..=100).contains(&percent), "a percentile is 1 to 100, not {percent}");
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * usize::try_from(percent).ok()?).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// The least-squares line. `None` where it is not determined: fewer than two different `x`, or
/// all `y` equal (no variance to explain).
pub fn line(points: &[(f64, f64)]) -> Option<Line> {
    let x_mean = mean(&points.iter().map(|p| p.0).collect::<Vec<_>>())?;
    let y_mean = mean(&points.iter().map(|p| p.1).collect::<Vec<_>>())?;
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        points.iter().map(|&(x, y)| f(x - x_mean, y - y_mean)).sum()
    };
    let (xx, xy, yy) = (sum(&|x, _| x * x), sum(&|x, y| x * y), sum(&|_, y| y * y));
    if xx <= 0.0 || yy <= 0.0 {
        return None;
    }
    let slope = xy / xx;
    Some(Line { slope, intercept: y_mean - slope * x_mean, r_squared: xy * xy / (xx * yy) })
}

/// A straight line that outliers do not bend, with the uncertainty of its slope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RobustLine {
    /// Rise of `y` for one `x`.
    pub slope: f64,
    /// Ends of the 95 % interval of the slope.
    pub slope_95: (f64, f64),
    /// `y` at `x` zero.
    pub intercept: f64,
}

/// The 97.5 % quantile of the normal distribution: two-sided intervals of 95 %.
const Z_95: f64 = 1.959_964;

/// The line of Theil and Sen: its slope is the median of the slopes between all pairs of points with
/// different `x`, its intercept the median of what is left. Up to 29 % of the points may be
/// arbitrarily wrong. The interval is Sen's ("Estimates of the regression coefficient based on
/// Kendall's tau", JASA 63, 1968), with his correction for equal `x`, by the normal approximation,
/// which is good from ten points on. `None` where all `x` are equal.
///
/// # Panics
/// If a coordinate is not a number: a bug of the caller.
pub fn robust_line(points: &[(f64, f64)]) -> Option<RobustLine> {
    let mut slopes: Vec<f64> = Vec::new();
    for (i, &(x, y)) in points.iter().enumerate() {
        let later = points[i + 1..].iter().filter(|p| p.0.to_bits() != x.to_bits());
        slopes.extend(later.map(|&(other, value)| (value - y) / (other - x)));
    }
    let slope = median(&slopes)?;
    let intercept = median(&points.iter().map(|(x, y)| y - slope * x).collect::<Vec<_>>())?;
    let half_width = Z_95 * kendall_variance(points).sqrt() / (2.0 * slopes.len() as f64);
    let end = |side: f64| quantile(&slopes, (0.5 + side * half_width).clamp(0.0, 1.0));
    Some(RobustLine { slope, slope_95: (end(-1.0)?, end(1.0)?), intercept })
}

/// The variance of Kendall's statistic without a trend, groups of equal `x` taken off.
fn kendall_variance(points: &[(f64, f64)]) -> f64 {
    let mut xs: Vec<f64> = points.iter().map(|p| p.0).collect();
    xs.sort_by(f64::total_cmp);
    let of = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0) / 18.0;
    let ties = xs.chunk_by(|a, b| a.to_bits() == b.to_bits()).map(|group| of(group.len() as f64));
    of(xs.len() as f64) - ties.sum::<f64>()
}

/// The 95 % interval of the median, from order statistics (the sign test turned round), by the
/// normal approximation to the binomial distribution. `None` without figures; with fewer than six
/// it is the whole range, which then covers less than 95 %.
///
/// # Panics
/// If a figure is not a number: a bug of the caller.
pub fn median_95(figures: &[f64]) -> Option<(f64, f64)> {
    let half_width = Z_95 / (2.0 * (figures.len() as f64).sqrt());
    let end = |side: f64| quantile(figures, (0.5 + side * half_width).clamp(0.0, 1.0));
    Some((end(-1.0)?, end(1.0)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(values: &[u64]) -> Vec<Span> {
        values.iter().copied().map(Span::from_ms).collect()
    }

    #[test]
    fn quantiles_interpolate_between_ranks() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        // R: quantile(c(1, 2, 3, 4, 10), c(.25, .5, .75, .9)) is 2, 3, 4, 7.6.
        let figures = [10.0, 1.0, 2.0, 3.0, 4.0];
        let expected = Quartiles { lower: 2.0, median: 3.0, upper: 4.0 };
        assert_eq!(quartiles(&figures), Some(expected));
        assert!((quantile(&figures, 0.9).unwrap() - 7.6).abs() < 1e-12);
        assert_eq!(quantile(&figures, 1.0), Some(10.0));
    }

    #[test]
    #[should_panic(expected = "a figure is not a number")]
    fn a_figure_that_is_none_is_a_bug() {
        let _ = median(&[1.0, f64::NAN]);
    }

    #[test]
    fn the_percentile_is_one_of_the_times() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        assert_eq!(percentile(&ms(&hundred), 50), Some(Span::from_ms(50)));
        assert_eq!(percentile(&ms(&hundred), 99), Some(Span::from_ms(99)));
        assert_eq!(percentile(&ms(&hundred), 100), Some(Span::from_ms(100)));
        // The fifth largest of 500: 495 of 500 times, 99 per cent, do not exceed it.
        let many: Vec<u64> = (1..=500).collect();
        assert_eq!(percentile(&ms(&many), 99), Some(Span::from_ms(495)));
        assert_eq!(percentile(&ms(&[7]), 1), Some(Span::from_ms(7)));
        assert_eq!(percentile(&[], 99), None);
    }

    #[test]
    fn the_deviation_is_that_of_a_sample() {
        assert_eq!(standard_deviation(&[1.0]), None);
        // R: sd(c(2, 4, 4, 4, 5, 5, 7, 9)) is 2.13809.
        let figures = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert!((standard_deviation(&figures).unwrap() - 2.138_089_935).abs() < 1e-9);
        assert_eq!(mean(&figures), Some(5.0));
    }

    #[test]
    fn a_line_is_found_and_noise_lowers_its_fit() {
        let exact = line(&[(1.0, 5.0), (2.0, 7.0), (4.0, 11.0)]).unwrap();
        assert!((exact.slope - 2.0).abs() < 1e-12);
        assert!((exact.intercept - 3.0).abs() < 1e-12);
        assert!((exact.r_squared - 1.0).abs() < 1e-12);
        // R: summary(lm(c(1, 3, 2, 5) ~ c(1, 2, 3, 4)))$r.squared is 0.6914286.
        let noisy = line(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 5.0)]).unwrap();
        assert!((noisy.r_squared - 0.691_428_571).abs() < 1e-9, "{noisy:?}");
        assert_eq!(line(&[(1.0, 1.0), (1.0, 2.0)]), None);
        assert_eq!(line(&[(1.0, 2.0), (3.0, 2.0)]), None);
        assert_eq!(line(&[]), None);
    }

    #[test]
    fn outliers_do_not_bend_a_robust_line() {
        let mut points: Vec<(f64, f64)> =
            (0..20).map(|x| (f64::from(x), 3.0 - 0.5 * f64::from(x))).collect();
        points[3].1 = 1e6;
        points[17].1 = -1e6;
        let line = robust_line(&points).unwrap();
        assert!((line.slope + 0.5).abs() < 1e-9 && (line.intercept - 3.0).abs() < 1e-9, "{line:?}");
        assert!(line.slope_95.0 <= line.slope && line.slope <= line.slope_95.1);
        assert_eq!(robust_line(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(robust_line(&[]), None);
    }

    /// Of 400 seeded samples without a trend, the intervals miss it about as often as they may.
    #[test]
    fn intervals_cover_what_they_say() {
        let mut state = 1u64;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let (mut missed_slope, mut missed_median) = (0, 0);
        for _ in 0..400 {
            let points: Vec<(f64, f64)> =
                (0..60).map(|i| (f64::from(i % 6) / 10.0, uniform() + uniform() - 1.0)).collect();
            let (low, high) = robust_line(&points).unwrap().slope_95;
            missed_slope += u32::from(low > 0.0 || high < 0.0);
            let ys: Vec<f64> = points.iter().map(|p| p.1).collect();
            let (low, high) = median_95(&ys).unwrap();
            missed_median += u32::from(low > 0.0 || high < 0.0);
        }
        // 5 % of 400 are 20, give or take 4.4; four of those either way.
        assert!((3..=38).contains(&missed_slope), "{missed_slope}");
        assert!((3..=38).contains(&missed_median), "{missed_median}");
    }

    proptest! {
        #[test]
        fn order_statistics_stay_in_order(
            figures in proptest::collection::vec(-1e9..1e9f64, 1..60),
            (a, b) in (0.0..=1.0f64, 0.0..=1.0f64),
        ) {
            let (low, high) = (a.min(b), a.max(b));
            let (low, high) = (quantile(&figures, low).unwrap(), quantile(&figures, high).unwrap());
            // Interpolation rounds in the last digit.
            prop_assert!(low <= high + 1e-6);
            let least = figures.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(low >= least - 1e-6);
        }

        #[test]
        fn enough_times_do_not_exceed_the_percentile(
            times in proptest::collection::vec(0u64..1_000, 1..300), percent in 1u32..=100,
        ) {
            let times = ms(&times);
            let at = percentile(&times, percent).unwrap();
            let within = times.iter().filter(|t| **t <= at).count() as u64 * 100;
            prop_assert!(within >= u64::from(percent) * times.len() as u64);
            let below = times.iter().filter(|t| **t < at).count() as u64 * 100;
            prop_assert!(below < u64::from(percent) * times.len() as u64);
        }

        #[test]
        fn the_fit_is_between_none_and_all(
            points in proptest::collection::vec((-1e3..1e3f64, -1e3..1e3f64), 3..40),
        ) {
            if let Some(line) = line(&points) {
                prop_assert!((-1e-9..=1.0 + 1e-9).contains(&line.r_squared));
            }
        }
    }
}
