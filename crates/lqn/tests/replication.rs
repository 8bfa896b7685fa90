// SPDX-License-Identifier: MIT OR Apache-2.0
//! Replicated models against the same models written out.

use evenkeel_lqn::{Model, mva, sim, text, xml};

fn read(file: &str) -> Model {
    text::read(file).unwrap_or_else(|e| panic!("{e}: {file}"))
}

/// Two clients, each calling 2 of 4 servers; every server has one client.
const REPLICATED: &str = "P 2 p c f r 2 p s f r 4 -1
    T 2 t c r cycle -1 c m 3 r 2 t s n serve -1 s r 4 O c s 2 I c s 1 -1
    E 2 s cycle 1 -1 y cycle serve 1.5 -1 s serve 0.5 -1 -1";
const WRITTEN_OUT: &str = "P 3 p c f p s1 f p s2 f -1
    T 3 t c r cycle -1 c m 3 t s1 n e1 -1 s1 t s2 n e2 -1 s2 -1
    E 3 s cycle 1 -1 y cycle e1 1.5 -1 y cycle e2 1.5 -1 s e1 0.5 -1 s e2 0.5 -1 -1";

#[test]
fn replicas_are_solved_as_if_written_out() {
    let (replicated, written) = (read(REPLICATED), read(WRITTEN_OUT));
    let solve =
        |m: &Model| mva::solve(m, &mva::Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let (a, b) = (solve(&replicated), solve(&written));
    assert_eq!((a.tasks.len(), a.entries.len(), a.processors.len()), (2, 2, 2));
    for t in 0..2 {
        let (a, b) = (a.tasks[t], b.tasks[t]);
        assert!((a.throughput.mean - b.throughput.mean).abs() < 1e-6, "{a:?} {b:?}");
        assert!((a.utilization.mean - b.utilization.mean).abs() < 1e-6, "{a:?} {b:?}");
    }
    let call = |r: &evenkeel_lqn::Results| r.entries[0].phases[0].calls.clone();
    assert_eq!((call(&a).len(), call(&b).len()), (1, 2));
    assert!((call(&a)[0].waiting.mean - call(&b)[0].waiting.mean).abs() < 1e-6);
    let options = sim::Options { events: 200_000, ..sim::Options::default() };
    let r = sim::simulate(&replicated, &options).unwrap_or_else(|e| panic!("{e}"));
    let (x, exact) = (r.tasks[0].throughput, a.tasks[0].throughput.mean);
    assert!((x.mean - exact).abs() < 0.03 * exact, "{x:?}, analytic {exact}");
}

#[test]
fn both_formats_keep_replication() {
    let m = read(REPLICATED);
    assert_eq!(text::write(&read(&text::write(&m))), text::write(&m));
    let as_xml = xml::read(&xml::write(&m)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(xml::write(&as_xml), xml::write(&m));
    assert_eq!((as_xml.fans(), as_xml.tasks()[1].replicas), (as_xml.fans(), 4));
}

#[test]
fn the_older_form_of_fans_is_read() {
    let older = REPLICATED
        .replace("O c s 2 I c s 1", "")
        .replace("s serve 0.5 -1", "s serve 0.5 -1 i cycle serve 1 -1 o cycle serve 2 -1");
    assert_eq!(text::write(&read(&older)), text::write(&read(REPLICATED)));
}

#[test]
fn replicas_that_do_not_fit_are_refused() {
    for (from, to, expected) in [
        (
            "O c s 2 I c s 1",
            "",
            "call \"c -> s\" (line 3) fans out to 1 of 4 replicas from 2, 0 to",
        ),
        ("O c s 2 I c s 1", "O c s 2 I c s 2", "call \"c -> s\" (line 3) fans out to 2 of 4"),
        ("p s f r 4", "p s f r 3", "task \"s\" (line 2) has 4 replicas, which cannot be shared"),
        ("-1 s r 4", "-1 s r 0", "task \"s\" (line 2) replicas is 0: must be from 1 to 100000"),
    ] {
        let error = text::read(&REPLICATED.replace(from, to)).map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
