// SPDX-License-Identifier: MIT OR Apache-2.0
//! A cluster out of a TOML file. Errors name the line and the key; the schema for editors is
//! `docs/schema/cluster.v1.json`.

use evenkeel_model::{Bandwidth, Reservation, Span};
use evenkeel_theory::in_whole_microseconds;
use evenkeel_theory::placement::EDF_LIMIT;

use super::description::{
    CPUS_MAX, CPUS_TOTAL_MAX, Churn, Cluster, EVENTS_MAX, FLAVOURS_MAX, Fit, Flavour, HOSTS_MAX,
    HostRule, Hosts, POLICIES_MAX, PlacementPolicy, SCHEMA, Spread, VMS_MAX,
};
use crate::form::{Form, FormError};

/// Longest series: a point for each of a hundred thousand samples is more than a figure shows.
const SAMPLES_MAX: u64 = 100_000;

/// Reads a description and checks all of it.
pub fn read(text: &str) -> Result<Cluster, FormError> {
    crate::form::read(text, cluster)
}

fn cluster(form: &mut Form<'_>) -> Result<Cluster, FormError> {
    let schema: String = form.required("schema")?;
    if schema != SCHEMA {
        return Err(form.error_at("schema", format!("'{schema}' is unknown; use '{SCHEMA}'")));
    }
    let about = form.optional("about")?.unwrap_or_default();
    let seed = form.optional("seed")?.unwrap_or(1);
    let duration: Span = form.required("duration")?;
    if duration == Span::ZERO {
        return Err(form.error_at("duration", "no time at all; write for example 60s"));
    }
    let sample = form.optional("sample")?.unwrap_or(duration);
    if sample == Span::ZERO || duration.as_ns() / sample.as_ns() > SAMPLES_MAX {
        let what = format!("'{sample}' gives no series of at most {SAMPLES_MAX} points");
        return Err(form.error_at("sample", what));
    }
    let hosts = needed(form, "hosts", hosts)?;
    let churn = needed(form, "churn", |form| churn(form, duration))?;
    let flavours = form.tables("flavour", FLAVOURS_MAX, |form| flavour(form, &hosts))?;
    if flavours.is_empty() {
        return Err(form.error_at("flavour", "no [[flavour]]; there must be one at least"));
    }
    let mut policies = form.tables("policy", POLICIES_MAX, policy)?;
    if policies.is_empty() {
        policies = [Fit::First, Fit::Best, Fit::Worst]
            .map(|fit| PlacementPolicy { hosts: fit, cpus: fit })
            .to_vec();
    }
    Ok(Cluster { about, seed, duration, sample, hosts, churn, flavours, policies })
}

/// A table that must be there.
fn needed<'a, T>(
    form: &mut Form<'a>,
    key: &'static str,
    build: impl FnOnce(&mut Form<'a>) -> Result<T, FormError>,
) -> Result<T, FormError> {
    match form.table(key, build)? {
        Some(table) => Ok(table),
        None => Err(form.error_at(key, format!("no [{key}]; it must be there"))),
    }
}

fn hosts(form: &mut Form<'_>) -> Result<Hosts, FormError> {
    let count = number(form, "count", 1, u64::from(HOSTS_MAX))?;
    let cpus = number(form, "cpus", 1, u64::from(CPUS_MAX))?;
    if count * cpus > CPUS_TOTAL_MAX {
        let what = format!("{count} hosts of {cpus} CPUs are more than {CPUS_TOTAL_MAX} CPUs");
        return Err(form.error_at("count", what));
    }
    let nodes = match form.optional::<u64>("nodes")? {
        None => 1,
        Some(nodes) if nodes >= 1 && nodes <= cpus && cpus.is_multiple_of(nodes) => nodes,
        Some(nodes) => {
            let what = format!("{cpus} CPUs do not make {nodes} nodes of equal size");
            return Err(form.error_at("nodes", what));
        }
    };
    let rule = rule(form)?;
    Ok(Hosts { count: narrow(count), cpus: narrow(cpus), nodes: narrow(nodes), rule })
}

fn rule(form: &mut Form<'_>) -> Result<HostRule, FormError> {
    #[derive(Clone, Copy)]
    enum Word {
        Scx,
        RtGroup,
    }
    let words = [("scx", Word::Scx), ("rtgroup", Word::RtGroup)];
    let word = form.choice("enforcer", &words)?.unwrap_or(Word::Scx);
    let limit = match form.optional::<u64>("limit_percent")? {
        None => EDF_LIMIT,
        // One per cent is 10^7 parts per billion.
        Some(percent) if (1..=100).contains(&percent) => Bandwidth::from_ppb(percent * 10_000_000),
        Some(percent) => {
            let what = format!("{percent} is out of range; use 1 to 100");
            return Err(form.error_at("limit_percent", what));
        }
    };
    Ok(match word {
        Word::Scx => HostRule::Edf { limit },
        Word::RtGroup => HostRule::RtGroup { limit },
    })
}

fn churn(form: &mut Form<'_>, duration: Span) -> Result<Churn, FormError> {
    let initial = number(form, "initial", 0, u64::from(VMS_MAX))?;
    let gap =
        |form: &mut Form<'_>, key: &'static str, events_max: u64| -> Result<Span, FormError> {
            let mean: Span = form.optional(key)?.unwrap_or(Span::ZERO);
            if mean > Span::ZERO && duration.as_ns() / mean.as_ns() > events_max {
                let what = format!("every {mean} for {duration} is more than {events_max} times");
                return Err(form.error_at(key, what));
            }
            Ok(mean)
        };
    // Arrivals may all stay, so with the first ones they must not exceed what is kept in mind.
    let arrival_gap_mean = gap(form, "arrival_gap_mean", u64::from(VMS_MAX) - initial)?;
    Ok(Churn {
        initial: narrow(initial),
        arrival_gap_mean,
        lifetime_mean: form.optional("lifetime_mean")?.unwrap_or(Span::ZERO),
        resize_gap_mean: gap(form, "resize_gap_mean", EVENTS_MAX)?,
        migrate: form.optional("migrate")?.unwrap_or(false),
    })
}

fn flavour(form: &mut Form<'_>, hosts: &Hosts) -> Result<Flavour, FormError> {
    let name: String = form.required("name")?;
    if name.trim().is_empty() {
        return Err(form.error_at("name", "an empty name; say what size it is"));
    }
    let spread = form
        .choice("spread", &[("node", Spread::Node), ("host", Spread::Host)])?
        .unwrap_or(Spread::Node);
    let room = match spread {
        Spread::Node => hosts.cpus / hosts.nodes,
        Spread::Host => hosts.cpus,
    };
    let cpus = number(form, "cpus", 1, u64::from(room))?;
    let (budget, period): (Span, Span) = (form.required("budget")?, form.required("period")?);
    let reservation = Reservation::new(budget, period)
        .map_err(|error| form.error_at("budget", error.to_string()))?;
    let reservation = match hosts.rule {
        HostRule::Edf { .. } => reservation,
        HostRule::RtGroup { .. } => in_whole_microseconds(reservation),
    };
    let weight = match form.optional::<u64>("weight")? {
        None => 1,
        Some(weight) if (1..=1_000_000).contains(&weight) => weight,
        Some(weight) => {
            let what = format!("{weight} is out of range; use 1 to 1000000");
            return Err(form.error_at("weight", what));
        }
    };
    Ok(Flavour { name, cpus: narrow(cpus), reservation, spread, weight: narrow(weight) })
}

fn policy(form: &mut Form<'_>) -> Result<PlacementPolicy, FormError> {
    let hosts = match form.choice("hosts", &Fit::WORDS)? {
        Some(fit) => fit,
        None => {
            let what = "no 'hosts'; use 'first-fit', 'best-fit' or 'worst-fit'";
            return Err(form.error_at("hosts", what));
        }
    };
    let cpus = form.choice("cpus", &Fit::WORDS)?.unwrap_or(hosts);
    Ok(PlacementPolicy { hosts, cpus })
}

/// A whole number between both.
fn number(form: &mut Form<'_>, key: &'static str, least: u64, most: u64) -> Result<u64, FormError> {
    let number: u64 = form.required(key)?;
    if (least..=most).contains(&number) {
        return Ok(number);
    }
    Err(form.error_at(key, format!("{number} is out of range; use {least} to {most}")))
}

/// A number that has been checked against a bound of its type.
fn narrow<T: TryFrom<u64> + Default>(number: u64) -> T {
    T::try_from(number).unwrap_or_default()
}
