// SPDX-License-Identifier: MIT OR Apache-2.0
//! When the running kernel lets a task preempt kernel code: it decides how late a throttled or
//! preempting capsule can be.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ConfigValue, KernelConfig};
use crate::pseudo_file;

/// The preemption model in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preemption {
    /// Kernel code runs until it gives up the CPU.
    None,
    /// At marked places.
    Voluntary,
    /// Anywhere, for real-time tasks at once, for fair tasks at the next tick.
    Lazy,
    /// Anywhere.
    Full,
    /// Anywhere, with threaded interrupts and sleeping locks (PREEMPT_RT).
    Realtime,
}

impl fmt::Display for Preemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Preemption::None => "none",
            Preemption::Voluntary => "voluntary",
            Preemption::Lazy => "lazy",
            Preemption::Full => "full",
            Preemption::Realtime => "realtime",
        })
    }
}

/// The model of the running kernel; `None` where nothing says it. A kernel with PREEMPT_DYNAMIC
/// can be told at boot or through debugfs, so debugfs is asked first, then the command line, then
/// the configuration.
pub fn preemption() -> Option<Preemption> {
    let file = |path| pseudo_file::read(Path::new(path)).ok();
    if file("/sys/kernel/realtime").is_some_and(|text| text.trim() == "1") {
        return Some(Preemption::Realtime);
    }
    file("/sys/kernel/debug/sched/preempt")
        .and_then(|text| from_debugfs(&text))
        .or_else(|| file("/proc/cmdline").and_then(|text| from_command_line(&text)))
        .or_else(|| KernelConfig::load().and_then(|config| from_config(&config)))
}

/// `none voluntary (full) lazy`.
fn from_debugfs(text: &str) -> Option<Preemption> {
    let (_, rest) = text.split_once('(')?;
    from_word(rest.split_once(')')?.0)
}

/// The last `preempt=` counts, as everywhere on that line.
fn from_command_line(text: &str) -> Option<Preemption> {
    text.split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix("preempt="))
        .filter_map(from_word)
        .next_back()
}

fn from_word(word: &str) -> Option<Preemption> {
    match word {
        "none" => Some(Preemption::None),
        "voluntary" => Some(Preemption::Voluntary),
        "lazy" => Some(Preemption::Lazy),
        "full" => Some(Preemption::Full),
        _ => None,
    }
}

fn from_config(config: &KernelConfig) -> Option<Preemption> {
    [
        ("CONFIG_PREEMPT_RT", Preemption::Realtime),
        ("CONFIG_PREEMPT_NONE", Preemption::None),
        ("CONFIG_PREEMPT_VOLUNTARY", Preemption::Voluntary),
        ("CONFIG_PREEMPT_LAZY", Preemption::Lazy),
        ("CONFIG_PREEMPT", Preemption::Full),
    ]
    .into_iter()
    .find(|(option, _)| config.get(option) == ConfigValue::Yes)
    .map(|(_, model)| model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debugfs_and_the_command_line_are_understood() {
        assert_eq!(from_debugfs("none voluntary (full) lazy \n"), Some(Preemption::Full));
        assert_eq!(from_debugfs("none"), None);
        assert_eq!(from_debugfs("(strange)"), None);
        let line = "quiet preempt=none console=ttyS0 preempt=lazy";
        assert_eq!(from_command_line(line), Some(Preemption::Lazy));
        assert_eq!(from_command_line("quiet"), None);
    }
}
