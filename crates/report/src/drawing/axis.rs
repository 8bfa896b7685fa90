// SPDX-License-Identifier: MIT OR Apache-2.0
//! Axes: a range, a scale, and ticks at numbers that people count in.

use crate::number::significant;

/// No quantity of ours comes near this (10^18 ns are 31 years, 10^18 b/s no link), and below it
/// sums and differences of two values stay finite: foreign values are cut here before drawing.
const DRAWABLE_MAX: f64 = 1e18;

/// A value as it can be drawn: finite values are cut at ±10^18, others are not drawn at all.
pub(crate) fn drawable(value: f64) -> Option<f64> {
    value.is_finite().then(|| value.clamp(-DRAWABLE_MAX, DRAWABLE_MAX))
}

/// Smallest and largest drawable value.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values.into_iter().filter_map(drawable).fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// How values become places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

/// An axis with its label (unit included), range and ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    /// What is drawn along it, with the unit.
    pub label: String,
    /// Where a mark and a text stand.
    pub ticks: Vec<(f64, String)>,
    /// Whether ticks have lines across the plot.
    pub grid: bool,
    scale: Scale,
    low: f64,
    high: f64,
}

/// About how many ticks an axis has room for.
const TICKS: f64 = 6.0;

impl Axis {
    /// A linear axis over at least `low..high`, widened to whole steps.
    pub fn linear(label: &str, low: f64, high: f64) -> Axis {
        let (low, high) = widened(low, high);
        let step = step_of((high - low) / TICKS);
        // The hair's breadth keeps a bound that is a whole step from gaining another one by
        // rounding of the division.
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let ticks = count_up(first, last).map(|k| (k * step, tick_text(k * step, step))).collect();
        let label = label.to_owned();
        let (low, high) = (first * step, last * step);
        Axis { label, ticks, grid: true, scale: Scale::Linear, low, high }
    }

    /// A logarithmic axis over exactly `low..high`; bounds that are not positive are replaced.
    /// `text` writes a tick.
    pub fn log(label: &str, low: f64, high: f64, text: fn(f64) -> String) -> Axis {
        let high = drawable(high).filter(|high| *high > 0.0).unwrap_or(1.0);
        let low = if low > 0.0 && low < high { low } else { high / 10.0 };
        let decades = high.log10() - low.log10();
        let mantissas: &[f64] = if decades <= 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = (decades / TICKS).ceil().max(1.0);
        let mut ticks = Vec::new();
        let first = low.log10().floor();
        for k in count_up(0.0, ((high.log10() - first) / every).floor()) {
            for mantissa in mantissas {
                let at = mantissa * 10_f64.powf(first + k * every);
                if at >= low * (1.0 - 1e-9) && at <= high * (1.0 + 1e-9) {
                    ticks.push((at, text(at)));
                }
            }
        }
        Axis { label: label.to_owned(), ticks, grid: true, scale: Scale::Log, low, high }
    }

    /// An axis of rows: row i is at i, the first on top when it is the vertical one.
    pub fn rows(label: &str, names: &[String]) -> Axis {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        let last = (names.len().max(1) - 1) as f64;
        Axis {
            label: label.to_owned(),
            ticks,
            grid: false,
            scale: Scale::Linear,
            low: last + 0.5,
            high: -0.5,
        }
    }

    /// A linear axis over exactly `low..high`.
    pub fn exactly(label: &str, low: f64, high: f64) -> Axis {
        let mut axis = Axis::linear(label, low, high);
        (axis.low, axis.high) = widened(low, high);
        let (low, high) = (axis.low, axis.high);
        let slack = (high - low) * 1e-9;
        axis.ticks.retain(|(at, _)| *at >= low - slack && *at <= high + slack);
        axis
    }

    /// Where a value lies: 0 at the low end, 1 at the high end, cut there.
    pub fn part(&self, value: f64) -> f64 {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => {
                (value.max(self.low).log10() - self.low.log10())
                    / (self.high.log10() - self.low.log10())
            }
        };
        if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// `first, first + 1, ... last`. Both are whole; an axis has at most some dozens of ticks, so a
/// larger distance is cut (it can only come from values at the edge of what a float resolves).
fn count_up(first: f64, last: f64) -> impl Iterator<Item = f64> {
    (0..64).map(move |k| first + f64::from(k)).take_while(move |k| *k <= last)
}

/// A range that has an extent: a single value gets a tenth of itself (or one) around it.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let low = drawable(low).unwrap_or(0.0);
    let high = drawable(high).unwrap_or(1.0).max(low);
    // Closer than a float can divide into ticks counts as one value.
    if high - low > low.abs().max(high.abs()) * 1e-9 {
        return (low, high);
    }
    let around = if low == 0.0 { 1.0 } else { low.abs() / 10.0 };
    (if low == 0.0 { 0.0 } else { low - around }, high + around)
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `least`.
fn step_of(least: f64) -> f64 {
    let decade = 10_f64.powf(least.log10().floor());
    let found = [1.0, 2.0, 5.0, 10.0].map(|m| m * decade).into_iter().find(|s| *s >= least * 0.999);
    found.unwrap_or(decade)
}

/// A tick with as many decimals as its step has.
fn tick_text(at: f64, step: f64) -> String {
    let at = if at.abs() < step / 2.0 { 0.0 } else { at };
    match step {
        s if s >= 1e6 => significant(at),
        s if s >= 0.999 => format!("{at:.0}"),
        s if s >= 0.0999 => format!("{at:.1}"),
        s if s >= 0.00999 => format!("{at:.2}"),
        s if s >= 0.000_999 => format!("{at:.3}"),
        _ => format!("{at:.1e}"),
    }
}

/// A tick of a logarithmic axis in plain digits: `0.5`, `1`, `200`.
pub(crate) fn plain_tick(at: f64) -> String {
    match at {
        a if a >= 1e6 => format!("{a:.0e}"),
        a if a >= 0.99 => format!("{a:.0}"),
        a if a >= 0.099 => format!("{a:.1}"),
        a if a >= 0.0099 => format!("{a:.2}"),
        a => format!("{a:.0e}"),
    }
}

/// A tick that is a part of all: `100 %`, `0.1 %`.
pub(crate) fn percent_tick(at: f64) -> String {
    match at * 100.0 {
        p if p >= 0.99 => format!("{p:.0} %"),
        p if p >= 0.099 => format!("{p:.1} %"),
        p if p >= 0.0099 => format!("{p:.2} %"),
        p => format!("{p:.0e} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| text.as_str()).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_cover_the_data() {
        let axis = Axis::linear("x", 0.0, 90.0);
        assert_eq!(texts(&axis), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!((axis.low, axis.high), (0.0, 100.0));
        assert_eq!(axis.part(50.0), 0.5);
        assert_eq!(axis.part(500.0), 1.0);
        assert_eq!(
            texts(&Axis::linear("x", 0.0, 0.45)),
            ["0.0", "0.1", "0.2", "0.3", "0.4", "0.5"]
        );
    }

    #[test]
    fn an_exact_axis_keeps_its_bounds() {
        let axis = Axis::exactly("x", 5.0, 65.0);
        assert_eq!((axis.low, axis.high), (5.0, 65.0));
        assert_eq!(texts(&axis), ["10", "20", "30", "40", "50", "60"]);
    }

    #[test]
    fn log_ticks_are_decades_or_one_two_five() {
        let axis = Axis::log("y", 0.002, 1.0, percent_tick);
        assert_eq!(texts(&axis), ["1 %", "10 %", "100 %"]);
        let axis = Axis::log("x", 0.9, 40.0, plain_tick);
        assert_eq!(texts(&axis), ["1", "2", "5", "10", "20"]);
        assert_eq!(axis.part(0.0), 0.0);
    }

    #[test]
    fn any_range_makes_an_axis() {
        let extremes = [0.0, 1.0, -1.0, 1e300, -1e300, 1e-300, f64::NAN, f64::INFINITY];
        for low in extremes {
            for high in extremes {
                for axis in [
                    Axis::linear("", low, high),
                    Axis::exactly("", low, high),
                    Axis::log("", low, high, plain_tick),
                ] {
                    assert!(axis.ticks.len() < 64, "{low} {high} {axis:?}");
                    for value in extremes {
                        assert!((0.0..=1.0).contains(&axis.part(value)), "{low} {high} {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn rows_go_downwards() {
        let axis = Axis::rows("", &["a".into(), "b".into()]);
        assert!(axis.part(0.0) > axis.part(1.0));
        assert_eq!(Axis::rows("", &[]).ticks.len(), 0);
    }
}
