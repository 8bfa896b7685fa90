// SPDX-License-Identifier: MIT OR Apache-2.0
//! One layer as a queueing network: closed chains (calling tasks) that visit stations (called
//! tasks and processors), and open flows through them.

/// Calling task with a bounded number of threads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chain {
    /// Threads.
    pub(super) population: f64,
    /// Time of a cycle spent outside the stations of this submodel.
    pub(super) think: f64,
}

/// How a station orders requests, as far as means can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// First come, first served, and any other that does not look at the request.
    Fcfs,
    /// Processor sharing.
    Sharing,
    /// Fair share of groups.
    Groups,
    /// Head of line.
    HeadOfLine,
    /// Preemptive resume.
    Preemptive,
}

/// What a chain or an open flow asks of a station.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    /// Index of the chain; unused by open flows.
    pub(super) chain: usize,
    /// Requests per cycle of the chain, or per unit of time of an open flow.
    pub(super) visits: f64,
    /// Service that the caller waits for (phase 1).
    pub(super) reply: f64,
    /// Whole service (all phases).
    pub(super) service: f64,
    /// Mean rest of a service that an arrival finds in progress: E[s^2] / 2 E[s].
    pub(super) residual: f64,
    /// Mean time between a reply and the thread's next request; infinite for open flows.
    pub(super) away: f64,
    /// Larger goes first.
    pub(super) priority: i32,
    /// Bucket of a fair-share station.
    pub(super) bucket: usize,
    /// Mean wait for one's own last request, still in its second phase.
    pub(super) overtaking: f64,
    /// Mean wait, where it is known from elsewhere.
    pub(super) wait: Option<f64>,
}

/// Group of a fair-share station: guaranteed cores, and the most it gets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    pub(super) guaranteed: f64,
    pub(super) cores_max: f64,
}

#[derive(Debug, Clone)]
pub(super) struct Station {
    /// Threads or cores.
    pub(super) servers: f64,
    pub(super) order: Order,
    pub(super) closed: Vec<Visit>,
    pub(super) open: Vec<Visit>,
    pub(super) buckets: Vec<Bucket>,
    /// Service with 1, 2, ... servers busy relative to the mean; empty if it does not depend.
    pub(super) stretch: Vec<f64>,
    /// Part of chain `j`'s requests that an arrival of chain `i` cannot meet because one thread
    /// makes both: `interlock[i * closed.len() + j]`. Empty if there is none.
    pub(super) interlock: Vec<f64>,
    /// Most requests of visit `j` that an arrival of visit `i` finds: `met[i * closed.len() + j]`.
    /// Empty if nothing is known.
    pub(super) met: Vec<f64>,
    /// Most requests that there can be at once, because the threads that they stem from block.
    pub(super) threads_max: f64,
}

impl Station {
    /// Servers busy with open flows.
    pub(super) fn open_load(&self) -> f64 {
        self.open.iter().map(|v| v.visits * v.service).sum()
    }

    /// Part of `j` that `i` can meet.
    pub(super) fn visible(&self, i: usize, j: usize) -> f64 {
        self.interlock.get(i * self.closed.len() + j).map_or(1.0, |x| 1.0 - x)
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Submodel {
    pub(super) chains: Vec<Chain>,
    pub(super) stations: Vec<Station>,
}

/// Mean queueing times, in the order of the stations' visits.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Waits {
    pub(super) closed: Vec<Vec<f64>>,
    pub(super) open: Vec<Vec<f64>>,
}

/// What is at a station on average: per closed visit, requests that queue and servers that are
/// busy.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    pub(super) queued: Vec<f64>,
    pub(super) busy: Vec<f64>,
    /// Threads of the chain that could be here.
    pub(super) threads: Vec<f64>,
}

impl Load {
    /// Adds a visit as an arrival finds it, for a chain with that many threads besides it. With
    /// second phases a lone thread may queue while its last request still keeps a server; but then
    /// nobody else came between, so an arrival that does come between cannot find it twice. (With
    /// several servers it can: the others serve the queue meanwhile.)
    pub(super) fn push(&mut self, servers: f64, queued: f64, busy: f64, threads: f64) {
        let all = queued + busy;
        let scale = if servers <= 1.0 && all > threads { threads / all } else { 1.0 };
        self.queued.push(queued * scale);
        self.busy.push(busy * scale);
        self.threads.push(threads);
    }
}
