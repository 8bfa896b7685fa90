// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the last of several independent branches ends, or the first, or the k-th: from the means
//! and variances of the branches.
//!
//! Each time is taken for a gamma variable (two exponentials with balanced means where it varies
//! more than an exponential, which the gamma then is too heavy at 0 for): exact where branches are
//! exponential or sums of equal exponentials. Moments of the order statistic are integrals of its
//! survival function.

/// Intervals of Simpson's rule; the survival functions are smooth, so the error is below 1e-5 of
/// the mean.
const INTERVALS: u32 = 160;
/// Standard deviations above the largest mean at which an exponential tail is below 1e-8.
const TAIL: f64 = 18.0;
/// Shapes above which a gamma is normal to 3 digits after the cube root of Wilson and Hilferty.
const SHAPE_MAX: f64 = 60.0;
/// Terms of the series of the incomplete gamma function; below the shape limit 200 are enough.
const TERMS_MAX: u32 = 300;

/// Distribution of one branch.
enum Shape {
    Step(f64),
    Exponential(f64),
    Gamma { shape: f64, scale: f64 },
    Hyper { first: f64, mean_first: f64, mean_second: f64 },
}

impl Shape {
    fn new(mean: f64, variance: f64) -> Self {
        let cv_squared = variance / (mean * mean).max(1e-300);
        if mean <= 0.0 || cv_squared < 1e-6 {
            Self::Step(mean)
        } else if (cv_squared - 1.0).abs() < 1e-9 {
            Self::Exponential(mean)
        } else if cv_squared < 1.0 {
            Self::Gamma { shape: 1.0 / cv_squared, scale: mean * cv_squared }
        } else {
            let first = 0.5 * (1.0 + ((cv_squared - 1.0) / (cv_squared + 1.0)).sqrt());
            let (mean_first, mean_second) = (mean / (2.0 * first), mean / (2.0 * (1.0 - first)));
            Self::Hyper { first, mean_first, mean_second }
        }
    }

    /// Probability of having ended at `t`.
    fn ended(&self, t: f64) -> f64 {
        match *self {
            Self::Step(at) => f64::from(u8::from(t >= at)),
            Self::Exponential(mean) => 1.0 - (-t / mean).exp(),
            Self::Gamma { shape, scale } => gamma(shape, t / scale),
            Self::Hyper { first, mean_first, mean_second } => {
                1.0 - first * (-t / mean_first).exp() - (1.0 - first) * (-t / mean_second).exp()
            }
        }
    }
}

/// Mean and variance of the time at which `need` of the branches, given by mean and variance, have
/// ended.
pub(crate) fn order(branches: &[(f64, f64)], need: usize) -> (f64, f64) {
    let need = need.clamp(1, branches.len().max(1));
    if let [(mean, variance)] = branches {
        return (*mean, *variance);
    }
    let last = branches.iter().map(|&(m, v)| m + TAIL * v.max(0.0).sqrt()).fold(0.0, f64::max);
    if last <= 0.0 {
        return (0.0, 0.0);
    }
    let shapes: Vec<Shape> = branches.iter().map(|&(m, v)| Shape::new(m, v)).collect();
    // Constant branches put a jump into the function: the integral goes from jump to jump.
    let mut cuts = vec![0.0, last];
    cuts.extend(shapes.iter().filter_map(|s| match s {
        Shape::Step(at) if *at > 0.0 && *at < last => Some(*at),
        _ => None,
    }));
    cuts.sort_unstable_by(f64::total_cmp);
    let (mut mean, mut square) = (0.0, 0.0);
    for pair in cuts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        // Fine steps near the start, where most of it happens.
        let (m, s) = simpson(from, to, &|t| not_yet(&shapes, need, t));
        mean += m;
        square += s;
    }
    (mean, (square - mean * mean).max(0.0))
}

/// Integrals of `f` and of `2 t f` over `t = from + (to - from) x^2`, by Simpson's rule in `x`.
fn simpson(from: f64, to: f64, f: &dyn Fn(f64) -> f64) -> (f64, f64) {
    let h = 1.0 / f64::from(INTERVALS);
    let (mut first, mut second) = (0.0, 0.0);
    for i in 0..=INTERVALS {
        let x = h * f64::from(i);
        let weight = match i {
            0 | INTERVALS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        // Just inside: at a jump the value of this side counts.
        let t = from + (to - from) * (x * x).clamp(1e-12, 1.0 - 1e-12);
        let y = weight * f(t) * 2.0 * x * (to - from);
        first += y;
        second += 2.0 * t * y;
    }
    (first * h / 3.0, second * h / 3.0)
}

/// Probability that fewer than `need` have ended at `t`.
fn not_yet(shapes: &[Shape], need: usize, t: f64) -> f64 {
    // counts[k]: probability that k have ended, those of `need` and more together in the last.
    let mut counts = vec![0.0; need + 1];
    counts[0] = 1.0;
    for shape in shapes {
        let p = shape.ended(t).clamp(0.0, 1.0);
        counts[need] += counts[need - 1] * p;
        for k in (1..need).rev() {
            counts[k] = counts[k] * (1.0 - p) + counts[k - 1] * p;
        }
        counts[0] *= 1.0 - p;
    }
    counts[..need].iter().sum()
}

/// Regularized lower incomplete gamma function: its power series below the mean, the complement's
/// continued fraction (Lentz) above (Abramowitz and Stegun 6.5.29, 6.5.31).
fn gamma(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if shape > SHAPE_MAX {
        let spread = 1.0 / (9.0 * shape);
        return normal(((x / shape).cbrt() - 1.0 + spread) / spread.sqrt());
    }
    let scale = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / shape, 1.0 / shape, shape);
        for _ in 0..TERMS_MAX {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < 1e-12 * sum {
                break;
            }
        }
        return scale * sum;
    }
    let mut b = x + 1.0 - shape;
    let (mut c, mut d) = (1e300, 1.0 / b);
    let mut fraction = d;
    for i in 1..TERMS_MAX {
        let i = f64::from(i);
        let a = -i * (i - shape);
        b += 2.0;
        d = 1.0 / (a * d + b);
        c = b + a / c;
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-12 {
            break;
        }
    }
    1.0 - scale * fraction
}

/// Stirling's series after shifting the argument above 8: error below 1e-11.
fn ln_gamma(x: f64) -> f64 {
    let (mut z, mut shift) = (x, 0.0);
    while z < 8.0 {
        shift += z.ln();
        z += 1.0;
    }
    let s = 1.0 / (z * z);
    let series = (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s / 1680.0))) / z;
    (z - 0.5) * z.ln() - z + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - shift
}

/// Normal distribution function (Abramowitz and Stegun 26.2.17, error below 1e-7).
fn normal(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let poly = [1.330_274_429, -1.821_255_978, 1.781_477_937, -0.356_563_782, 0.319_381_530];
    let tail = poly.iter().fold(0.0, |sum, c| sum * t + c) * t * (-0.5 * x * x).exp()
        / (2.0 * std::f64::consts::PI).sqrt();
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: (f64, f64), mean: f64, variance: f64) {
        let off = (found.0 - mean).abs() / mean + (found.1 - variance).abs() / variance;
        assert!(off < 1e-4, "{found:?}, exact {mean} {variance}");
    }

    #[test]
    fn exponentials_are_exact() {
        near(order(&[(1.0, 1.0), (1.0, 1.0)], 2), 1.5, 1.25);
        near(order(&[(1.0, 1.0), (1.0, 1.0)], 1), 0.5, 0.25);
        // Rates 1 and 1/2: 1 + 2 - 2/3; squares 2 + 8 - 8/9.
        near(order(&[(1.0, 1.0), (2.0, 4.0)], 2), 7.0 / 3.0, 11.0 / 3.0);
        near(order(&[(1.0, 1.0); 3], 2), 1.0 / 3.0 + 0.5, 1.0 / 9.0 + 0.25);
    }

    #[test]
    fn constants_and_sums_of_exponentials() {
        assert_eq!(order(&[(3.0, 0.0), (1.0, 0.0)], 1).0.round(), 1.0);
        let (mean, variance) = order(&[(3.0, 0.0), (1.0, 0.0)], 2);
        assert!((mean - 3.0).abs() < 1e-6 && variance < 1e-4, "{mean} {variance}");
        // Erlang of two stages, twice: E max = 2.75 for stages of mean 1.
        let (mean, _) = order(&[(2.0, 2.0), (2.0, 2.0)], 2);
        assert!((mean - 2.75).abs() < 1e-4, "{mean}");
        // A constant 1 beside an exponential of mean 1: 1 + exp(-1).
        let (mean, _) = order(&[(1.0, 0.0), (1.0, 1.0)], 2);
        assert!((mean - 1.0 - (-1.0_f64).exp()).abs() < 1e-4, "{mean}");
    }

    #[test]
    fn the_gamma_function_meets_the_normal_one() {
        for x in [40.0, 55.0, 60.0, 65.0, 80.0] {
            let (below, above) = (gamma(SHAPE_MAX - 1e-9, x), gamma(SHAPE_MAX + 1e-9, x));
            assert!((below - above).abs() < 5e-4, "{x}: {below} {above}");
        }
    }
}
