// SPDX-License-Identifier: MIT OR Apache-2.0
//! What both solvers answer. Lists run parallel to the model's: element `i` of
//! [`Results::entries`] is about entry `i`.
//!
//! Utilisation of a task counts busy threads (4 saturated threads are 4.0), of a processor busy
//! cores. `waiting` of a synchronous call is the time in the queue before service; of an
//! asynchronous call and of open arrivals the response (queue and service) stands beside it.

use serde::Serialize;

/// A figure, and from the simulator half the width of its 95 % confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Estimate {
    /// Best estimate.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval; `None` from the analytic solver.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub half_width_95: Option<f64>,
}

impl Estimate {
    /// A figure without interval.
    #[must_use]
    pub fn exact(mean: f64) -> Self {
        Self { mean, half_width_95: None }
    }

    /// Whether a value lies inside the interval.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        (value - self.mean).abs() <= self.half_width_95.unwrap_or(0.0)
    }
}

/// Answers for the whole model.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// `"mva"` or `"sim"`.
    pub solver: &'static str,
    /// Iterations of the analytic solver, or events of the simulator.
    pub steps: u64,
    /// Per processor.
    pub processors: Vec<ProcessorResult>,
    /// Per group: busy cores.
    pub groups: Vec<Estimate>,
    /// Per task.
    pub tasks: Vec<TaskResult>,
    /// Per entry.
    pub entries: Vec<EntryResult>,
    /// Per activity.
    pub activities: Vec<ActivityResult>,
}

impl Results {
    /// The widest interval among throughputs, service times and open responses of entries, as a
    /// part of its mean; `None` from the analytic solver.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        let figures = self.entries.iter().flat_map(|e| {
            [Some(e.throughput), Some(e.service), e.open_response].into_iter().flatten()
        });
        let parts = figures.filter_map(|e| {
            let half = e.half_width_95?;
            Some(if half == 0.0 { 0.0 } else { half / e.mean.abs() })
        });
        parts.reduce(f64::max)
    }
}

/// Answers for a processor.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct ProcessorResult {
    /// Busy cores.
    pub utilization: Estimate,
}

/// Answers for a task.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct TaskResult {
    /// Requests completed (cycles of a reference task) per unit of time.
    pub throughput: Estimate,
    /// Busy threads, blocked ones included.
    pub utilization: Estimate,
    /// Busy cores of its processor on its behalf.
    pub processor_utilization: Estimate,
}

/// Answers for an entry.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntryResult {
    /// Requests completed per unit of time.
    pub throughput: Estimate,
    /// Busy threads on its behalf.
    pub utilization: Estimate,
    /// Busy cores on its behalf.
    pub processor_utilization: Estimate,
    /// Whole service time of one request, all phases.
    pub service: Estimate,
    /// Its variance.
    pub service_variance: Estimate,
    /// Per phase of the entry; of an activity graph, up to the reply and after it. What graphs
    /// execute and call stands with the activities.
    pub phases: Vec<PhaseResult>,
    /// Of open arrivals: time from arrival to the end of phase 1 (of the last entry, if forwarded).
    pub open_response: Option<Estimate>,
    /// Per forward: waiting in the next queue.
    pub forwards: Vec<CallResult>,
}

/// Answers for a phase.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PhaseResult {
    /// From its start to its end: demand, processor queue, calls, think time.
    pub service: Estimate,
    /// Its variance.
    pub service_variance: Estimate,
    /// Busy threads.
    pub utilization: Estimate,
    /// Processor queue per execution of the phase, all slices.
    pub processor_waiting: Estimate,
    /// Per call of the phase, in the model's order.
    pub calls: Vec<CallResult>,
}

/// Answers for an activity, of all entries that execute it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ActivityResult {
    /// Executions per unit of time.
    pub throughput: Estimate,
    /// Executions under way: more than 1 for each thread only in concurrent branches.
    pub utilization: Estimate,
    /// Busy cores on its behalf.
    pub processor_utilization: Estimate,
    /// From its start to its end.
    pub service: Estimate,
    /// Its variance.
    pub service_variance: Estimate,
    /// Processor queue per execution, all slices.
    pub processor_waiting: Estimate,
    /// Per call, in the model's order.
    pub calls: Vec<CallResult>,
}

/// Answers for a call.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct CallResult {
    /// Time in the queue of the called task, per request.
    pub waiting: Estimate,
    /// Time from the request to the end of its phase 1 (queue and service), per request.
    pub response: Estimate,
}
