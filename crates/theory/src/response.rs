// SPDX-License-Identifier: MIT OR Apache-2.0
//! Response times of deferrable servers under fixed priorities.
//!
//! The formula, for server i below the servers j:
//!
//! ```text
//! R_i = Q_i + Σ_j ⌈(R_i + P_j − Q_j) / P_j⌉ · Q_j        from R_i = Q_i upwards
//! ```
//!
//! Server i, with work from the start of one of its periods on, has had Q_i at most R_i later. It
//! keeps its guarantee if and only if this holds for R_i <= P_i, whatever the others do and however
//! their periods lie.
//!
//! Why no longer busy window is needed: a hard budget is a limit as well as a guarantee, so what
//! the servers above take in the window [start, start + R_i] is bounded whatever came before it.
//! Why that is safe: `tests/simulation.rs` tries every phase and every pattern of small sets. The
//! bound is exact for two servers; for more it can be pessimistic, since a server that is itself
//! delayed cannot spend its old budget at the very end of its period.

use evenkeel_model::{Reservation, Span};

use crate::consumption_bound;

/// Steps of one fixed point. Each step adds at least one more budget of one server above, so the
/// iteration ends after at most Σ_j (horizon / P_j + 2) steps; sets that people write need fewer
/// than twenty. Beyond this the answer is "no", against the asker.
const STEPS_MAX: u32 = 100_000;

/// The response time of a server `own` below the servers `higher`; `None` where it exceeds
/// `horizon`.
///
/// Strosnider, Lehoczky and Sha, IEEE Trans. Computers 44(1), 1995 (deferrable servers, the
/// back-to-back effect); the recurrence with jitter P − Q as in Davis and Burns, RTSS 2005; that a
/// group idle keeps its budget to the period's end, kernel/sched/rt.c (`do_sched_rt_period_timer`).
///
/// Assumptions, and how Linux breaks them:
/// * budgets are enforced exactly: the kernel charges at ticks and context switches
///   ([`deferrable_response_time_with_overrun`] adds the tick);
/// * nothing else runs above: interrupts, softirqs, stop and deadline class, the fair server and
///   real-time threads outside any group do;
/// * real-time threads of one CPU together are never throttled: they are, beyond
///   `sched_rt_runtime_us` (a verdict notes where that could bite);
/// * budgets do not move between CPUs: they do where RT_RUNTIME_SHARE is switched on (it is off by
///   default since 5.10).
pub fn deferrable_response_time(
    higher: &[Reservation],
    own: Reservation,
    horizon: Span,
) -> Option<Span> {
    deferrable_response_time_with_overrun(higher, own, horizon, Span::ZERO)
}

/// As [`deferrable_response_time`], where each server above may once take `overrun` more than its
/// budget before it repays: the kernel notices an empty budget at its next tick
/// (kernel/sched/rt.c, `update_curr_rt`, `sched_rt_runtime_exceeded`) and subtracts the debt from
/// the next budget, so over n periods in a row a server takes at most n·Q + one tick.
pub fn deferrable_response_time_with_overrun(
    higher: &[Reservation],
    own: Reservation,
    horizon: Span,
    overrun: Span,
) -> Option<Span> {
    let mut response = own.budget();
    for _ in 0..STEPS_MAX {
        if response > horizon {
            return None;
        }
        let demand = higher.iter().try_fold(own.budget(), |sum, &server| {
            sum.checked_add(consumption_bound(server, response))?.checked_add(overrun)
        })?;
        if demand == response {
            return Some(response);
        }
        // Consumption grows with the window, so demand never falls below an earlier response.
        response = demand;
    }
    None
}

/// The response time of each of `by_priority`, highest first; `None` where it exceeds the
/// server's own period, that is, where the server's guarantee cannot be kept.
///
/// Paper, formula and assumptions: [`deferrable_response_time`].
pub fn deferrable_response_times(by_priority: &[Reservation]) -> Vec<Option<Span>> {
    by_priority
        .iter()
        .enumerate()
        .map(|(i, &own)| deferrable_response_time(&by_priority[..i], own, own.period()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(u64, u64)]) -> Vec<Reservation> {
        let one = |&(q, p)| Reservation::new(Span::from_ms(q), Span::from_ms(p)).unwrap();
        pairs.iter().map(one).collect()
    }

    /// Response times in ms within a second, whether or not they are in time.
    fn responses_ms(pairs: &[(u64, u64)]) -> Vec<u64> {
        let servers = set(pairs);
        let response = |i: usize| {
            deferrable_response_time(&servers[..i], servers[i], Span::from_s(1)).unwrap()
        };
        (0..servers.len()).map(|i| response(i).as_us() / 1_000).collect()
    }

    #[test]
    fn examples_of_the_reference() {
        assert_eq!(responses_ms(&[(2, 10), (3, 15), (5, 20)]), [2, 7, 17]);
        assert_eq!(responses_ms(&[(4, 10), (7, 15)]), [4, 19]);
        assert_eq!(responses_ms(&[(5, 10), (7, 15)]), [5, 22]);
    }

    #[test]
    fn verdicts_of_the_reference() {
        let in_time = |pairs: &[(u64, u64)]| {
            deferrable_response_times(&set(pairs)).iter().all(Option::is_some)
        };
        assert!(in_time(&[(2, 10), (3, 15), (5, 20)]));
        assert!(!in_time(&[(4, 10), (7, 15)]));
        assert!(!in_time(&[(5, 10), (7, 15)]));
    }

    #[test]
    fn the_kernel_documents_example_starves_the_lower_group() {
        // sched-rt-group.rst: A (50/100 ms) above B (25/50 ms) runs a whole period of B.
        let servers = set(&[(50, 100), (25, 50)]);
        assert_eq!(deferrable_response_times(&servers), [Some(Span::from_ms(50)), None]);
    }

    #[test]
    fn an_overloaded_cpu_ends_at_the_horizon() {
        let servers = set(&[(10, 10), (1, 1_000)]);
        assert_eq!(deferrable_response_times(&servers), [Some(Span::from_ms(10)), None]);
    }

    #[test]
    fn ticks_lengthen_the_bound_by_one_tick_per_server_above() {
        let servers = set(&[(6, 20), (4, 20)]);
        let tick = Span::from_ms(4);
        let bound = deferrable_response_time_with_overrun(
            &servers[..1],
            servers[1],
            servers[1].period(),
            tick,
        );
        // 4 + 6 + 4 = 14; then ⌈(14 + 14)/20⌉ = 2 budgets: 4 + 12 + 4 = 20.
        assert_eq!(bound, Some(Span::from_ms(20)));
    }
}
