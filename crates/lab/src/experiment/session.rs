// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every experiment of one run shares: where it runs, what with, whom it tells, and whether it
//! has been interrupted.

use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_kernel::FileError;
use evenkeel_model::NetworkContextKind;

use crate::cpu_layout::Layout;
use crate::error::LabError;
use crate::fingerprint::Begin;
use crate::generator::idle_spinner::IdleSpinners;
use crate::guest::{GuestKind, GuestProgram};
use crate::measurement::{Fingerprint, Measurement};
use crate::progress::{OnProgress, Progress};
use crate::testbed::{Testbed, TestbedSpec, VmSpec};

/// One run of the lab.
pub struct Session<'a> {
    /// Which CPU does what.
    pub layout: Layout,
    /// What boots guests.
    pub guest: GuestKind,
    /// The lab's own program, for guests and capsules.
    pub program: GuestProgram,
    /// Seed of everything random.
    pub seed: u64,
    /// The command line, for the record.
    pub command_line: Vec<String>,
    /// Set from a signal handler; looked at between windows.
    pub interrupted: &'a AtomicBool,
    /// Who is told.
    pub on_progress: OnProgress<'a>,
}

/// How far one experiment is.
#[derive(Debug)]
pub(super) struct Steps {
    experiment: &'static str,
    begin: Begin,
    done: u32,
    total: u32,
}

impl Steps {
    /// When the experiment began.
    pub fn begin(&self) -> &Begin {
        &self.begin
    }
}

impl Session<'_> {
    /// Begins an experiment of `total` steps.
    pub(super) fn begin(&self, experiment: &'static str, total: usize) -> Result<Steps, LabError> {
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        Ok(Steps { experiment, begin: Begin::now().map_err(unreadable)?, done: 0, total })
    }

    /// Tells of a step that begins, or that the run has been interrupted.
    pub(super) fn step(&mut self, steps: &mut Steps, text: String) -> Result<(), LabError> {
        let Steps { experiment, done, total, .. } = *steps;
        self.check(experiment)?;
        (self.on_progress)(&Progress { experiment, text, done, total });
        steps.done = total.min(done + 1);
        Ok(())
    }

    /// An error once the run has been interrupted.
    pub(super) fn check(&self, experiment: &'static str) -> Result<(), LabError> {
        match self.interrupted.load(Ordering::Relaxed) {
            true => Err(LabError::Interrupted { experiment }),
            false => Ok(()),
        }
    }

    /// Builds a testbed and keeps both cores from halting.
    pub(super) fn testbed(
        &mut self,
        steps: &Steps,
        vms: Vec<VmSpec>,
        context: NetworkContextKind,
        sink: bool,
    ) -> Result<(Testbed, IdleSpinners), LabError> {
        let program = self.program.clone();
        let spec = TestbedSpec { vms, context, guest: self.guest, sink, program };
        let Steps { experiment, done, total, .. } = *steps;
        let on_progress = &mut *self.on_progress;
        let mut tell = |text: &str| {
            on_progress(&Progress { experiment, text: text.to_owned(), done, total });
        };
        let testbed = Testbed::build(&spec, &self.layout, &mut tell)?;
        self.check(experiment)?;
        let spinners = IdleSpinners::start([self.layout.vm_cpu, self.layout.client_cpu])?;
        Ok((testbed, spinners))
    }

    /// Puts raw figures and summary together.
    pub(super) fn measurement<Run, Summary>(
        &self,
        steps: &Steps,
        guest: &str,
        runs: Vec<Run>,
        summary: Summary,
    ) -> Result<Measurement<Run, Summary>, LabError> {
        let host: Fingerprint =
            steps.begin.finish(guest, self.seed, &self.command_line).map_err(unreadable)?;
        Ok(Measurement {
            schema: format!("evenkeel.lab.{}.v1", steps.experiment),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host,
            runs,
            summary,
        })
    }
}

pub(super) fn unreadable(error: FileError) -> LabError {
    LabError::Generator(error.into())
}
