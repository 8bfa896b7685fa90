// SPDX-License-Identifier: MIT OR Apache-2.0
//! The wait at a task whose threads go on after the reply: the caller is back while its last request
//! still keeps a thread, so that even a lone caller queues, and `m` threads can all be busy for
//! fewer than `m` callers. Mean values know nothing of that.
//!
//! The task and the time its callers are away are solved as a Markov chain: `n` callers that each
//! come back after an exponential time, `m` threads with two exponential phases, first come first
//! served. State: threads in phase 1, threads in phase 2, and the queue. The chain has a band
//! structure, so that its direct solution by the elimination of Grassmann, Taksar and Heyman
//! (Operations Research 33(5) 1985; no subtractions, hence no cancellation) costs little.
//!
//! Callers of different kinds are taken together: they wait in one queue.

/// Threads up to which the chain is solved; its cost grows as their cube.
const THREADS_MAX: usize = 16;
/// Callers; more come back in proportion less often.
const CALLERS_MAX: usize = 64;
/// A phase of no time would make the chain stiff; a hundredth of the service changes nothing.
const PHASE_MIN: f64 = 0.01;

/// What the wait depends on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inputs {
    pub(super) threads: f64,
    pub(super) callers: f64,
    /// Mean time between a reply and the caller's next request.
    pub(super) away: f64,
    /// Mean times of the two phases.
    pub(super) first: f64,
    pub(super) second: f64,
    /// Service with 1, 2, ... threads busy relative to the mean; empty if it does not depend.
    pub(super) stretch: Vec<f64>,
}

impl Inputs {
    /// Whether an answer for these is one for those.
    pub(super) fn same(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        self.stretch == other.stretch
            && near(self.threads, other.threads)
            && near(self.callers, other.callers)
            && near(self.away, other.away)
            && near(self.first, other.first)
            && near(self.second, other.second)
    }
}

/// Mean wait of a request, or `None` if there are too many threads.
pub(super) fn wait(inputs: &Inputs) -> Option<f64> {
    let m = crate::text::whole(inputs.threads)? as usize;
    let service = inputs.first + inputs.second;
    if m == 0 || m > THREADS_MAX || inputs.callers < 1.0 || service <= 0.0 {
        return None;
    }
    // Fractions of callers come from bounds on populations; at least one, at most the limit.
    let callers = inputs.callers.ceil().min(CALLERS_MAX as f64);
    let n = crate::text::whole(callers)? as usize;
    let away = inputs.away.max(1e-4 * service) * callers / inputs.callers;
    let chain = Chain {
        m,
        n,
        back: 1.0 / away,
        first: 1.0 / inputs.first.max(PHASE_MIN * service),
        second: 1.0 / inputs.second.max(PHASE_MIN * service),
        stretch: &inputs.stretch,
    };
    Some(chain.wait())
}

struct Chain<'a> {
    m: usize,
    n: usize,
    /// Rate at which each free caller comes back, and the rates of the phases.
    back: f64,
    first: f64,
    second: f64,
    stretch: &'a [f64],
}

/// Threads in phase 1 and in phase 2, and requests that wait.
#[derive(Clone, Copy)]
struct Place {
    first: usize,
    second: usize,
    queue: usize,
}

impl Chain<'_> {
    /// All states by the number of requests present, then by threads in phase 1. A waiting caller
    /// and one in phase 1 are not free, so that there are at most `n` of both.
    fn places(&self) -> Vec<Place> {
        let mut out = Vec::new();
        for present in 0..=self.m + self.n {
            let busy = present.min(self.m);
            let queue = present - busy;
            for first in 0..=busy {
                if first + queue <= self.n {
                    out.push(Place { first, second: busy - first, queue });
                }
            }
        }
        out
    }

    /// The states that follow, with their rates.
    fn next(&self, p: Place) -> [(f64, Place); 3] {
        let busy = p.first + p.second;
        let slow = if busy == 0 {
            1.0
        } else {
            self.stretch.get(busy - 1).or(self.stretch.last()).copied().unwrap_or(1.0)
        };
        let free = self.n - p.first - p.queue;
        let arrival = if busy < self.m {
            Place { first: p.first + 1, ..p }
        } else {
            Place { queue: p.queue + 1, ..p }
        };
        let replied =
            Place { first: p.first.saturating_sub(1), second: p.second + 1, queue: p.queue };
        let second = p.second.saturating_sub(1);
        let ended = if p.queue > 0 {
            Place { first: p.first + 1, second, queue: p.queue - 1 }
        } else {
            Place { second, ..p }
        };
        [
            (self.back * count(free), arrival),
            (self.first * count(p.first) / slow, replied),
            (self.second * count(p.second) / slow, ended),
        ]
    }

    /// Mean queue over throughput: Little's law.
    fn wait(&self) -> f64 {
        let places = self.places();
        let key = |p: Place| (p.first, p.second, p.queue);
        let number: std::collections::HashMap<_, usize> =
            places.iter().enumerate().map(|(i, &p)| (key(p), i)).collect();
        // Neighbours are one request more or less away: two levels of at most m + 1 states.
        let band = 2 * (self.m + 1);
        let mut rates = Band::new(places.len(), band);
        for (i, &p) in places.iter().enumerate() {
            for (rate, to) in self.next(p) {
                if let Some(&j) = number.get(&key(to)).filter(|&&j| rate > 0.0 && j != i) {
                    *rates.at(i, j) += rate;
                }
            }
        }
        let probabilities = rates.stationary();
        let (mut queue, mut flow) = (0.0, 0.0);
        for (p, &place) in probabilities.iter().zip(&places) {
            queue += p * count(place.queue);
            flow += p * self.back * count(self.n - place.first - place.queue);
        }
        if flow > 0.0 { queue / flow } else { 0.0 }
    }
}

fn count(n: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "bounded by the limits above")]
    let n = n as f64;
    n
}

/// A matrix of rates with entries near the diagonal only.
struct Band {
    size: usize,
    width: usize,
    rates: Vec<f64>,
}

impl Band {
    fn new(size: usize, width: usize) -> Self {
        Self { size, width, rates: vec![0.0; size * (2 * width + 1)] }
    }

    /// The entry of row `i`, column `j`, which is at most `width` away.
    fn at(&mut self, i: usize, j: usize) -> &mut f64 {
        &mut self.rates[i * (2 * self.width + 1) + j + self.width - i]
    }

    /// States are taken out from the last to the first, their flow is given to those before.
    fn stationary(mut self) -> Vec<f64> {
        for k in (1..self.size).rev() {
            let from = k.saturating_sub(self.width);
            let out: f64 = (from..k).map(|j| *self.at(k, j)).sum();
            if out <= 0.0 {
                continue;
            }
            for i in from..k {
                let part = *self.at(i, k) / out;
                *self.at(i, k) = part;
                if part <= 0.0 {
                    continue;
                }
                for j in from..k {
                    let rate = *self.at(k, j);
                    if j != i && rate > 0.0 {
                        *self.at(i, j) += part * rate;
                    }
                }
            }
        }
        let mut p = vec![0.0; self.size];
        if let Some(first) = p.first_mut() {
            *first = 1.0;
        }
        for k in 1..self.size {
            let from = k.saturating_sub(self.width);
            p[k] = (from..k).map(|i| p[i] * *self.at(i, k)).sum();
        }
        let total: f64 = p.iter().sum();
        p.iter_mut().for_each(|x| *x /= total);
        p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(threads: f64, callers: f64, away: f64, first: f64, second: f64) -> f64 {
        let stretch = Vec::new();
        wait(&Inputs { threads, callers, away, first, second, stretch }).unwrap()
    }

    #[test]
    fn a_lone_caller_waits_for_itself() {
        // 31-overtaking: half of the time the second phase (1) is still under way, for 1 more.
        assert!((of(1.0, 1.0, 1.0, 1.0, 1.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn without_a_second_phase_it_is_the_machine_repairman() {
        // 4 callers, 2 threads, all times 1: wait 6/17. The shortest phase takes a hundredth.
        assert!((of(2.0, 4.0, 1.0, 1.0, 0.0) - 6.0 / 17.0).abs() < 0.02);
    }

    #[test]
    fn threads_can_all_be_busy_for_one_caller() {
        // No first phase: a caller that is away for 1 finds both threads busy as in Erlang's loss
        // system, but waits: 2 threads of 1, arrivals of rate 1 while it does not wait.
        // States 0, 1, 2 busy, 3 (one waits): 1, 1, 1/2, 1/4 -> wait (1/4) / (5/2) = 0.1.
        assert!((of(2.0, 1.0, 1.0, 0.0, 1.0) - 0.1).abs() < 0.01);
    }
}
