// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether every bridged packet also goes through the packet filter.

use evenkeel_kernel::features;

use super::Finding;

const ID: &str = "bridge-netfilter";

/// Off, or the module not loaded, is as it should be.
pub(super) fn check() -> Option<Finding> {
    match features::bridge_netfilter() {
        Ok(on) => judge(&on),
        Err(error) => Some(Finding::unseen(ID, "the switches of br_netfilter", &error)),
    }
}

fn judge(on: &[&str]) -> Option<Finding> {
    if on.is_empty() {
        return None;
    }
    let keys: Vec<String> =
        on.iter().map(|path| path.trim_start_matches("/proc/sys/").replace('/', ".")).collect();
    let settings: Vec<String> = keys.iter().map(|key| format!("{key}=0")).collect();
    Some(
        Finding::warning(
            ID,
            format!("bridged packets go through the packet filter ({})", keys.join(", ")),
            "That costs CPU time for each packet of each VM, and one VM's connections fill the \
             tables of all.",
        )
        .with_fix(format!("sysctl {}", settings.join(" "))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fix_names_exactly_what_is_on() {
        assert_eq!(judge(&[]), None);
        let finding = judge(&["/proc/sys/net/bridge/bridge-nf-call-iptables"]).unwrap();
        assert_eq!(finding.fix.unwrap(), "sysctl net.bridge.bridge-nf-call-iptables=0");
    }
}
