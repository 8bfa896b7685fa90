// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel capsule show`: everything about one capsule, its threads and its supply.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::{CapsuleView, NetdevView, SupplyView, ThreadView, VmView};
use evenkeel_model::{Bandwidth, CapsuleName, CpuSet, Span};

use crate::colour::alarming;
use crate::error::CliError;
use crate::manual::{Section, after_help, environment, files, only_reads};
use crate::output::Output;
use crate::status::Status;
use crate::table::{Align, table};
use crate::verb::plan_answer::open;
use crate::verb::window::window;
use crate::wrap::wrap;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.capsule-show.v1";

/// Show a capsule: its reservation, its supply, and every thread inside
///
/// The supply is watched for the length of --sample: what was delivered, what the budget of that
/// time is, and whether any window of whole periods got more than the server can owe.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// The capsule
    name: CapsuleName,
    /// How long to watch the supply; 0s does not watch
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = window)]
    sample: Span,
    /// Print one JSON object (evenkeel.capsule-show.v1)
    #[arg(long)]
    pub json: bool,
}

/// Shows it.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let view = open(output)?.show(&words.name, words.sample)?;
    if words.json {
        output.json(SCHEMA, &view)?;
        return Ok(Status::Done.into());
    }
    for violation in &view.violations {
        output.talk(&format!("{} {violation}", alarming("violated:", output.colours_talk())));
    }
    for warning in &view.warnings {
        output.talk(&format!("warning: {warning}"));
    }
    output.answer(&in_words(&view, output.colours_answer()))?;
    Ok(Status::Done.into())
}

/// The lines `key  value`, then the table of threads.
fn in_words(view: &CapsuleView, colour: bool) -> String {
    let mut text = String::new();
    for (key, value) in facts(view) {
        text.push_str(&format!("{key:<12}{}\n", wrap(&value, 12, 12)));
    }
    if !view.threads.is_empty() {
        text.push('\n');
        text.push_str(&threads(&view.threads, colour));
    }
    text
}

fn facts(view: &CapsuleView) -> Vec<(&'static str, String)> {
    let summary = &view.summary;
    let mut facts = vec![("capsule", summary.name.to_string())];
    facts.push(("status", summary.status.as_str().to_owned()));
    if let Some(reservation) = summary.reservation {
        let each = if summary.cpus.len() > 1 { " each" } else { "" };
        facts.push((
            "reservation",
            format!(
                "{reservation} on {}, {}{each}",
                cpus_in_words(&summary.cpus),
                reservation.bandwidth()
            ),
        ));
        match view.own {
            Some(own) if own == reservation => {}
            Some(own) => facts.push(("own part", format!("{own}; the rest is its children's"))),
            None => facts.push(("own part", "none: its children have it all".to_owned())),
        }
    }
    if let Some(enforcer) = summary.enforcer {
        facts.push(("enforcer", format!("{enforcer}: {}", view.guarantee)));
    }
    if let Some(priorities) = view.priorities {
        facts.push(("priorities", format!("{} to {}", priorities.lowest, priorities.highest)));
    }
    if let Some(parent) = &summary.parent {
        facts.push(("parent", parent.to_string()));
    }
    if !view.children.is_empty() {
        let children: Vec<&str> = view.children.iter().map(CapsuleName::as_str).collect();
        facts.push(("children", children.join(", ")));
    }
    facts.extend(summary.vms.iter().map(|vm| ("vm", vm_in_words(vm))));
    facts.push(("network", summary.context.to_string()));
    facts.extend(view.netdev_details.iter().map(|netdev| ("netdev", netdev_in_words(netdev))));
    facts.extend(supply(&view.supply));
    facts
}

fn cpus_in_words(cpus: &CpuSet) -> String {
    format!("{} {cpus}", if cpus.len() == 1 { "CPU" } else { "CPUs" })
}

fn vm_in_words(vm: &VmView) -> String {
    let gone = if vm.gone { ", which has ended" } else { "" };
    format!("{} ({}), process {}{gone}", vm.label, vm.kind, vm.pid)
}

fn netdev_in_words(netdev: &NetdevView) -> String {
    if netdev.gone {
        return format!("{}, which has vanished", netdev.name);
    }
    let on_off = |on| if on { "on" } else { "off" };
    let threads: Vec<String> = netdev.kthreads.iter().map(ToString::to_string).collect();
    format!(
        "{}: threaded NAPI {}, GRO {}, threads {}",
        netdev.name,
        on_off(netdev.threaded),
        on_off(netdev.gro),
        if threads.is_empty() { "none".to_owned() } else { threads.join(", ") }
    )
}

fn supply(supply: &SupplyView) -> Vec<(&'static str, String)> {
    let mut facts =
        vec![("cpu time", format!("{} since it was created", rounded(supply.lifetime_ns)))];
    if supply.window_ns == Span::ZERO {
        return facts;
    }
    let share = Bandwidth::of(supply.supplied_ns, supply.window_ns);
    facts.push((
        "supply",
        format!(
            "{} of a budget of {} in {}, {share} of a CPU",
            rounded(supply.supplied_ns),
            rounded(supply.budget_ns),
            rounded(supply.window_ns)
        ),
    ));
    if supply.per_cpu.len() > 1 {
        let parts: Vec<String> = supply
            .per_cpu
            .iter()
            .map(|part| format!("CPU {} {}", part.cpu, rounded(part.supplied_ns)))
            .collect();
        facts.push(("", parts.join(", ")));
    }
    facts.push(("overruns", overruns(supply)));
    facts
}

fn overruns(supply: &SupplyView) -> String {
    let seen = &supply.overruns;
    if seen.count == 0 {
        return format!("none in {} periods", seen.periods);
    }
    format!(
        "{} in {} periods, the largest {} (the kernel's tick explains up to {})",
        seen.count,
        seen.periods,
        rounded(seen.largest_ns),
        rounded(seen.explained_ns)
    )
}

/// Rounded down to a microsecond, from a second on to a millisecond: more digits than that are
/// noise to a person.
fn rounded(span: Span) -> Span {
    match span.as_us() {
        us @ 1_000_000.. => Span::from_ms(us / 1_000),
        us => Span::from_us(us),
    }
}

fn threads(threads: &[ThreadView], colour: bool) -> String {
    let header = [
        ("ROLE", Align::Left),
        ("TID", Align::Right),
        ("PID", Align::Right),
        ("NAME", Align::Left),
        ("CPU TIME", Align::Right),
        ("DELAY", Align::Right),
        ("POLICY", Align::Left),
        ("PRIO", Align::Right),
        ("CPU", Align::Right),
        ("CPUS", Align::Left),
        ("KNOWN BY", Align::Left),
    ];
    let rows: Vec<Vec<String>> = threads
        .iter()
        .map(|thread| {
            vec![
                thread.role.to_string(),
                thread.tid.to_string(),
                thread.pid.to_string(),
                thread.comm.clone(),
                rounded(thread.cpu_time_ns).to_string(),
                rounded(thread.run_delay_ns).to_string(),
                thread.policy.clone(),
                thread.priority.map_or_else(|| "-".to_owned(), |priority| priority.to_string()),
                thread.cpu.to_string(),
                thread.affinity.to_string(),
                known_by(thread),
            ]
        })
        .collect();
    table(&header, &rows, colour)
}

/// The evidence for the role and, after it, what differs from what was set.
fn known_by(thread: &ThreadView) -> String {
    match thread.drift.is_empty() {
        true => thread.evidence.clone(),
        false => format!("{}; DRIFT: {}", thread.evidence, thread.drift.join(", ")),
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel capsule show web
evenkeel capsule show web --sample 10s --json | jq '.supply.overruns.count'
",
        ),
        Section::new(
            "COLUMNS",
            "
ROLE      What the thread does for its VM: irq, napi, vhost, io, vcpu or vmm, most urgent
          first; what could not be classified is vmm, and KNOWN BY says so.
CPU TIME  Time on a CPU since the thread was born.
DELAY     Time it was runnable and did not run since then, throttling included.
KNOWN BY  The evidence for the role, and after it what somebody changed meanwhile.
",
        ),
        only_reads(),
        environment(),
        files(),
    ]
}
