// SPDX-License-Identifier: MIT OR Apache-2.0
//! `evenkeel doctor`: what this host can guarantee, and what is in the way, with the fix.

use std::process::ExitCode;

use clap::Args;
use evenkeel_host::doctor::{DoctorReport, Finding, Guarantee, Severity, examine};
use evenkeel_model::Span;
use serde::Serialize;

use crate::colour::{alarming, bold, calm, noticeable};
use crate::error::CliError;
use crate::manual::{Section, after_help, environment, files};
use crate::output::Output;
use crate::status::Status;
use crate::verb::window::window;
use crate::wrap::wrap;

/// Schema of the answer.
const SCHEMA: &str = "evenkeel.doctor.v1";

/// Where the text of a finding begins: after two blanks, the longest severity and one more.
const INDENT: usize = 11;

/// Say what this host can guarantee, and what is in the way
///
/// Looks at the kernel, the cgroup hierarchies, the limits of real-time work, the network devices,
/// and for a short while at what runs with a real-time policy outside any capsule. Changes
/// nothing, and works without root, less what only root may see.
#[derive(Debug, Args)]
#[command(after_long_help = after_help(&sections()))]
pub struct Words {
    /// How long to watch foreign real-time threads and stolen time
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = window)]
    window: Span,
    /// Print one JSON object (evenkeel.doctor.v1)
    #[arg(long)]
    pub json: bool,
}

/// `evenkeel.doctor.v1`.
#[derive(Serialize)]
struct DoctorAnswer<'a> {
    /// Whether a guarantee can be given and nothing is violated.
    sound: bool,
    #[serde(flatten)]
    report: &'a DoctorReport,
}

/// Examines the host.
pub fn run(words: &Words, output: Output) -> Result<ExitCode, CliError> {
    let report = examine(words.window);
    let sound = report.is_sound();
    if words.json {
        output.json(SCHEMA, &DoctorAnswer { sound, report: &report })?;
    } else {
        output.answer(&in_words(&report, output.colours_answer()))?;
    }
    Ok(if sound { Status::Done } else { Status::Violated }.into())
}

/// The host in one line, the guarantees, the findings (worst first), the verdict.
fn in_words(report: &DoctorReport, colour: bool) -> String {
    let host = &report.host;
    let mut text = format!("{}\n", bold("Host", colour));
    text.push_str(&format!(
        "  Linux {} on {}, CPUs {} online\n\n",
        host.kernel,
        host.cpu_model.as_deref().unwrap_or("an unknown CPU"),
        host.online_cpus
    ));
    text.push_str(&format!("{}\n", bold("Guarantees", colour)));
    for guarantee in &report.guarantees {
        text.push_str(&guarantee_in_words(guarantee, colour));
    }
    text.push_str(&format!("\n{}\n", bold("Findings", colour)));
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    for finding in findings {
        text.push_str(&finding_in_words(finding, colour));
    }
    text.push_str(&format!("\n{}\n", conclusion(report)));
    text
}

fn guarantee_in_words(guarantee: &Guarantee, colour: bool) -> String {
    let mark = match guarantee.available {
        true => calm("available", colour),
        false => alarming("missing  ", colour),
    };
    let says = wrap(&guarantee.says, 22, 22);
    format!("  {:<8} {mark}  {says}\n", guarantee.enforcer.as_str())
}

fn finding_in_words(finding: &Finding, colour: bool) -> String {
    // Padded before it is coloured: colour has no width.
    let word = format!("{:<8}", finding.severity.as_str());
    let mark = match finding.severity {
        Severity::Problem => alarming(&word, colour),
        Severity::Warning => noticeable(&word, colour),
        Severity::Info => word,
        Severity::Ok => calm(&word, colour),
    };
    let what = format!("{}: {}", finding.id, finding.what);
    let mut text = format!("  {mark} {}\n", wrap(&what, INDENT, INDENT));
    let indent = " ".repeat(INDENT);
    if !finding.why.is_empty() {
        text.push_str(&format!("{indent}{}\n", wrap(&finding.why, INDENT, INDENT)));
    }
    if let Some(fix) = &finding.fix {
        // Not wrapped: it may be a command to copy.
        text.push_str(&format!("{indent}fix: {fix}\n"));
    }
    text
}

fn conclusion(report: &DoctorReport) -> String {
    let problems =
        report.findings.iter().filter(|finding| finding.severity == Severity::Problem).count();
    match (report.can_guarantee(), problems) {
        (true, 0) => "This host can guarantee CPU time, and nothing is violated.".to_owned(),
        (true, 1) => "This host can guarantee CPU time, but one problem violates it.".to_owned(),
        (true, n) => format!("This host can guarantee CPU time, but {n} problems violate it."),
        (false, _) => "This host cannot guarantee CPU time.".to_owned(),
    }
}

/// The manual sections of this verb.
pub fn sections() -> Vec<Section> {
    vec![
        Section::new(
            "EXAMPLES",
            "
evenkeel doctor
evenkeel doctor --json | jq '.findings[] | select(.severity == \"problem\")'
",
        ),
        Section::new(
            "FINDINGS",
            "
problem  Something violates a guarantee, or none can be given.
warning  A guarantee can be given and is weaker than it could be.
info     Worth knowing.
ok       As it should be.

Each has an `id` that does not change between versions, and where something can be done
about it, `fix`: a command, a boot parameter, or what to look for in another kernel.
",
        ),
        Section::exit_status(&[
            (Status::Done, "a guarantee can be given and nothing is violated"),
            (Status::Usage, "wrong usage or an invalid value"),
            (Status::Violated, "no guarantee can be given, or something violates it"),
        ]),
        environment(),
        files(),
    ]
}

#[cfg(test)]
mod tests {
    use evenkeel_host::doctor::HostFacts;
    use evenkeel_model::EnforcerKind;

    use super::*;

    fn finding(id: &'static str, severity: Severity, why: &str, fix: Option<&str>) -> Finding {
        let (what, why) = (format!("what was found about {id}"), why.to_owned());
        Finding { id, severity, what, why, fix: fix.map(str::to_owned) }
    }

    fn report(available: bool, findings: Vec<Finding>) -> DoctorReport {
        let host = HostFacts {
            kernel: "6.18.44".to_owned(),
            cpu_model: None,
            online_cpus: "0-1".parse().unwrap(),
            tick_ns: None,
            root: true,
            window_ns: Span::from_ms(300),
        };
        let says = "what it promises".to_owned();
        let rtgroup = Guarantee { enforcer: EnforcerKind::Rtgroup, available, hard: true, says };
        DoctorReport { host, guarantees: vec![rtgroup], rt_budget: None, findings }
    }

    #[test]
    fn the_worst_comes_first_and_fixes_stay_whole() {
        let command = "command ".repeat(20);
        let text = in_words(
            &report(
                true,
                vec![
                    finding("tick", Severity::Ok, "", None),
                    finding("rt-hog", Severity::Problem, "why it matters", Some(command.trim())),
                ],
            ),
            false,
        );
        let expected = format!(
            "Host\n  Linux 6.18.44 on an unknown CPU, CPUs 0-1 online\n\n\
             Guarantees\n  rtgroup  available  what it promises\n\n\
             Findings\n  problem  rt-hog: what was found about rt-hog\n           why it matters\n\
             \x20          fix: {}\n  ok       tick: what was found about tick\n\n\
             This host can guarantee CPU time, but one problem violates it.\n",
            command.trim()
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_conclusion_follows_from_guarantees_and_problems() {
        assert_eq!(
            conclusion(&report(true, Vec::new())),
            "This host can guarantee CPU time, and nothing is violated."
        );
        assert_eq!(conclusion(&report(false, Vec::new())), "This host cannot guarantee CPU time.");
    }
}
