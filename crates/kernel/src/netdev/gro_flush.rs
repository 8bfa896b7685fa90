// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long GRO may hold a packet for more of its flow: `/sys/class/net/DEVICE/gro_flush_timeout`.

use evenkeel_model::Span;

use super::{Netdev, NetdevError};
use crate::pseudo_file;

const FILE: &str = "gro_flush_timeout";

impl Netdev {
    /// How long GRO holds a packet after a poll that emptied the ring; zero is not at all.
    pub fn gro_flush_timeout(&self) -> Result<Span, NetdevError> {
        self.check_namespace()?;
        Ok(Span::from_ns(pseudo_file::read_number(&self.sysfs(FILE))?))
    }

    /// Sets how long GRO holds a packet. Longer aggregates more, and delays the last packet of a
    /// burst by as much.
    pub fn set_gro_flush_timeout(&self, timeout: Span) -> Result<(), NetdevError> {
        self.check_namespace()?;
        Ok(pseudo_file::write(&self.sysfs(FILE), &timeout.as_ns().to_string())?)
    }
}
