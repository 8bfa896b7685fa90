// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real-time threads outside any capsule: they outrank or delay capsules, and nobody has admitted
//! them.
//!
//! A foreign thread harms in two ways: with a higher priority than a capsule it runs first, and
//! whatever its priority its time counts against the ceiling of real-time work, at which the
//! kernel throttles the whole CPU, capsules included.

use std::path::Path;

use evenkeel_model::{Bandwidth, Span};

use super::Finding;
use super::rt_ceiling::CAPSULE_PREFIX;
use super::watch::{RtThread, Watch};
use super::words;

/// A thread that uses more than [`HOG_SHARE`].
const ID_HOG: &str = "rt-hog";
/// The others.
const ID: &str = "rt-foreign";

/// A foreign thread that uses more than this part of a CPU is a hog. 5 % is the least that anybody
/// would reserve (1 ms every 20 ms, the shortest period that is good at HZ=250): who needs more
/// than that has to ask for it. Interrupt threads and watchdogs of an idle host stay below 1 %, and
/// the error of the measurement (a tick at either end of [`super::WINDOW`]) below 3 %.
const HOG_SHARE: Bandwidth = Bandwidth::from_ppb(50_000_000);

/// Most hogs that get a finding of their own: a screen full. The rest is counted.
const HOGS_NAMED_MAX: usize = 8;

/// Most threads named in one line.
const THREADS_NAMED_MAX: usize = 6;

/// Judges every watched thread that is in no capsule.
pub(super) fn check(watch: &Watch, rt_groups: Option<&Path>) -> Vec<Finding> {
    let foreign: Vec<&RtThread> =
        watch.threads.iter().filter(|thread| !in_capsule(thread)).collect();
    let (mut hogs, quiet): (Vec<&RtThread>, Vec<&RtThread>) =
        foreign.into_iter().partition(|thread| share(thread, watch.window) > HOG_SHARE);
    hogs.sort_by_key(|thread| std::cmp::Reverse(thread.used));
    let mut findings: Vec<Finding> = hogs
        .iter()
        .take(HOGS_NAMED_MAX)
        .map(|thread| hog(thread, watch.window, rt_groups.is_some()))
        .collect();
    if hogs.len() > HOGS_NAMED_MAX {
        findings.push(Finding::problem(
            ID_HOG,
            format!("{} more threads like these", hogs.len() - HOGS_NAMED_MAX),
            "",
        ));
    }
    let (kernel, user): (Vec<&RtThread>, Vec<&RtThread>) =
        quiet.into_iter().partition(|thread| thread.kernel);
    findings.extend(quiet_threads("user", &user, watch.window));
    findings.extend(quiet_threads("kernel", &kernel, watch.window));
    findings
}

fn in_capsule(thread: &RtThread) -> bool {
    thread.group.trim_start_matches('/').starts_with(CAPSULE_PREFIX)
}

/// ⌈used / window⌉ of one CPU; nothing where nothing was watched.
fn share(thread: &RtThread, window: Span) -> Bandwidth {
    if window == Span::ZERO { Bandwidth::ZERO } else { Bandwidth::of(thread.used, window) }
}

/// A problem; inside a real-time group of its own, which bounds it, a warning.
fn hog(thread: &RtThread, window: Span, rt_groups: bool) -> Finding {
    let what = format!(
        "thread {} '{}' of process {} ({}) used {} of a CPU in {window}, outside any capsule",
        thread.tid,
        thread.comm,
        thread.pid,
        thread.policy,
        share(thread, window),
    );
    let cpus = thread
        .cpus
        .as_ref()
        .map_or_else(String::new, |cpus| format!("It may run on {}. ", words::cpus(cpus)));
    let bounded = rt_groups && thread.group != "/" && thread.policy.is_real_time();
    let fix =
        format!("chrt -o -p 0 {}, or reserve what it needs in a capsule of its own", thread.tid);
    if bounded {
        let why = format!(
            "{cpus}Its group {} bounds it, but capsules of a lower priority wait for it.",
            thread.group
        );
        return Finding::warning(ID_HOG, what, why).with_fix(fix);
    }
    let why = format!(
        "{cpus}It is in group {}: capsules of a lower priority wait for it, and its time counts \
         against the ceiling at which the kernel throttles all real-time work of a CPU.",
        thread.group
    );
    Finding::problem(ID_HOG, what, why).with_fix(fix)
}

/// One line about threads that do little.
fn quiet_threads(whose: &str, threads: &[&RtThread], window: Span) -> Option<Finding> {
    if threads.is_empty() {
        return None;
    }
    let used = threads.iter().fold(Span::ZERO, |sum, thread| sum + thread.used);
    let share = if window == Span::ZERO { Bandwidth::ZERO } else { Bandwidth::of(used, window) };
    let mut names: Vec<String> = threads
        .iter()
        .take(THREADS_NAMED_MAX)
        .map(|thread| format!("{} {} ({})", thread.tid, thread.comm, thread.policy))
        .collect();
    if threads.len() > THREADS_NAMED_MAX {
        names.push(format!("{} more", threads.len() - THREADS_NAMED_MAX));
    }
    let plural = if threads.len() == 1 { "thread has a" } else { "threads have a" };
    Some(Finding::info(
        ID,
        format!(
            "{} {whose} {plural} real-time policy outside any capsule and used {share} of a CPU: {}",
            threads.len(),
            names.join(", ")
        ),
        "",
    ))
}

#[cfg(test)]
mod tests {
    use evenkeel_kernel::sched::Policy;
    use evenkeel_kernel::{Pid, Tid};
    use evenkeel_model::CpuSet;

    use super::*;
    use crate::doctor::Severity;

    fn thread(group: &str, kernel: bool, used_ms: u64) -> RtThread {
        RtThread {
            tid: Tid(4243),
            pid: Pid(4242),
            comm: "jackd".to_owned(),
            kernel,
            policy: Policy::Fifo { priority: 50 },
            group: group.to_owned(),
            cpus: "0".parse::<CpuSet>().ok(),
            used: Span::from_ms(used_ms),
        }
    }

    fn findings(threads: Vec<RtThread>) -> Vec<Finding> {
        let watch = Watch { window: Span::from_ms(300), threads, stolen: None };
        check(&watch, Some(Path::new("/sys/fs/cgroup/cpu")))
    }

    #[test]
    fn a_spinner_in_the_root_group_is_a_problem_with_a_fix() {
        let found = findings(vec![thread("/", false, 300)]);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].id, found[0].severity), ("rt-hog", Severity::Problem));
        assert_eq!(
            found[0].what,
            "thread 4243 'jackd' of process 4242 (fifo 50) used 100 % of a CPU in 300ms, outside \
             any capsule"
        );
        assert!(found[0].fix.as_ref().unwrap().starts_with("chrt -o -p 0 4243"));
    }

    #[test]
    fn a_thread_of_a_capsule_is_not_foreign() {
        assert_eq!(findings(vec![thread("/evenkeel-web", false, 300)]), []);
    }

    #[test]
    fn a_group_of_its_own_bounds_a_hog() {
        let found = findings(vec![thread("/jack", false, 200)]);
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(found[0].why.contains("Its group /jack bounds it"));
    }

    #[test]
    fn five_per_cent_is_allowed_and_listed() {
        let found = findings(vec![thread("/", true, 15), thread("/", false, 0)]);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|finding| finding.severity == Severity::Info));
        assert_eq!(
            found[0].what,
            "1 user thread has a real-time policy outside any capsule and used 0 % of a CPU: \
             4243 jackd (fifo 50)"
        );
    }

    #[test]
    fn a_crowd_is_counted() {
        let found = findings(vec![thread("/", false, 200); 11]);
        assert_eq!(found.len(), HOGS_NAMED_MAX + 1);
        assert_eq!(found[HOGS_NAMED_MAX].what, "3 more threads like these");
        let found = findings(vec![thread("/", true, 0); 9]);
        assert!(found[0].what.ends_with(", 3 more"), "{}", found[0].what);
    }
}
