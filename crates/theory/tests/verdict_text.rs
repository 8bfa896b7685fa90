// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole verdicts as an operator reads them. Update with `SNAPSHOTS=overwrite`, then read the diff.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

mod support;

use evenkeel_model::{Bandwidth, Reservation, Span};
use evenkeel_theory::{Limits, admit_quota, admit_rtgroup, admit_rtgroup_nested};
use snapbox::{assert_data_eq, file, str};

use support::{change, child, held, new, new_nested, on_cpu_0, rsv, stock, top};

/// A web server's and a database's capsule on CPU 0.
fn web_and_db() -> Vec<evenkeel_theory::Held> {
    vec![held("web", rsv(6, 20), "0", 1), held("db", rsv(15, 50), "0", 2)]
}

#[test]
fn the_first_capsule() {
    let asked = new(held("web", rsv(6, 20), "0", 1));
    let verdict = admit_rtgroup(&[], &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'web' holds 6ms every 20ms (30 %) on CPU 0

CPU 0: up to 65 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      6ms     20ms    30 %   6ms  <- asked

All real-time groups of this host: 30 % of the 95 % that the kernel allows; 65 % left
"#]]
    );
}

#[test]
fn a_third_one_fits_between() {
    let asked = new(held("mail", rsv(5, 25), "0", 3));
    let verdict = admit_rtgroup(&web_and_db(), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'mail' cannot hold 5ms every 25ms (20 %) on CPU 0
  CPU 0: 'db', which holds 15ms every 50ms, would have its 15ms only after 54ms, 4ms past its
    period, because 'web' and 'mail' go first

It would fit
  - with a budget of at most 4.333ms at the same period (17.3 %)
  - with the same bandwidth as 24ms every 120ms
  - as asked, on CPU 1
  - as asked, once 'db' shrinks from 15ms to 13ms every 50ms
  - as asked, once 'web' shrinks from 6ms to 5ms every 20ms

CPU 0: up to 35 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      6ms     20ms    30 %   6ms
  mail     5ms     25ms    20 %   17ms  <- asked
  db       15ms    50ms    30 %   54ms, too late

All real-time groups of this host: 60 % of the 95 % that the kernel allows; 35 % left
"#]]
    );
}

#[test]
fn too_late_behind_another() {
    let asked = new(held("b", rsv(7, 15), "0", 1));
    let verdict = admit_rtgroup(&on_cpu_0(&[(4, 10)]), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'b' cannot hold 7ms every 15ms (46.7 %) on CPU 0
  CPU 0: 'b' would have its 7ms only after 19ms, 4ms past its period, because 'a' goes first

It would fit
  - with a budget of at most 6ms at the same period (40 %)
  - with the same bandwidth as 14ms every 30ms
  - as asked, on CPU 1
  - as asked, once 'a' shrinks from 4ms to 3ms every 10ms

CPU 0: up to 55 % left
  CAPSULE  BUDGET  PERIOD  SHARE   HAS IT WITHIN
  a        4ms     10ms    40 %    4ms
  b        7ms     15ms    46.7 %  19ms, too late  <- asked

All real-time groups of this host: 40 % of the 95 % that the kernel allows; 55 % left
"#]]
    );
}

#[test]
fn another_would_be_late() {
    let asked = new(held("fast", rsv(4, 10), "0", 3));
    let verdict = admit_rtgroup(&web_and_db(), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'fast' cannot hold 4ms every 10ms (40 %) on CPU 0
  the kernel adds up the real-time groups of all CPUs and allows 95 % of one: 'db' holds 30 % on
    CPU 0, 'web' holds 30 % on CPU 0; 35 % are left, this adds 40 %
  CPU 0: 'db', which holds 15ms every 50ms, would have its 15ms only after 81ms, 31ms past its
    period, because 'fast' and 'web' go first

It would fit
  - with a budget of at most 2.166ms at the same period (21.7 %)
  - as asked, once 'web' shrinks from 6ms to 2.75ms every 20ms
  - as asked, once 'db' shrinks from 15ms to 6ms every 50ms

CPU 0: up to 35 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  fast     4ms     10ms    40 %   4ms  <- asked
  web      6ms     20ms    30 %   14ms
  db       15ms    50ms    30 %   81ms, too late

All real-time groups of this host: 60 % of the 95 % that the kernel allows; 35 % left
"#]]
    );
}

#[test]
fn the_hosts_sum_is_exceeded_by_capsules_elsewhere() {
    let existing = [held("web", rsv(40, 100), "1", 1), held("db", rsv(25, 100), "0,2-3", 2)];
    let limits = Limits {
        foreign: Bandwidth::from_ppb(100_000_000),
        online: "0-3".parse().unwrap(),
        ..stock()
    };
    let asked = new(held("big", rsv(30, 100), "0", 3));
    let verdict = admit_rtgroup(&existing, &asked, &limits);
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'big' cannot hold 30ms every 100ms (30 %) on CPU 0
  the kernel adds up the real-time groups of all CPUs and allows 95 % of one: 'web' holds 40 %
    on CPU 1, 'db' holds 25 % on CPUs 0,2-3, groups that are no capsules hold 10 %; 20 % are
    left, this adds 30 %

It would fit
  - with a budget of at most 20ms at the same period (20 %)
  - as asked, once 'web' shrinks from 40ms to 30ms every 100ms
  - as asked, once 'db' shrinks from 25ms to 15ms every 100ms

CPU 0: up to 20 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  db       25ms    100ms   25 %   25ms
  big      30ms    100ms   30 %   80ms  <- asked

All real-time groups of this host: 65 % in capsules and 10 % in other groups, of the 95 % that the kernel allows; 20 % left
"#]]
    );
}

#[test]
fn a_change_that_does_not_fit_keeps_what_is_held() {
    let asked = change(held("web", rsv(14, 20), "0", 1));
    let verdict = admit_rtgroup(&web_and_db(), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'web' cannot change from 6ms every 20ms to 14ms every 20ms (70 %) on CPU 0; it keeps
  what it holds
  the kernel adds up the real-time groups of all CPUs and allows 95 % of one: 'db' holds 30 % on
    CPU 0, 'web' holds 30 % on CPU 0; 35 % are left, this adds 40 %
  CPU 0: 'db', which holds 15ms every 50ms, would have its 15ms only after 71ms, 21ms past its
    period, because 'web' goes first

It would fit
  - with a budget of at most 11.666ms at the same period (58.3 %)
  - as asked, once 'db' shrinks from 15ms to 8ms every 50ms

CPU 0: up to 35 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      14ms    20ms    70 %   14ms  <- asked
  db       15ms    50ms    30 %   71ms, too late

All real-time groups of this host: 60 % of the 95 % that the kernel allows; 35 % left
"#]]
    );
}

#[test]
fn a_change_that_fits() {
    let asked = change(held("web", rsv(8, 20), "0", 1));
    let verdict = admit_rtgroup(&web_and_db(), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'web' changes from 6ms every 20ms to 8ms every 20ms (40 %) on CPU 0

CPU 0: up to 25 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  web      8ms     20ms    40 %   8ms  <- asked
  db       15ms    50ms    30 %   39ms

All real-time groups of this host: 70 % of the 95 % that the kernel allows; 25 % left
"#]]
    );
}

#[test]
fn a_child_that_its_parent_cannot_hold() {
    let existing =
        [top("web", rsv(6, 20), "0", 1), child("web", held("cache", rsv(2, 10), "0", 2))];
    let asked = new_nested(child("web", held("log", rsv(3, 20), "0", 3)));
    let verdict = admit_rtgroup_nested(&existing, &asked, &stock()).unwrap();
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'log' cannot hold 3ms every 20ms (15 %) on CPU 0
  its parent 'web' holds 6ms every 20ms, of which its children leave 2ms

It would fit
  - with a budget of at most 2ms at the same period (10 %)
  - as asked, once its parent 'web' grows from 6ms to 7ms every 20ms
  - as asked, once 'cache' shrinks from 2ms to 1.5ms every 10ms

CPU 0: up to 65 % left
  CAPSULE         BUDGET  PERIOD  SHARE  HAS IT WITHIN
  cache           2ms     10ms    20 %   2ms
  web (own part)  2ms     20ms    10 %   6ms

All real-time groups of this host: 30 % of the 95 % that the kernel allows; 65 % left
"#]]
    );
}

#[test]
fn a_child_in_its_parent() {
    let existing = [top("web", rsv(6, 20), "0-1", 1), top("db", rsv(15, 50), "0", 2)];
    let asked = new_nested(child("web", held("cache", rsv(2, 10), "0", 3)));
    let verdict = admit_rtgroup_nested(&existing, &asked, &stock()).unwrap();
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'cache' holds 2ms every 10ms (20 %) on CPU 0

CPU 0: up to 35 % left
  CAPSULE         BUDGET  PERIOD  SHARE  HAS IT WITHIN
  cache           2ms     10ms    20 %   2ms  <- asked
  web (own part)  2ms     20ms    10 %   6ms
  db              15ms    50ms    30 %   29ms

All real-time groups of this host: 60 % of the 95 % that the kernel allows; 35 % left

note: a period of 10ms is short against the kernel's tick of 4ms: within a period it may overrun
      its 2ms by up to 4ms, taken from its next; periods of five ticks or more suffer less
"#]]
    );
}

#[test]
fn short_periods_on_a_coarse_tick() {
    let asked = new(held("fast", rsv(2, 5), "0-1", 9));
    let verdict = admit_rtgroup(&on_cpu_0(&[(2, 6)]), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'fast' holds 2ms every 5ms (40 %) on CPUs 0-1

CPU 0: up to 21.7 % left
  CAPSULE  BUDGET  PERIOD  SHARE   HAS IT WITHIN
  fast     2ms     5ms     40 %    2ms  <- asked
  a        2ms     6ms     33.3 %  6ms

CPU 1: up to 21.7 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  fast     2ms     5ms     40 %   2ms  <- asked

All real-time groups of this host: 73.3 % of the 95 % that the kernel allows; 21.7 % left

note: a period of 5ms is short against the kernel's tick of 4ms: within a period it may overrun
      its 2ms by up to 4ms, taken from its next; periods of five ticks or more suffer less
note: the kernel charges budgets at its tick of 4ms; if every capsule above 'a' on CPU 0
      overruns by one, 'a' has its budget after 12ms instead of 6ms; longer periods or a faster
      tick (CONFIG_HZ) avoid it
"#]]
    );
}

#[test]
fn the_kernels_ceiling_could_bite() {
    let existing = [held("elsewhere", rsv(1, 200), "1", 1)];
    let asked = new(held("big", rsv(94, 100), "0", 2));
    let verdict = admit_rtgroup(&existing, &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
admitted: 'big' holds 94ms every 100ms (94 %) on CPU 0

CPU 0: up to 0.5 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  big      94ms    100ms   94 %   94ms  <- asked

All real-time groups of this host: 94.5 % of the 95 % that the kernel allows; 0.5 % left

note: at worst the capsules on CPU 0 want 1s of 1s, of which the kernel lets real-time threads
      have 950ms; all of them could then pause for up to 50ms
note: the kernel counts every real-time group on every CPU, so the 0.5 % of 'elsewhere' are
      missing here although no CPU is shared
"#]]
    );
}

#[test]
fn an_overloaded_cpu() {
    let asked = new(held("greedy", rsv(10, 10), "0", 9));
    let limits = Limits { ceiling: rsv(1_000, 1_000), ..stock() };
    let verdict = admit_rtgroup(&web_and_db(), &asked, &limits);
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'greedy' cannot hold 10ms every 10ms (100 %) on CPU 0
  the kernel adds up the real-time groups of all CPUs and allows 100 % of one: 'db' holds 30 %
    on CPU 0, 'web' holds 30 % on CPU 0; 40 % are left, this adds 100 %
  CPU 0: 'web', which holds 6ms every 20ms, could wait more than 80ms for its 6ms, because
    'greedy' goes first
  CPU 0: 'db', which holds 15ms every 50ms, could wait more than 200ms for its 15ms, because
    'greedy' and 'web' go first

It would fit
  - with a budget of at most 2.166ms at the same period (21.7 %)

CPU 0: up to 40 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  greedy   10ms    10ms    100 %  10ms  <- asked
  web      6ms     20ms    30 %   too late
  db       15ms    50ms    30 %   too late

All real-time groups of this host: 60 % of the 100 % that the kernel allows; 40 % left
"#]]
    );
}

#[test]
fn no_band_is_left() {
    let budget = Span::from_us(100);
    let small = Reservation::new(budget, Span::from_ms(100)).unwrap();
    let existing: Vec<_> = (0..15).map(|i| held(&format!("vm{i}"), small, "1", i)).collect();
    let asked = new(held("vm15", small, "0", 15));
    let verdict = admit_rtgroup(&existing, &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'vm15' cannot hold 100us every 100ms (0.1 %) on CPU 0
  every capsule needs a band of real-time priorities of its own, and all 15 are taken

Nothing close to it fits; release another capsule first.

CPU 0: up to 93.5 % left
  CAPSULE  BUDGET  PERIOD  SHARE  HAS IT WITHIN
  vm15     100us   100ms   0.1 %  100us  <- asked

All real-time groups of this host: 1.5 % of the 95 % that the kernel allows; 93.5 % left
"#]]
    );
}

#[test]
fn a_quota_promises_nothing() {
    let asked = new(held("mail", rsv(30, 50), "0-1", 3));
    let verdict = admit_quota(&web_and_db(), &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
accepted: 'mail' is capped at 30ms every 50ms (60 %) on CPUs 0-1

CPU 0: 0 % left
  CAPSULE  BUDGET  PERIOD  SHARE
  web      6ms     20ms    30 %
  db       15ms    50ms    30 %
  mail     30ms    50ms    60 %   <- asked

CPU 1: 40 % left
  CAPSULE  BUDGET  PERIOD  SHARE
  mail     30ms    50ms    60 %   <- asked

note: a quota caps and guarantees nothing: neighbours can still take the CPU, and kernel threads
      may exceed the cap
note: the caps on CPU 0 sum to 120 %: not all capsules can reach theirs at once
"#]]
    );
}

#[test]
fn a_quota_out_of_the_kernels_range() {
    let asked = new(held("slow", rsv(600, 2_000), "0", 3));
    let verdict = admit_quota(&[], &asked, &stock());
    assert_data_eq!(
        verdict.to_string(),
        str![[r#"
refused: 'slow' cannot hold 600ms every 2s (30 %) on CPU 0
  the kernel accepts quotas of at least 1ms over periods of at most 1s

It would fit
  - with the same bandwidth as 300ms every 1s

CPU 0: 100 % left
"#]]
    );
}

#[test]
fn as_json() {
    let asked = new(held("b", rsv(7, 15), "0", 1));
    let verdict = admit_rtgroup(&on_cpu_0(&[(4, 10)]), &asked, &stock());
    let json = serde_json::to_string_pretty(&verdict).unwrap();
    assert_eq!(serde_json::from_str::<evenkeel_theory::Verdict>(&json).unwrap(), verdict);
    assert_data_eq!(json, file!["snapshots/refusal.json": Text]);
}
