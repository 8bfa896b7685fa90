// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the studies published, and what the solved models answer.
//!
//! A claim is `fitted` if a figure of the library was chosen to give it, or if it follows from such
//! choices by arithmetic alone; all others are `predicted`. [`super::fit`] lists what was used.

use serde::Serialize;

use super::block::Place;
use super::catalogue::Architecture;
use super::error::ArchitectureError;
use super::machine::Machine;
use super::scenario::{Direction, Load, Scenario, Web};
use super::solve::{Answer, solve};

/// Whether a claim was used to find a figure of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It was, or follows from what was.
    Fitted,
    /// It was not.
    Predicted,
}

impl Standing {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fitted => "fitted",
            Self::Predicted => "predicted",
        }
    }
}

/// What a study says about the figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Published {
    /// It is this.
    Value(f64),
    /// It is below this.
    Below(f64),
    /// It is within these.
    Within(f64, f64),
}

/// How the figure is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// `x4.40`
    Factor,
    /// `+272 %` for 3.72.
    Gain,
    /// `39 %` for 0.39.
    Percent,
}

/// One published claim.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Where it was published.
    pub study: &'static str,
    /// What is said.
    pub what: &'static str,
    /// The figure.
    pub published: Published,
    /// How it is written.
    pub form: Form,
    /// What was done with it.
    pub standing: Standing,
    /// Whether it is promised to come within 5 %: the others are shown with what they miss.
    pub promised: bool,
    /// What the reader must know.
    pub note: &'static str,
    /// The models' answer.
    pub model: fn() -> Result<f64, ArchitectureError>,
}

impl Claim {
    /// How far an answer is from what was published, relative; 0 within a bound.
    #[must_use]
    pub fn error(&self, answer: f64) -> f64 {
        match self.published {
            Published::Value(v) => (answer / v - 1.0).abs(),
            Published::Below(high) => (answer / high - 1.0).max(0.0),
            Published::Within(low, high) => (low / answer - 1.0).max(answer / high - 1.0).max(0.0),
        }
    }

    /// The figure as the study writes it.
    #[must_use]
    pub fn published_text(&self) -> String {
        match self.published {
            Published::Value(v) => self.text(v),
            Published::Below(v) => format!("below {}", self.text(v)),
            Published::Within(low, high) => format!("{} to {}", self.text(low), self.text(high)),
        }
    }

    /// A figure in the form of the claim.
    #[must_use]
    pub fn text(&self, value: f64) -> String {
        match self.form {
            Form::Factor => format!("x{value:.2}"),
            Form::Gain => format!("{:+.0} %", (value - 1.0) * 100.0),
            Form::Percent => format!("{:.0} %", value * 100.0),
        }
    }
}

use Direction::{Receive, Send};
use Form::{Factor, Gain, Percent};
use Published::{Below, Value, Within};
use Standing::{Fitted, Predicted};

/// Links that are never the limit, for figures that were scaled by CPU.
const MANY: u32 = 12;

fn bulk(
    architecture: &str,
    machine: Machine,
    vms: u32,
    way: Direction,
) -> Result<Answer, ArchitectureError> {
    solve(&Architecture::named(architecture)?, &Scenario::new(machine, vms, Load::bulk(way, vms)))
}

fn rate(architecture: &str, machine: &str, way: Direction) -> Result<f64, ArchitectureError> {
    Ok(bulk(architecture, Machine::named(machine)?, 1, way)?.throughput_bps)
}

fn scaled(architecture: &str, machine: &str, way: Direction) -> Result<f64, ArchitectureError> {
    let machine = Machine::named(machine)?.with_links(MANY);
    Ok(bulk(architecture, machine, 1, way)?.throughput_bps)
}

fn crowded(architecture: &str, machine: &str, way: Direction) -> Result<f64, ArchitectureError> {
    Ok(bulk(architecture, Machine::named(machine)?, 24, way)?.throughput_bps)
}

fn idle(architecture: &str, machine: &str, way: Direction) -> Result<f64, ArchitectureError> {
    Ok(1.0 - bulk(architecture, Machine::named(machine)?, 1, way)?.cpu_busy)
}

fn web(architecture: &str) -> Result<Answer, ArchitectureError> {
    let machine = Machine::named("atc06")?;
    let load = Load::Web(Web::default());
    solve(&Architecture::named(architecture)?, &Scenario::new(machine, 1, load))
}

/// Part of the CPU that the driver domain and the VMM take.
fn driver_domain_share() -> Result<f64, ArchitectureError> {
    let answer = web("driver-domain-3")?;
    let of = |b: &&super::BlockShare| matches!(b.place, Place::Shared | Place::Vmm);
    Ok(answer.blocks.iter().filter(of).map(|b| b.cycles).sum::<f64>() / answer.cycles)
}

/// Throughput with one upcall for each packet over that without.
fn upcall() -> Result<f64, ArchitectureError> {
    let mut with = Architecture::named("twindrivers")?;
    with.send = super::xen::twin(super::xen::native_send(Place::Guest), false, 1.0);
    let scenario = Scenario::new(Machine::named("asplos09")?, 1, Load::bulk(Send, 1));
    Ok(solve(&with, &scenario)?.throughput_bps / rate("twindrivers", "asplos09", Send)?)
}

const VEE: &str = "VEE 2005";
const ATC06: &str = "ATC 2006";
const ATC08: &str = "ATC 2008";
const TWIN: &str = "ASPLOS 2009";
const CDNA: &str = "HPCA 2007";
const VDI: &str = "GPC 2009";

/// Makes the table below readable.
macro_rules! claims {
    ($($study:ident $standing:ident $promised:literal $form:ident $published:expr, $what:literal,
       $note:literal, $model:expr;)*) => {
        vec![$(Claim {
            study: $study, what: $what, published: $published, form: $form, standing: $standing,
            promised: $promised, note: $note, model: || $model,
        }),*]
    };
}

/// Every claim, in the order of the studies.
#[must_use]
pub fn claims() -> Vec<Claim> {
    let mut all = driver_domain_claims();
    all.extend(aggregation_claims());
    all.extend(device_claims());
    all
}

fn driver_domain_claims() -> Vec<Claim> {
    claims![
        VEE Fitted true Percent Below(0.5), "guest receive over driver domain's",
            "both follow from absolute throughputs of 2006",
            Ok(rate("driver-domain", "atc06", Receive)? / rate("dom0", "atc06", Receive)?);
        VEE Predicted true Percent Below(0.2), "guest send over driver domain's",
            "the driver domain fills four links",
            Ok(rate("driver-domain", "atc06", Send)? / rate("dom0", "atc06", Send)?);
        ATC06 Fitted true Gain Value(3.72), "guest send, high-level interface alone",
            "gives the work per unit of a guest's send",
            Ok(rate("high-level-interface", "atc06", Send)? / rate("driver-domain", "atc06", Send)?);
        ATC06 Predicted true Factor Value(4.4), "guest send, with I/O channel and superpages",
            "remapping as fitted to receive, no gain from superpages",
            Ok(rate("io-channel", "atc06", Send)? / rate("driver-domain", "atc06", Send)?);
        ATC06 Fitted true Gain Value(1.35), "driver domain receive, superpages",
            "gives the translation misses",
            Ok(rate("superpages", "atc06", Receive)? / rate("dom0", "atc06", Receive)?);
        ATC06 Fitted true Percent Value(0.93), "driver domain receive over native",
            "gives the entries of the VMM",
            Ok(rate("superpages", "atc06", Receive)? / rate("native", "atc06", Receive)?);
        ATC06 Fitted true Gain Value(1.18), "guest receive, copy instead of remap",
            "gives the cost of a remap",
            Ok(rate("io-channel", "atc06", Receive)? / rate("driver-domain", "atc06", Receive)?);
        ATC06 Fitted true Percent Value(0.39), "guest receive, optimized, over native",
            "61 % below; follows from +18 % and two absolute throughputs",
            Ok(rate("io-channel", "atc06", Receive)? / rate("native", "atc06", Receive)?);
    ]
}

fn aggregation_claims() -> Vec<Claim> {
    claims![
        ATC08 Fitted true Gain Value(1.45), "native receive, aggregation, one CPU",
            "gives the stack's work per unit",
            Ok(scaled("native-aggregation", "atc08-up", Receive)?
                / scaled("native", "atc08-up", Receive)?);
        ATC08 Predicted true Gain Value(1.67), "native receive, aggregation, multiprocessor kernel",
            "locks are taken per unit",
            Ok(scaled("native-aggregation", "atc08-smp", Receive)?
                / scaled("native", "atc08-smp", Receive)?);
        ATC08 Fitted true Gain Value(1.86), "guest receive, aggregation",
            "gives the work per unit between domains",
            Ok(scaled("aggregation", "atc08-up", Receive)?
                / scaled("driver-domain", "atc08-up", Receive)?);
        TWIN Fitted true Factor Value(2.4), "guest send, TwinDrivers",
            "gives the hypervisor driver's work",
            Ok(rate("twindrivers", "asplos09", Send)? / rate("driver-domain-3", "asplos09", Send)?);
        TWIN Predicted true Factor Value(2.1), "guest receive, TwinDrivers",
            "hypervisor driver as fitted to send, a copy, Xen as on the machine of 2006",
            Ok(rate("twindrivers", "asplos09", Receive)?
                / rate("driver-domain", "asplos09", Receive)?);
        TWIN Fitted false Percent Value(0.64), "guest send, TwinDrivers, over native",
            "native scaled by CPU; follows from x2.4 and two absolute throughputs",
            Ok(rate("twindrivers", "asplos09", Send)? / scaled("native", "asplos09", Send)?);
        TWIN Predicted false Percent Value(0.67), "guest receive, TwinDrivers, over native", "",
            Ok(rate("twindrivers", "asplos09", Receive)? / rate("native", "asplos09", Receive)?);
        TWIN Predicted false Percent Value(0.5), "guest send with one upcall a packet",
            "an upcall is two crossings of the event channel",
            upcall();
    ]
}

fn device_claims() -> Vec<Claim> {
    claims![
        CDNA Predicted true Factor Value(1.17), "one guest, send, over Xen",
            "the wire is the limit; Xen's throughput gives the machine",
            Ok(rate("cdna", "hpca07-send", Send)? / rate("driver-domain-3", "hpca07-send", Send)?);
        CDNA Predicted true Factor Value(1.69), "one guest, receive, over Xen",
            "the wire is the limit; Xen's throughput gives the machine",
            Ok(rate("cdna", "hpca07-receive", Receive)?
                / rate("driver-domain", "hpca07-receive", Receive)?);
        CDNA Predicted false Percent Value(0.508), "one guest, send, idle CPU",
            "the machine is faster at native sends than its Xen says",
            idle("cdna", "hpca07-send", Send);
        CDNA Predicted false Percent Value(0.409), "one guest, receive, idle CPU", "",
            idle("cdna", "hpca07-receive", Receive);
        CDNA Fitted false Factor Value(2.1), "24 guests, send, over Xen",
            "Xen's throughput at 24 guests gives the cost of a switch",
            Ok(crowded("cdna", "hpca07-send", Send)?
                / crowded("driver-domain-3", "hpca07-send", Send)?);
        CDNA Predicted false Factor Value(3.3), "24 guests, receive, over Xen",
            "the switches that explain send explain half of what receive loses",
            Ok(crowded("cdna", "hpca07-receive", Receive)?
                / crowded("driver-domain", "hpca07-receive", Receive)?);
        VDI Fitted true Gain Value(1.6), "web requests, HDReconfig-VDI over driver domain",
            "gives the demand of a request, which was not published",
            Ok(web("hdreconfig-vdi")?.rate_per_s / web("driver-domain-3")?.rate_per_s);
        VDI Fitted false Percent Value(0.625), "CPU of a request over driver domain's",
            "37.5 % less; follows from +60 % on a saturated CPU",
            Ok(web("hdreconfig-vdi")?.cycles / web("driver-domain-3")?.cycles);
        GUPTA Predicted true Percent Within(0.20, 0.45), "web server: CPU of driver domain and VMM",
            "with the demand fitted to +60 %",
            driver_domain_share();
    ]
}

const GUPTA: &str = "Middleware 2006";
