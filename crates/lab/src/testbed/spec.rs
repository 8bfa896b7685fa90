// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a testbed is to consist of.

use evenkeel_model::{NetworkContextKind, Reservation};

use crate::error::LabError;
use crate::guest::{GuestKind, GuestProgram};

/// Most VMs of one testbed: their addresses and names have two digits, and nine is what the
/// experiments use.
pub const VMS_MAX: usize = 64;
/// Longest name of a VM: with `ek-`, a process number and a sequence it stays a short word.
const NAME_LENGTH_MAX: usize = 8;
/// Least memory of a guest, MiB: with 32 a user-mode-linux guest of Debian 12 dies while it boots,
/// with 64 it boots and computes.
pub const MEMORY_MIN_MIB: u32 = 64;

/// The name of the virtual function that eats frames sent to nobody.
pub const SINK: &str = "sink";

/// A testbed: guests, how packets reach them, and what runs in them.
#[derive(Clone, Debug)]
pub struct TestbedSpec {
    /// The guests.
    pub vms: Vec<VmSpec>,
    /// How packets reach them.
    pub context: NetworkContextKind,
    /// What boots them.
    pub guest: GuestKind,
    /// Whether there is one more virtual function, [`SINK`], without a VM behind it, whose NAPI
    /// thread has a small reservation: frames for it cost the NIC what frames for a VM cost.
    pub sink: bool,
    /// The program that guests run for the lab.
    pub program: GuestProgram,
}

/// One guest.
#[derive(Clone, Debug)]
pub struct VmSpec {
    /// Its name: 1 to 8 of `a-z 0-9`, beginning with a letter.
    pub name: String,
    /// Its memory, MiB.
    pub memory_mib: u32,
    /// Its capsule; `None` leaves it an ordinary process.
    pub reservation: Option<Reservation>,
    /// Whether it has a network device.
    pub network: bool,
}

impl VmSpec {
    /// A networked guest with the 256 MiB that a web server and its files need.
    pub fn networked(name: &str, reservation: Option<Reservation>) -> VmSpec {
        VmSpec { name: name.to_owned(), memory_mib: 256, reservation, network: true }
    }

    /// A guest that only computes.
    pub fn computing(name: &str) -> VmSpec {
        VmSpec {
            name: name.to_owned(),
            memory_mib: MEMORY_MIN_MIB,
            reservation: None,
            network: false,
        }
    }
}

impl TestbedSpec {
    /// Refuses what could not be built, before anything is.
    pub(crate) fn check(&self) -> Result<(), LabError> {
        let bad = |words: String| Err(LabError::BadSpec(words));
        if self.vms.len() > VMS_MAX {
            return bad(format!("a testbed has at most {VMS_MAX} VMs, not {}", self.vms.len()));
        }
        for (index, vm) in self.vms.iter().enumerate() {
            let name = &vm.name;
            if !is_name(name) || name == SINK {
                return bad(format!(
                    "'{name}' cannot name a VM: 1 to {NAME_LENGTH_MAX} of a-z and 0-9, beginning \
                     with a letter, and not '{SINK}'"
                ));
            }
            if self.vms[..index].iter().any(|other| other.name == *name) {
                return bad(format!("two VMs are named '{name}'"));
            }
            if vm.memory_mib < MEMORY_MIN_MIB {
                return bad(format!(
                    "VM '{name}' needs {MEMORY_MIN_MIB} MiB to boot, not {}",
                    vm.memory_mib
                ));
            }
        }
        Ok(())
    }

    /// Memory of all guests, MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.vms.iter().map(|vm| u64::from(vm.memory_mib)).sum()
    }
}

/// Whether a VM can be named so.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.len() <= NAME_LENGTH_MAX
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn spec(names: &[&str]) -> TestbedSpec {
        TestbedSpec {
            vms: names.iter().map(|name| VmSpec::computing(name)).collect(),
            context: NetworkContextKind::Dedicated,
            guest: GuestKind::Uml,
            sink: false,
            program: GuestProgram { path: PathBuf::from("/bin/true"), arguments: Vec::new() },
        }
    }

    #[test]
    fn names_become_device_and_process_names_and_are_checked() {
        assert!(spec(&["a", "b", "web2"]).check().is_ok());
        for name in ["", "A", "2a", "a b", "a/b", "longernames", "sink", "ü"] {
            assert!(spec(&[name]).check().is_err(), "{name}");
        }
        assert!(spec(&["a", "a"]).check().unwrap_err().to_string().contains("two VMs"));
    }

    #[test]
    fn too_little_memory_is_refused_before_a_guest_dies_of_it() {
        let mut small = spec(&["a"]);
        small.vms[0].memory_mib = 32;
        assert!(small.check().unwrap_err().to_string().contains("64 MiB"));
    }
}
