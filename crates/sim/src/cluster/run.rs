// SPDX-License-Identifier: MIT OR Apache-2.0
//! The events of one run, in order of time: departures, then resizes, then arrivals where several
//! come at once.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use evenkeel_model::Span;

use super::churn::{Arrival, Churn};
use super::description::{Cluster, PlacementPolicy};
use super::fleet::{Fleet, VmId};
use super::outcome::{Outcome, Tally};

/// What comes next. The order is that of events at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Departure,
    Resize,
    Arrival,
    /// A point of the series, of the state after everything else at that time.
    Sample,
}

/// One run.
struct Run<'a> {
    cluster: &'a Cluster,
    fleet: Fleet<'a>,
    churn: Churn<'a>,
    tally: Tally,
    departures: BinaryHeap<Reverse<(Span, VmId)>>,
    arrival: Option<Span>,
    resize: Option<Span>,
    sample: Span,
}

/// Places the first machines, lets the others come and go, and counts. The same cluster and policy
/// give the same outcome.
pub fn simulate(cluster: &Cluster, policy: PlacementPolicy) -> Outcome {
    let mut churn = Churn::new(cluster);
    let (arrival, resize) = (churn.arrival_gap(), churn.resize_gap());
    let mut run = Run {
        cluster,
        fleet: Fleet::new(cluster, policy),
        churn,
        tally: Tally::new(cluster.flavours.len()),
        departures: BinaryHeap::new(),
        arrival,
        resize,
        sample: Span::ZERO,
    };
    for _ in 0..cluster.churn.initial {
        let arrival = run.churn.arrival();
        let admitted = run.admit(Span::ZERO, arrival);
        run.tally.initial(arrival.flavour, admitted);
    }
    run.finish();
    run.fleet.audit();
    Outcome::of(cluster, policy, &run.fleet, run.tally)
}

impl Run<'_> {
    fn finish(&mut self) {
        let mut now = Span::ZERO;
        // Every turn handles one event or one sample; both are finite in number within `duration`.
        while let Some((at, next)) = self.next().filter(|(at, _)| *at <= self.cluster.duration) {
            self.tally.pass(at - now, self.fleet.held_ppb());
            now = at;
            match next {
                Next::Departure => self.depart(),
                Next::Resize => self.resize(now),
                Next::Arrival => self.arrive(now),
                Next::Sample => {
                    self.tally.sample(now, &self.fleet);
                    self.sample = self.sample + self.cluster.sample;
                }
            }
        }
        self.tally.pass(self.cluster.duration - now, self.fleet.held_ppb());
    }

    /// The next event and its time.
    fn next(&self) -> Option<(Span, Next)> {
        let departure = self.departures.peek().map(|Reverse((at, _))| (*at, Next::Departure));
        let resize = self.resize.map(|at| (at, Next::Resize));
        let arrival = self.arrival.map(|at| (at, Next::Arrival));
        let sample = Some((self.sample, Next::Sample));
        [departure, resize, arrival, sample].into_iter().flatten().min()
    }

    fn depart(&mut self) {
        if let Some(Reverse((_, vm))) = self.departures.pop() {
            self.fleet.depart(vm);
            self.tally.departed();
        }
    }

    fn arrive(&mut self, now: Span) {
        let arrival = self.churn.arrival();
        let admitted = self.admit(now, arrival);
        self.tally.arrival(arrival.flavour, admitted);
        self.arrival = self.churn.arrival_gap().and_then(|gap| now.checked_add(gap));
    }

    fn admit(&mut self, now: Span, arrival: Arrival) -> bool {
        let Some(vm) = self.fleet.place(arrival.flavour) else { return false };
        if let Some(end) = arrival.lifetime.and_then(|lifetime| now.checked_add(lifetime)) {
            self.departures.push(Reverse((end, vm)));
        }
        true
    }

    fn resize(&mut self, now: Span) {
        let running = self.fleet.running();
        if running > 0 {
            let (which, flavour) = self.churn.resize(running);
            if let Some(vm) = self.fleet.nth_running(which) {
                let resized = self.fleet.resize(vm, flavour);
                self.tally.resized(resized);
            }
        }
        self.resize = self.churn.resize_gap().and_then(|gap| now.checked_add(gap));
    }
}
