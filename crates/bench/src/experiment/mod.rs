// SPDX-License-Identifier: MIT OR Apache-2.0
//! The measurements, as they are made inside the machine. Each writes raw data only; what it means
//! is said by `verdict`.

pub mod saturated;
mod session;
mod tracer;

use std::path::Path;

use evenkeel_host::EnforcerChoice;

pub use session::{Session, Workload, window_in};
pub use tracer::Tracer;

/// What is asked of a run.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Names of experiments; all if empty.
    pub only: Vec<String>,
    /// Fewer cases.
    pub short: bool,
}

impl Selection {
    fn has(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|one| one == name)
    }
}

/// Makes the selected measurements and writes their raw data to `out`.
pub fn measure(out: &Path, enforcer: EnforcerChoice, selection: &Selection) -> anyhow::Result<()> {
    let session = Session::open(out, enforcer)?;
    if selection.has("saturated") {
        saturated::run(&session, selection.short)?;
    }
    Ok(())
}
