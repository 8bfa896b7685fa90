// SPDX-License-Identifier: MIT OR Apache-2.0
//! Properties of placement: no CPU is ever overfull, no capsule is where it must not be, the quick
//! methods never beat the exact one, and the exact one finds what trying everything finds.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod support;

use std::collections::BTreeSet;

use evenkeel_model::{Bandwidth, CpuIndex, CpuSet, Reservation, Span};
use evenkeel_theory::placement::{
    EDF_LIMIT, Method, NODES_MAX, Placement, PlacementError, Rule, Site, Wanted,
    always_placed_up_to, place,
};
use evenkeel_theory::{Held, Limits, admit_rtgroup};
use proptest::prelude::*;

use support::{held, new, rsv, stock};

const QUICK: [Method; 3] = [Method::FirstFit, Method::BestFit, Method::WorstFit];
const EXACT: Method = Method::Exact { nodes_max: NODES_MAX };

fn edf(cpus: &str, held: Vec<Held>) -> Site {
    Site { cpus: cpus.parse().unwrap(), held, rule: Rule::Edf { limit: EDF_LIMIT } }
}

fn rtgroup(cpus: &str, held: Vec<Held>, limits: Limits) -> Site {
    Site { cpus: cpus.parse().unwrap(), held, rule: Rule::RtGroup(limits) }
}

fn anywhere(index: usize, reservation: Reservation, servers: usize) -> Wanted {
    let name = format!("w{index}").parse().unwrap();
    Wanted::anywhere(name, reservation, servers, index as u64)
}

/// Per cent of a CPU, over 10 ms.
fn percent(part: u64) -> Reservation {
    Reservation::new(Span::from_us(part * 100), Span::from_ms(10)).unwrap()
}

fn singles(parts: &[u64]) -> Vec<Wanted> {
    parts.iter().enumerate().map(|(i, &part)| anywhere(i, percent(part), 1)).collect()
}

/// Whether the set is admitted, by the test of the enforcer, one after the other.
fn all_admitted(site: &Site, all: &[Held]) -> bool {
    match &site.rule {
        Rule::Edf { limit } => site.cpus.iter().all(|cpu| {
            let on = all.iter().filter(|held| held.cpus.contains(cpu));
            on.map(|held| held.reservation.bandwidth()).sum::<Bandwidth>() <= *limit
        }),
        Rule::RtGroup(limits) => (0..all.len()).all(|i| {
            // The last one asked sees all the others.
            let mut others = all.to_vec();
            let last = others.remove(i);
            admit_rtgroup(&others, &new(last), limits).admitted
        }),
    }
}

/// What must hold of every answer.
fn check(site: &Site, wanted: &[Wanted], placement: &Placement) -> Result<(), TestCaseError> {
    prop_assert_eq!(placement.placed.len() + placement.unplaced.len(), wanted.len());
    let mut all = site.held.clone();
    for held in &placement.placed {
        let asked = wanted.iter().find(|w| w.name == held.name).unwrap();
        prop_assert_eq!(held.cpus.len(), asked.servers);
        prop_assert!(held.cpus.is_subset(&site.cpus));
        prop_assert!(
            asked.within.is_empty() || asked.within.iter().any(|set| held.cpus.is_subset(set))
        );
        prop_assert_eq!(held.reservation, asked.reservation);
        all.push(held.clone());
    }
    prop_assert!(all_admitted(site, &all), "overfull: {placement:?}");
    for unplaced in &placement.unplaced {
        prop_assert!(!unplaced.obstacles.is_empty(), "no reason: {unplaced:?}");
    }
    Ok(())
}

/// Most bandwidth, then fewest CPUs.
fn worth(placement: &Placement) -> (Bandwidth, std::cmp::Reverse<usize>) {
    (placement.bandwidth(), std::cmp::Reverse(placement.cpus_used()))
}

/// The best of all placements there are, by trying them.
fn brute_force(site: &Site, wanted: &[Wanted]) -> (Bandwidth, std::cmp::Reverse<usize>) {
    let cpus: Vec<CpuIndex> = site.cpus.iter().collect();
    let sets: Vec<CpuSet> = (0..1u32 << cpus.len())
        .map(|bits| (0..cpus.len()).filter(|i| bits >> i & 1 == 1).map(|i| cpus[i]).collect())
        .collect();
    let mut best = (Bandwidth::ZERO, std::cmp::Reverse(usize::MAX));
    let mut stack: Vec<(usize, Vec<Held>)> = vec![(0, Vec::new())];
    while let Some((next, placed)) = stack.pop() {
        let all: Vec<Held> = site.held.iter().chain(&placed).cloned().collect();
        if !all_admitted(site, &all) {
            continue;
        }
        let sum = placed
            .iter()
            .flat_map(|held| held.cpus.iter().map(|_| held.reservation.bandwidth()))
            .sum();
        let on = |cpu: &&CpuIndex| all.iter().any(|held| held.cpus.contains(**cpu));
        best = best.max((sum, std::cmp::Reverse(cpus.iter().filter(on).count())));
        let Some(w) = wanted.get(next) else { continue };
        stack.push((next + 1, placed.clone()));
        let allowed = |set: &&CpuSet| {
            set.len() == w.servers
                && (w.within.is_empty() || w.within.iter().any(|within| set.is_subset(within)))
        };
        for set in sets.iter().filter(allowed) {
            let mut with = placed.clone();
            with.push(Held {
                name: w.name.clone(),
                reservation: w.reservation,
                cpus: set.clone(),
                sequence: w.sequence,
            });
            stack.push((next + 1, with));
        }
    }
    best
}

fn wanted(count: std::ops::Range<usize>, cpus: &'static str) -> impl Strategy<Value = Vec<Wanted>> {
    let sets = match cpus {
        "0-2" => vec![vec![], vec!["0-1"], vec!["2"], vec!["0", "1-2"], vec!["0-1", "1-2"]],
        _ => vec![vec![], vec!["0-3"], vec!["0-3", "4-7"], vec!["6"], vec!["1-2", "5-7"]],
    };
    let periods = prop::sample::select(vec![10_u64, 20, 25, 40]);
    let one = (periods, 1..=95_u64, 1..=3_usize, prop::sample::select(sets));
    prop::collection::vec(one, count).prop_map(|all| {
        let one = |(i, (period, part, servers, within)): (usize, (u64, u64, usize, Vec<&str>))| {
            let budget = Span::from_us(period * part * 10);
            let reservation = Reservation::new(budget, Span::from_ms(period)).unwrap();
            let within = within.iter().map(|set| set.parse().unwrap()).collect();
            Wanted { within, ..anywhere(i, reservation, servers) }
        };
        all.into_iter().enumerate().map(one).collect()
    })
}

/// A host whose sum rarely refuses, so that response times do.
fn wide() -> Limits {
    Limits { ceiling: rsv(1_000, 1_000), ..stock() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_cpu_is_overfull_and_nobody_is_where_he_must_not_be(
        wanted in wanted(0..24, "0-7"),
        first in 1..=90_u64,
    ) {
        let before = vec![held("before", percent(first), "2-3", 1_000)];
        for site in [edf("0-7", before.clone()), rtgroup("0-7", before, wide())] {
            for method in QUICK {
                check(&site, &wanted, &place(&site, &wanted, method).unwrap())?;
            }
        }
    }

    #[test]
    fn quick_methods_never_beat_the_exact_one(wanted in wanted(0..8, "0-7")) {
        let site = edf("0-7", Vec::new());
        let exact = place(&site, &wanted, Method::Exact { nodes_max: 20_000 }).unwrap();
        check(&site, &wanted, &exact)?;
        for method in QUICK {
            prop_assert!(worth(&place(&site, &wanted, method).unwrap()) <= worth(&exact));
        }
    }

    #[test]
    fn what_would_fit_has_a_place_and_is_the_largest(wanted in wanted(1..16, "0-7")) {
        for site in [edf("0-7", Vec::new()), rtgroup("0-7", Vec::new(), wide())] {
            let placement = place(&site, &wanted, Method::FirstFit).unwrap();
            let now = Site { held: placement.placed.clone(), ..site.clone() };
            for unplaced in &placement.unplaced {
                let asked = wanted.iter().find(|w| w.name == unplaced.name).unwrap();
                let fits = |reservation| {
                    let one = Wanted { reservation, ..asked.clone() };
                    place(&now, &[one], Method::FirstFit).unwrap().is_complete()
                };
                let Some(offer) = unplaced.would_fit else { continue };
                prop_assert!(fits(offer), "{unplaced}");
                let more = offer.budget() + Span::from_us(1);
                let more = Reservation::new(more, offer.period()).unwrap();
                prop_assert!(!fits(more), "{unplaced}: {more} fits as well");
            }
        }
    }

    #[test]
    fn whatever_stays_below_the_bound_is_placed(
        parts in prop::collection::vec(1..=95_u64, 1..40),
        cpus in 1..12_u32,
    ) {
        let largest = percent(*parts.iter().max().unwrap()).bandwidth();
        let bound = always_placed_up_to(cpus as usize, largest, EDF_LIMIT);
        // As many of the parts as stay below the bound.
        let mut sum = Bandwidth::ZERO;
        let below = parts.iter().take_while(|&&part| {
            sum = sum + percent(part).bandwidth();
            sum <= bound
        });
        let below: Vec<u64> = below.copied().collect();
        let site = edf(&format!("0-{}", cpus - 1), Vec::new());
        for method in QUICK {
            let placement = place(&site, &singles(&below), method).unwrap();
            prop_assert!(placement.is_complete(), "{placement}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_exact_method_finds_what_trying_everything_finds(wanted in wanted(0..5, "0-2")) {
        let before = vec![held("before", percent(30), "1", 1_000)];
        for site in [edf("0-2", before.clone()), rtgroup("0-2", before, wide())] {
            let exact = place(&site, &wanted, EXACT).unwrap();
            check(&site, &wanted, &exact)?;
            let proof = exact.proof.unwrap();
            prop_assert!(proof.most && proof.fewest);
            prop_assert_eq!(worth(&exact), brute_force(&site, &wanted), "{:?}", exact);
        }
    }
}

#[test]
fn exact_places_what_first_fit_misses() {
    // 95 % a CPU: 45+25+25 twice; largest first puts 45+45 together and 25+25+25, one is left.
    let wanted = singles(&[45, 45, 25, 25, 25, 25]);
    let site = edf("0-1", Vec::new());
    let first = place(&site, &wanted, Method::FirstFit).unwrap();
    assert_eq!(first.unplaced.len(), 1);
    let exact = place(&site, &wanted, EXACT).unwrap();
    assert!(exact.is_complete());
    assert!(exact.proof.unwrap().most && exact.proof.unwrap().fewest);
}

#[test]
fn first_fit_decreasing_needs_at_most_eleven_ninths_of_the_fewest_cpus() {
    // Dosa, ESCAPE 2007: FFD <= 11/9 OPT + 6/9. The classic family that comes near it.
    let mut parts = Vec::new();
    for _ in 0..2 {
        parts.extend([49, 49, 24, 24, 24, 24, 23, 23, 22, 22, 22, 22]);
    }
    let site = edf("0-15", Vec::new());
    let wanted = singles(&parts);
    let first = place(&site, &wanted, Method::FirstFit).unwrap();
    let exact = place(&site, &wanted, EXACT).unwrap();
    assert!(first.is_complete() && exact.is_complete());
    assert!(exact.cpus_used() <= first.cpus_used());
    assert!(9 * first.cpus_used() <= 11 * exact.cpus_used() + 6, "{first}\n{exact}");
}

#[test]
fn best_fit_keeps_the_large_room_and_worst_fit_spreads() {
    let before = vec![held("x", percent(30), "0", 1), held("y", percent(60), "1", 2)];
    let site = edf("0-2", before);
    let on = |method| {
        let placement = place(&site, &singles(&[30]), method).unwrap();
        placement.placed[0].cpus.to_string()
    };
    assert_eq!(
        (on(Method::FirstFit), on(Method::BestFit), on(Method::WorstFit)),
        ("0".into(), "1".into(), "2".into())
    );
}

#[test]
fn a_node_is_a_set_that_is_not_left() {
    let nodes: Vec<CpuSet> = ["0-1", "2-3"].map(|set| set.parse().unwrap()).to_vec();
    let on_a_node =
        |i, part, servers| Wanted { within: nodes.clone(), ..anywhere(i, percent(part), servers) };
    let site = edf("0-3", vec![held("x", percent(50), "0", 9)]);
    let wanted = [on_a_node(0, 50, 2), on_a_node(1, 45, 2)];
    let placement = place(&site, &wanted, Method::FirstFit).unwrap();
    let cpus: Vec<String> = placement.placed.iter().map(|held| held.cpus.to_string()).collect();
    assert_eq!(cpus, ["2-3", "0-1"]);
    let across = place(&site, &[on_a_node(0, 10, 3)], EXACT).unwrap();
    assert_eq!(
        across.to_string(),
        "exact: 0 of 1 capsules placed, 0 % on 1 of 4 CPUs; proven best\n\
         'w0' has no place for 1ms every 10ms on 3 CPUs:\n  \
         CPUs 0-1 are 2, it wants 3\n  \
         CPUs 2-3 are 2, it wants 3\n  \
         no budget over this period would have a place"
    );
}

#[test]
fn a_pinned_capsule_is_placed_before_those_with_a_choice() {
    let pinned = Wanted::pinned(held("pin", percent(20), "0", 5));
    let mut wanted = singles(&[90, 90]);
    wanted.push(pinned);
    let site = edf("0-2", Vec::new());
    for method in QUICK {
        assert!(place(&site, &wanted, method).unwrap().is_complete());
    }
}

#[test]
fn a_refusal_says_what_is_left_and_what_would_fit() {
    let site = edf("0-1", vec![held("x", percent(50), "0", 8), held("y", percent(60), "1", 9)]);
    let placement = place(&site, &singles(&[50]), Method::BestFit).unwrap();
    assert_eq!(
        placement.to_string(),
        "best fit: 0 of 1 capsules placed, 0 % on 2 of 2 CPUs\n\
         'w0' has no place for 5ms every 10ms on 1 CPU:\n  \
         CPUs 0 have 45 % left, it takes 50 % of each\n  \
         CPUs 1 have 35 % left, it takes 50 % of each\n  \
         4.5ms every 10ms would have a place"
    );
    let two = place(&site, &[anywhere(0, percent(40), 2)], Method::FirstFit).unwrap();
    assert_eq!(
        two.to_string(),
        "first fit: 0 of 1 capsules placed, 0 % on 2 of 2 CPUs\n\
         'w0' has no place for 4ms every 10ms on 2 CPUs:\n  \
         CPUs 1 have 35 % left, it takes 40 % of each\n  \
         only CPUs 0 have room, and no 2 of them lie together\n  \
         3.5ms every 10ms would have a place"
    );
}

#[test]
fn real_time_groups_are_judged_by_response_times_and_the_hosts_sum() {
    // (4,10) and (7,15): 86.7 %, yet the second would be late (reference example).
    let wanted = [anywhere(0, rsv(4, 10), 1), anywhere(1, rsv(7, 15), 1)];
    let one_cpu = rtgroup("0", Vec::new(), wide());
    let placement = place(&one_cpu, &wanted, EXACT).unwrap();
    assert_eq!(placement.placed[0].name.as_str(), "w1");
    assert!(placement.to_string().contains("because 'w0' goes first"), "{placement}");
    // On two CPUs each has its own, but the kernel counts both on every CPU.
    let two_cpus = rtgroup("0-1", Vec::new(), wide());
    assert!(place(&two_cpus, &wanted, Method::FirstFit).unwrap().is_complete());
    let third = [wanted.to_vec(), vec![anywhere(2, rsv(2, 10), 1)]].concat();
    let placement = place(&two_cpus, &third, Method::FirstFit).unwrap();
    assert_eq!(placement.unplaced.len(), 1);
    assert!(placement.to_string().contains("the kernel adds up"), "{placement}");
}

#[test]
fn nonsense_is_refused_by_name() {
    let site = edf("0", Vec::new());
    let twice = [anywhere(0, percent(1), 1), anywhere(0, percent(1), 1)];
    assert_eq!(
        place(&site, &twice, EXACT).unwrap_err().to_string(),
        "there are two capsules named 'w0'; names are unique on a host"
    );
    assert!(matches!(
        place(&site, &[anywhere(0, percent(1), 0)], EXACT),
        Err(PlacementError::NoServers(_))
    ));
    assert!(matches!(place(&edf("", vec![]), &[], EXACT), Err(PlacementError::NoCpus)));
    let many: Vec<Wanted> = (0..65).map(|i| anywhere(i, percent(1), 1)).collect();
    assert_eq!(place(&site, &many, EXACT), Err(PlacementError::TooManyForExact(65)));
}

#[test]
fn a_search_that_reaches_its_limit_says_so() {
    let parts: Vec<u64> = (0..40).map(|i| 31 + i * 7 % 17).collect();
    let site = edf("0-9", Vec::new());
    let placement = place(&site, &singles(&parts), Method::Exact { nodes_max: 50 }).unwrap();
    let proof = placement.proof.unwrap();
    assert!(!proof.most && !proof.fewest);
    assert_eq!(proof.nodes, 50);
    let names: BTreeSet<_> = placement.placed.iter().map(|held| &held.name).collect();
    assert_eq!(names.len(), placement.placed.len());
}
