// SPDX-License-Identifier: MIT OR Apache-2.0
//! The oracles of reference/io-architectures.md, section 10: the analytic solver within 2 %, and
//! the simulator's 95 % intervals cover the exact values about as often as they say.

use evenkeel_lqn::{bench, mva, sim};

#[test]
fn the_analytic_solver_is_within_two_percent() {
    let oracles = bench::oracles();
    assert_eq!(oracles.len(), 11);
    for o in oracles {
        let r = mva::solve(&o.model, &mva::Options::default())
            .unwrap_or_else(|e| panic!("{}: {e}", o.name));
        for (what, quantity, exact) in &o.exact {
            let found = quantity.of(&r).mean;
            let off = (found - exact).abs();
            assert!(off <= 0.02 * exact.abs(), "{} {what}: {found}, exact {exact}", o.name);
        }
    }
}

#[test]
fn intervals_of_the_simulator_cover_the_exact_values() {
    let (mut intervals, mut missed) = (0, 0);
    for o in bench::oracles() {
        for seed in 0..12 {
            let (events, events_max) = (60_000, 60_000);
            let options = sim::Options { seed, events, events_max, ..sim::Options::default() };
            let r = sim::simulate(&o.model, &options).unwrap_or_else(|e| panic!("{}: {e}", o.name));
            for (_, quantity, exact) in &o.exact {
                let e = quantity.of(&r);
                intervals += 1;
                missed += usize::from((e.mean - exact).abs() > 1e-9 && !e.covers(*exact));
            }
        }
    }
    // 324 intervals, 16 misses expected with a standard deviation of 4 (more, as the figures of
    // one run hang together).
    assert!(intervals > 300 && missed <= 34, "{missed} of {intervals}");
}

#[test]
fn replications_are_independent_of_who_runs_them() {
    let o = &bench::oracles()[0];
    let options = sim::Options {
        replications: 3,
        events: 5_000,
        events_max: 5_000,
        ..sim::Options::default()
    };
    let here = sim::simulate(&o.model, &options).unwrap_or_else(|e| panic!("{e}"));
    let elsewhere = sim::simulate_with(&o.model, &options, |jobs| {
        std::thread::scope(|s| {
            let running: Vec<_> = jobs.iter().map(|job| s.spawn(|| job.run())).collect();
            running.into_iter().map(|r| r.join().unwrap_or_else(|_| panic!("a job"))).collect()
        })
    });
    let elsewhere = elsewhere.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(here.tasks[0].throughput, elsewhere.tasks[0].throughput);
}

#[test]
fn overload_is_an_error_that_names_the_task() {
    use evenkeel_lqn::{Builder, Multiplicity, ProcessorDiscipline};
    let mut b = Builder::new("overload");
    let p = b.processor("p", ProcessorDiscipline::Fcfs);
    let t = b.task("server", p, Multiplicity::Finite(1));
    let e = b.entry("serve", t);
    b.demand(e, 1, 1.0).open_arrivals(e, 1.5);
    let m = b.build().unwrap_or_else(|e| panic!("{e}"));
    let error = mva::solve(&m, &mva::Options::default()).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "task \"server\" is unstable: its load is 1.500 of 1");
    let options = sim::Options { events: 8_000_000, ..sim::Options::default() };
    let error = sim::simulate(&m, &options).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "task \"server\" is unstable: requests pile up without end");
}
