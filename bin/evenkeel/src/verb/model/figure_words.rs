// SPDX-License-Identifier: MIT OR Apache-2.0
//! Figures of models as words: six significant digits, intervals behind `+-`.

use evenkeel_lqn::Estimate;

/// Digits that a mean shows: more than any interval justifies, enough to compare solvers.
const DIGITS: usize = 6;

/// A number with [`DIGITS`] significant digits and without trailing zeros.
pub fn number(value: f64) -> String {
    significant(value, DIGITS)
}

/// A mean and, from the simulator, half the width of its 95 % interval with two digits.
pub fn estimate(e: Estimate) -> String {
    match e.half_width_95 {
        Some(half) if half > 0.0 => format!("{} +- {}", number(e.mean), significant(half, 2)),
        _ => number(e.mean),
    }
}

fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let rounded = format!("{value:.*e}", digits.saturating_sub(1));
    let Ok(value) = rounded.parse::<f64>() else { return rounded };
    if (1e-4..1e9).contains(&value.abs()) {
        return format!("{value}");
    }
    format!("{value:e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_significant_ones() {
        for (value, text) in [
            (0.0, "0"),
            (1.0 / 3.0, "0.333333"),
            (1_234_567.8, "1234570"),
            (2.5e-7, "2.5e-7"),
            (100.0, "100"),
            (-0.052_631_578_9, "-0.0526316"),
        ] {
            assert_eq!(number(value), text);
        }
        let with = Estimate { mean: 1.25, half_width_95: Some(0.001_234) };
        assert_eq!(estimate(with), "1.25 +- 0.0012");
        assert_eq!(estimate(Estimate::exact(1.25)), "1.25");
    }
}
