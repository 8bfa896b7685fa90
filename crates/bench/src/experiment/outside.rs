// SPDX-License-Identifier: MIT OR Apache-2.0
//! What runs outside all capsules must not show inside: the same three saturated capsules, alone and
//! beside each kind of misbehaviour.

use super::saturated::{Case, record_beside};
use super::session::Session;
use crate::workload::now;

const MS: u64 = 1_000_000;

/// Name of a case and the workloads that run outside in it.
pub type Beside = (&'static str, &'static [&'static [&'static str]]);

/// The first is the one that all others are compared with; the second says what repeating it costs.
pub const CASES: [Beside; 6] = [
    ("0-alone", &[]),
    ("1-alone-again", &[]),
    ("2-hogs", &[&["0", "spin"], &["1", "spin"]]),
    ("3-fork-storm", &[&["any", "fork-storm", "8"]]),
    ("4-sleepers", &[&["any", "sleepers", "50"]]),
    ("5-thousand-threads", &[&["any", "threads", "1000"]]),
];

/// Records all cases.
pub fn run(session: &Session, short: bool) -> anyhow::Result<()> {
    let left_out =
        if short { &["1-alone-again", "4-sleepers", "5-thousand-threads"][..] } else { &[] };
    for (name, beside) in CASES {
        if left_out.contains(&name) {
            continue;
        }
        let begun = now();
        // Periods without a common multiple in sight: where deadlines coincide, microseconds would
        // decide who comes first. 0.7 of each CPU.
        let case = Case {
            name: name.to_owned(),
            reservations: vec![(4 * MS, 19 * MS), (9 * MS, 31 * MS), (19 * MS, 97 * MS)],
            length_ns: 580 * MS,
        };
        record_beside(session, "outside", &case, beside)?;
        eprintln!("outside {name}: {} ms", (now() - begun) / MS);
    }
    Ok(())
}
