// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every experiment on the real kernel, with as few windows as it can have: that it runs through,
//! keeps its raw figures, and sums up what can be true. How good the figures are is not judged
//! here: that takes minutes on a quiet machine (`evenkeel lab all`).

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use evenkeel_kernel::facts::is_root;
use evenkeel_lab::experiment::{Session, accuracy, deadline, flood, neighbour, share};
use evenkeel_lab::guest::{GuestKind, GuestProgram};
use evenkeel_lab::measurement::{NeighbourKind, TcpInterval};
use evenkeel_lab::progress::Progress;
use evenkeel_lab::{LabError, Layout};
use evenkeel_model::{NetworkContextKind, Span};

use support::{can_run, program, reservation};

/// Runs `experiment` in a session of its own, once nobody else has a lab on this host.
fn run<T>(mut experiment: impl FnMut(&mut Session) -> Result<T, LabError>) -> Result<T, LabError> {
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        let interrupted = AtomicBool::new(false);
        let mut told = |step: &Progress| println!("{step:?}");
        let mut session = session(&interrupted, &mut told);
        match experiment(&mut session) {
            Err(LabError::Busy { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_secs(2));
            }
            other => return other,
        }
    }
}

fn session<'a>(
    interrupted: &'a AtomicBool,
    on_progress: &'a mut dyn FnMut(&Progress),
) -> Session<'a> {
    Session {
        layout: Layout::detect().expect("can_run has looked"),
        guest: GuestKind::Uml,
        program: GuestProgram { path: program(), arguments: vec!["lab-guest".to_owned()] },
        seed: 7,
        command_line: vec!["test".to_owned()],
        interrupted,
        on_progress,
    }
}

/// What is true of every window, however busy the host is.
fn assert_plausible(tcp: &TcpInterval) {
    assert!(tcp.duration_ns >= Span::from_ms(500), "{}", tcp.duration_ns);
    assert!(tcp.throughput_bps > 1e6 && tcp.throughput_bps < 1e11, "{}", tcp.throughput_bps);
    assert!((0.0..=1.0).contains(&tcp.client_core_idle_ratio));
    assert!(tcp.supply_ns > Span::ZERO && tcp.supply_ns <= tcp.duration_ns, "{}", tcp.supply_ns);
    let bytes: Vec<u64> = tcp.samples.iter().map(|sample| sample.bytes).collect();
    assert!(bytes.len() > 10 && bytes.is_sorted(), "{bytes:?}");
}

#[test]
fn accuracy_watches_a_spinner() {
    if !can_run("accuracy_watches_a_spinner") {
        return;
    }
    let plan = accuracy::Plan {
        reservations: vec![reservation(2, 20), reservation(10, 100)],
        watch: Span::from_s(1),
    };
    let measured = run(|session| accuracy::run(session, &plan)).unwrap();
    assert_eq!(measured.schema, "evenkeel.lab.accuracy.v1");
    for (run, row) in measured.runs.iter().zip(&measured.summary.rows) {
        assert!(run.stretches.len() >= 5, "{run:?}");
        // Ten per cent of ten periods is one tick; a host that is busy gives less, never more.
        assert!(row.share < 0.15, "{row:?}");
        assert!(row.share > 0.03, "{row:?}");
    }
    assert_eq!(measured.runs.len(), 2);
}

#[test]
fn share_follows_the_budget() {
    if !can_run("share_follows_the_budget") {
        return;
    }
    let plan = share::Plan {
        reservations: vec![reservation(10, 100), reservation(40, 100)],
        repetitions: 2,
    };
    let measured = run(|session| share::run(session, &plan)).unwrap();
    measured.runs.iter().for_each(|run| assert_plausible(&run.tcp));
    assert_eq!(measured.runs.len(), 4);
    let [less, more] = &measured.summary.points[..] else { panic!("{:?}", measured.summary) };
    assert!(less.throughput_bps < more.throughput_bps, "{:?}", measured.summary);
    assert_eq!(measured.host.command_line, ["test"]);
    assert!(measured.host.guest.starts_with("user-mode-linux"), "{}", measured.host.guest);
}

#[test]
fn neighbour_compares_windows_of_a_visit() {
    if !can_run("neighbour_compares_windows_of_a_visit") {
        return;
    }
    let plan = neighbour::Plan {
        reservation: reservation(6, 20),
        neighbour_budgets: vec![Span::from_ms(20)],
        kinds: vec![NeighbourKind::Tcp, NeighbourKind::Compute],
        repetitions: 1,
    };
    let measured = run(|session| neighbour::run(session, &plan)).unwrap();
    assert_eq!(measured.runs.len(), 6);
    for run in &measured.runs {
        assert_plausible(&run.tcp);
        // B at work takes its 100 ms of 500; idle it takes next to nothing.
        let busy = run.neighbour_supply_ns > Span::from_ms(25);
        assert_eq!(busy, run.neighbour_active, "{}", run.neighbour_supply_ns);
    }
    assert_eq!(measured.summary.points.len(), 2);
    assert!(measured.summary.worst_drop_ratio < 1.0);
}

#[test]
fn deadline_counts_late_requests() {
    if !can_run("deadline_counts_late_requests") {
        return;
    }
    let plan = deadline::Plan::of(&[1], 50, 1);
    let measured = run(|session| deadline::run(session, &plan)).unwrap();
    assert_eq!(measured.runs.len(), 4);
    for run in &measured.runs {
        assert_eq!((run.completion_ns.len(), run.wake_lateness_ns.len()), (50, 50));
        assert_eq!(run.load, run.web_load_rps.is_some());
        assert!(run.web_load_rps.is_none_or(|rps| rps > 1.0), "{:?}", run.web_load_rps);
        assert!(run.completion_ns.iter().flatten().count() > 25, "{:?}", run.completion_ns);
    }
    for row in &measured.summary.rows {
        assert!(row.p50_ns <= row.p99_ns && row.p99_ns <= row.max_ns, "{row:?}");
        assert!(row.late <= row.requests && row.unanswered <= row.late, "{row:?}");
    }
}

#[test]
fn flood_has_a_control() {
    if !can_run("flood_has_a_control") {
        return;
    }
    let plan = flood::Plan { repetitions: 1, ..flood::Plan::of(1) };
    let measured = run(|session| flood::run(session, &plan)).unwrap();
    assert_eq!(measured.runs.len(), 8);
    for run in &measured.runs {
        assert_plausible(&run.tcp);
        assert_eq!(run.flooding, run.flood_pps > 1_000.0, "{}", run.flood_pps);
        assert!(run.flood_taken_pps <= run.flood_pps);
    }
    let rows: Vec<(NetworkContextKind, bool)> =
        measured.summary.rows.iter().map(|row| (row.context, row.control)).collect();
    let (shared, dedicated) = (NetworkContextKind::Shared, NetworkContextKind::Dedicated);
    assert_eq!(rows, [(shared, false), (shared, true), (dedicated, false), (dedicated, true)]);
    assert!(measured.summary.rows.iter().all(|row| row.kept_ratio.is_finite()));
}

#[test]
fn an_interrupted_run_takes_its_testbed_down() {
    if !can_run("an_interrupted_run_takes_its_testbed_down") {
        return;
    }
    let plan = share::Plan { reservations: vec![reservation(10, 100)], repetitions: 100 };
    let error = run(|session| {
        let interrupted = AtomicBool::new(false);
        let mut steps = 0;
        let mut tell = |_: &Progress| {
            steps += 1;
            interrupted.store(steps > 8, Ordering::Relaxed);
        };
        let mut own = self::session(&interrupted, &mut tell);
        own.seed = session.seed;
        share::run(&mut own, &plan)
    });
    assert!(matches!(error, Err(LabError::Interrupted { experiment: "share" })), "{error:?}");
    let left = evenkeel_kernel::netdev::list().unwrap();
    assert!(left.iter().all(|netdev| !netdev.name.starts_with("ek-vf")), "{left:?}");
    assert!(is_root());
}
