// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of directed yield.

use evenkeel_model::BenchRow;

use super::saturated::as_f64;
use crate::experiment::directed_yield::Yields;

/// Honoured as often as asked, and to an effect: who yields takes as long as asking takes, which is
/// some microseconds of each turn of the other.
pub fn rows(yields: &Yields) -> Vec<BenchRow> {
    let float = |number: u64| i64::try_from(number).map_or(f64::NAN, as_f64);
    let name = |what: &str| format!("directed yield: {what}");
    let honoured = float(yields.honoured) / float(yields.asked);
    let beside = float(yields.yielder_ns) / float(yields.named_ns);
    vec![
        BenchRow::at_least(name("honoured, of those asked"), honoured, "of all", 0.9)
            .and(yields.asked > 0),
        BenchRow::at_most(name("time of who yields, by that of who is named"), beside, "x", 0.25)
            .and(yields.named_ns > 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_need_yields_and_an_effect() {
        let good =
            Yields { window_ns: 1_000, yielder_ns: 10, named_ns: 590, asked: 100, honoured: 99 };
        let held = |yields: &Yields| rows(yields).iter().filter(|row| row.holds).count();
        assert_eq!(held(&good), 2);
        assert_eq!(held(&Yields { asked: 0, honoured: 0, ..good.clone() }), 1);
        assert_eq!(held(&Yields { honoured: 50, ..good.clone() }), 1);
        // Half each: nobody has given anything.
        assert_eq!(held(&Yields { yielder_ns: 300, named_ns: 300, ..good }), 1);
    }
}
