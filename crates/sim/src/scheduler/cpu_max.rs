// SPDX-License-Identifier: MIT OR Apache-2.0
//! `cpu.max`: the fair scheduler's cap, quota every period for a capsule on all its CPUs together.
//!
//! ```text
//!   period timer -> pool := quota                 (one a capsule)
//!   a CPU out of local time takes a slice from the pool, 5 ms at most; nothing left: throttled
//!   period timer -> throttled CPUs get what they owe and 1 ns, then go on
//! ```
//!
//! As kernel/sched/fair.c (`__refill_cfs_bandwidth_runtime`, `assign_cfs_rq_runtime`,
//! `distribute_cfs_runtime`). Local time does not expire at the period's end; a CPU whose capsule
//! goes to sleep gives back all but 1 ms. Not modelled: the timer that hands slack to other
//! throttled CPUs within a period, and bursts.

use evenkeel_model::{Instant, Span};

/// `sched_cfs_bandwidth_slice_us`: what a CPU takes from the pool at once.
const SLICE_NS: i64 = 5_000_000;
/// `min_cfs_rq_runtime`: what a sleeping CPU keeps.
const KEEP_NS: i64 = 1_000_000;
/// Least quota that the kernel takes (`min_cfs_quota_period`).
pub(crate) const QUOTA_MIN: Span = Span::from_ms(1);
/// Longest period that the kernel takes (`max_cfs_quota_period`).
pub(crate) const PERIOD_MAX: Span = Span::from_s(1);

/// The account of one capsule.
#[derive(Clone, Debug)]
pub(super) struct Bandwidth {
    quota_ns: i64,
    period: Span,
    next_period: Instant,
    pool_ns: i64,
    /// By CPU.
    local: Vec<Local>,
}

/// What one CPU has taken.
#[derive(Clone, Debug, Default)]
struct Local {
    left_ns: i64,
    throttled: bool,
}

impl Bandwidth {
    pub(super) fn new(quota: Span, period: Span, phase: Span, cpus: usize) -> Bandwidth {
        // Budgets are at most 10 s times 64 CPUs.
        let quota_ns = i64::try_from(quota.as_ns()).unwrap_or(i64::MAX);
        let local = vec![Local::default(); cpus];
        let first = if phase == Span::ZERO { period } else { phase };
        let next_period = Instant::from_ns(first.as_ns());
        Bandwidth { quota_ns, period, next_period, pool_ns: quota_ns, local }
    }

    pub(super) fn next_period(&self) -> Instant {
        self.next_period
    }

    pub(super) fn is_throttled(&self, cpu: usize) -> bool {
        self.local[cpu].throttled
    }

    pub(super) fn charge(&mut self, cpu: usize, executed_ns: u64) {
        let executed = i64::try_from(executed_ns).unwrap_or(i64::MAX);
        self.local[cpu].left_ns = self.local[cpu].left_ns.saturating_sub(executed);
    }

    /// What the CPU may still run before it must ask again.
    pub(super) fn left_ns(&self, cpu: usize) -> u64 {
        u64::try_from(self.local[cpu].left_ns).unwrap_or(0)
    }

    /// Takes from the pool if nothing is left; whether the CPU has just been throttled.
    pub(super) fn check(&mut self, cpu: usize) -> bool {
        let local = &mut self.local[cpu];
        if local.throttled || local.left_ns > 0 {
            return false;
        }
        let taken = self.pool_ns.min(SLICE_NS - local.left_ns).max(0);
        self.pool_ns -= taken;
        local.left_ns += taken;
        local.throttled = local.left_ns <= 0;
        local.throttled
    }

    /// The capsule sleeps on this CPU: gives slack back.
    pub(super) fn sleep(&mut self, cpu: usize) {
        let slack = self.local[cpu].left_ns - KEEP_NS;
        if slack > 0 {
            self.pool_ns += slack;
            self.local[cpu].left_ns = KEEP_NS;
        }
    }

    /// A new period: fills the pool and releases whom it suffices for; their CPUs, in `released`.
    pub(super) fn refill(&mut self, released: &mut Vec<usize>) {
        self.next_period = self.next_period + self.period;
        self.pool_ns = self.quota_ns;
        for (cpu, local) in self.local.iter_mut().enumerate().filter(|(_, local)| local.throttled) {
            let taken = self.pool_ns.min(1 - local.left_ns).max(0);
            self.pool_ns -= taken;
            local.left_ns += taken;
            if local.left_ns > 0 {
                local.throttled = false;
                released.push(cpu);
            }
        }
    }
}
