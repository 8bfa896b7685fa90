// SPDX-License-Identifier: MIT OR Apache-2.0
//! Words that describe a scenario: which machine, what load, which reservations.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evenkeel_lqn::architecture::{Direction, Load, Machine, Scenario, Web, calibration};

use super::failure::ModelFailure;
use super::lab_costs;
use crate::error::CliError;

/// What each VM does, and on what.
#[derive(Debug, Clone, Args)]
pub struct ScenarioWords {
    /// What each VM does: bulk-rx, bulk-tx, open-rx, open-tx or web
    ///
    /// bulk: streams that never end. open: packets at the rate of --rate. web: 200 sessions of
    /// requests with responses of 10 KB.
    #[arg(long, value_enum, value_name = "LOAD", default_value_t, hide_possible_values = true)]
    pub workload: Workload,
    /// Machine: today, or a testbed of the studies (atc06, atc08-up, atc08-smp, asplos09,
    /// hpca07-send, hpca07-receive)
    #[arg(long, value_name = "NAME", default_value = "today")]
    pub machine: String,
    /// Results of the native lab (DIR of `evenkeel lab all --out DIR`) whose measured cost of a
    /// packet takes the place of the machine's
    #[arg(long, value_name = "DIR", conflicts_with = "machine")]
    pub costs: Option<PathBuf>,
    /// Cores
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cores: Option<u32>,
    /// Rate of each link, for example 25Gbps
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub link: Option<f64>,
    /// Links
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub links: Option<u32>,
    /// Payload of a packet, bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1500)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=9000))]
    pub packet_bytes: u32,
    /// Packets per second of each VM, for open-rx and open-tx
    #[arg(long, value_name = "PPS", default_value_t = 100_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Part of all cores reserved for each VM's own threads, for example 10%
    #[arg(long, value_name = "PART", value_parser = percent)]
    pub share: Option<f64>,
    /// Limit of each VM's sending where the NIC has hooks, for example 1Gbps
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub rate_max: Option<f64>,
}

/// `--workload`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Streams to the VM
    #[default]
    BulkRx,
    /// Streams from the VM
    BulkTx,
    /// Packets at a rate to the VM
    OpenRx,
    /// Packets at a rate from the VM
    OpenTx,
    /// Sessions of a web server
    Web,
}

impl Workload {
    /// As it is typed.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BulkRx => "bulk-rx",
            Self::BulkTx => "bulk-tx",
            Self::OpenRx => "open-rx",
            Self::OpenTx => "open-tx",
            Self::Web => "web",
        }
    }
}

impl ScenarioWords {
    /// The scenario for so many VMs.
    pub fn scenario(&self, vms: u32) -> Result<Scenario, CliError> {
        let direction = match self.workload {
            Workload::BulkTx | Workload::OpenTx => Direction::Send,
            _ => Direction::Receive,
        };
        let load = match self.workload {
            Workload::BulkRx | Workload::BulkTx => Load::bulk(direction, vms),
            Workload::OpenRx | Workload::OpenTx => {
                Load::Open { direction, rate_pps: f64::from(self.rate) }
            }
            Workload::Web => Load::Web(Web::default()),
        };
        let (packet_bytes, share) = (self.packet_bytes, self.share);
        let machine = self.machine()?;
        Ok(Scenario { machine, vms, load, packet_bytes, share, rate_max_bps: self.rate_max })
    }

    fn machine(&self) -> Result<Machine, CliError> {
        let mut machine = match &self.costs {
            Some(directory) => {
                let measured = lab_costs::read(directory)?;
                calibration::machine(&measured.costs, 1).map_err(ModelFailure::from)?
            }
            None => Machine::named(&self.machine).map_err(ModelFailure::from)?,
        };
        machine.cores = self.cores.unwrap_or(machine.cores);
        machine.links = self.links.unwrap_or(machine.links);
        machine.link_bps = self.link.unwrap_or(machine.link_bps);
        Ok(machine)
    }
}

/// `10%` as 0.1.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').ok_or("needs a percent sign, for example 10%")?;
    let number: f64 = number.trim().parse().map_err(|_| "is no number".to_owned())?;
    if number > 0.0 && number <= 100.0 {
        return Ok(number / 100.0);
    }
    Err("must be above 0% and at most 100%".to_owned())
}

/// `25Gbps` as bits per second.
fn rate(text: &str) -> Result<f64, String> {
    let units = [("Gbps", 1e9), ("Mbps", 1e6), ("kbps", 1e3)];
    let found = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, scale)));
    let (number, scale) = found.ok_or("needs a unit: kbps, Mbps or Gbps")?;
    let number: f64 = number.trim().parse().map_err(|_| "is no number".to_owned())?;
    if number.is_finite() && number > 0.0 {
        Ok(number * scale)
    } else {
        Err("must be above 0".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_need_their_unit() {
        assert_eq!(percent("10%"), Ok(0.1));
        assert!(percent("0.1").is_err());
        assert!(percent("0%").is_err());
        assert_eq!(rate("25Gbps"), Ok(25e9));
        assert_eq!(rate("1.5 Mbps"), Ok(1.5e6));
        assert!(rate("25").is_err());
        assert!(rate("-1Gbps").is_err());
    }
}
