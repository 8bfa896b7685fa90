// SPDX-License-Identifier: MIT OR Apache-2.0
//! No text makes the scenario reader panic, and what it accepts can be run: `cargo +nightly fuzz run
//! scenario` in `crates/sim`, with `docs/scenarios` and `tests/corpus` as a first corpus.
#![no_main]

use evenkeel_model::Span;
use evenkeel_sim::{SchedulerKind, scenario};
use libfuzzer_sys::fuzz_target;

/// How much of an accepted scenario is run: enough for every kind of event, and quick.
const RUN: Span = Span::from_us(200);

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match scenario::parse(text) {
        Err(error) => assert!(error.line >= 1 && !error.message.is_empty()),
        Ok(mut scenario) => {
            assert_eq!(scenario.check(), Ok(()));
            scenario.duration = scenario.duration.min(RUN);
            scenario.warmup = Span::ZERO;
            for kind in SchedulerKind::ALL {
                // A scheduler may refuse it; it may not panic.
                let _ = evenkeel_sim::run(&scenario, kind);
            }
        }
    }
});
