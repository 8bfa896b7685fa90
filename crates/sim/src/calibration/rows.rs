// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rows of the benchmark: how far the simulation is off at every point that was not fitted.

use evenkeel_model::BenchRow;

use super::data::{Kind, Measured};
use super::fit::{Calibration, Prediction, calibrate};

/// What was asked: within 10 % of the measured curve.
const OFF_PERCENT_MAX: f64 = 10.0;

/// A row for each of the ten points, one for the worst, and one for the worst of B's throughput.
pub fn bench_rows() -> Vec<BenchRow> {
    let calibrated = Measured::native_lab().map_err(Into::into).and_then(|m| calibrate(&m));
    let Ok(calibration) = calibrated else {
        return vec![BenchRow::at_least("neighbour: a calibration", 0.0, "calibrations", 1.0)];
    };
    rows_of(&calibration)
}

fn rows_of(calibration: &Calibration) -> Vec<BenchRow> {
    let others = calibration.predictions.iter().filter(|prediction| !prediction.fitted);
    let off = |prediction: &Prediction| prediction.error().abs() * 100.0;
    let row = |prediction: &Prediction| {
        let kind = match prediction.measured.kind {
            Kind::Tcp => "receives",
            Kind::Compute => "computes",
        };
        let name = format!(
            "neighbour: B {kind} with {} %, simulated A off the measured one",
            prediction.measured.share_percent
        );
        BenchRow::at_most(name, off(prediction), "%", OFF_PERCENT_MAX)
    };
    let mut rows: Vec<BenchRow> = others.clone().map(row).collect();
    let worst = others.clone().map(off).fold(0.0, f64::max);
    let name = "neighbour: simulated curve off the measured one, worst of the points not fitted";
    rows.push(BenchRow::at_most(name, worst, "%", OFF_PERCENT_MAX).and(rows.len() == 10));
    let b_off = others.filter_map(|prediction| Some(prediction.neighbour_error()?.abs() * 100.0));
    let name = "neighbour: simulated B off the measured one, worst of the points not fitted";
    rows.push(BenchRow::at_most(name, b_off.fold(0.0, f64::max), "%", OFF_PERCENT_MAX));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fitted_points_are_met_and_the_others_predicted() {
        let calibration = calibrate(&Measured::native_lab().unwrap()).unwrap();
        let parameters = calibration.parameters;
        assert!(parameters.refill_rate > 0.0 && parameters.refill_rate < 0.1, "{parameters:?}");
        let (fitted, others): (Vec<&Prediction>, Vec<&Prediction>) =
            calibration.predictions.iter().partition(|prediction| prediction.fitted);
        assert_eq!((fitted.len(), others.len()), (2, 10));
        for point in fitted {
            // What A keeps; its level is the mean of both points, and host drift parts them.
            let off = point.kept_ratio - point.measured.kept_ratio;
            assert!(off.abs() < 0.003, "{point:?}");
            assert!(point.neighbour_error().is_none_or(|error| error.abs() < 0.02), "{point:?}");
        }
        for point in others {
            assert!(point.error().abs() < 0.10, "{point:?}");
        }
        let rows = rows_of(&calibration);
        assert_eq!(rows.len(), 12);
        assert!(rows.iter().all(|row| row.holds), "{rows:?}");
    }
}
