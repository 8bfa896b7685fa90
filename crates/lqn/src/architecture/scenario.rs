// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is asked of an architecture: how many VMs, on which machine, doing what.

use serde::Serialize;

use super::error::{ArchitectureError, in_range};
use super::fit;
use super::machine::Machine;

/// Which way data flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To the VM.
    Receive,
    /// From the VM.
    Send,
}

impl Direction {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Send => "send",
        }
    }
}

/// Sessions of a web server, as httperf makes them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Web {
    /// Sessions of each VM.
    pub sessions: u32,
    /// Pause of a session between two requests, seconds.
    pub think_s: f64,
    /// Packets of a response.
    pub response_packets: f64,
    /// Demand of a request in the guest, cycles of the 2006 machine.
    pub request_cycles: f64,
}

impl Default for Web {
    /// 10 KB responses, the fitted demand, and sessions enough to keep one core busy.
    fn default() -> Self {
        Self {
            sessions: 200,
            think_s: 0.001,
            response_packets: fit::RESPONSE_PACKETS,
            request_cycles: fit::REQUEST,
        }
    }
}

/// What each VM does.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Load {
    /// Streams that never end: as many packets are under way as the windows allow.
    Bulk {
        /// Which way.
        direction: Direction,
        /// Packets under way for each VM.
        window: u32,
    },
    /// Packets at a rate, whatever becomes of them.
    Open {
        /// Which way.
        direction: Direction,
        /// Packets per second for each VM.
        rate_pps: f64,
    },
    /// Requests and responses.
    Web(Web),
}

/// Packets under way for one VM alone: they keep every stage of every path busy.
const WINDOW: u32 = 64;
/// Packets under way for all VMs together: beyond it more of them only wait, and cost the solver.
const WINDOWS: u32 = 96;
/// Packets under way for each of many VMs: more than a path has stages that wait for the VM.
const WINDOW_MIN: u32 = 4;

impl Load {
    /// Bulk in one direction, for so many VMs: windows that saturate.
    #[must_use]
    pub fn bulk(direction: Direction, vms: u32) -> Self {
        let window = (WINDOWS / vms.max(1)).clamp(WINDOW_MIN, WINDOW);
        Self::Bulk { direction, window }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// On what.
    pub machine: Machine,
    /// How many VMs.
    pub vms: u32,
    /// What each does.
    pub load: Load,
    /// Payload of a packet, bytes. A throughput counts these.
    pub packet_bytes: u32,
    /// Part of all cores reserved for each VM's own threads, which then is also their limit; what
    /// is left belongs to the host. Without it all share all cores.
    pub share: Option<f64>,
    /// Limit of each VM, bits per second, where the NIC has hooks for one.
    pub rate_max_bps: Option<f64>,
}

/// VMs at most: the models are built VM by VM, and no study has more.
pub const VMS_MAX: u32 = 64;

impl Scenario {
    /// Everything shared, packets of 1,500 bytes.
    #[must_use]
    pub fn new(machine: Machine, vms: u32, load: Load) -> Self {
        Self { machine, vms, load, packet_bytes: 1500, share: None, rate_max_bps: None }
    }

    /// Every parameter in its range.
    pub(crate) fn check(&self) -> Result<(), ArchitectureError> {
        self.machine.check()?;
        in_range("number of VMs", f64::from(self.vms), 1.0, f64::from(VMS_MAX))?;
        in_range("packet size in bytes", f64::from(self.packet_bytes), 1.0, 9_000.0)?;
        match self.load {
            Load::Bulk { window, .. } => in_range("window", f64::from(window), 1.0, 4_096.0)?,
            Load::Open { rate_pps, .. } => in_range("packets per second", rate_pps, 1e-3, 1e9)?,
            Load::Web(web) => {
                in_range("sessions", f64::from(web.sessions), 1.0, 100_000.0)?;
                in_range("think time in seconds", web.think_s, 0.0, 1e6)?;
                in_range("packets of a response", web.response_packets, 0.01, 1e5)?;
                in_range("cycles of a request", web.request_cycles, 0.0, 1e12)?;
            }
        }
        if let Some(rate) = self.rate_max_bps {
            in_range("rate limit in bits per second", rate, 1e3, 1e13)?;
        }
        let Some(share) = self.share else { return Ok(()) };
        in_range("share of each VM", share, 1e-4, 1.0)?;
        if share * f64::from(self.vms) < 1.0 - 1e-9 {
            return Ok(());
        }
        let fits = |n: &u32| share * f64::from(*n) < 1.0 - 1e-9;
        let most = (0..=VMS_MAX).filter(fits).max().unwrap_or(0);
        Err(ArchitectureError::Shares { vms: self.vms, share, most })
    }
}
