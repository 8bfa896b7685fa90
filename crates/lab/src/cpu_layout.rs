// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which CPU does what: one for the VMs, one for the client, the emulated NIC and everything else.
//!
//! A real client and a real NIC have processors of their own. Here both live on the second CPU, so
//! that what they cost is not taken from the VMs (DESIGN.md section 6).

use evenkeel_kernel::cpu;
use evenkeel_model::{CpuIndex, CpuSet};

use crate::error::LabError;

/// The two CPUs of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// All guests and their network contexts.
    pub vm_cpu: CpuIndex,
    /// Clients, generators, the NIC's switch, the lab itself.
    pub client_cpu: CpuIndex,
}

impl Layout {
    /// The first two online CPUs.
    pub fn detect() -> Result<Layout, LabError> {
        let online = cpu::online().map_err(|error| LabError::TooFewCpus(error.to_string()))?;
        Layout::of(&online)
    }

    fn of(online: &CpuSet) -> Result<Layout, LabError> {
        let mut cpus = online.iter();
        match (cpus.next(), cpus.next()) {
            (Some(vm_cpu), Some(client_cpu)) => Ok(Layout { vm_cpu, client_cpu }),
            _ => Err(LabError::TooFewCpus(online.to_string())),
        }
    }
}

/// A CPU as a hexadecimal mask, as `rps_cpus` takes it: groups of 32 bits, the highest first.
pub(crate) fn mask(cpu: CpuIndex) -> String {
    let groups = cpu.0 / 32;
    let mut text = format!("{:x}", 1u32 << (cpu.0 % 32));
    text.extend((0..groups).map(|_| ",00000000"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_two_online_cpus_are_taken() {
        let layout = Layout::of(&"1,3-5".parse().unwrap()).unwrap();
        assert_eq!(layout, Layout { vm_cpu: CpuIndex(1), client_cpu: CpuIndex(3) });
        let error = Layout::of(&"0".parse().unwrap()).unwrap_err();
        assert!(error.to_string().ends_with("online: 0"), "{error}");
    }

    #[test]
    fn masks_have_groups_of_32_bits() {
        assert_eq!(mask(CpuIndex(0)), "1");
        assert_eq!(mask(CpuIndex(5)), "20");
        assert_eq!(mask(CpuIndex(33)), "2,00000000");
        assert_eq!(mask(CpuIndex(64)), "1,00000000,00000000");
    }
}
