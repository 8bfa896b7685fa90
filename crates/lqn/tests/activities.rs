// SPDX-License-Identifier: MIT OR Apache-2.0
//! Activity graphs: models whose answers are known exactly, through both solvers and both formats.

use evenkeel_lqn::{Model, Results, mva, sim, text, xml};

/// One customer that computes for 1 and calls `serve` of a server with this activity section, on a
/// processor with this scheduling; `serve` begins with activity `a`.
fn model(processor: &str, activities: &str) -> Model {
    let file = format!(
        "P 2 p client i p cpu {processor} -1
         T 2 t client r cycle -1 client t server n serve -1 cpu -1
         E 2 s cycle 1 -1 y cycle serve 1 -1 A serve a -1
         A server {activities} -1"
    );
    text::read(&file).unwrap_or_else(|e| panic!("{e}: {file}"))
}

fn simulated(model: &Model) -> Results {
    let (events, events_max) = (400_000, 400_000);
    let options = sim::Options { seed: 7, events, events_max, ..sim::Options::default() };
    sim::simulate(model, &options).unwrap_or_else(|e| panic!("{e}"))
}

fn analytic(model: &Model) -> Results {
    mva::solve(model, &mva::Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

/// Both formats keep the model.
fn formats(model: &Model) {
    let again = text::read(&text::write(model)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(text::write(&again), text::write(model));
    let as_xml = xml::read(&xml::write(model)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(xml::write(&as_xml), xml::write(model));
    let (here, there) = (analytic(model), analytic(&as_xml));
    assert_eq!(here.tasks[0].throughput, there.tasks[0].throughput);
}

/// The customer's throughput and the busy threads of the server, by both solvers.
fn check(model: &Model, throughput: f64, utilization: f64, analytic_error: f64) {
    formats(model);
    let r = simulated(model);
    for (found, exact) in
        [(r.tasks[0].throughput, throughput), (r.tasks[1].utilization, utilization)]
    {
        // Four standard errors: these seeds are fixed, so it never fails by chance.
        let room = 2.0 * found.half_width_95.unwrap_or(0.0) + 1e-9;
        assert!((found.mean - exact).abs() < room, "simulated {found:?}, exact {exact}");
    }
    let r = analytic(model);
    for (found, exact) in
        [(r.tasks[0].throughput, throughput), (r.tasks[1].utilization, utilization)]
    {
        let off = (found.mean - exact).abs() / exact;
        assert!(off <= analytic_error, "analytic {}, exact {exact}", found.mean);
    }
}

#[test]
fn a_sequence_is_its_sum() {
    check(&model("f", "s a 0.25 s b 0.75 : a -> b; b[serve]"), 0.5, 0.5, 1e-6);
}

#[test]
fn alternatives_are_weighed() {
    let graph = "s a 0 s b 1 s c 3 s d 0.5 : a -> (0.25) b + (0.75) c; b + c -> d; d[serve]";
    check(&model("f", graph), 1.0 / 4.0, 3.0 / 4.0, 1e-6);
}

#[test]
fn loops_go_round_their_mean_number() {
    let graph = "s a 0.5 s b 0.25 s c 0.5 s d 0.5 : a -> 2 * b, 1 * c, d; d[serve]";
    let m = model("f", graph);
    check(&m, 1.0 / 3.0, 2.0 / 3.0, 1e-6);
    let rate = |r: &Results| r.activities[1].throughput.mean;
    assert!((rate(&analytic(&m)) - 2.0 / 3.0).abs() < 1e-6);
    assert!((rate(&simulated(&m)) - 2.0 / 3.0).abs() < 0.01);
}

#[test]
fn what_follows_the_reply_is_a_second_phase() {
    // As 31-overtaking of the reference.
    let m = model("f", "s a 1 s b 1 : a[serve] -> b");
    check(&m, 0.4, 0.8, 1e-6);
    for r in [analytic(&m), simulated(&m)] {
        let phases = &r.entries[1].phases;
        assert!((phases[0].service.mean - 1.0).abs() < 0.02, "{}", r.solver);
        assert!((phases[1].service.mean - 1.0).abs() < 0.02, "{}", r.solver);
    }
}

#[test]
fn concurrent_branches_end_with_the_last() {
    // Two exponentials of mean 1 on as many cores as they want: 1.5; on one core: 2.
    let graph = "s a 0 s b 1 s c 1 s d 0 : a -> b & c; b & c -> d; d[serve]";
    check(&model("i", graph), 1.0 / 2.5, 1.5 / 2.5, 1e-4);
    check(&model("f m 2", graph), 1.0 / 2.5, 1.5 / 2.5, 1e-4);
    check(&model("f", graph), 1.0 / 3.0, 2.0 / 3.0, 0.03);
    check(&model("s", graph), 1.0 / 3.0, 2.0 / 3.0, 0.05);
    // Three branches, forked two by two and joined in another order: 1 + 1/2 + 1/3.
    let graph = "s a 0 s b 0 s c 1 s d 1 s e 1 s f 0 s g 0 :
        a -> b & c; b -> d & e; c & d -> f; e & f -> g; g[serve]";
    check(&model("i", graph), 1.0 / (1.0 + 11.0 / 6.0), 11.0 / 17.0, 0.02);
}

#[test]
fn a_quorum_goes_on_with_the_first() {
    // The reply after the first of two (0.5); the thread is busy until the second ends (1.5). The
    // customer is back, on average after 1, when the rest is done or not: the second request waits.
    let graph = "s a 0 s b 1 s c 1 s d 0 : a -> b & c; b & c (1) -> d; d[serve]";
    let m = model("i", graph);
    formats(&m);
    // Cycle: think 1, wait for the rest (exponential 1 against think exponential 1: half of the
    // time, 1 each), then 0.5.
    let r = simulated(&m);
    let x = r.tasks[0].throughput;
    assert!((x.mean - 0.5).abs() < 2.0 * x.half_width_95.unwrap_or(0.0), "{x:?}");
    assert!((r.tasks[1].utilization.mean - 0.75).abs() < 0.01);
    let x = analytic(&m).tasks[0].throughput.mean;
    assert!((x - 0.5).abs() < 0.02, "{x}");
}

#[test]
fn branches_that_are_not_joined_keep_the_thread() {
    let graph = "s a 1 s b 1 s c 1 : a -> b & c; b[serve]";
    let m = model("i", graph);
    let r = simulated(&m);
    // The thread is busy for 1 + 1.5.
    let busy = r.tasks[1].utilization.mean / r.tasks[1].throughput.mean;
    assert!((busy - 2.5).abs() < 0.03, "{busy}");
    let r = analytic(&m);
    let busy = r.tasks[1].utilization.mean / r.tasks[1].throughput.mean;
    assert!((busy - 2.5).abs() < 0.01, "{busy}");
}

#[test]
fn calls_of_activities_go_to_other_tasks() {
    let file =
        "P 3 p c i p s f p d f -1 T 3 t c r c1 c2 -1 c m 2 t s n s1 -1 s m 2 t d n d1 -1 d -1
        E 3 A c1 x s c2 1 -1 y c2 s1 1 -1 A s1 a s d1 0.2 -1 -1
        A c s x 0.5 y x s1 0.5 -1
        A s s a 0.1 s b 0.2 y b d1 1 s e 0.2 z e d1 0.5 s g 0.1 : a -> b & e; b & e -> g[s1] -1";
    let error = text::read(file).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("expected"), "a reply stands before the arrow: {error}");
    let file = file.replace("b & e -> g[s1]", "b & e -> g; g[s1]");
    let m = text::read(&file).unwrap_or_else(|e| panic!("{e}"));
    formats(&m);
    let (here, there) = (analytic(&m), simulated(&m));
    for (t, (a, b)) in here.tasks.iter().zip(&there.tasks).enumerate() {
        let off = (a.throughput.mean - b.throughput.mean).abs() / b.throughput.mean;
        assert!(off < 0.08, "task {t}: analytic {:?}, simulated {:?}", a, b);
    }
    for (a, b) in here.activities.iter().zip(&there.activities) {
        assert!((a.throughput.mean - b.throughput.mean).abs() < 0.08 * b.throughput.mean + 1e-9);
        assert_eq!(a.calls.len(), b.calls.len());
    }
}

#[test]
fn graphs_that_cannot_run_are_refused_by_activity_and_line() {
    let refused = |graph: &str| {
        let file = format!(
            "P 1 p p f -1 T 2 t c r c1 -1 p t s n e f -1 p -1
            E 1 s c1 1 -1 y c1 e 1 -1 A e a -1\nA s {graph} -1"
        );
        text::read(&file).map(|_| ()).unwrap_err().to_string()
    };
    for (graph, expected) in [
        ("s b 1 : b[e]", "line 2: there is no activity \"a\""),
        ("s a 1 : a -> b", "line 3: there is no activity \"b\""),
        ("s a 1", "entry \"e\" (line 1) has callers that wait, and no activity replies to them"),
        (
            "s a 1 s b 1 : a -> b; a[e]; b -> a",
            "activity \"a\" (line 2) begins an entry and follows another activity",
        ),
        (
            "s a 1 s b 1 s c 1 : a[e] -> b; a -> c",
            "activity \"a\" (line 2) is followed by two edges of the graph: fork after one of them",
        ),
        (
            "s a 1 s b 1 s c 1 : a[e] + b -> c; c -> b",
            "activity \"c\" (line 3) follows itself: a loop is written with its mean number",
        ),
        (
            "s a 1 s b 1 s c 1 s d 1 : a[e] -> (0.5) b + (0.5) c; b & c -> d",
            "activity \"b\" (line 3) waits at a join that may never be complete",
        ),
        (
            "s a 1 s b 1 s c 1 : a[e] -> (0.5) b + (0.4) c",
            "activity \"a\" (line 2) total probability of what follows is 0.9: must be 1",
        ),
        (
            "s a 1 s b 1 s c 1 s d 1 : a[e] -> 2 * b, d; b -> c & d",
            "activity \"d\" (line 3) follows two edges of the graph: join before it",
        ),
        (
            "s a 1 s b 1 s c 1 s d 1 : a[e] -> 2 * b; b -> c & d",
            "activity \"c\" (line 3) ends a concurrent branch inside a loop: join it",
        ),
        ("s a -1 : a[e]", "line 3: expected a number, found the end of a list (-1)"),
        ("s a 1 : a[c1]", "activity \"a\" (line 2) replies for an entry of another task"),
        (
            "s a 1 s b 1 s c 1 : a[e] -> b; b & c -> a",
            "activity \"a\" (line 2) begins an entry and follows another activity",
        ),
        (
            "s a 1 s b 1 s c 1 s d 1 : a[e] -> b; b & c -> d",
            "activity \"b\" (line 3) is joined with an activity that another entry begins",
        ),
    ] {
        assert_eq!(refused(graph), expected, "{graph}");
    }
}

#[test]
fn deep_and_long_graphs_overflow_no_stack() {
    let chain: Vec<String> = (0..20_000).map(|i| format!("a{i} -> a{}", i + 1)).collect();
    let demands: Vec<String> = (0..20_001).map(|i| format!("s a{i} 1")).collect();
    let m = format!("s a 0 {} : a -> a0; {}; a20000[serve]", demands.join(" "), chain.join("; "));
    let m = model("i", &m);
    assert!((analytic(&m).tasks[0].throughput.mean - 1.0 / 20_002.0).abs() < 1e-9);
    // Forks inside forks.
    let forks: Vec<String> = (0..100).map(|i| format!("a{i} -> a{} & b{i}", i + 1)).collect();
    let demands: Vec<String> = (0..=100).map(|i| format!("s a{i} 1 s b{i} 1")).collect();
    let graph = format!(
        "P 1 p p i -1 T 1 t s r e -1 p -1 E 1 A e a0 -1 A s {} : {} -1",
        demands.join(" "),
        forks.join("; ")
    );
    let error = text::read(&graph).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("is inside more than 64 forks and loops"), "{error}");
}
