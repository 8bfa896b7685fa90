// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which network devices can have their packet work done by a thread of their own.

use evenkeel_kernel::netdev::{self, Netdev};

use super::Finding;

const ID: &str = "threaded-napi";

/// Most devices named in one line; a host with a hundred VMs has hundreds of them.
const DEVICES_NAMED_MAX: usize = 12;

/// Asks every device.
pub(super) fn check() -> Vec<Finding> {
    match netdev::list() {
        Ok(devices) => judge(devices.iter().map(look).collect()),
        Err(error) => vec![Finding::unseen(ID, "the network devices", &error)],
    }
}

/// What one device said.
struct Seen {
    name: String,
    /// How many NAPI instances it has; 0 while it is down or has none.
    napis: usize,
    /// Whether they are threads already.
    threaded: bool,
}

fn look(device: &Netdev) -> Seen {
    Seen {
        name: device.name.clone(),
        napis: device.napis().map_or(0, |napis| napis.len()),
        threaded: device.threaded().unwrap_or(false),
    }
}

fn judge(devices: Vec<Seen>) -> Vec<Finding> {
    let (able, unable): (Vec<Seen>, Vec<Seen>) =
        devices.into_iter().filter(|device| device.name != "lo").partition(|d| d.napis > 0);
    let mut findings = Vec::new();
    if !able.is_empty() {
        let names = named(&able, |device| {
            let on = if device.threaded { "on" } else { "off" };
            format!("{} (NAPIs: {}, threaded: {on})", device.name, device.napis)
        });
        findings.push(Finding::ok(
            ID,
            format!("can have their packet work done by threads of their own: {names}"),
        ));
    }
    if !unable.is_empty() {
        let names = named(&unable, |device| device.name.clone());
        findings.push(Finding::info(
            ID,
            format!("have no NAPI now: {names}"),
            "A bridge or tap never has one, a veth has one while GRO is on, any device only while \
             it is up.",
        ));
    }
    findings
}

fn named(devices: &[Seen], name: impl Fn(&Seen) -> String) -> String {
    let mut names: Vec<String> = devices.iter().take(DEVICES_NAMED_MAX).map(name).collect();
    if devices.len() > DEVICES_NAMED_MAX {
        names.push(format!("{} more", devices.len() - DEVICES_NAMED_MAX));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, napis: usize) -> Seen {
        Seen { name: name.to_owned(), napis, threaded: false }
    }

    #[test]
    fn devices_are_told_apart_and_the_loopback_is_left_out() {
        let found = judge(vec![seen("lo", 1), seen("vf0", 1), seen("br0", 0)]);
        assert_eq!(
            found[0].what,
            "can have their packet work done by threads of their own: vf0 (NAPIs: 1, threaded: off)"
        );
        assert_eq!(found[1].what, "have no NAPI now: br0");
        assert!(judge(vec![seen("lo", 1)]).is_empty());
    }

    #[test]
    fn hundreds_of_devices_stay_one_line() {
        let many = (0..100).map(|n| seen(&format!("tap{n}"), 0)).collect();
        assert!(judge(many)[0].what.ends_with("tap11, 88 more"));
    }
}
