// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests inside a capsule: examples worked by hand, sections against simulation, several CPUs
//! against the original formula, nesting, the smallest reservation, and numbers of any size.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

use evenkeel_model::{Reservation, Span};
use evenkeel_theory::{
    Grid, GridError, Misfit, NoBound, Scheduler, Supply, Task, deadline_monotonic, demand_bound,
    edf_response_time, fits_inside, fixed_priority_response_time, global_misfits, misfits,
    request_bound, response_time, server_as_task, smallest_budget, smallest_for_latency,
    smallest_for_tasks, smallest_reservation,
};
use proptest::prelude::*;

fn ns(ns: u64) -> Span {
    Span::from_ns(ns)
}

fn ms(ms: u64) -> Span {
    Span::from_ms(ms)
}

fn task(name: &str, wcet: Span, period: Span, deadline: Span) -> Task {
    Task::new(name, wcet, period, deadline).unwrap()
}

fn rsv(budget: u64, period: u64) -> Reservation {
    Reservation::new(ms(budget), ms(period)).unwrap()
}

#[test]
fn a_set_needs_more_than_its_load() {
    // Load 0.26. By deadlines 3 of 10: dbf(75) = 16 is there after 65. By priorities 4 of 10: 'b'
    // needs 16 before the second job of 'a' at 50, and has them after 65 or 46.
    let tasks = [task("a", ms(7), ms(50), ms(50)), task("b", ms(9), ms(75), ms(75))];
    let edf = smallest_for_tasks(Scheduler::Edf, &tasks, ms(10), ms(1)).unwrap();
    let fp =
        smallest_for_tasks(Scheduler::FixedPriority, &deadline_monotonic(&tasks), ms(10), ms(1));
    assert_eq!((edf, fp.unwrap()), (rsv(3, 10), rsv(4, 10)));
    // With gaps of 2·(100 − Q) a period of 100 needs far more.
    let long = smallest_for_tasks(Scheduler::Edf, &tasks, ms(100), ms(1)).unwrap();
    assert!(long.budget() > ms(70), "{long}");
}

#[test]
fn a_task_alone_waits_for_the_gap_and_then_for_budgets() {
    let tasks = [task("t", ms(5), ms(100), ms(40))];
    let supply = Supply::of_hard_cbs(rsv(3, 10));
    // Gap 2·7, then 3, a gap of 7, and 2 more.
    assert_eq!(fixed_priority_response_time(&tasks, 0, supply), Ok(ms(26)));
    assert_eq!(edf_response_time(&tasks, 0, supply), Ok(ms(26)));
    assert_eq!(smallest_for_latency(ms(5), ms(26), ms(10), ms(1)), Some(rsv(3, 10)));
    assert_eq!(smallest_for_latency(ms(5), ms(25), ms(10), ms(1)), Some(rsv(4, 10)));
    assert_eq!(smallest_for_latency(ms(5), ms(4), ms(10), ms(1)), None);
}

#[test]
fn reasons_name_window_task_and_load() {
    let supply = Supply::of_hard_cbs(rsv(2, 10));
    let heavy = [task("t", ms(3), ms(10), ms(10))];
    assert!(matches!(misfits(Scheduler::Edf, &heavy, supply)[..], [Misfit::Overload { .. }]));
    let urgent = [task("t", ms(2), ms(100), ms(17)), task("u", ms(1), ms(100), ms(90))];
    let found = misfits(Scheduler::Edf, &urgent, supply);
    let expected = Misfit::Demand { window: ms(17), demand: ms(2), blocking: ms(0), supply: ms(1) };
    assert_eq!(found, [expected]);
    assert_eq!(
        found[0].to_string(),
        "jobs due within some 17ms need 2ms; the budget supplies only 1ms in that time for certain"
    );
    let found = misfits(Scheduler::FixedPriority, &deadline_monotonic(&urgent), supply);
    assert_eq!(found[0].to_string(), "task 't' could take 18ms, 1ms past its deadline of 17ms");
}

#[test]
fn jitter_beyond_the_deadline_is_late() {
    let late = task("t", ns(1), ns(10), ns(5)).with_jitter(ns(5)).unwrap();
    for scheduler in [Scheduler::Edf, Scheduler::FixedPriority] {
        assert!(!fits_inside(scheduler, std::slice::from_ref(&late), Supply::WHOLE_CPU));
    }
}

#[test]
fn a_load_that_equals_the_rate_is_decided_by_the_common_multiple() {
    // Never a busy window that ends, and still in time for ever.
    let tasks = [task("t", ns(1), ns(5), ns(10))];
    let supply = Supply::new(ns(1), ns(5), ns(5)).unwrap();
    for scheduler in [Scheduler::Edf, Scheduler::FixedPriority] {
        assert!(fits_inside(scheduler, &tasks, supply));
    }
    assert_eq!(fixed_priority_response_time(&tasks, 0, supply), Ok(ns(9)));
    let tight = [task("t", ns(1), ns(5), ns(8))];
    for scheduler in [Scheduler::Edf, Scheduler::FixedPriority] {
        assert!(!fits_inside(scheduler, &tight, supply));
    }
}

#[test]
fn a_child_inside_its_parent_costs_more_than_beside_it() {
    let child = rsv(2, 10);
    for scheduler in [Scheduler::Edf, Scheduler::FixedPriority] {
        let tasks = [server_as_task("child", child, scheduler, 1)];
        let parent = smallest_for_tasks(scheduler, &tasks, ms(10), Span::from_us(10)).unwrap();
        // Its own share would be 2 ms.
        assert_eq!(parent.budget(), ms(6), "{scheduler:?}");
        let fits = |r| fits_inside(scheduler, &tasks, Supply::of_hard_cbs(r));
        assert!(fits(rsv(6, 10)) && !fits(rsv(5, 10)));
    }
}

#[test]
fn the_search_over_periods_takes_the_least_and_counts_the_overhead() {
    let tasks = [task("t", ms(2), ms(20), ms(20))];
    let fits = |r| fits_inside(Scheduler::Edf, &tasks, Supply::of_hard_cbs(r));
    let grid = |overhead_us| Grid {
        period_min: ms(1),
        period_max: ms(20),
        period_step: ms(1),
        grain: Span::from_us(10),
        overhead: Span::from_us(overhead_us),
    };
    let free = smallest_reservation(&grid(0), fits).unwrap().unwrap();
    let dear = smallest_reservation(&grid(200), fits).unwrap().unwrap();
    // Without overhead shorter is better; with it, longer.
    assert!(free.reservation.period() < dear.reservation.period(), "{free:?} {dear:?}");
    assert_eq!(free.periods_tried, 20);
    // The least indeed: every period by itself offers no less.
    for period in 1..=20 {
        for (overhead, best) in [(0, free), (200, dear)] {
            let overhead = Span::from_us(overhead);
            let one = smallest_budget(ms(period), Span::from_us(10), overhead, fits);
            assert!(one.is_none_or(|one| one.bandwidth() >= best.bandwidth()), "{period}");
        }
    }
    let empty = Grid { period_min: ms(3), period_max: ms(2), ..grid(0) };
    assert!(matches!(smallest_reservation(&empty, fits), Err(GridError::Empty(..))));
    let fine = Grid { period_step: ns(1), ..grid(0) };
    assert!(matches!(smallest_reservation(&fine, fits), Err(GridError::TooMany(_))));
    let none = Grid { grain: Span::ZERO, ..grid(0) };
    assert!(matches!(smallest_reservation(&none, fits), Err(GridError::Zero(_))));
}

#[test]
fn whole_cpus_are_judged_by_the_original_formula() {
    // Two CPUs; a light task beside two heavy ones that BCL admits and a density test would not.
    let cpus = [Supply::WHOLE_CPU; 2];
    let tasks = [
        task("a", ms(8), ms(10), ms(10)).with_priority(3),
        task("b", ms(2), ms(10), ms(10)).with_priority(2),
        task("c", ms(3), ms(20), ms(20)).with_priority(1),
    ];
    assert_eq!(global_misfits(Scheduler::FixedPriority, &tasks, &cpus), []);
    let long = [task("l", ms(1), ms(5), ms(6))];
    assert!(matches!(
        global_misfits(Scheduler::Edf, &long, &cpus)[..],
        [Misfit::LongDeadline { .. }]
    ));
    let section = [task("s", ms(1), ms(5), ms(5)).with_section(ms(1)).unwrap()];
    assert!(matches!(
        global_misfits(Scheduler::Edf, &section, &cpus)[..],
        [Misfit::GlobalSection { .. }]
    ));
    let much = [task("x", ms(5), ms(5), ms(5)), task("y", ms(5), ms(5), ms(5))];
    assert_eq!(global_misfits(Scheduler::Edf, &much, &cpus), []);
    let three = [&much[..], &[task("z", ms(1), ms(5), ms(5))]].concat();
    assert!(matches!(global_misfits(Scheduler::Edf, &three, &cpus)[..], [Misfit::Overload { .. }]));
}

/// BCL for fixed priorities as the paper has it, on m whole CPUs: Σ min(W_i, D − C + 1) <
/// m·(D − C + 1), by counting instead of dividing.
fn original_fp(tasks: &[(u64, u64, u64)], m: u64) -> bool {
    (0..tasks.len()).all(|k| {
        let (c_k, _, d_k) = tasks[k];
        if c_k > d_k {
            return false;
        }
        let slack = d_k - c_k + 1;
        let work = |&(c, t, d): &(u64, u64, u64)| {
            // The first job ends at its deadline, which lies C into the window; the others follow.
            let window = d_k + d - c;
            let (mut work, mut at) = (0, 0);
            while at < window {
                work += c.min(window - at);
                at += t;
            }
            work.min(slack)
        };
        tasks[..k].iter().map(work).sum::<u64>() < m * slack
    })
}

/// A task of small numbers, D <= T.
fn small() -> impl Strategy<Value = (u64, u64, u64)> {
    (1..=12_u64, 0..=20_u64, 0..=20_u64).prop_map(|(c, d, t)| (c, c + d + t, c + d))
}

/// Any task, its numbers up to 2^63.
fn any_task() -> impl Strategy<Value = Task> {
    let time = || prop_oneof![1..=50_u64, 1..=10_000_000_000_u64, 1..=i64::MAX.unsigned_abs()];
    (time(), time(), time(), time(), 0..4_u32, any::<bool>()).prop_map(
        |(c, t, d, j, p, jitters)| {
            let task = Task::new("t", ns(c), ns(t), ns(d)).unwrap().with_priority(p);
            task.with_jitter(ns(if jitters { j } else { 0 })).unwrap()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_global_test_on_whole_cpus_is_the_original(
        set in prop::collection::vec(small(), 1..6),
        m in 2..=4_usize,
    ) {
        let tasks: Vec<Task> = set
            .iter()
            .zip((1..=9).rev())
            .map(|(&(c, t, d), p)| task("t", ns(c), ns(t), ns(d)).with_priority(p))
            .collect();
        let found = global_misfits(Scheduler::FixedPriority, &tasks, &vec![Supply::WHOLE_CPU; m]);
        let overload = matches!(found[..], [Misfit::Overload { .. }]);
        prop_assert_eq!(found.is_empty(), original_fp(&set, m as u64) && !overload);
    }

    /// Whatever the numbers, an answer comes, and it is the same for both forms of the question.
    #[test]
    fn numbers_of_any_size_are_answered(
        set in prop::collection::vec(any_task(), 0..5),
        budget in 1..=10_000_000_000_u64,
        more in 0..=10_000_000_000_u64,
        window in any::<u64>(),
    ) {
        let supply = Supply::new(ns(budget), ns(budget + more), ns(budget + more)).unwrap();
        for scheduler in [Scheduler::Edf, Scheduler::FixedPriority] {
            let fits = fits_inside(scheduler, &set, supply);
            prop_assert_eq!(fits, misfits(scheduler, &set, supply).is_empty());
            for (i, task) in set.iter().enumerate() {
                let response = response_time(scheduler, &set, i, supply);
                if fits {
                    // By deadlines the verdict may be quick where the time would take too long.
                    let by_deadline = scheduler == Scheduler::Edf;
                    let in_time = match response {
                        Ok(response) => response <= task.deadline(),
                        Err(why) => by_deadline && why == NoBound::Undecided,
                    };
                    prop_assert!(in_time);
                }
                if let Ok(response) = response {
                    prop_assert!(response >= task.wcet());
                }
            }
            prop_assert!(global_misfits(scheduler, &set, &[supply; 3]).len() <= 5);
        }
        prop_assert!(demand_bound(&set, ns(window)) <= request_bound(&set, ns(window)));
    }

    /// More supply never hurts: a larger budget, or one that comes earlier, passes what a smaller
    /// one passed; less work passes, too.
    #[test]
    fn tests_are_monotone(
        set in prop::collection::vec(small(), 1..4),
        server in (1..=9_u64, 0..=9_u64),
        edf in any::<bool>(),
    ) {
        let scheduler = if edf { Scheduler::Edf } else { Scheduler::FixedPriority };
        let make = |(i, &(c, t, d)): (usize, &(u64, u64, u64))| {
            task("t", ns(c), ns(t), ns(d)).with_priority(u32::try_from(i).unwrap())
        };
        let tasks: Vec<Task> = set.iter().enumerate().map(make).collect();
        let (budget, more) = server;
        let supply = |q, p, w| Supply::new(ns(q), ns(p), ns(w)).unwrap();
        let period = budget + more;
        if fits_inside(scheduler, &tasks, supply(budget, period, period)) {
            prop_assert!(fits_inside(scheduler, &tasks, supply(budget, period, budget)));
            if more > 0 {
                prop_assert!(fits_inside(scheduler, &tasks, supply(budget + 1, period, period)));
            }
            prop_assert!(fits_inside(scheduler, &tasks[1..], supply(budget, period, period)));
        }
    }

    /// What is found passes, and one grain less does not.
    #[test]
    fn the_smallest_budget_is_the_smallest(
        set in prop::collection::vec((1..=400_u64, 5..=40_u64), 1..4),
        period in 2..=20_u64,
        edf in any::<bool>(),
    ) {
        let scheduler = if edf { Scheduler::Edf } else { Scheduler::FixedPriority };
        let make = |&(c, t): &(u64, u64)| task("t", Span::from_us(c * 10), ms(t), ms(t));
        let tasks = deadline_monotonic(&set.iter().map(make).collect::<Vec<_>>());
        let grain = Span::from_us(10);
        let fits = |r| fits_inside(scheduler, &tasks, Supply::of_periodic_server(r));
        if let Some(found) = smallest_for_tasks(scheduler, &tasks, ms(period), grain) {
            prop_assert!(fits(found));
            let less = found.budget().saturating_sub(grain);
            if let Ok(less) = Reservation::new(less, ms(period)) {
                prop_assert!(!fits(less), "{less}");
            }
        } else {
            prop_assert!(!fits(Reservation::new(ms(period), ms(period)).unwrap()));
        }
    }
}
