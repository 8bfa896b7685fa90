// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long the kernel lingers over a device when a poll has emptied its ring:
//! `/sys/class/net/DEVICE/{gro_flush_timeout,napi_defer_hard_irqs}`.

use evenkeel_model::Span;

use super::{Netdev, NetdevError};
use crate::pseudo_file;

const GRO_FLUSH_TIMEOUT: &str = "gro_flush_timeout";
const NAPI_DEFER_HARD_IRQS: &str = "napi_defer_hard_irqs";

impl Netdev {
    /// How long GRO holds a packet after a poll that emptied the ring; zero is not at all.
    pub fn gro_flush_timeout(&self) -> Result<Span, NetdevError> {
        self.check_namespace()?;
        Ok(Span::from_ns(pseudo_file::read_number(&self.sysfs(GRO_FLUSH_TIMEOUT))?))
    }

    /// Sets how long GRO holds a packet. Longer aggregates more, and delays the last packet of a
    /// burst by as much.
    pub fn set_gro_flush_timeout(&self, timeout: Span) -> Result<(), NetdevError> {
        self.check_namespace()?;
        let text = timeout.as_ns().to_string();
        Ok(pseudo_file::write(&self.sysfs(GRO_FLUSH_TIMEOUT), &text)?)
    }

    /// How many empty polls in a row, one each GRO flush timeout, it takes until the device may
    /// interrupt again; zero: it may after each.
    pub fn napi_defer_hard_irqs(&self) -> Result<u64, NetdevError> {
        self.check_namespace()?;
        Ok(pseudo_file::read_number(&self.sysfs(NAPI_DEFER_HARD_IRQS))?)
    }

    /// Sets how many empty polls put the device's interrupts off. Only together with a GRO flush
    /// timeout does it change anything (net/core/dev.c, `napi_complete_done`).
    pub fn set_napi_defer_hard_irqs(&self, polls: u64) -> Result<(), NetdevError> {
        self.check_namespace()?;
        Ok(pseudo_file::write(&self.sysfs(NAPI_DEFER_HARD_IRQS), &polls.to_string())?)
    }
}
