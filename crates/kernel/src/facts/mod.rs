// SPDX-License-Identifier: MIT OR Apache-2.0
//! What this host is: kernel, build configuration, CPU, boot. The fingerprint beside every
//! measurement, and what `doctor` reasons about.

mod config;
mod preemption;

use std::path::Path;

pub use config::{ConfigValue, KernelConfig, config};
pub use preemption::{Preemption, preemption};

use crate::pseudo_file::{self, FileError};

/// The kernel's release: `6.18.44-amd64`.
pub fn kernel_release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// The kernel's version line: build number, preemption, date.
pub fn kernel_version() -> String {
    rustix::system::uname().version().to_string_lossy().into_owned()
}

/// The host's name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The model name of the first CPU; `None` where the kernel says none.
pub fn cpu_model() -> Result<Option<String>, FileError> {
    Ok(parse_cpu_model(&pseudo_file::read(Path::new("/proc/cpuinfo"))?))
}

/// The microcode revision of the first CPU, as the kernel prints it (`0xa0011d5`); `None` where it
/// prints none (guests of some hypervisors, most architectures but x86).
pub fn microcode() -> Result<Option<String>, FileError> {
    Ok(parse_cpuinfo(&pseudo_file::read(Path::new("/proc/cpuinfo"))?, "microcode"))
}

/// The frequency governor of the first CPU; `None` where nothing scales its frequency.
pub fn frequency_governor() -> Result<Option<String>, FileError> {
    let path = Path::new("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(pseudo_file::read(path)?.trim().to_owned()))
}

fn parse_cpu_model(text: &str) -> Option<String> {
    parse_cpuinfo(text, "model name")
}

/// The first value of a key of /proc/cpuinfo.
fn parse_cpuinfo(text: &str, wanted: &str) -> Option<String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == wanted)
        .map(|(_, value)| value.trim().to_owned())
}

/// The random number of this boot: what is remembered under another one is void.
pub fn boot_id() -> Result<String, FileError> {
    Ok(pseudo_file::read(Path::new("/proc/sys/kernel/random/boot_id"))?.trim().to_owned())
}

/// The kernel's command line.
pub fn kernel_command_line() -> Result<String, FileError> {
    Ok(pseudo_file::read(Path::new("/proc/cmdline"))?.trim().to_owned())
}

/// Scheduler ticks a second (CONFIG_HZ), where the kernel's configuration can be read. Budgets of
/// real-time groups are enforced at ticks.
pub fn tick_hz() -> Option<u32> {
    match config("CONFIG_HZ")? {
        ConfigValue::Text(text) => text.parse().ok().filter(|hz| *hz > 0),
        _ => None,
    }
}

/// Whether this process has the rights of root (effective user 0). Inside a user namespace that
/// is not enough, and the first refused call will say so.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_host_has_a_release_and_a_boot() {
        assert!(kernel_release().starts_with(|c: char| c.is_ascii_digit()));
        assert_eq!(boot_id().unwrap().len(), 36);
        assert_eq!(boot_id().unwrap(), boot_id().unwrap());
    }

    #[test]
    fn the_model_is_one_line_of_many() {
        let text = "processor\t: 0\nmodel\t\t: 2\nmodel name\t: AMD EPYC\nflags\t: fpu\n";
        assert_eq!(parse_cpu_model(text).as_deref(), Some("AMD EPYC"));
        assert_eq!(parse_cpu_model("processor\t: 0\n"), None);
        assert_eq!(parse_cpuinfo("microcode\t: 0xa0011d5\n", "microcode").unwrap(), "0xa0011d5");
    }
}
