// SPDX-License-Identifier: MIT OR Apache-2.0
//! `KEY=FROM..TO[:POINTS]` and `KEY=VALUE,VALUE`: the values that a key goes through.

use super::setting::{Key, number};

/// Points of one key.
const POINTS_MAX: u32 = 10_000;
/// Counts move by 1 up to so many points: a screen has as many lines.
const COUNTS_MAX: f64 = 20.0;
/// Points without a wish: ten equal steps.
const POINTS: u32 = 11;

/// The values of a key.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    /// What moves.
    pub key: Key,
    /// Through these.
    pub values: Vec<f64>,
}

/// Reads one.
pub fn range(text: &str) -> Result<Range, String> {
    let Some((key, values)) = text.split_once('=') else {
        return Err("must be KEY=RANGE, for example customers:users=1..20".to_owned());
    };
    let key = Key::parse(key)?;
    let values = match values.split_once("..") {
        Some((from, rest)) => steps(from, rest, key.counts())?,
        None => values.split(',').map(number).collect::<Result<_, _>>()?,
    };
    if values.len() > POINTS_MAX as usize {
        return Err(format!("at most {POINTS_MAX} values"));
    }
    Ok(Range { key, values })
}

fn steps(from: &str, rest: &str, counts: bool) -> Result<Vec<f64>, String> {
    let (to, points) = match rest.split_once(':') {
        Some((to, points)) => (to, Some(points)),
        None => (rest, None),
    };
    let (from, to) = (number(from)?, number(to)?);
    let points = match points {
        Some(points) => {
            let wanted = points.parse::<u32>().ok().filter(|n| (1..=POINTS_MAX).contains(n));
            wanted.ok_or_else(|| format!("\"{points}\" points: must be from 1 to {POINTS_MAX}"))?
        }
        None if counts && (to - from).abs() < COUNTS_MAX => {
            // Below COUNTS_MAX; whole numbers are checked when they are set.
            let mut points = 1;
            while f64::from(points) <= (to - from).abs() {
                points += 1;
            }
            points
        }
        None => POINTS,
    };
    let last = f64::from(points.saturating_sub(1).max(1));
    let value = |i: u32| {
        let value = from + (to - from) * f64::from(i) / last;
        if counts { value.round() } else { value }
    };
    let mut values: Vec<f64> = (0..points).map(value).collect();
    values.dedup();
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        range(text).unwrap().values
    }

    #[test]
    fn ranges_and_lists() {
        assert_eq!(values("customers:c=1..4"), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(values("customers:c=4..1"), [4.0, 3.0, 2.0, 1.0]);
        assert_eq!(values("customers:c=1..100").len(), 11);
        assert_eq!(values("customers:c=1..3:9"), [1.0, 2.0, 3.0]);
        assert_eq!(values("demand:e=0..1").len(), 11);
        assert_eq!(values("demand:e=0..1:3"), [0.0, 0.5, 1.0]);
        assert_eq!(values("demand:e=0.5..1:1"), [0.5]);
        assert_eq!(values("$x=5,1,2"), [5.0, 1.0, 2.0]);
        for wrong in ["demand:e", "demand:e=", "demand:e=1..", "demand:e=1..2:0", "x=1..2"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
