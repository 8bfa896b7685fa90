// SPDX-License-Identifier: MIT OR Apache-2.0
//! One CPU and its servers: which of them are ready, which wait, and the rules E1 to E8 applied to
//! them.
//!
//! ```text
//!            E1 wake (c > 0)             E4 c <= 0
//!   IDLE ----------------------> READY ------------> THROTTLED
//!     ^  \                         ^  |                 |   |
//!     |   \---- E1 wake (c <= 0) --|--|---------------->|   |
//!     |                            +--|-- E5 at d ------+   |
//!     +------------- E7 no work ------+---------------------+
//! ```
//!
//! A server is ready, throttled, or (neither bit) idle; the running one is ready. With at most 64
//! servers a set of them is one word, and the earliest deadline a bounded scan over an array.

use evenkeel_model::{CpuIndex, Instant, Span};

use crate::admission::Freed;
use crate::budget::{self, Account, Budget, Wake};
use crate::config::{Tie, WakeRule};
use crate::decision::Decision;
use crate::ids::{ServerId, ThreadId};
use crate::server::Server;

/// Most servers of one CPU, that of threads outside capsules included: the bits of a word, and the
/// bound of every scan (a BPF verifier accepts as many).
pub const SERVERS_PER_CPU_MAX: usize = 64;

/// The slot of the server for threads outside capsules.
pub(crate) const BEST_EFFORT_SLOT: usize = 0;

/// Who has a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Running {
    pub thread: ThreadId,
    pub slot: usize,
    /// It uses what nobody else wants, and is not charged.
    pub background: bool,
}

/// One CPU.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    pub index: CpuIndex,
    pub online: bool,
    /// For whom [`Decision::Preempt`] was said and not yet answered.
    pub kicked: Option<ThreadId>,
    pub running: Option<Running>,
    /// Who runs as far as the driver was told.
    pub shown: Option<ThreadId>,
    /// Until when its thread has been charged.
    pub charged_at: Instant,
    /// For when its timer is armed; `NEVER` if it is not.
    pub timer: Instant,
    pub generation: u32,
    /// Slots that hold a server, and the states of those.
    pub used: u64,
    pub ready: u64,
    pub throttled: u64,
    /// Ready ones that were charged their last.
    exhausted: u64,
    pub deadlines: [Instant; SERVERS_PER_CPU_MAX],
    releases: [Instant; SERVERS_PER_CPU_MAX],
    /// The least of the releases of throttled servers.
    pub next_release: Instant,
    pub servers: Vec<Server>,
    /// Bandwidth given up and not yet free.
    pub freed: Freed,
}

/// The slots in `set`, lowest first.
pub(crate) fn slots(mut set: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = set.trailing_zeros() as usize;
        set &= set.checked_sub(1)?;
        Some(slot)
    })
}

impl Cpu {
    /// Online, with nothing but the server for threads outside capsules.
    pub fn new(index: CpuIndex, best_effort: Server) -> Cpu {
        let mut servers = Vec::with_capacity(SERVERS_PER_CPU_MAX);
        servers.push(best_effort);
        Cpu {
            index,
            online: true,
            kicked: None,
            running: None,
            shown: None,
            charged_at: Instant::ORIGIN,
            timer: Instant::NEVER,
            generation: 0,
            used: 1,
            ready: 0,
            throttled: 0,
            exhausted: 0,
            deadlines: [Instant::ORIGIN; SERVERS_PER_CPU_MAX],
            releases: [Instant::NEVER; SERVERS_PER_CPU_MAX],
            next_release: Instant::NEVER,
            servers,
            freed: Freed::default(),
        }
    }

    /// Takes a server in; `None` if all slots are used.
    pub fn insert(&mut self, server: Server) -> Option<usize> {
        let slot = self.used.trailing_ones() as usize;
        if slot >= SERVERS_PER_CPU_MAX {
            return None;
        }
        self.used |= 1 << slot;
        match self.servers.get_mut(slot) {
            Some(hole) => *hole = server,
            None => self.servers.push(server),
        }
        self.deadlines[slot] = Instant::ORIGIN;
        Some(slot)
    }

    /// Ends an idle server. Its slot may be used again.
    pub fn remove(&mut self, slot: usize) {
        self.used &= !(1 << slot);
    }

    /// Whether the server has no work (E7).
    pub fn is_idle(&self, slot: usize) -> bool {
        (self.ready | self.throttled) & (1 << slot) == 0
    }

    /// Whether the server may run.
    pub fn is_ready(&self, slot: usize) -> bool {
        self.ready & (1 << slot) != 0
    }

    /// Whether a thread of the server runs here.
    pub fn runs(&self, slot: usize) -> bool {
        self.running.is_some_and(|running| running.slot == slot)
    }

    /// Name of the server.
    pub fn name(&self, slot: usize) -> ServerId {
        ServerId { capsule: self.servers[slot].capsule, cpu: self.index }
    }

    /// c and d.
    pub fn account(&self, slot: usize) -> Account {
        Account { left: self.servers[slot].left, deadline: self.deadlines[slot] }
    }

    fn set_account(&mut self, slot: usize, account: Account) {
        self.deadlines[slot] = account.deadline;
        let server = &mut self.servers[slot];
        server.left = account.left;
        server.missed = false;
        server.started = true;
    }

    /// E1: the idle server has work.
    pub fn wake(&mut self, slot: usize, rule: WakeRule, now: Instant, out: &mut Vec<Decision>) {
        self.settle_idle(slot, now);
        let server = &self.servers[slot];
        if server.params.budget == Span::ZERO {
            // No budget of its own, unless one is on its way.
            let from = server.grow.map_or(Instant::NEVER, |(_, from)| from);
            return self.wait(slot, from, true, out);
        }
        if !server.started {
            if now < server.not_before {
                return self.wait(slot, server.not_before, true, out);
            }
            return self.renew(slot, budget::begin(server.params, now), out);
        }
        match budget::wake(rule, server.params, self.account(slot), now) {
            Wake::Keep => self.ready |= 1 << slot,
            Wake::Wait(until) => self.wait(slot, until, false, out),
            Wake::Anew(until) => self.wait(slot, until, true, out),
            Wake::Renew(account) => self.renew(slot, account, out),
        }
    }

    /// A new budget and deadline; throttled where debt eats all of it.
    fn renew(&mut self, slot: usize, account: Account, out: &mut Vec<Decision>) {
        self.set_account(slot, account);
        let (server, deadline) = (self.name(slot), account.deadline);
        out.push(Decision::Replenish { server, budget: account.left.remaining(), deadline });
        if account.left.is_spent() {
            self.wait(slot, deadline, false, out);
        } else {
            self.ready |= 1 << slot;
        }
    }

    fn wait(&mut self, slot: usize, until: Instant, anew: bool, out: &mut Vec<Decision>) {
        self.ready &= !(1 << slot);
        self.throttled |= 1 << slot;
        self.releases[slot] = until;
        self.next_release = self.next_release.min(until);
        self.servers[slot].anew = anew;
        out.push(Decision::Throttle { server: self.name(slot), until });
    }

    /// E7: the server has no work. Budget and deadline stay.
    pub fn sleep(&mut self, slot: usize, now: Instant) {
        let bit = 1 << slot;
        let waited = self.throttled & bit != 0;
        self.ready &= !bit;
        self.throttled &= !bit;
        self.exhausted &= !bit;
        if waited {
            self.find_next_release();
        }
        self.settle_idle(slot, now);
    }

    /// Puts a change of an idle server into force: it begins anew, at its zero lag at the earliest.
    pub fn settle_idle(&mut self, slot: usize, now: Instant) {
        let account = self.account(slot);
        let server = &mut self.servers[slot];
        if server.has_change_due(now) {
            if server.started {
                server.not_before = budget::zero_lag(server.params, account);
                server.started = false;
            }
            server.apply_due(now);
        }
    }

    /// E3: charges the server. Whether that exhausts it shows at [`Cpu::throttle_exhausted`].
    pub fn charge(&mut self, slot: usize, executed: Span) {
        let server = &mut self.servers[slot];
        server.left = server.left.charged(executed);
        if server.left.is_spent() {
            self.exhausted |= 1 << slot;
        }
    }

    /// E4: ready servers that have spent their budget wait for their deadlines.
    pub fn throttle_exhausted(&mut self, out: &mut Vec<Decision>) {
        for slot in slots(std::mem::take(&mut self.exhausted) & self.ready) {
            self.wait(slot, self.deadlines[slot], false, out);
        }
    }

    /// E5 and E6: replenishes the throttled servers whose time has come.
    pub fn release_due(&mut self, now: Instant, out: &mut Vec<Decision>) {
        if self.next_release > now {
            return;
        }
        for slot in slots(self.throttled) {
            if self.releases[slot] <= now {
                self.release(slot, now, out);
            }
        }
        self.find_next_release();
    }

    fn release(&mut self, slot: usize, now: Instant, out: &mut Vec<Decision>) {
        let due = self.releases[slot];
        let account = self.account(slot);
        let server = &mut self.servers[slot];
        server.apply_due(now);
        let params = server.params;
        if params.budget == Span::ZERO {
            self.releases[slot] = Instant::NEVER;
            return;
        }
        let (account, late) = if server.anew {
            let account = budget::begin(params, due);
            let late = account.deadline <= now;
            (if late { budget::begin(params, now) } else { account }, late)
        } else {
            budget::replenish(params, account, now)
        };
        server.anew = false;
        server.lag_resets += u64::from(late);
        self.set_account(slot, account);
        let (server, deadline) = (self.name(slot), account.deadline);
        if late {
            out.push(Decision::LagReset { server, deadline });
        }
        out.push(Decision::Replenish { server, budget: account.left.remaining(), deadline });
        if account.left.is_spent() {
            self.releases[slot] = deadline;
        } else {
            self.throttled &= !(1 << slot);
            self.ready |= 1 << slot;
        }
    }

    /// When a throttled server looks again.
    pub fn release_of(&self, slot: usize) -> Instant {
        self.releases[slot]
    }

    /// Lets a throttled server look again at another time.
    pub fn set_release(&mut self, slot: usize, until: Instant) {
        self.releases[slot] = until;
        self.find_next_release();
    }

    fn find_next_release(&mut self) {
        let releases = slots(self.throttled).map(|slot| self.releases[slot]);
        self.next_release = releases.min().unwrap_or(Instant::NEVER);
    }

    /// E2: the ready server with the least deadline.
    pub fn earliest(&self, tie: Tie) -> Option<usize> {
        let mut left = self.ready;
        if left == 0 {
            return None;
        }
        let mut best = left.trailing_zeros() as usize;
        left &= left - 1;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            left &= left - 1;
            let (deadline, least) = (self.deadlines[slot], self.deadlines[best]);
            if deadline < least || (deadline == least && self.wins_tie(slot, best, tie)) {
                best = slot;
            }
        }
        Some(best)
    }

    /// Whether `slot` goes before `other`, both ready.
    pub fn goes_before(&self, slot: usize, other: usize, tie: Tie) -> bool {
        let (deadline, least) = (self.deadlines[slot], self.deadlines[other]);
        deadline < least || (deadline == least && self.wins_tie(slot, other, tie))
    }

    fn wins_tie(&self, slot: usize, other: usize, tie: Tie) -> bool {
        let runs = |slot| self.running.is_some_and(|r| r.slot == slot && !r.background);
        if tie == Tie::Runner && (runs(slot) || runs(other)) {
            return runs(slot);
        }
        self.servers[slot].capsule.rank() < self.servers[other].capsule.rank()
    }

    /// E8: counts ready servers whose deadline is past. `earliest` is the first of the ready ones:
    /// if its deadline is to come, so are all.
    pub fn count_misses(&mut self, earliest: usize, now: Instant, out: &mut Vec<Decision>) {
        if self.deadlines[earliest] > now {
            return;
        }
        for slot in slots(self.ready) {
            let deadline = self.deadlines[slot];
            if deadline <= now && !self.servers[slot].missed {
                self.servers[slot].missed = true;
                self.servers[slot].misses += 1;
                out.push(Decision::ServerMiss { server: self.name(slot), deadline });
            }
        }
    }

    /// Stops all servers as they are: the CPU goes away.
    pub fn stop_all(&mut self) {
        self.ready = 0;
        self.throttled = 0;
        self.exhausted = 0;
        self.next_release = Instant::NEVER;
    }

    /// What the server has left, for the timer.
    pub fn left(&self, slot: usize) -> Budget {
        self.servers[slot].left
    }
}
