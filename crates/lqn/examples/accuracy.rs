// SPDX-License-Identifier: MIT OR Apache-2.0
//! The analytic solver against the simulator over random models of each kind: distribution of
//! errors. `cargo run --release --example accuracy -- [MODELS [EVENTS [KIND [SEED or v]]]]`; with a
//! seed it prints that model, with v every error.

#![expect(clippy::unwrap_used, reason = "a tool for whoever works on the solvers")]
#![expect(clippy::disallowed_types, reason = "an example is outside the pure ring: it has a clock")]

#[path = "../tests/kinds/mod.rs"]
mod kinds;

use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|a| a == "bench") {
        let start = Instant::now();
        for row in evenkeel_lqn::bench::rows(Some(&|| start.elapsed().as_secs_f64())) {
            println!("{} {} {} {} {}", row.name, row.figure, row.unit, row.limit, row.holds);
        }
        return;
    }
    if arguments.first().is_some_and(|a| a == "size") {
        let model = evenkeel_lqn::bench::large(1000);
        let solved = evenkeel_lqn::mva::solve(&model, &evenkeel_lqn::mva::Options::default());
        println!("{:?} iterations", solved.map(|r| r.steps));
        return;
    }
    let models: u64 = arguments.first().map_or(40, |a| a.parse().unwrap());
    let events: u64 = arguments.get(1).map_or(200_000, |a| a.parse().unwrap());
    let wanted = arguments.get(2);
    if let Some(seed) = arguments.get(3).and_then(|a| a.parse().ok()) {
        let kind =
            kinds::KINDS.iter().find(|k| Some(k.name) == wanted.map(String::as_str)).unwrap();
        print!("{}", evenkeel_lqn::text::write(&kinds::random(*kind, seed)));
        return;
    }
    let verbose = arguments.len() > 3;
    println!(
        "{:<22} {:>5} {:>5}   throughput mean p90 max %   service mean p90 max %   excess %",
        "kind", "n", "fail"
    );
    for kind in kinds::KINDS {
        if wanted.is_some_and(|w| w != kind.name && w != "all") {
            continue;
        }
        let (mut x, mut s, mut excess, mut failed) = (Vec::new(), Vec::new(), 0.0_f64, Vec::new());
        for seed in 0..models {
            let model = kinds::random(kind, seed);
            match kinds::compare(&model, events) {
                Ok(e) => {
                    if verbose {
                        println!(
                            "  {} {seed}: {:.1} {:.1}",
                            kind.name,
                            100.0 * e.throughput,
                            100.0 * e.service
                        );
                    }
                    x.push(e.throughput);
                    s.push(e.service);
                    excess = excess.max(e.excess);
                }
                Err(error) => failed.push(format!("{seed}: {error}")),
            }
        }
        println!(
            "{:<22} {:>5} {:>5}   {}   {}   {:.2}",
            kind.name,
            x.len(),
            failed.len(),
            spread(x),
            spread(s),
            100.0 * excess
        );
        if verbose {
            failed.iter().for_each(|f| println!("  {f}"));
        }
    }
}

fn spread(mut of: Vec<f64>) -> String {
    of.sort_by(f64::total_cmp);
    if of.is_empty() {
        return "-".to_owned();
    }
    let mean = of.iter().sum::<f64>() / of.len() as f64;
    let p90 = of[(of.len() * 9 / 10).min(of.len() - 1)];
    format!("{:>8.2} {:>8.2} {:>8.2}", 100.0 * mean, 100.0 * p90, 100.0 * of[of.len() - 1])
}
