// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both solvers against exact solutions of random small models. A failing case is named by its
//! seed: `random(seed)` makes it again.

mod ctmc;

use evenkeel_lqn::{
    Builder, CallKind, Model, Multiplicity, ProcessorDiscipline, ProcessorId, mva, sim,
};
use proptest::prelude::*;

/// A small generator of its own (SplitMix64), so that a seed means the same model for ever.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Small numbers, where the model wants a u32 or an index.
    fn small(&mut self, n: u8) -> u8 {
        u8::try_from(self.below(u64::from(n))).unwrap_or(0)
    }
    fn real(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.below(1000) as f64 / 1000.0)
    }
}

/// What random models may have.
#[derive(Clone, Copy)]
struct Kind {
    later_phases: bool,
    shared_processors: bool,
    priorities: bool,
}

/// One or two reference tasks above one to three servers in up to two layers.
fn random(seed: u64, kind: Kind) -> Model {
    let mut d = Dice(seed);
    let mut b = Builder::new(&format!("random {seed}"));
    let mut processors: Vec<ProcessorId> = Vec::new();
    let mut place = |b: &mut Builder, d: &mut Dice, name: &str| {
        if kind.shared_processors && !processors.is_empty() && d.below(3) == 0 {
            let n = u8::try_from(processors.len()).unwrap_or(u8::MAX);
            return processors[usize::from(d.small(n))];
        }
        let discipline = match d.below(if kind.priorities { 5 } else { 3 }) {
            0 => ProcessorDiscipline::Ps,
            3 => ProcessorDiscipline::HeadOfLine,
            4 => ProcessorDiscipline::PriorityPreemptive,
            _ => ProcessorDiscipline::Fcfs,
        };
        let p = b.processor(name, discipline);
        b.cores(p, Multiplicity::Finite(1 + u32::from(d.small(2))));
        processors.push(p);
        p
    };
    let mut callers = Vec::new();
    for i in 0..1 + d.below(2) {
        let p = place(&mut b, &mut d, &format!("pc{i}"));
        let think = if d.below(2) == 0 { 0.0 } else { d.real(0.5, 4.0) };
        let t = b.reference_task(&format!("c{i}"), p, 1 + u32::from(d.small(2)), think);
        b.priority(t, i32::from(d.small(3)));
        let e = b.entry(&format!("c{i}"), t);
        b.demand(e, 1, d.real(0.2, 2.0));
        callers.push(e);
    }
    let mut layer = Vec::new();
    for i in 0..1 + d.below(3) {
        let p = place(&mut b, &mut d, &format!("ps{i}"));
        let t = b.task(&format!("s{i}"), p, Multiplicity::Finite(1 + u32::from(d.small(2))));
        b.priority(t, i32::from(d.small(3)));
        let e = b.entry(&format!("s{i}"), t);
        b.demand(e, 1, d.real(0.2, 2.0));
        if kind.later_phases && d.below(3) == 0 {
            b.demand(e, 2, d.real(0.2, 1.0));
        }
        for &caller in callers.iter().chain(&layer) {
            if d.below(3) > 0 || i == 0 {
                b.call(caller, 1, CallKind::Synchronous, e, d.real(0.3, 1.5));
            }
        }
        if d.below(2) == 0 {
            layer.push(e);
        }
    }
    b.build().unwrap_or_else(|e| panic!("seed {seed}: {e}"))
}

fn simulated(model: &Model, exact: &ctmc::Exact) -> Result<(), String> {
    let options = sim::Options { events: 400_000, events_max: 400_000, ..sim::Options::default() };
    let r = sim::simulate(model, &options).map_err(|e| e.to_string())?;
    for t in 0..model.tasks().len() {
        for (what, e, x) in [
            ("throughput", r.tasks[t].throughput, exact.throughput[t]),
            ("utilization", r.tasks[t].utilization, exact.utilization[t]),
        ] {
            // 2.5 half-widths are five standard errors: one in two million, also after many cases.
            let room = 2.5 * e.half_width_95.unwrap_or(0.0) + 1e-9;
            if (e.mean - x).abs() > room {
                let name = &model.tasks()[t].name;
                return Err(format!("{name} {what}: {} +- {room}, exact {x}", e.mean));
            }
        }
    }
    Ok(())
}

/// Largest relative error of a reference task's throughput.
fn analytic(model: &Model, exact: &ctmc::Exact) -> Result<f64, String> {
    let r = mva::solve(model, &mva::Options::default()).map_err(|e| e.to_string())?;
    let errors = (0..model.tasks().len())
        .filter(|&t| exact.throughput[t] > 0.0)
        .map(|t| (r.tasks[t].throughput.mean - exact.throughput[t]).abs() / exact.throughput[t]);
    Ok(errors.fold(0.0, f64::max))
}

const ALL: Kind = Kind { later_phases: true, shared_processors: true, priorities: true };

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_simulator_agrees_with_the_exact_solution(seed in any::<u64>()) {
        let model = random(seed, ALL);
        if let Some(exact) = ctmc::solve(&model) {
            let agrees = simulated(&model, &exact);
            prop_assert!(agrees.is_ok(), "seed {seed}: {agrees:?}");
        }
    }
}

/// One that the exact solver once had wrong by 10 %: it had not converged.
#[test]
fn a_model_of_equal_demands_is_solved_exactly() {
    let model = random(11_839_646_218_965_194_895, ALL);
    let exact = ctmc::solve(&model).unwrap();
    simulated(&model, &exact).unwrap();
}

/// Mean and largest error over many seeds: the analytic solver is an approximation, so it is its
/// average that is promised, and a bound that a blunder would break.
fn errors(kind: Kind, seeds: std::ops::Range<u64>) -> (f64, f64, usize) {
    let (mut sum, mut worst, mut n) = (0.0, 0.0_f64, 0);
    for seed in seeds {
        let model = random(seed, kind);
        let Some(exact) = ctmc::solve(&model) else { continue };
        let error = analytic(&model, &exact).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
        sum += error;
        worst = worst.max(error);
        n += 1;
    }
    (sum / n as f64, worst, n)
}

#[test]
fn the_analytic_solver_converges() {
    // One of these 2,000 (seed 6006) swings between two states for ever and says so.
    let fails = |seed: &u64| mva::solve(&random(*seed, ALL), &mva::Options::default()).is_err();
    let failed: Vec<u64> = (5000..7000).filter(fails).collect();
    assert!(failed.len() <= 1, "{failed:?}");
}

#[test]
fn the_analytic_solver_is_near_plain_models() {
    let kind = Kind { later_phases: false, shared_processors: false, priorities: false };
    let (mean, worst, n) = errors(kind, 0..150);
    assert!(n > 80 && mean < 0.012 && worst < 0.12, "mean {mean}, worst {worst}, {n} models");
}

#[test]
fn the_analytic_solver_is_near_all_models() {
    let (mean, worst, n) = errors(ALL, 1000..1150);
    assert!(n > 80 && mean < 0.04 && worst < 0.30, "mean {mean}, worst {worst}, {n} models");
}
