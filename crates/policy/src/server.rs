// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a server is besides the states and deadlines that its CPU keeps in dense arrays.

use evenkeel_model::Instant;

use crate::budget::{Budget, Params};
use crate::ids::CapsuleId;

/// One capsule on one CPU. Its deadline and its state (idle, ready, throttled) are bits and entries
/// of [`crate::cpu::Cpu`], where a scan finds them together.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Whose.
    pub capsule: CapsuleId,
    /// Q and P in force.
    pub params: Params,
    /// c.
    pub left: Budget,
    /// How many threads wait that may run here.
    pub queued: u32,
    /// Whether it has a budget and a deadline at all; a server that begins has neither.
    pub started: bool,
    /// The first instant at which one that has not started may begin: bandwidth that another gave
    /// up is free from its zero lag on, not before.
    pub not_before: Instant,
    /// Whether its release begins anew (W2, or a delayed beginning) instead of replenishing.
    pub anew: bool,
    /// Whether missing the present deadline has been counted.
    pub missed: bool,
    /// Less bandwidth, from the next replenishment on.
    pub shrink: Option<Params>,
    /// More bandwidth, from the first replenishment at or after the instant.
    pub grow: Option<(Params, Instant)>,
    /// How often it reached its deadline with budget and work left (E8).
    pub misses: u64,
    /// How often it was replenished too late (E6).
    pub lag_resets: u64,
}

impl Server {
    /// One that has not begun.
    pub fn new(capsule: CapsuleId, params: Params, not_before: Instant) -> Server {
        Server {
            capsule,
            params,
            left: Budget::ZERO,
            queued: 0,
            started: false,
            not_before,
            anew: false,
            missed: false,
            shrink: None,
            grow: None,
            misses: 0,
            lag_resets: 0,
        }
    }

    /// What it will hold when all changes are in force: what admission counts.
    pub fn target(&self) -> Params {
        self.grow.map(|(params, _)| params).or(self.shrink).unwrap_or(self.params)
    }

    /// The least it will hold on the way there.
    pub fn base(&self) -> Params {
        self.shrink.unwrap_or(self.params)
    }

    /// Whether a change waits that may come into force.
    pub fn has_change_due(&self, now: Instant) -> bool {
        self.shrink.is_some() || self.grow.is_some_and(|(_, from)| from <= now)
    }

    /// Puts changes that are due into force.
    pub fn apply_due(&mut self, now: Instant) {
        if let Some((params, _)) = self.grow.filter(|(_, from)| *from <= now) {
            self.params = params;
            self.grow = None;
            self.shrink = None;
        } else if let Some(params) = self.shrink.take() {
            self.params = params;
        }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_model::Span;

    use super::*;

    #[test]
    fn a_shrink_comes_into_force_before_the_growth_that_waits() {
        let ms = |q| Params { budget: Span::from_ms(q), period: Span::from_ms(10) };
        let mut server = Server::new(CapsuleId(1), ms(5), Instant::ORIGIN);
        server.shrink = Some(ms(1));
        server.grow = Some((ms(4), Instant::from_ns(50)));
        assert_eq!((server.target(), server.base()), (ms(4), ms(1)));
        server.apply_due(Instant::from_ns(10));
        assert_eq!((server.params, server.target()), (ms(1), ms(4)));
        assert!(!server.has_change_due(Instant::from_ns(49)));
        server.apply_due(Instant::from_ns(50));
        assert_eq!((server.params, server.target()), (ms(4), ms(4)));
    }
}
