// SPDX-License-Identifier: MIT OR Apache-2.0
//! The frame that a flood is made of: the smallest that Ethernet has, 64 bytes on the wire, with
//! an empty-headed UDP datagram in it.

use std::net::Ipv4Addr;

/// A frame as a socket takes it: 64 bytes on the wire less the 4 of the checksum.
pub type UdpFrame = [u8; 60];

const ETHERNET: usize = 14;
const IP: usize = 20;
const UDP: usize = 8;

/// The discard service: nobody listens there in a guest of the lab.
const DISCARD_PORT: u16 = 9;
/// A port of the range for experiments (RFC 6335: 49152 and up).
const SOURCE_PORT: u16 = 50_009;

/// A frame from `source` to `destination`. The UDP checksum is left out, as IPv4 allows (RFC 768);
/// that of the IP header is right.
pub fn udp_frame(source: ([u8; 6], Ipv4Addr), destination: ([u8; 6], Ipv4Addr)) -> UdpFrame {
    let mut frame = [0u8; 60];
    frame[..6].copy_from_slice(&destination.0);
    frame[6..12].copy_from_slice(&source.0);
    frame[12..14].copy_from_slice(&0x0800u16.to_be_bytes());

    let ip = &mut frame[ETHERNET..ETHERNET + IP];
    ip[0] = 0x45; // Version 4, five words of header.
    // 60 bytes less the Ethernet header.
    ip[2..4].copy_from_slice(&46u16.to_be_bytes());
    ip[8] = 64; // Hops.
    ip[9] = 17; // UDP.
    ip[12..16].copy_from_slice(&source.1.octets());
    ip[16..20].copy_from_slice(&destination.1.octets());
    let checksum = internet_checksum(ip);
    ip[10..12].copy_from_slice(&checksum.to_be_bytes());

    let udp = &mut frame[ETHERNET + IP..ETHERNET + IP + UDP];
    udp[0..2].copy_from_slice(&SOURCE_PORT.to_be_bytes());
    udp[2..4].copy_from_slice(&DISCARD_PORT.to_be_bytes());
    // The IP length less the IP header.
    udp[4..6].copy_from_slice(&26u16.to_be_bytes());
    frame
}

/// RFC 1071: the complement of the ones' complement sum of 16-bit words.
fn internet_checksum(header: &[u8]) -> u16 {
    let words =
        header.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    // Ten words of 16 bits: the carries fold in two steps.
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_of_a_known_header() {
        // The example of the article "Internet checksum" of Wikipedia: B861.
        let mut header = [
            0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11, 0x00, 0x00, 0xc0, 0xa8,
            0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7,
        ];
        let checksum = internet_checksum(&header);
        assert_eq!(checksum, 0xb861);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(internet_checksum(&header), 0, "a right header sums to zero");
    }

    #[test]
    fn every_field_is_in_its_place() {
        let to = ([0x52, 0x54, 0, 0, 0, 0x11], Ipv4Addr::new(10, 99, 1, 11));
        let from = ([0x52, 0x54, 0xee, 0, 0, 1], Ipv4Addr::new(10, 99, 1, 3));
        let frame = udp_frame(from, to);
        assert_eq!(frame[..6], to.0);
        assert_eq!(frame[6..14], [0x52, 0x54, 0xee, 0, 0, 1, 8, 0]);
        assert_eq!(internet_checksum(&frame[14..34]), 0);
        assert_eq!(frame[30..34], [10, 99, 1, 11]);
        assert_eq!(frame[36..38], [0, 9]);
        assert_eq!(usize::from(u16::from_be_bytes([frame[16], frame[17]])), frame.len() - 14);
        assert_eq!(usize::from(u16::from_be_bytes([frame[38], frame[39]])), frame.len() - 34);
    }
}
