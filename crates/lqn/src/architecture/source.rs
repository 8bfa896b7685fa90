// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a cost comes from, and what it is counted by. A cost without its source is a guess that
//! looks like a measurement, so there is no way to write one down.

use serde::Serialize;

/// How a figure came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// Read in the source that the note names.
    Read,
    /// Remembered from the source that the note names; to be verified there.
    Remembered,
    /// Chosen so that a model gives the published figure that the note names.
    Fitted,
    /// A guess of ours, with its reason in the note.
    Assumed,
    /// Measured by the native lab, on the host that the machine is named after.
    Measured,
}

impl Origin {
    /// In words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Remembered => "remembered (verify)",
            Self::Fitted => "fitted",
            Self::Assumed => "assumed",
            Self::Measured => "measured",
        }
    }
}

/// Source of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Source {
    /// How it came to be here.
    pub origin: Origin,
    /// Which paper, which published figure, or why.
    pub note: &'static str,
}

/// What a cost is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// A packet on the wire; the work of its acknowledgments is part of it.
    Packet,
    /// A byte of it.
    Byte,
    /// What a network stack handles at once: a packet, a segment to be cut, or an aggregate.
    Unit,
    /// A page that crosses between address spaces.
    Page,
    /// A poll of the driver, which is also an interrupt and its delivery.
    Poll,
    /// A switch between domains; the fewer packets a domain handles in one go, the more of them.
    Switch,
    /// A request of an application.
    Request,
}

impl Per {
    /// In words, after "per".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Byte => "byte",
            Self::Unit => "unit",
            Self::Page => "page",
            Self::Poll => "poll",
            Self::Switch => "switch",
            Self::Request => "request",
        }
    }
}

/// One cost of a block, in cycles of the machine its era is counted in (nanoseconds on a NIC).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// What is done for it.
    pub what: &'static str,
    /// How much.
    pub cycles: f64,
    /// Of what.
    pub per: Per,
    /// Where the figure comes from.
    pub source: Source,
}

macro_rules! constructors {
    ($($name:ident, $origin:ident);*) => {$(
        #[doc = concat!("A cost of origin `", stringify!($origin), "`.")]
        #[must_use]
        pub(crate) const fn $name(
            what: &'static str,
            cycles: f64,
            per: Per,
            note: &'static str,
        ) -> Self {
            Self { what, cycles, per, source: Source { origin: Origin::$origin, note } }
        }
    )*};
}

impl Cost {
    constructors!(
        read, Read; remembered, Remembered; fitted, Fitted; assumed, Assumed
    );
}
