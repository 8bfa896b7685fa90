// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernel settings of the host that the testbed needs otherwise.
//!
//! What was found is written down twice: in the journal, and as the alias of the first device that
//! the lab makes. The alias lives in the kernel, next to what was changed; a journal that is lost
//! with its disk does not take it along.

use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::journal::{Entry, Journal};

/// Each setting and what the testbed needs; one that a kernel lacks needs nothing.
///
/// Bridged frames must not visit iptables: it costs 1 us a packet, and lets the host's firewall
/// judge the lab's packets. (These exist where br_netfilter is loaded, one set a namespace.)
///
/// Threads of one VM with one priority take turns. The default turn of 100 ms would keep the kernel
/// of a user-mode-linux guest, which is one such thread, from its timer and its network for that
/// long whenever a process of the guest computes; 4 ms is one tick at 250 Hz, the shortest there is.
///
/// The client's core does the emulated NIC's work too, in softirqs, which even a SCHED_FIFO client
/// cannot interrupt: the default round of 300 packets kept it waiting for up to 3 ms beside a
/// thousand connections. A real NIC would not; 32 packets are some 50 us.
const NEEDED: [(&str, &str); 5] = [
    ("/proc/sys/net/bridge/bridge-nf-call-iptables", "0"),
    ("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0"),
    ("/proc/sys/net/bridge/bridge-nf-call-arptables", "0"),
    ("/proc/sys/kernel/sched_rr_timeslice_ms", "4"),
    ("/proc/sys/net/core/netdev_budget", "32"),
];
/// Where those are that belong to a network namespace: the host's are recorded, those of the lab's
/// own namespaces go with them.
const OF_NAMESPACE: &str = "/proc/sys/net/";
/// What the alias begins with.
const ALIAS_PREFIX: &str = "evenkeel-lab:";

/// A setting and what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its file.
    pub(crate) path: PathBuf,
    /// What was found.
    pub(crate) found: String,
}

/// What is set now, of those that exist.
pub(crate) fn found() -> Result<Vec<Setting>, LabError> {
    let mut settings = Vec::new();
    for (path, _) in NEEDED {
        let path = PathBuf::from(path);
        match std::fs::read_to_string(&path) {
            Ok(text) => settings.push(Setting { path, found: text.trim().to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(LabError::File { action: "read", path, source }),
        }
    }
    Ok(settings)
}

/// The alias that remembers them.
pub(crate) fn alias(settings: &[Setting]) -> String {
    let words: Vec<String> = settings
        .iter()
        .filter_map(|setting| {
            let name = setting.path.file_name()?.to_str()?;
            Some(format!("{name}={}", setting.found))
        })
        .collect();
    format!("{ALIAS_PREFIX}{}", words.join(","))
}

/// What an alias remembers; nothing if it is not ours.
pub(crate) fn from_alias(alias: &str) -> Vec<Setting> {
    let Some(words) = alias.trim().strip_prefix(ALIAS_PREFIX) else { return Vec::new() };
    let known = |name: &str| {
        let paths = NEEDED.iter().map(|(path, _)| Path::new(path));
        paths.into_iter().find(|path| path.file_name().is_some_and(|file| file == name))
    };
    words
        .split(',')
        .filter_map(|word| word.split_once('='))
        .filter(|(_, found)| found.parse::<u32>().is_ok())
        .filter_map(|(name, found)| {
            Some(Setting { path: known(name)?.to_owned(), found: found.to_owned() })
        })
        .collect()
}

/// Records what was found on the host, then sets what is needed.
pub(crate) fn set_needed(journal: &mut Journal, settings: &[Setting]) -> Result<(), LabError> {
    let entries: Vec<Entry> = settings
        .iter()
        .map(|Setting { path, found }| Entry::Sysctl { path: path.clone(), found: found.clone() })
        .collect();
    journal.record_all(&entries)?;
    settings.iter().try_for_each(set)
}

fn set(setting: &Setting) -> Result<(), LabError> {
    let needed = NEEDED.iter().find(|(path, _)| Path::new(path) == setting.path);
    needed.map_or(Ok(()), |(path, value)| write(Path::new(path), value))
}

/// Sets what is needed inside the lab's namespace that the calling thread is in; not recorded.
pub(crate) fn set_needed_here() -> Result<(), LabError> {
    for setting in found()?.iter().filter(|setting| setting.path.starts_with(OF_NAMESPACE)) {
        set(setting)?;
    }
    // Neighbour discovery of IPv6 would be flooded, and nobody here speaks it.
    for scope in ["all", "default"] {
        let path = PathBuf::from(format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6"));
        if path.exists() {
            write(&path, "1")?;
        }
    }
    Ok(())
}

/// Writes a kernel setting.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), LabError> {
    std::fs::write(path, text).map_err(|source| LabError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// Whether something else stands there now. A setting that has gone, and one that the lab never
/// changes (a journal is a file, anything may stand in it), is not changed.
pub(crate) fn is_changed(setting: &Setting) -> bool {
    let is_ours = NEEDED.iter().any(|(path, _)| Path::new(path) == setting.path);
    let now = std::fs::read_to_string(&setting.path);
    is_ours && now.is_ok_and(|now| now.trim() != setting.found)
}

/// Writes back what was found.
pub(crate) fn restore(setting: &Setting) -> Result<(), LabError> {
    write(&setting.path, &setting.found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_remembers_what_was_found() {
        let settings: Vec<Setting> = NEEDED
            .iter()
            .zip(["1", "0", "1", "100"])
            .map(|((path, _), found)| Setting { path: path.into(), found: found.to_owned() })
            .collect();
        let text = alias(&settings);
        assert_eq!(from_alias(&text), settings);
        // IFALIASZ of include/uapi/linux/if.h is 256, and `ip -batch` splits at blanks.
        assert!(text.len() < 256 && !text.contains(' '), "{text}");
        assert_eq!(from_alias(&alias(&[])), []);
    }

    #[test]
    fn a_strangers_alias_changes_nothing() {
        for text in ["", "uplink to rack 4", "evenkeel-lab:kernel/panic=1", "evenkeel-lab:x"] {
            assert_eq!(from_alias(text), [], "{text}");
        }
        assert_eq!(from_alias("evenkeel-lab:bridge-nf-call-iptables=rm"), []);
    }
}
