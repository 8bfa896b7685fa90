// SPDX-License-Identifier: MIT OR Apache-2.0
//! Any text as a cluster: read or refused with a place, and what is read and small is simulated.

#![no_main]

use evenkeel_model::Span;
use evenkeel_sim::cluster::{Cluster, read, simulate};
use libfuzzer_sys::fuzz_target;

/// Clusters that are simulated: what a fuzzer gets through thousands of times a second.
fn is_small(cluster: &Cluster) -> bool {
    let events = |gap: Span| gap == Span::ZERO || cluster.duration.as_ns() / gap.as_ns() < 100;
    cluster.hosts.count <= 8
        && cluster.hosts.cpus <= 16
        && cluster.churn.initial <= 64
        && cluster.duration.as_ns() / cluster.sample.as_ns() < 100
        && events(cluster.churn.arrival_gap_mean)
        && events(cluster.churn.resize_gap_mean)
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read(text) {
        Ok(cluster) if is_small(&cluster) => {
            for &policy in &cluster.policies {
                // The audit at the end panics on any host that holds what it should not.
                let outcome = simulate(&cluster, policy);
                assert!((0.0..=1.0).contains(&outcome.held_ratio_end));
            }
        }
        Ok(_) => {}
        Err(error) => assert!(error.line >= 1 && !error.message.is_empty()),
    }
});
