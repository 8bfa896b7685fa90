// SPDX-License-Identifier: MIT OR Apache-2.0
//! Features of a device, GRO among them, through ethtool's netlink family (Linux 5.10;
//! include/uapi/linux/ethtool_netlink.h).

use rustix::io::Errno;

use super::{Netdev, NetdevError};
use crate::netlink::{AttributeWriter, Family, Malformed, NetlinkError, attributes, text};

const FAMILY: &str = "ethtool";
/// ETHTOOL_MSG_FEATURES_GET, _SET.
const FEATURES_GET: u8 = 11;
const FEATURES_SET: u8 = 12;
/// ETHTOOL_A_FEATURES_HEADER, _WANTED, _ACTIVE.
const HEADER: u16 = 1;
const WANTED: u16 = 3;
const ACTIVE: u16 = 4;
/// ETHTOOL_A_HEADER_DEV_INDEX.
const DEV_INDEX: u16 = 1;
/// ETHTOOL_A_BITSET_BITS, _BITS_BIT, _BIT_NAME, _BIT_VALUE.
const BITSET_BITS: u16 = 3;
const BITS_BIT: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;

/// Generic receive offload, as net/ethtool/common.c names it.
const GRO: &str = "rx-gro";

impl Netdev {
    /// Whether generic receive offload is on.
    pub fn gro(&self) -> Result<bool, NetdevError> {
        self.feature(GRO)
    }

    /// Switches generic receive offload. A veth that is up gets NAPI instances with it, and loses
    /// them (with their threads) without it. Without them `threaded` cannot be switched at all:
    /// whoever undoes both switches `threaded` off first.
    pub fn set_gro(&self, on: bool) -> Result<(), NetdevError> {
        self.set_feature(GRO, on)
    }

    /// Whether `feature` (`rx-gro`, `tx-tcp-segmentation`, ...) is active.
    pub fn feature(&self, feature: &str) -> Result<bool, NetdevError> {
        let what = "features get";
        let answers = Family::open(FAMILY)?
            .ask(what, FEATURES_GET, |request| {
                request.nest(HEADER, |header| {
                    header.put_u32(DEV_INDEX, self.ifindex);
                });
            })
            .map_err(|error| match error.errno() {
                Some(Errno::NODEV) => NetdevError::NoSuchNetdev(self.name.clone()),
                _ => NetdevError::Netlink(error),
            })?;
        let active = answers.first().ok_or(Malformed).and_then(|answer| active_names(answer));
        let active = active.map_err(|Malformed| NetlinkError::Malformed(what))?;
        Ok(active.iter().any(|name| name == feature))
    }

    /// Switches `feature` and checks that it is so afterwards: the kernel silently keeps what a
    /// device has fixed.
    pub fn set_feature(&self, feature: &str, on: bool) -> Result<(), NetdevError> {
        let result = Family::open(FAMILY)?.ask("features set", FEATURES_SET, |request| {
            request.nest(HEADER, |header| {
                header.put_u32(DEV_INDEX, self.ifindex);
            });
            request.nest(WANTED, |bitset| write_bit(bitset, feature, on));
        });
        match result {
            Ok(_) => {}
            Err(error) if error.errno() == Some(Errno::NODEV) => {
                return Err(NetdevError::NoSuchNetdev(self.name.clone()));
            }
            Err(NetlinkError::Refused { source, .. }) => {
                let (netdev, feature) = (self.name.clone(), feature.to_owned());
                return Err(NetdevError::FeatureRefused { netdev, feature, on, source });
            }
            Err(error) => return Err(error.into()),
        }
        if self.feature(feature)? != on {
            let (netdev, feature) = (self.name.clone(), feature.to_owned());
            return Err(NetdevError::FeatureFixed { netdev, feature, on });
        }
        Ok(())
    }
}

/// A bitset with one bit by name; its presence is the mask, the flag its value.
fn write_bit(bitset: &mut AttributeWriter, feature: &str, on: bool) {
    bitset.nest(BITSET_BITS, |bits| {
        bits.nest(BITS_BIT, |bit| {
            bit.put_text(BIT_NAME, feature);
            if on {
                bit.put(BIT_VALUE, &[]);
            }
        });
    });
}

/// Names of the active features. Without the compact flag the kernel sends a list of names, in
/// which those present are active.
fn active_names(answer: &[u8]) -> Result<Vec<String>, Malformed> {
    let Some(active) = find(answer, ACTIVE)? else { return Err(Malformed) };
    let Some(bits) = find(active, BITSET_BITS)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for attribute in attributes(bits) {
        let (BITS_BIT, bit) = attribute? else { continue };
        names.extend(find(bit, BIT_NAME)?.map(text));
    }
    Ok(names)
}

fn find(bytes: &[u8], kind: u16) -> Result<Option<&[u8]>, Malformed> {
    for attribute in attributes(bytes) {
        let (found, value) = attribute?;
        if found == kind {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn active_features_are_listed_by_name() {
        let mut answer = AttributeWriter::default();
        answer.nest(WANTED, |bitset| write_bit(bitset, "rx-lro", true));
        answer.nest(ACTIVE, |bitset| write_bit(bitset, GRO, true));
        assert_eq!(active_names(&answer.finish()).unwrap(), [GRO]);
        assert_eq!(active_names(&[]), Err(Malformed));
    }

    #[test]
    fn the_loopback_has_fixed_features() {
        let lo = super::super::lookup("lo").unwrap();
        assert!(lo.feature("loopback").unwrap());
        assert!(!lo.feature("no-such-feature").unwrap());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = active_names(&bytes);
        }
    }
}
