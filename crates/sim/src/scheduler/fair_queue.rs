// SPDX-License-Identifier: MIT OR Apache-2.0
//! One queue of the fair scheduler: earliest eligible virtual deadline first.
//!
//! Stoica and Abdel-Wahab, "Earliest eligible virtual deadline first", TR-95-22, Old Dominion
//! University, 1995; as kernel/sched/fair.c has it since 6.6, with delayed dequeue (6.12):
//!
//! * virtual time of an entity runs at 1/weight of what it executes; V is the weighted mean over
//!   all that are queued; lag = V − v: what the entity is owed;
//! * eligible is who is owed something (v <= V); of those the earliest virtual deadline runs;
//! * a deadline is v + slice/weight, renewed when it is reached;
//! * who sleeps while it owes something stays queued until it would be picked, so that sleeping
//!   pays no debts; lag of who leaves with something owed to it is kept, up to a limit.
//!
//! Queues are short (members of one CPU), so a scan picks; entities live outside, so that the
//! same code serves threads inside a capsule and capsules among each other.

/// Virtual nanoseconds per executed nanosecond of weight 1. 2^20 keeps the rounding of one charge
/// below a millionth of a nanosecond at weight 1; an hour at weight 1 is 2^62 units, so 64 bits
/// hold every virtual time.
const SCALE: i64 = 1 << 20;

/// What the queue knows of one member.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    weight: i64,
    /// v.
    virtual_time: i64,
    deadline: i64,
    /// V − v when it left.
    lag: i64,
    queued: bool,
    /// Asleep, but still queued until it is picked.
    delayed: bool,
}

/// One queue; its entities are passed to each call.
#[derive(Clone, Debug, Default)]
pub(super) struct FairQueue {
    members: Vec<usize>,
    /// V when the queue was last not empty: where virtual time goes on.
    base: i64,
}

impl Entity {
    pub(super) fn new(weight: u32) -> Entity {
        let weight = i64::from(weight.max(1));
        Entity { weight, virtual_time: 0, deadline: 0, lag: 0, queued: false, delayed: false }
    }

    pub(super) fn is_queued(&self) -> bool {
        self.queued
    }

    pub(super) fn is_runnable(&self) -> bool {
        self.queued && !self.delayed
    }

    /// Charges executed time; whether its slice is used up.
    pub(super) fn charge(&mut self, executed_ns: u64, slice_ns: u64) -> bool {
        // Saturation would need 292 years of execution; scenarios end after an hour.
        let executed = i64::try_from(executed_ns).unwrap_or(i64::MAX / SCALE);
        self.virtual_time += executed.saturating_mul(SCALE) / self.weight;
        let used_up = self.virtual_time >= self.deadline;
        if used_up {
            self.renew_deadline(slice_ns);
        }
        used_up
    }

    /// Execution that is left until its slice is used up, rounded up.
    pub(super) fn left_ns(&self) -> u64 {
        let left = i128::from(self.deadline - self.virtual_time) * i128::from(self.weight);
        // At most a slice: it fits; never negative after a charge.
        u64::try_from((left + i128::from(SCALE) - 1) / i128::from(SCALE)).unwrap_or(0)
    }

    fn renew_deadline(&mut self, slice_ns: u64) {
        self.deadline = self.virtual_time + virtual_slice(slice_ns, self.weight);
    }
}

fn virtual_slice(slice_ns: u64, weight: i64) -> i64 {
    // A slice is at most 100 ms: 2^27 ns times 2^20.
    i64::try_from(slice_ns).unwrap_or(0) * SCALE / weight
}

impl FairQueue {
    /// Queues `who`, which was away, with the lag it left with.
    pub(super) fn enqueue(&mut self, entities: &mut [Entity], who: usize, slice_ns: u64) {
        if entities[who].queued {
            entities[who].delayed = false;
            return;
        }
        let (sum, weight) = self.sums(entities);
        let now = if self.members.is_empty() { self.base } else { mean(self.base, sum, weight) };
        let entity = &mut entities[who];
        // Adding a member moves V by its lag: inflate so that it is lag after being added
        // (kernel/sched/fair.c, place_entity).
        let lag = match weight {
            0 => 0,
            _ => i128::from(entity.lag) * (weight + i128::from(entity.weight)) / weight,
        };
        entity.virtual_time = now - i64::try_from(lag).unwrap_or(0);
        entity.renew_deadline(slice_ns);
        (entity.queued, entity.delayed) = (true, false);
        self.members.push(who);
    }

    /// Takes `who` out because it sleeps; stays until it is picked if it owes something.
    pub(super) fn sleep(&mut self, entities: &mut [Entity], who: usize, slice_ns: u64) {
        if self.is_eligible(entities, who) {
            self.remove(entities, who, slice_ns);
        } else {
            entities[who].delayed = true;
        }
    }

    /// Takes `who` out whatever it owes; its lag is kept within two slices.
    pub(super) fn remove(&mut self, entities: &mut [Entity], who: usize, slice_ns: u64) {
        if !entities[who].queued {
            return;
        }
        let (sum, weight) = self.sums(entities);
        let now = mean(self.base, sum, weight);
        self.base = now;
        self.members.retain(|&member| member != who);
        let entity = &mut entities[who];
        let limit = virtual_slice(2 * slice_ns, entity.weight);
        entity.lag = (now - entity.virtual_time).clamp(-limit, limit);
        (entity.queued, entity.delayed) = (false, false);
    }

    /// Who runs next: of the eligible the earliest deadline, ties to `current`, then to the lower
    /// number. Sleepers that would be picked leave instead, their debt forgotten.
    pub(super) fn pick(
        &mut self,
        entities: &mut [Entity],
        current: Option<usize>,
    ) -> Option<usize> {
        // Each turn but the last takes one member out.
        for _ in 0..=self.members.len() {
            let key = |who: usize| (entities[who].deadline, current != Some(who), who);
            let eligible =
                self.members.iter().copied().filter(|&who| self.is_eligible(entities, who));
            let first = eligible.min_by_key(|&who| key(who))?;
            if !entities[first].delayed {
                return Some(first);
            }
            self.remove(entities, first, 0);
        }
        None
    }

    /// Members that are not asleep.
    pub(super) fn runnable(&self, entities: &[Entity]) -> usize {
        self.members.iter().filter(|&&who| !entities[who].delayed).count()
    }

    /// All members, sleepers included.
    pub(super) fn members(&self) -> &[usize] {
        &self.members
    }

    /// v <= V, that is Σ w·(v_j − v) >= 0.
    fn is_eligible(&self, entities: &[Entity], who: usize) -> bool {
        let own = entities[who].virtual_time;
        let ahead = self.members.iter().map(|&member| {
            let other = &entities[member];
            i128::from(other.weight) * i128::from(other.virtual_time - own)
        });
        ahead.sum::<i128>() >= 0
    }

    /// Σ w·(v − base) and Σ w.
    fn sums(&self, entities: &[Entity]) -> (i128, i128) {
        self.members.iter().fold((0, 0), |(sum, weight), &member| {
            let entity = &entities[member];
            let w = i128::from(entity.weight);
            (sum + w * i128::from(entity.virtual_time - self.base), weight + w)
        })
    }

    /// V − v of a queued member, in executed nanoseconds of weight 1; for tests of the bound.
    #[cfg(test)]
    pub(super) fn lag_ns(&self, entities: &[Entity], who: usize) -> i64 {
        let (sum, weight) = self.sums(entities);
        let lag = mean(self.base, sum, weight) - entities[who].virtual_time;
        lag * entities[who].weight / SCALE
    }
}

/// V, rounded down.
fn mean(base: i64, sum: i128, weight: i128) -> i64 {
    if weight == 0 {
        return base;
    }
    base + i64::try_from(sum.div_euclid(weight)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SLICE_NS: u64 = 2_800_000;

    /// Runs all members for `total_ns`, always whoever is picked, a slice at a time; returns what
    /// each had, and the largest lag seen of each.
    fn run(weights: &[u32], total_ns: u64) -> (Vec<u64>, Vec<i64>) {
        let mut entities: Vec<Entity> = weights.iter().map(|&w| Entity::new(w)).collect();
        let mut queue = FairQueue::default();
        (0..weights.len()).for_each(|who| queue.enqueue(&mut entities, who, SLICE_NS));
        let (mut had, mut lag) = (vec![0; weights.len()], vec![0; weights.len()]);
        let mut current = None;
        while had.iter().sum::<u64>() < total_ns {
            let who = queue.pick(&mut entities, current).unwrap();
            let run_ns = entities[who].left_ns();
            had[who] += run_ns;
            assert!(entities[who].charge(run_ns, SLICE_NS));
            current = Some(who);
            for (who, lag) in lag.iter_mut().enumerate() {
                *lag = i64::max(*lag, queue.lag_ns(&entities, who).abs());
            }
        }
        (had, lag)
    }

    #[test]
    fn shares_follow_weights_in_the_long_run() {
        let weights = [100, 200, 700];
        let (had, _) = run(&weights, 100_000_000_000);
        let total: u64 = had.iter().sum();
        for (had, weight) in had.iter().zip(weights) {
            // Lags are bounded, so the error is a few slices of 100 s, whatever the length.
            assert!(had.abs_diff(total * u64::from(weight) / 1_000) <= 2 * SLICE_NS, "{had}");
        }
    }

    #[test]
    fn a_sleeper_that_owes_stays_until_its_debt_is_gone() {
        let mut entities = vec![Entity::new(100), Entity::new(100)];
        let mut queue = FairQueue::default();
        (0..2).for_each(|who| queue.enqueue(&mut entities, who, SLICE_NS));
        let first = queue.pick(&mut entities, None).unwrap();
        entities[first].charge(SLICE_NS, SLICE_NS);
        queue.sleep(&mut entities, first, SLICE_NS);
        assert!(entities[first].is_queued() && !entities[first].is_runnable());
        // The other one catches up with it; then the sleeper is picked, and leaves instead.
        let other = 1 - first;
        for _ in 0..3 {
            assert_eq!(queue.pick(&mut entities, Some(other)), Some(other));
            entities[other].charge(SLICE_NS, SLICE_NS);
        }
        assert!(!entities[first].is_queued());
        assert_eq!(entities[first].lag, 0);
    }

    proptest! {
        /// Stoica and Abdel-Wahab, theorem 1: lag stays within one request (slice) either way in
        /// real time; here all requests have the same length.
        #[test]
        fn lag_is_bounded_by_a_slice(weights in prop::collection::vec(1..1_000_u32, 1..8)) {
            let (_, lag) = run(&weights, 3_000_000_000);
            for lag in lag {
                prop_assert!(lag <= i64::try_from(SLICE_NS).unwrap() + 1, "{lag}");
            }
        }
    }
}
