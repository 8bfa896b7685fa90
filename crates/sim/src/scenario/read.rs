// SPDX-License-Identifier: MIT OR Apache-2.0
//! From the text of a scenario file to a [`Scenario`]; its form is docs/schema/scenario.v1.json.
//!
//! Reading takes keys and their types; what the values mean together is judged by
//! [`Scenario::check`], whose errors come back with the line of the key that they name.

use evenkeel_model::{CapsuleName, CpuSet, Reservation, ReservationError, Span};

use crate::form::{Form, FormError, read};
use crate::scenario::check::Part;
use crate::scenario::{
    CAPSULES_MAX, CapsuleSpec, Context, Cost, Interference, Machine, Network, Pattern, Scenario,
    ScenarioError, WORKLOADS_MAX, WakeRule, WorkloadKind, WorkloadSpec,
};

/// Name of the form and its version, the value of the key `schema`.
pub const SCHEMA: &str = "evenkeel.scenario/1";

const CONTEXTS: [(&str, Context); 3] =
    [("shared", Context::Shared), ("dedicated", Context::Dedicated), ("demux", Context::Demux)];
const PATTERNS: [(&str, Pattern); 2] =
    [("periodic", Pattern::Periodic), ("poisson", Pattern::Poisson)];
const WAKE_RULES: [(&str, WakeRule); 2] = [("renewal", WakeRule::Renewal), ("w2", WakeRule::W2)];

/// The kinds of workloads, before their keys are read.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Saturated,
    Periodic,
    Sporadic,
    Bursty,
    Suspending,
    Stream,
    Flood,
    Requests,
}

const KINDS: [(&str, Kind); 8] = [
    ("saturated", Kind::Saturated),
    ("periodic", Kind::Periodic),
    ("sporadic", Kind::Sporadic),
    ("bursty", Kind::Bursty),
    ("suspending", Kind::Suspending),
    ("stream", Kind::Stream),
    ("flood", Kind::Flood),
    ("requests", Kind::Requests),
];

/// Where the keys of one table stand.
type Places = Vec<(&'static str, FormError)>;

/// The places of all tables, for errors that come up later.
#[derive(Default)]
struct Map {
    top: Places,
    machine: Places,
    interference: Places,
    network: Places,
    capsules: Vec<Places>,
    workloads: Vec<Places>,
}

/// Names that refer to capsules, before all capsules are known.
#[derive(Default)]
struct Names {
    uplink: Option<CapsuleName>,
    parents: Vec<Option<CapsuleName>>,
    holders: Vec<CapsuleName>,
}

/// Reads and checks a scenario.
///
/// # Errors
/// The first thing wrong, with its line and key.
pub fn parse(text: &str) -> Result<Scenario, FormError> {
    let mut map = Map::default();
    let mut names = Names::default();
    let mut scenario = read(text, |form| top(form, &mut map, &mut names))?;
    resolve(&mut scenario, &names, &map)?;
    scenario.check().map_err(|error| located(&error, &map))?;
    Ok(scenario)
}

fn top(form: &mut Form<'_>, map: &mut Map, names: &mut Names) -> Result<Scenario, FormError> {
    if form.choice("schema", &[(SCHEMA, ())])?.is_none() {
        return Err(form.error_at("schema", format!("is missing; write schema = \"{SCHEMA}\"")));
    }
    let about = form.optional("about")?.unwrap_or_default();
    let duration = form.required("duration")?;
    let warmup = form.optional("warmup")?.unwrap_or(Span::ZERO);
    let seed = form.optional("seed")?.unwrap_or(1);
    let machine = form.table("machine", |table| machine(table, &mut map.machine))?;
    let interference =
        form.table("interference", |table| interference(table, &mut map.interference))?;
    let network = form.table("network", |table| network(table, &mut map.network, names))?;
    let capsules =
        form.tables("capsule", CAPSULES_MAX, |table| capsule(table, &mut map.capsules, names))?;
    let workloads =
        form.tables("workload", WORKLOADS_MAX, |table| workload(table, &mut map.workloads, names))?;
    map.top = places(form, &["duration", "warmup", "capsule", "workload"]);
    Ok(Scenario {
        about,
        duration,
        warmup,
        seed,
        machine: machine.unwrap_or_default(),
        interference: interference.unwrap_or_default(),
        network: network.unwrap_or_default(),
        capsules,
        workloads,
    })
}

fn machine(form: &mut Form<'_>, at: &mut Places) -> Result<Machine, FormError> {
    let mut machine = Machine::default();
    set(&mut machine.cpus, form.optional("cpus")?);
    set(&mut machine.tick, form.optional("tick")?);
    set(&mut machine.irq_accounting, form.optional("irq_accounting")?);
    set(&mut machine.slice, form.optional("slice")?);
    set(&mut machine.run_to_parity, form.optional("run_to_parity")?);
    set(&mut machine.kthread_bandwidth, form.optional("kthread_bandwidth")?);
    set(&mut machine.rr_slice, form.optional("rr_slice")?);
    set(&mut machine.wake_rule, form.choice("wake_rule", &WAKE_RULES)?);
    *at = places(form, &["cpus", "tick", "slice", "rr_slice"]);
    Ok(machine)
}

fn interference(form: &mut Form<'_>, at: &mut Places) -> Result<Interference, FormError> {
    let mut interference = Interference::default();
    set(&mut interference.switch, form.optional("switch")?);
    set(&mut interference.refill_rate, form.optional("refill_rate")?);
    set(&mut interference.refill_max, form.optional("refill_max")?);
    set(&mut interference.cache_factor, form.optional("cache_factor")?);
    *at = places(form, &["switch", "refill_rate", "refill_max", "cache_factor"]);
    Ok(interference)
}

fn network(form: &mut Form<'_>, at: &mut Places, names: &mut Names) -> Result<Network, FormError> {
    let mut network = Network::default();
    set(&mut network.interrupt, form.optional("interrupt")?);
    set(&mut network.coalesce, form.optional("coalesce")?);
    set(&mut network.softirq, form.optional("softirq")?);
    set(&mut network.napi, form.optional("napi")?);
    set(&mut network.demux, form.optional("demux")?);
    set(&mut network.guest, form.optional("guest")?);
    set(&mut network.guest_gro, form.optional("guest_gro")?);
    set(&mut network.ring, form.optional("ring")?);
    set(&mut network.backlog, form.optional("backlog")?);
    set(&mut network.socket, form.optional("socket")?);
    set(&mut network.poll, form.optional("poll")?);
    names.uplink = form.optional("uplink")?;
    *at = places(
        form,
        &[
            "interrupt",
            "coalesce",
            "softirq",
            "napi",
            "demux",
            "guest",
            "guest_gro",
            "ring",
            "backlog",
            "socket",
            "poll",
            "uplink",
        ],
    );
    Ok(network)
}

fn capsule(
    form: &mut Form<'_>,
    at: &mut Vec<Places>,
    names: &mut Names,
) -> Result<CapsuleSpec, FormError> {
    let name: CapsuleName = form.required("name")?;
    let (budget, period): (Span, Span) = (form.required("budget")?, form.required("period")?);
    let reservation = Reservation::new(budget, period).map_err(|error| {
        let key = match error {
            ReservationError::ZeroPeriod | ReservationError::PeriodOutOfRange(_) => "period",
            ReservationError::ZeroBudget | ReservationError::BudgetAbovePeriod { .. } => "budget",
        };
        form.error_at(key, error.to_string())
    })?;
    let first: CpuSet = CpuSet::single(evenkeel_model::CpuIndex(0));
    let cpus = form.optional("cpus")?.unwrap_or(first);
    names.parents.push(form.optional("parent")?);
    let phase = form.optional("phase")?.unwrap_or(Span::ZERO);
    let weight = form.optional("weight")?.unwrap_or(100);
    let priority = small(form, "priority")?;
    let context = form.choice("context", &CONTEXTS)?.unwrap_or(Context::Shared);
    let police_pps = form.optional("police_pps")?;
    at.push(places(
        form,
        &[
            "name",
            "budget",
            "cpus",
            "parent",
            "phase",
            "weight",
            "priority",
            "context",
            "police_pps",
        ],
    ));
    Ok(CapsuleSpec {
        name,
        reservation,
        cpus,
        parent: None,
        phase,
        weight,
        priority,
        context,
        police_pps,
    })
}

fn workload(
    form: &mut Form<'_>,
    at: &mut Vec<Places>,
    names: &mut Names,
) -> Result<WorkloadSpec, FormError> {
    names.holders.push(form.required("capsule")?);
    // The characters of a capsule's name: these names, too, become names of lanes and columns.
    let name: CapsuleName = form.required("name")?;
    let priority = small(form, "priority")?.unwrap_or(10);
    let cpu = form.optional("cpu")?;
    let kernel = form.optional("kernel")?.unwrap_or(false);
    let Some(kind) = form.choice("kind", &KINDS)? else {
        let words: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
        return Err(form.error_at("kind", format!("is missing; use {}", words.join(", "))));
    };
    let kind = kind_of(form, kind)?;
    at.push(places(
        form,
        &[
            "capsule",
            "name",
            "priority",
            "cpu",
            "period",
            "cost",
            "cost_max",
            "offset",
            "jitter",
            "deadline",
            "gap",
            "gap_mean",
            "burst",
            "spacing",
            "suspend",
            "rounds",
            "window",
            "delay",
            "packet_bytes",
            "rate_pps",
            "batch",
            "packets",
        ],
    ));
    Ok(WorkloadSpec { capsule: 0, name: name.to_string(), priority, cpu, kernel, kind })
}

fn kind_of(form: &mut Form<'_>, kind: Kind) -> Result<WorkloadKind, FormError> {
    Ok(match kind {
        Kind::Saturated => WorkloadKind::Saturated,
        Kind::Periodic => {
            let period = form.required("period")?;
            WorkloadKind::Periodic {
                period,
                cost: cost(form)?,
                offset: offset(form)?,
                jitter: form.optional("jitter")?.unwrap_or(Span::ZERO),
                deadline: form.optional("deadline")?.unwrap_or(period),
            }
        }
        Kind::Sporadic => {
            let gap = form.required("gap")?;
            WorkloadKind::Sporadic {
                gap,
                extra: form.optional("gap_mean")?.unwrap_or(Span::ZERO),
                cost: cost(form)?,
                offset: offset(form)?,
                deadline: form.optional("deadline")?.unwrap_or(gap),
            }
        }
        Kind::Bursty => {
            let period = form.required("period")?;
            WorkloadKind::Bursty {
                period,
                burst: form.required("burst")?,
                spacing: form.optional("spacing")?.unwrap_or(Span::ZERO),
                cost: cost(form)?,
                offset: offset(form)?,
                deadline: form.optional("deadline")?.unwrap_or(period),
            }
        }
        Kind::Suspending => {
            let period = form.required("period")?;
            WorkloadKind::Suspending {
                period,
                cost: cost(form)?,
                suspend: form.required("suspend")?,
                rounds: form.optional("rounds")?.unwrap_or(1),
                offset: offset(form)?,
                deadline: form.optional("deadline")?.unwrap_or(period),
            }
        }
        Kind::Stream | Kind::Flood | Kind::Requests => return network_kind(form, kind),
    })
}

fn network_kind(form: &mut Form<'_>, kind: Kind) -> Result<WorkloadKind, FormError> {
    // A full Ethernet frame, and the smallest for floods.
    let bytes = |form: &mut Form<'_>, usual: u32| -> Result<u32, FormError> {
        Ok(form.optional("packet_bytes")?.unwrap_or(usual))
    };
    Ok(match kind {
        Kind::Stream => WorkloadKind::Stream {
            window: form.required("window")?,
            delay: form.required("delay")?,
            packet_bytes: bytes(form, 1_514)?,
        },
        Kind::Flood => WorkloadKind::Flood {
            rate_pps: form.required("rate_pps")?,
            batch: form.optional("batch")?.unwrap_or(1),
            pattern: form.choice("pattern", &PATTERNS)?.unwrap_or(Pattern::Periodic),
            packet_bytes: bytes(form, 64)?,
        },
        _ => {
            let period = form.required("period")?;
            WorkloadKind::Requests {
                period,
                pattern: form.choice("pattern", &PATTERNS)?.unwrap_or(Pattern::Periodic),
                packets: form.optional("packets")?.unwrap_or(1),
                cost: cost(form)?,
                offset: offset(form)?,
                deadline: form.optional("deadline")?.unwrap_or(period),
                packet_bytes: bytes(form, 1_514)?,
            }
        }
    })
}

fn cost(form: &mut Form<'_>) -> Result<Cost, FormError> {
    let least = form.required("cost")?;
    Ok(Cost { least, most: form.optional("cost_max")?.unwrap_or(least) })
}

fn offset(form: &mut Form<'_>) -> Result<Span, FormError> {
    Ok(form.optional("offset")?.unwrap_or(Span::ZERO))
}

/// A priority, in eight bits.
fn small(form: &mut Form<'_>, key: &'static str) -> Result<Option<u8>, FormError> {
    let Some(wide) = form.optional::<u64>(key)? else { return Ok(None) };
    let small = u8::try_from(wide);
    small.map(Some).map_err(|_| form.error_at(key, format!("{wide} is no priority; use up to 99")))
}

fn set<T>(to: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *to = value;
    }
}

fn places(form: &Form<'_>, keys: &[&'static str]) -> Places {
    keys.iter().map(|&key| (key, form.error_at(key, ""))).collect()
}

/// Turns names of capsules into their places.
fn resolve(scenario: &mut Scenario, names: &Names, map: &Map) -> Result<(), FormError> {
    let all: Vec<CapsuleName> = scenario.capsules.iter().map(|c| c.name.clone()).collect();
    let find = |name: &CapsuleName, places: &Places, key: &str| {
        let known = || all.iter().map(|n| format!("'{n}'")).collect::<Vec<_>>().join(", ");
        all.iter().position(|other| other == name).ok_or_else(|| {
            place(places, key, &format!("there is no capsule '{name}' among {}", known()))
        })
    };
    for (index, parent) in names.parents.iter().enumerate() {
        let Some(parent) = parent else { continue };
        scenario.capsules[index].parent = Some(find(parent, &map.capsules[index], "parent")?);
        if *parent == all[index] {
            let message = format!("capsule '{parent}' is its own parent; name another, or none");
            return Err(place(&map.capsules[index], "parent", &message));
        }
    }
    for (index, holder) in names.holders.iter().enumerate() {
        scenario.workloads[index].capsule = find(holder, &map.workloads[index], "capsule")?;
    }
    if let Some(uplink) = &names.uplink {
        scenario.network.uplink = Some(find(uplink, &map.network, "uplink")?);
    }
    Ok(())
}

/// The error of a check, at the place of the key that it names.
fn located(error: &ScenarioError, map: &Map) -> FormError {
    let empty = Places::new();
    let places = match &error.part {
        Part::Top => &map.top,
        Part::Machine => &map.machine,
        Part::Interference => &map.interference,
        Part::Network => &map.network,
        Part::Capsule(index, _) => map.capsules.get(*index).unwrap_or(&empty),
        Part::Workload(index, _) => map.workloads.get(*index).unwrap_or(&empty),
    };
    place(places, error.key, &error.message)
}

fn place(places: &Places, key: &str, message: &str) -> FormError {
    let found = places.iter().find(|(known, _)| *known == key).map(|(_, place)| place.clone());
    // Every key that a check names is in the list of its table; without, the first line is named.
    let place = found.unwrap_or(FormError {
        line: 1,
        column: 1,
        key: key.to_owned(),
        message: String::new(),
    });
    FormError { message: message.to_owned(), ..place }
}
