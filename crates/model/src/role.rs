// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a thread does for its VM.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a thread does for its VM, most urgent first: a packet that waits for the interrupt thread
/// delays everything behind it, the monitor's housekeeping delays nothing.
///
/// The order of the variants is the order of priorities inside a capsule:
/// irq > napi > vhost > io > vcpu > vmm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Threaded interrupt handler of the VM's device.
    Irq,
    /// NAPI kernel thread of the VM's network device.
    Napi,
    /// vhost worker.
    Vhost,
    /// I/O thread of the virtual machine monitor.
    Io,
    /// Virtual CPU.
    Vcpu,
    /// The monitor itself, and whatever could not be classified.
    Vmm,
}

impl Role {
    /// All roles, most urgent first.
    pub const ALL: [Role; 6] =
        [Role::Irq, Role::Napi, Role::Vhost, Role::Io, Role::Vcpu, Role::Vmm];

    /// How many roles there are, hence how many priorities a capsule needs.
    pub const COUNT: u8 = 6;

    /// Level inside a capsule: 0 for `vmm` up to 5 for `irq`. Higher runs first.
    pub const fn level(self) -> u8 {
        match self {
            Role::Irq => 5,
            Role::Napi => 4,
            Role::Vhost => 3,
            Role::Io => 2,
            Role::Vcpu => 1,
            Role::Vmm => 0,
        }
    }

    /// The lower-case word used in tables and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Irq => "irq",
            Role::Napi => "napi",
            Role::Vhost => "vhost",
            Role::Io => "io",
            Role::Vcpu => "vcpu",
            Role::Vmm => "vmm",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_the_order_of_urgency() {
        let levels: Vec<u8> = Role::ALL.iter().map(|role| role.level()).collect();
        assert_eq!(levels, [5, 4, 3, 2, 1, 0]);
        assert_eq!(Role::ALL.len(), usize::from(Role::COUNT));
    }
}
