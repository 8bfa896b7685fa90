// SPDX-License-Identifier: MIT OR Apache-2.0
//! The worked examples of the reference: every event and time. Each names its variant of the wake
//! rule and of the tie.

use evenkeel_policy::bench::examples::{EXAMPLES, Outcome, run};

#[test]
fn every_event_and_time_is_as_worked_out_by_hand() {
    for example in &EXAMPLES {
        let outcome = run(example);
        assert_eq!(outcome.ran, example.ran, "who ran when in {}", example.name);
        for ((server, expected), (_, got)) in example.fates.iter().zip(&outcome.fates) {
            assert_eq!(got, expected, "server {server} in {}", example.name);
        }
        assert_eq!(outcome.differences(), 0);
        assert!(outcome.compared >= 7, "{}", example.name);
    }
}

#[test]
fn a_wrong_expectation_is_found() {
    let mut example = EXAMPLES[0];
    example.ran = &[(0, 4, 1)];
    assert_eq!(Outcome::differences(&run(&example)), 1);
}
