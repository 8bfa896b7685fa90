// SPDX-License-Identifier: MIT OR Apache-2.0
//! Synthetic measurements: shaped like those of a real run, made up from a fixed seed.
//!
//! Nothing here was measured, and every fingerprint says so. `fixtures/synthetic.json` is this
//! generator's output, so that the tests also read what a file holds.

#![allow(dead_code, reason = "each test file uses a part of it")]

mod intervals;
mod series;
mod spinner;

use evenkeel_lab::measurement::{Fingerprint, Measurement, Results};
use evenkeel_model::Span;

pub use intervals::{flood, neighbour, share};
pub use series::deadline;
pub use spinner::accuracy;

/// Numbers that look random and are the same every time (Knuth's MMIX constants).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// 0 to 1, 1 excluded.
    pub fn part(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// `middle` with an error of up to `part` of it, more often small than large.
    pub fn about(&mut self, middle: f64, part: f64) -> f64 {
        let bell = (self.part() + self.part() + self.part()) / 1.5 - 1.0;
        middle * (1.0 + part * bell)
    }
}

pub fn fingerprint() -> Fingerprint {
    Fingerprint {
        kernel: "6.18.0-synthetic".into(),
        cpu_model: "synthetic sample, nothing was measured".into(),
        microcode: None,
        frequency_governor: None,
        revision: None,
        cpus: "0-1".into(),
        tick_hz: Some(250),
        guest: "none (synthetic)".into(),
        started_at: "2000-01-01T00:00:00Z".into(),
        elapsed_ns: Span::from_s(200),
        steal_ratio: 0.001,
        disturbed: false,
        seed: 42,
        command_line: vec!["evenkeel".into(), "lab".into(), "all".into()],
    }
}

pub fn measurement<R, S>(name: &str, runs: Vec<R>, summary: S) -> Measurement<R, S> {
    Measurement {
        schema: format!("evenkeel.lab.{name}.v1"),
        version: "0.0.0-synthetic".into(),
        host: fingerprint(),
        runs,
        summary,
    }
}

/// No experiment at all.
pub fn empty() -> Results {
    Results {
        schema: "evenkeel.lab.results.v1".into(),
        version: "0.0.0-synthetic".into(),
        accuracy: None,
        share: None,
        neighbour: None,
        deadline: None,
        flood: None,
    }
}

/// Every experiment.
pub fn all() -> Results {
    Results {
        accuracy: Some(accuracy()),
        share: Some(share()),
        neighbour: Some(neighbour()),
        deadline: Some(deadline()),
        flood: Some(flood()),
        ..empty()
    }
}

/// Nanoseconds from milliseconds with decimals.
pub fn ms(value: f64) -> Span {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "samples are some milliseconds"
    )]
    Span::from_ns((value * 1e6).round() as u64)
}

/// Six decimals, so that the file holds exactly what the generator made.
pub fn short(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The middle of some values.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
