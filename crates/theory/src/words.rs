// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verdicts in words, for an operator who wants to know in this order: does it fit, why not, what
//! would, and what does the answer rest on.
//!
//! Figures are rounded for reading (`46.7 %`); the data they come from is exact.

mod change;
mod check_note;
mod misfit;
mod note;
mod reason;

use std::fmt;

use evenkeel_model::{CapsuleName, CpuIndex, CpuSet, EnforcerKind};

use crate::verdict::{CpuVerdict, Holder, HostSum, Verdict};

/// Widest line of prose. Tables are as wide as their content.
const COLUMNS_MAX: usize = 96;

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paragraphs = vec![self.headline_and_reasons()];
        if !self.admitted {
            paragraphs.push(self.offers());
        }
        let cpus = self.distinct_cpus();
        paragraphs.extend(cpus.iter().map(|(cpus, verdict)| self.table(cpus, verdict)));
        paragraphs.extend(self.host.as_ref().map(|host| vec![host.to_string()]));
        let notes = self.notes.iter().flat_map(|note| wrapped(&format!("note: {note}"), 0, 6));
        paragraphs.push(notes.collect());
        paragraphs.retain(|paragraph| !paragraph.is_empty());
        let paragraphs: Vec<String> = paragraphs.iter().map(|lines| lines.join("\n")).collect();
        f.write_str(&paragraphs.join("\n\n"))
    }
}

/// `text` in lines of at most [`COLUMNS_MAX`], the first indented by `first`, the others by `rest`.
fn wrapped(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = vec![" ".repeat(first)];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a first line");
        let started = !line.trim().is_empty();
        if started && line.chars().count() + 1 + word.chars().count() > COLUMNS_MAX {
            lines.push(format!("{}{word}", " ".repeat(rest)));
        } else {
            line.push_str(if started { " " } else { "" });
            line.push_str(word);
        }
    }
    lines
}

/// The first line.
struct Headline<'a>(&'a Verdict);

impl fmt::Display for Headline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Verdict { asked, admitted, replaces, enforcer, .. } = self.0;
        let (name, new, share) = (&asked.name, asked.reservation, asked.reservation.bandwidth());
        let place = on(&asked.cpus);
        match (admitted, replaces) {
            (true, None) if *enforcer == EnforcerKind::Quota => {
                write!(f, "accepted: '{name}' is capped at {new} ({share}) {place}")
            }
            (true, None) => write!(f, "admitted: '{name}' holds {new} ({share}) {place}"),
            (true, Some(old)) => {
                write!(f, "admitted: '{name}' changes from {old} to {new} ({share}) {place}")
            }
            (false, None) => write!(f, "refused: '{name}' cannot hold {new} ({share}) {place}"),
            (false, Some(old)) => write!(
                f,
                "refused: '{name}' cannot change from {old} to {new} ({share}) {place}; \
                 it keeps what it holds"
            ),
        }
    }
}

impl Verdict {
    /// Does it fit, and why not.
    fn headline_and_reasons(&self) -> Vec<String> {
        let mut lines = wrapped(&Headline(self).to_string(), 0, 2);
        lines.extend(self.reasons.iter().flat_map(|reason| wrapped(&reason.to_string(), 2, 4)));
        lines
    }

    /// What would fit instead.
    fn offers(&self) -> Vec<String> {
        if self.smallest_change.is_empty() {
            return vec!["Nothing close to it fits; release another capsule first.".to_owned()];
        }
        let offers = self.smallest_change.iter();
        let offers = offers.flat_map(|change| wrapped(&format!("- {change}"), 2, 4));
        std::iter::once("It would fit".to_owned()).chain(offers).collect()
    }

    /// The CPUs, those of equal content together.
    fn distinct_cpus(&self) -> Vec<(CpuSet, &CpuVerdict)> {
        let mut groups: Vec<(Vec<CpuIndex>, &CpuVerdict)> = Vec::new();
        for verdict in &self.per_cpu {
            let same = groups
                .iter_mut()
                .find(|(_, known)| known.left == verdict.left && known.holders == verdict.holders);
            match same {
                Some((cpus, _)) => cpus.push(verdict.cpu),
                None => groups.push((vec![verdict.cpu], verdict)),
            }
        }
        groups.into_iter().map(|(cpus, verdict)| (cpus.into_iter().collect(), verdict)).collect()
    }

    /// One CPU, or several of equal content.
    fn table(&self, cpus: &CpuSet, cpu: &CpuVerdict) -> Vec<String> {
        let guaranteed = self.enforcer != EnforcerKind::Quota;
        // Response times may allow less than the sum; by deadlines the sum is all.
        let up_to = if self.enforcer == EnforcerKind::Rtgroup { "up to " } else { "" };
        let mut lines = vec![format!("{}: {up_to}{} left", title(cpus), cpu.left)];
        if cpu.holders.is_empty() {
            return lines;
        }
        let within = if guaranteed { "HAS IT WITHIN" } else { "" };
        let mut rows = vec![["CAPSULE", "BUDGET", "PERIOD", "SHARE", within].map(str::to_owned)];
        rows.extend(cpu.holders.iter().map(|holder| row(holder, guaranteed)));
        lines.extend(columns(&rows));
        lines
    }
}

/// One server as a row of a table.
fn row(holder: &Holder, guaranteed: bool) -> [String; 5] {
    let reservation = holder.reservation;
    let within = match holder.response {
        _ if !guaranteed => String::new(),
        Some(response) if response <= reservation.period() => response.to_string(),
        Some(response) => format!("{response}, too late"),
        None => "too late".to_owned(),
    };
    let own_part = if holder.own_part { " (own part)" } else { "" };
    let asked = if holder.asked { "  <- asked" } else { "" };
    [
        format!("{}{own_part}", holder.name),
        reservation.budget().to_string(),
        reservation.period().to_string(),
        reservation.bandwidth().to_string(),
        format!("{within}{asked}").trim_start().to_owned(),
    ]
}

/// Left-aligned columns two spaces apart, indented by two, no trailing spaces.
fn columns(rows: &[[String; 5]]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let line = |row: &[String; 5]| {
        let cells = row.iter().enumerate().map(|(i, cell)| format!("{cell:<0$}", width(i)));
        format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

impl fmt::Display for HostSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HostSum { limit, foreign, held, left } = self;
        write!(f, "All real-time groups of this host: {held}")?;
        if foreign.as_ppb() > 0 {
            write!(f, " in capsules and {foreign} in other groups,")?;
        }
        write!(f, " of the {limit} that the kernel allows; {left} left")
    }
}

/// `on CPU 0`, `on CPUs 0-3`.
fn on(cpus: &CpuSet) -> String {
    format!("on {}", title(cpus))
}

/// `CPU 0`, `CPUs 0-3`.
fn title(cpus: &CpuSet) -> String {
    let plural = if cpus.len() == 1 { "" } else { "s" };
    format!("CPU{plural} {cpus}")
}

/// `'a'`, `'a' and 'b'`, `'a', 'b' and 'c'`.
fn names(names: &[CapsuleName]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}
