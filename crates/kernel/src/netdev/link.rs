// SPDX-License-Identifier: MIT OR Apache-2.0
//! rtnetlink's view of a device: RTM_GETLINK (include/uapi/linux/rtnetlink.h, if_link.h).

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::{Netdev, NetdevError};
use crate::netlink::{AttributeWriter, NetlinkError, Socket, attributes, number_u32, text};

const RTM_GETLINK: u16 = 18;
/// `struct ifinfomsg`: family, padding, type, index, flags, change mask.
const HEADER: usize = 16;
const FLAG_UP: u32 = 1;

/// IFLA_*.
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const MASTER: u16 = 10;
const LINK_INFO: u16 = 18;
const LINK_INFO_KIND: u16 = 1;
const STATS64: u16 = 23;

/// Longest name: IFNAMSIZ is 16 with its NUL byte (include/uapi/linux/if.h).
const NAME_BYTES_MAX: usize = 15;

const WHAT: &str = "get link";

/// What the kernel says about one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Name and number.
    pub netdev: Netdev,
    /// Whether it is administratively up.
    pub up: bool,
    /// Largest packet, bytes.
    pub mtu_bytes: u32,
    /// Number of the bridge or bond it belongs to.
    pub master: Option<u32>,
    /// `veth`, `tun`, `bridge` and so on; `None` for hardware and `lo`.
    pub kind: Option<String>,
    /// Its hardware address.
    pub address: Vec<u8>,
    /// Its counters.
    pub stats: NetdevStats,
}

/// Counters of a device since it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetdevStats {
    /// Packets received.
    pub rx_packets: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received and dropped: no room further up.
    pub rx_dropped: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets not sent: for a veth, those that found the ring of its peer full.
    pub tx_dropped: u64,
}

pub(super) fn by_name(socket: &mut Socket, name: &str) -> Result<Link, NetdevError> {
    if !is_device_name(name) {
        return Err(NetdevError::BadName(name.to_owned()));
    }
    let mut request = AttributeWriter::after(&header(0));
    request.put_text(NAME, name);
    one(socket, &request.finish(), name)
}

pub(super) fn by_index(socket: &mut Socket, netdev: &Netdev) -> Result<Link, NetdevError> {
    one(socket, &header(netdev.ifindex), &netdev.name)
}

fn one(socket: &mut Socket, request: &[u8], name: &str) -> Result<Link, NetdevError> {
    let answers = socket.ask(WHAT, RTM_GETLINK, request).map_err(|error| match error.errno() {
        Some(Errno::NODEV) => NetdevError::NoSuchNetdev(name.to_owned()),
        _ => NetdevError::Netlink(error),
    })?;
    let link = answers.first().and_then(|answer| parse(answer));
    Ok(link.ok_or(NetlinkError::Malformed(WHAT))?)
}

pub(super) fn all(socket: &mut Socket) -> Result<Vec<Link>, NetdevError> {
    let answers = socket.dump(WHAT, RTM_GETLINK, &header(0))?;
    let links = answers.iter().map(|answer| parse(answer)).collect::<Option<Vec<Link>>>();
    Ok(links.ok_or(NetlinkError::Malformed(WHAT))?)
}

/// What dev_valid_name() of net/core/dev.c accepts.
fn is_device_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= NAME_BYTES_MAX
        && !name.contains(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | '\0'))
}

fn header(ifindex: u32) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[4..8].copy_from_slice(&ifindex.to_ne_bytes());
    header
}

fn parse(answer: &[u8]) -> Option<Link> {
    let word =
        |at: usize| -> Option<u32> { Some(u32::from_ne_bytes(*answer.get(at..)?.first_chunk()?)) };
    let mut link = Link {
        netdev: Netdev { name: String::new(), ifindex: word(4)? },
        up: word(8)? & FLAG_UP != 0,
        mtu_bytes: 0,
        master: None,
        kind: None,
        address: Vec::new(),
        stats: NetdevStats::default(),
    };
    for attribute in attributes(answer.get(HEADER..)?) {
        match attribute.ok()? {
            (ADDRESS, value) => link.address = value.to_vec(),
            (NAME, value) => link.netdev.name = text(value),
            (MTU, value) => link.mtu_bytes = number_u32(value).ok()?,
            (MASTER, value) => link.master = Some(number_u32(value).ok()?),
            (LINK_INFO, value) => {
                let kind = attributes(value)
                    .filter_map(Result::ok)
                    .find(|(kind, _)| *kind == LINK_INFO_KIND);
                link.kind = kind.map(|(_, value)| text(value));
            }
            (STATS64, value) => link.stats = parse_stats(value)?,
            _ => {}
        }
    }
    (!link.netdev.name.is_empty()).then_some(link)
}

/// `struct rtnl_link_stats64`: rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors,
/// rx_dropped, tx_dropped, and more that is not needed.
fn parse_stats(value: &[u8]) -> Option<NetdevStats> {
    let (words, _) = value.as_chunks::<8>();
    let word = |index: usize| words.get(index).map(|bytes| u64::from_ne_bytes(*bytes));
    Some(NetdevStats {
        rx_packets: word(0)?,
        tx_packets: word(1)?,
        rx_bytes: word(2)?,
        tx_bytes: word(3)?,
        rx_dropped: word(6)?,
        tx_dropped: word(7)?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_loopback_is_everywhere() {
        let netdev = super::super::lookup("lo").unwrap();
        assert_eq!(netdev.ifindex, 1);
        let link = netdev.link().unwrap();
        assert_eq!((link.master, link.kind.as_deref()), (None, None));
        assert!(super::super::list().unwrap().contains(&netdev));
        assert_eq!(netdev.master().unwrap(), None);
        assert_eq!(netdev.driver().unwrap(), None);
    }

    #[test]
    fn a_device_that_is_not_there_is_named() {
        let error = super::super::lookup("ek-nothing").unwrap_err();
        assert!(error.is_gone());
        assert_eq!(error.to_string(), "there is no network device 'ek-nothing' (any more)");
        for name in ["", "..", "a/b", "a b", "sixteen-letters-", "a:b"] {
            let error = super::super::lookup(name).unwrap_err();
            assert!(matches!(error, NetdevError::BadName(_)), "{name}: {error}");
        }
    }

    #[test]
    fn an_answer_is_read_field_by_field() {
        let mut header = header(7);
        header[8] = 1;
        let mut answer = AttributeWriter::after(&header);
        let stats: Vec<u8> = (1u64..=24).flat_map(u64::to_ne_bytes).collect();
        answer.put_text(NAME, "vf0").put_u32(MTU, 1500).put_u32(MASTER, 3).put(STATS64, &stats);
        answer.nest(LINK_INFO, |info| {
            info.put_text(LINK_INFO_KIND, "veth");
        });
        let link = parse(&answer.finish()).unwrap();
        assert_eq!(link.netdev, Netdev { name: "vf0".into(), ifindex: 7 });
        assert!(link.up);
        assert_eq!(
            (link.mtu_bytes, link.master, link.kind.as_deref()),
            (1500, Some(3), Some("veth"))
        );
        assert_eq!((link.stats.rx_packets, link.stats.tx_packets), (1, 2));
        assert_eq!((link.stats.rx_dropped, link.stats.tx_dropped), (7, 8));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
