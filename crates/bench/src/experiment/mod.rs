// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measurements, as they are made inside the machine. Each writes raw data only; what it means
//! is said by `verdict`.

pub mod compare;
pub mod directed_yield;
pub mod dispatch;
pub mod guest;
pub mod held;
mod initramfs;
mod kvm;
pub mod outside;
pub mod saturated;
pub mod sched_ext;
mod session;
pub mod soak;
pub mod tasksets;
mod tracer;

use std::path::Path;

use anyhow::{Context as _, bail};
use evenkeel_host::EnforcerChoice;

use guest::VhostMode;
pub use session::{Session, Workload, window_in};
pub use tracer::Tracer;

/// Measurements whose figures are of virtual time, and repeat in a machine that counts instructions.
pub const COUNTED: [&str; 6] = ["compare", "saturated", "tasksets", "outside", "dispatch", "soak"];
/// Measurements with a KVM guest inside, which would crawl there.
pub const UNCOUNTED: [&str; 2] = ["guest", "directed-yield"];

/// Makes the measurements `names` with fewer cases if `short`, and writes their raw data to `out`.
/// One that fails is written down there; the others are made all the same.
pub fn measure(
    out: &Path,
    enforcer: EnforcerChoice,
    short: bool,
    names: &[&str],
) -> anyhow::Result<()> {
    let session = Session::open(out, enforcer)?;
    let mut failures: Vec<(String, String)> = Vec::new();
    for name in names {
        if let Err(error) = one(&session, name, short) {
            eprintln!("{name}: {error:#}");
            failures.push(((*name).to_owned(), format!("{error:#}")));
            session.clean();
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let path = out.join("failures.json");
    std::fs::create_dir_all(out).with_context(|| format!("creating {}", out.display()))?;
    std::fs::write(&path, serde_json::to_vec_pretty(&failures)?)
        .with_context(|| format!("writing {}", path.display()))
}

fn one(session: &Session, name: &str, short: bool) -> anyhow::Result<()> {
    match name {
        "compare" => {
            compare::run(session, "0-kernel")?;
            // The scheduler stays when the capsule that brought it goes.
            let first = session.create("first", 1_000_000, 100_000_000, &[0])?;
            session.delete(&first)?;
            compare::run(session, "1-evenkeel")
        }
        "saturated" => saturated::run(session, short),
        "tasksets" => tasksets::run(session, if short { 4 } else { 100 }),
        "outside" => outside::run(session, short),
        "dispatch" => dispatch::run(session),
        "soak" => soak::run(session, if short { 200 } else { 10_000 }),
        "directed-yield" => directed_yield::run(session),
        "guest" => {
            // With cpu.max first: once loaded, the scheduler under test takes its place.
            let quota = Session::open(&session.out, EnforcerChoice::Quota)?;
            let compared =
                [("0-cpu-max", VhostMode::Thread), ("1-cpu-max-kthread", VhostMode::Kthread)];
            for (name, mode) in compared {
                guest::run(&quota, name, mode).inspect_err(|_| quota.clean())?;
            }
            guest::run(session, "2-evenkeel", VhostMode::Thread)?;
            guest::run(session, "3-evenkeel-kthread", VhostMode::Kthread)
        }
        _ => bail!("no measurement is called '{name}'"),
    }
}
