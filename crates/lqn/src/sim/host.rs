// SPDX-License-Identifier: MIT OR Apache-2.0
//! Processors of the simulator: who executes now, who waits, and when the next slice ends.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::code::ProcessorCode;
use super::fifo::Fifo;

/// State of a processor.
#[derive(Debug)]
pub(crate) enum Host {
    /// Everybody executes at once.
    Delay,
    /// Slices run to their end (or are preempted) in the order of ranks.
    Queue { free: u32, preemptive: bool, waiting: Vec<Fifo>, running: Vec<u32> },
    /// Any waiting slice next.
    Random { free: u32, waiting: Vec<u32> },
    /// Everybody executes at a part of the speed.
    Sharing(Sharing),
}

impl Host {
    pub(crate) fn new(code: &ProcessorCode) -> Self {
        match code {
            ProcessorCode::Delay => Self::Delay,
            ProcessorCode::Queue { cores, ranks, preemptive } => Self::Queue {
                free: *cores,
                preemptive: *preemptive,
                waiting: vec![Fifo::default(); *ranks as usize],
                running: Vec::new(),
            },
            ProcessorCode::Random { cores } => Self::Random { free: *cores, waiting: Vec::new() },
            ProcessorCode::Sharing { cores, buckets } => {
                Self::Sharing(Sharing::new(*cores, buckets))
            }
        }
    }
}

/// When a job's attained service reaches `end`, it is done.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Job {
    end: f64,
    thread: u32,
}

impl Eq for Job {}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Job {
    /// The largest is the one that ends first, for `BinaryHeap`; ties by thread, to repeat exactly.
    fn cmp(&self, other: &Self) -> Ordering {
        other.end.total_cmp(&self.end).then(other.thread.cmp(&self.thread))
    }
}

#[derive(Debug)]
struct Bucket {
    weight: f64,
    cores_max: f64,
    /// Service that each job present since the bucket was last empty has attained.
    attained: f64,
    /// Its growth per unit of time.
    rate: f64,
    jobs: BinaryHeap<Job>,
}

/// Generalized processor sharing (Parekh and Gallager 1993): cores are divided among buckets by
/// weight, what a bucket cannot use goes to the others, and jobs of a bucket share equally. A job
/// never runs on more than one core.
#[derive(Debug)]
pub(crate) struct Sharing {
    cores: f64,
    buckets: Vec<Bucket>,
    since: f64,
}

impl Sharing {
    fn new(cores: f64, buckets: &[(f64, f64)]) -> Self {
        let bucket = |&(weight, cores_max)| Bucket {
            weight,
            cores_max,
            attained: 0.0,
            rate: 0.0,
            jobs: BinaryHeap::new(),
        };
        Self { cores, buckets: buckets.iter().map(bucket).collect(), since: 0.0 }
    }

    fn advance(&mut self, now: f64) {
        for b in &mut self.buckets {
            b.attained += (now - self.since) * b.rate;
            if b.jobs.is_empty() {
                b.attained = 0.0;
            }
        }
        self.since = now;
    }

    /// Water filling: a bucket that wants less than its part takes what it wants, the rest is
    /// divided again. Each round settles a bucket or is the last.
    fn divide(&mut self) {
        let want = |b: &Bucket| {
            // Jobs are bounded by the threads, far below 2^53.
            #[expect(clippy::cast_precision_loss, reason = "few jobs")]
            let jobs = b.jobs.len() as f64;
            jobs.min(b.cores_max)
        };
        if let [only] = self.buckets.as_mut_slice() {
            only.rate =
                if only.jobs.is_empty() { 0.0 } else { per_job(self.cores.min(want(only)), only) };
            return;
        }
        let mut left = self.cores;
        let mut open: Vec<usize> =
            (0..self.buckets.len()).filter(|&i| !self.buckets[i].jobs.is_empty()).collect();
        for b in &mut self.buckets {
            b.rate = 0.0;
        }
        while !open.is_empty() {
            let weights: f64 = open.iter().map(|&i| self.buckets[i].weight).sum();
            #[expect(clippy::cast_precision_loss, reason = "few buckets")]
            let equal = left / open.len() as f64;
            // Buckets of no weight divide equally what the others leave.
            let part = |b: &Bucket| if weights > 0.0 { left * b.weight / weights } else { equal };
            let small: Vec<usize> = open
                .iter()
                .copied()
                .filter(|&i| want(&self.buckets[i]) <= part(&self.buckets[i]))
                .collect();
            if small.is_empty() {
                let parts: Vec<f64> = open.iter().map(|&i| part(&self.buckets[i])).collect();
                for (&i, part) in open.iter().zip(parts) {
                    self.buckets[i].rate = per_job(part, &self.buckets[i]);
                }
                return;
            }
            for i in small {
                let take = want(&self.buckets[i]);
                self.buckets[i].rate = per_job(take, &self.buckets[i]);
                left = (left - take).max(0.0);
                open.retain(|&j| j != i);
            }
        }
    }

    /// A job of that much work comes.
    pub(crate) fn enter(&mut self, now: f64, bucket: u32, thread: u32, work: f64) {
        self.advance(now);
        let b = &mut self.buckets[bucket as usize];
        b.jobs.push(Job { end: b.attained + work, thread });
        self.divide();
    }

    /// When the first job ends, if nothing changes before.
    pub(crate) fn next_end(&self) -> Option<f64> {
        let end = |b: &Bucket| {
            let job = b.jobs.peek().filter(|_| b.rate > 0.0)?;
            Some(self.since + ((job.end - b.attained) / b.rate).max(0.0))
        };
        self.buckets.iter().filter_map(end).min_by(f64::total_cmp)
    }

    /// Takes out the job that ends now.
    pub(crate) fn leave(&mut self, now: f64) -> Option<u32> {
        self.advance(now);
        let left = |b: &Bucket| {
            let job = b.jobs.peek().filter(|_| b.rate > 0.0)?;
            Some((job.end - b.attained) / b.rate)
        };
        let first = self
            .buckets
            .iter()
            .enumerate()
            .filter_map(|(i, b)| Some((left(b)?, i)))
            .min_by(|a, b| a.0.total_cmp(&b.0))?;
        let job = self.buckets[first.1].jobs.pop()?;
        self.divide();
        Some(job.thread)
    }
}

fn per_job(cores: f64, bucket: &Bucket) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "few jobs")]
    let jobs = bucket.jobs.len() as f64;
    cores / jobs
}
