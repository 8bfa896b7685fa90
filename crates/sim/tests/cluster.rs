// SPDX-License-Identifier: MIT OR Apache-2.0
//! Clusters: the same seed gives the same run, counts add up, known queues give known figures, and
//! what is wrong with a file is said with line and key.

#![allow(clippy::unwrap_used, reason = "a test's own mistakes may panic")]

use evenkeel_model::Span;
use evenkeel_sim::cluster::{Cluster, Fit, Outcome, PlacementPolicy, read, simulate};
use proptest::prelude::*;

const SMALL: &str = r#"
schema = "evenkeel.cluster/1"
seed = 7
duration = "60s"
sample = "10s"
[hosts]
count = 20
cpus = 8
nodes = 2
[churn]
initial = 300
arrival_gap_mean = "50ms"
lifetime_mean = "20s"
resize_gap_mean = "100ms"
[[flavour]]
name = "small"
cpus = 1
budget = "5ms"
period = "20ms"
weight = 3
[[flavour]]
name = "large"
cpus = 4
budget = "8ms"
period = "10ms"
"#;

fn every_policy() -> Vec<PlacementPolicy> {
    let fits = [Fit::First, Fit::Best, Fit::Worst];
    fits.iter().flat_map(|&hosts| fits.map(|cpus| PlacementPolicy { hosts, cpus })).collect()
}

fn with(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    })
}

fn check(cluster: &Cluster, outcome: &Outcome) {
    let admitted = outcome.initial.admitted + outcome.arrivals.admitted;
    assert_eq!(u64::from(outcome.vms_end), admitted - outcome.departures);
    assert_eq!(outcome.initial.asked, u64::from(cluster.churn.initial));
    assert!((0.0..=1.0).contains(&outcome.held_ratio_end));
    assert!((0.0..=1.0).contains(&outcome.held_ratio_mean));
    for flavour in &outcome.flavours {
        assert!(flavour.unusable_ratio_end.is_none_or(|ratio| (0.0..=1.0).contains(&ratio)));
    }
    let sum: u64 = outcome.flavours.iter().map(|flavour| flavour.arrivals.asked).sum();
    assert_eq!(sum, outcome.arrivals.asked);
}

#[test]
fn the_same_seed_gives_the_same_run_and_every_policy_sees_the_same_arrivals() {
    let cluster = read(SMALL).unwrap();
    let other = read(&with(SMALL, &[("seed = 7", "seed = 8")])).unwrap();
    let mut asked = Vec::new();
    for policy in every_policy() {
        let outcome = simulate(&cluster, policy);
        assert_eq!(outcome, simulate(&cluster, policy), "{policy}");
        assert_ne!(outcome, simulate(&other, policy), "{policy}");
        check(&cluster, &outcome);
        assert_eq!(outcome.samples.len(), 7);
        asked.push((outcome.arrivals.asked, outcome.flavours.clone()));
    }
    for (all, flavours) in &asked {
        assert_eq!(*all, asked[0].0);
        let by_flavour = |flavours: &[evenkeel_sim::cluster::FlavourOutcome]| -> Vec<u64> {
            flavours.iter().map(|flavour| flavour.arrivals.asked).collect()
        };
        assert_eq!(by_flavour(flavours), by_flavour(&asked[0].1));
    }
}

#[test]
fn real_time_groups_hold_one_cpu_a_host_and_runs_are_audited() {
    let text = with(
        SMALL,
        &[("nodes = 2", "nodes = 2\nenforcer = \"rtgroup\""), ("initial = 300", "initial = 100")],
    );
    let cluster = read(&text).unwrap();
    for policy in every_policy() {
        let outcome = simulate(&cluster, policy);
        check(&cluster, &outcome);
        // 95 % of one CPU holds three machines of 25 %, or one of 80 %: at most 3 a host.
        assert!(outcome.vms_end <= 60, "{}", outcome.vms_end);
        assert!(outcome.vms_end >= 20, "{}", outcome.vms_end);
    }
}

#[test]
fn machines_move_only_where_they_may() {
    let stay = read(SMALL).unwrap();
    let move_on = read(&with(SMALL, &[("initial", "migrate = true\ninitial")])).unwrap();
    let policy = PlacementPolicy { hosts: Fit::Worst, cpus: Fit::Worst };
    let (stayed, moved) = (simulate(&stay, policy).resizes, simulate(&move_on, policy).resizes);
    assert_eq!(stayed.other_host, 0);
    assert!(moved.other_host > 0, "{moved:?}");
    assert!(stayed.in_place > 0 && stayed.other_cpus > 0 && stayed.refused > 0, "{stayed:?}");
}

/// One host, one CPU, one flavour of which ten fit: a loss system with ten lines.
const LINES: &str = r#"
schema = "evenkeel.cluster/1"
duration = "200000s"
[hosts]
count = 1
cpus = 1
limit_percent = 100
[churn]
initial = 8
arrival_gap_mean = "1s"
lifetime_mean = "8s"
[[flavour]]
name = "line"
cpus = 1
budget = "1ms"
period = "10ms"
[[policy]]
hosts = "first-fit"
"#;

#[test]
fn a_loss_system_refuses_as_erlang_says() {
    // Erlang's B formula (1917) for 10 lines and 8 erlang, by its recurrence.
    let load = 8.0;
    let blocked = (1..=10).fold(1.0, |b: f64, n| load * b / (f64::from(n) + load * b));
    assert!((blocked - 0.1217).abs() < 1e-4, "{blocked}");
    let cluster = read(LINES).unwrap();
    let outcome = simulate(&cluster, cluster.policies[0]);
    let refused = 1.0 - outcome.flavours[0].admission_ratio.unwrap();
    // 200,000 arrivals: a standard error of 0.0007 were they independent; they are not, so eight.
    assert!((refused - blocked).abs() < 0.006, "{refused} against {blocked}");
    // Lines in use on average: the load that is carried.
    let carried = load * (1.0 - blocked) / 10.0;
    assert!((outcome.held_ratio_mean - carried).abs() < 0.006, "{}", outcome.held_ratio_mean);
}

#[test]
fn without_limits_as_many_stay_as_come_in_a_lifetime() {
    // M/M/infinity: arrivals every 50 ms for 20 s each are 400 at a time (Little).
    let text = with(SMALL, &[("count = 20", "count = 2000"), ("\"60s\"", "\"2000s\"")]);
    let text = with(&text, &[("\"10s\"", "\"1s\""), ("resize_gap_mean = \"100ms\"", "")]);
    let cluster = read(&text).unwrap();
    let outcome = simulate(&cluster, cluster.policies[0]);
    assert_eq!(outcome.arrivals.asked, outcome.arrivals.admitted);
    let later = &outcome.samples[200..];
    let mean = later.iter().map(|s| f64::from(s.vms)).sum::<f64>() / later.len() as f64;
    // Standard deviation 20, correlated over 20 s, 1800 s: a standard error of 3.
    assert!((mean - 400.0).abs() < 12.0, "{mean}");
}

#[test]
fn room_that_is_free_and_of_no_use_is_counted() {
    let text = r#"
schema = "evenkeel.cluster/1"
duration = "1s"
[hosts]
count = 1
cpus = 2
limit_percent = 100
[churn]
initial = 2
[[flavour]]
name = "half"
cpus = 1
budget = "5ms"
period = "10ms"
weight = 1000000
[[flavour]]
name = "more"
cpus = 1
budget = "6ms"
period = "10ms"
[[flavour]]
name = "pair"
cpus = 2
budget = "4ms"
period = "10ms"
[[policy]]
hosts = "worst-fit"
"#;
    let cluster = read(text).unwrap();
    let outcome = simulate(&cluster, cluster.policies[0]);
    let figures: Vec<(u64, Option<f64>)> =
        outcome.flavours.iter().map(|f| (f.room_end, f.unusable_ratio_end)).collect();
    // Half of each CPU is free: two halves fit, no 60 %, and one pair that leaves a fifth.
    assert_eq!(figures[0], (2, Some(0.0)));
    assert_eq!(figures[1], (0, Some(1.0)));
    assert_eq!(figures[2].0, 1);
    assert!((figures[2].1.unwrap() - 0.2).abs() < 1e-12);
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_line_and_key() {
    for (from, to, expected) in [
        ("cluster/1", "cluster/2", "line 2, schema: 'evenkeel.cluster/2' is unknown"),
        ("\"60s\"", "60", "line 4, duration: "),
        ("\"60s\"", "\"0s\"", "line 4, duration: no time at all"),
        ("\"10s\"", "\"1ns\"", "line 5, sample: '1ns' gives no series"),
        ("[hosts]", "[host]", "hosts: no [hosts]; it must be there"),
        ("count = 20", "count = 0", "line 7, hosts.count: 0 is out of range; use 1 to 100000"),
        ("count = 20", "count = -1", "line 7, hosts.count: -1 is negative"),
        (
            "count = 20\ncpus = 8",
            "count = 100000\ncpus = 1024",
            "line 7, hosts.count: 100000 hosts of 1024 CPUs are more than 20000000 CPUs",
        ),
        ("cpus = 8", "cpus = 9", "line 9, hosts.nodes: 9 CPUs do not make 2 nodes of equal size"),
        ("nodes = 2", "enforcer = \"cfs\"", "line 9, hosts.enforcer: 'cfs' is unknown here"),
        ("nodes = 2", "limit_percent = 101", "line 9, hosts.limit_percent: 101 is out of range"),
        ("\"50ms\"", "\"1ns\"", "line 12, churn.arrival_gap_mean: every 1ns for 60s is more"),
        ("\"20s\"", "\"20\"", "line 13, churn.lifetime_mean: '20' has no unit"),
        ("budget = \"5ms\"", "budget = \"50ms\"", "line 18, flavour[0].budget: the budget 50ms"),
        ("weight = 3", "weight = 0", "line 20, flavour[0].weight: 0 is out of range"),
        ("weight = 3", "wait = 3", "line 20, flavour[0].wait: is no key that is known here"),
        ("cpus = 4", "cpus = 5", "line 23, flavour[1].cpus: 5 is out of range; use 1 to 4"),
    ] {
        let error = read(&with(SMALL, &[(from, to)])).unwrap_err().to_string();
        assert!(error.contains(expected), "{from} -> {to}: {error}");
    }
    let none = SMALL.split("[[flavour]]").next().unwrap();
    assert!(read(none).unwrap_err().to_string().contains("no [[flavour]]"));
    let policy = format!("{SMALL}[[policy]]\ncpus = \"best-fit\"\n");
    assert!(read(&policy).unwrap_err().to_string().contains("line 26, policy[0].hosts: "));
}

/// Few enough events to be simulated thousands of times.
fn is_small(cluster: &Cluster) -> bool {
    let churn = cluster.churn;
    let few = |gap: Span| gap == Span::ZERO || cluster.duration.as_ns() / gap.as_ns() < 5_000;
    let samples = cluster.duration.as_ns() / cluster.sample.as_ns();
    cluster.hosts.count <= 100
        && cluster.hosts.cpus <= 16
        && churn.initial <= 1_000
        && few(churn.arrival_gap_mean)
        && few(churn.resize_gap_mean)
        && samples < 100
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_damage_makes_the_reader_panic(
        places in prop::collection::vec((0..SMALL.len(), any::<char>(), 0..3_u8), 1..6),
    ) {
        let mut text: Vec<char> = SMALL.chars().collect();
        for (at, other, how) in places {
            let at = at.min(text.len() - 1);
            match how {
                0 => text[at] = other,
                1 => text.insert(at, other),
                _ => drop(text.remove(at)),
            }
        }
        let text: String = text.into_iter().collect();
        match read(&text) {
            Err(error) => prop_assert!(error.line >= 1 && !error.message.is_empty(), "{error}"),
            Ok(cluster) if is_small(&cluster) => check(&cluster, &simulate(&cluster, cluster.policies[0])),
            Ok(_) => {}
        }
    }
}

/// A text as the JSON that its schema speaks of.
fn as_json(text: &str) -> serde_json::Value {
    use serde_json::Value;
    use toml::de::{DeTable, DeValue};

    fn table(table: &DeTable<'_>) -> Value {
        let member = |(key, item): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            (key.to_string(), value(item.get_ref()))
        };
        Value::Object(table.iter().map(member).collect())
    }

    fn value(item: &DeValue<'_>) -> Value {
        match item {
            DeValue::String(text) => Value::from(text.to_string()),
            DeValue::Integer(number) => Value::from(number.as_str().parse::<i64>().unwrap()),
            DeValue::Float(number) => Value::from(number.as_str().parse::<f64>().unwrap()),
            DeValue::Boolean(flag) => Value::from(*flag),
            DeValue::Datetime(date) => Value::from(date.to_string()),
            DeValue::Array(items) => items.iter().map(|item| value(item.get_ref())).collect(),
            DeValue::Table(inner) => table(inner),
        }
    }

    table(DeTable::parse(text).unwrap().get_ref())
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema: serde_json::Value =
        serde_json::from_str(include_str!("../../../docs/schema/cluster.v1.json")).unwrap();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.add_resource("cluster.v1.json", schema).unwrap();
    let index = compiler.compile("cluster.v1.json", &mut schemas).unwrap();
    let valid = |text: &str| schemas.validate(&as_json(text), index).is_ok();
    for text in [
        SMALL,
        LINES,
        include_str!("../../../docs/scenarios/ten-thousand-hosts.toml"),
        include_str!("../../../docs/scenarios/small-cluster.toml"),
    ] {
        assert!(valid(text) && read(text).is_ok());
    }
    for (from, to) in [
        ("cluster/1", "cluster/2"),
        ("\"60s\"", "60"),
        ("[hosts]", "[host]"),
        ("count = 20", "count = 0"),
        ("nodes = 2", "enforcer = \"cfs\""),
        ("nodes = 2", "limit_percent = 101"),
        ("\"20s\"", "\"20\""),
        ("weight = 3", "weight = 0"),
        ("weight = 3", "wait = 3"),
    ] {
        let text = with(SMALL, &[(from, to)]);
        assert!(!valid(&text) && read(&text).is_err(), "{from} -> {to}");
    }
}
