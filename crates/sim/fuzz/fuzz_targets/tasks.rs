// SPDX-License-Identifier: MIT OR Apache-2.0
//! No text makes the reader of task files panic, and what it accepts is judged: `cargo +nightly fuzz
//! run tasks` in `crates/sim`, with `docs/tasks` and `tests/corpus-tasks` as a first corpus.
#![no_main]

use evenkeel_sim::tasks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match tasks::parse(text) {
        Err(error) => assert!(error.line >= 1 && !error.message.is_empty()),
        // A search that would take long is left to the tests.
        Ok(file) if file.components.len() > 4 => {}
        Ok(file) => assert!(file.check().is_ok()),
    }
});
