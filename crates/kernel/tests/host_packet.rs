// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames out of a packet socket arrive at the other end of a veth pair, from this namespace and
//! from another.

mod fixture;
#[path = "fixture/veth.rs"]
mod veth;

use evenkeel_kernel::netns;
use evenkeel_kernel::packet::{BATCH_MAX, PacketError, PacketSender};
use veth::{Namespace, Veth, ip};

/// 64 bytes to nobody, of an EtherType for experiments (IEEE 802, 0x88b5).
fn frame() -> [u8; 64] {
    let mut frame = [0; 64];
    frame[..6].copy_from_slice(&[0x02, 0, 0, 0, 0, 1]);
    frame[6..12].copy_from_slice(&[0x02, 0, 0, 0, 0, 2]);
    frame[12..14].copy_from_slice(&[0x88, 0xb5]);
    frame
}

/// Sends `batches` full batches and returns how many frames were taken.
fn send(sender: &PacketSender, batches: usize) -> u64 {
    let sent =
        (0..batches).map(|_| sender.send_batch(&frame(), BATCH_MAX).expect("the device is up"));
    u64::try_from(sent.sum::<usize>()).expect("some hundred")
}

#[test]
fn every_frame_that_was_taken_arrives() {
    let Some(pair) = Veth::create("arrives", 'x') else { return };
    pair.set_up();
    for bypass in [true, false] {
        let sender = PacketSender::open(&pair.a.name, bypass).unwrap();
        let before = pair.b.stats().unwrap();
        let sent = send(&sender, 10);
        assert!(sent > 0);
        let after = pair.b.stats().unwrap();
        // The kernel sends frames of its own (neighbour discovery) over a new link.
        assert!(
            after.rx_packets + after.rx_dropped >= before.rx_packets + before.rx_dropped + sent
        );
        assert!(after.rx_bytes >= before.rx_bytes + sent * 64);
    }
}

#[test]
fn bad_frames_and_dead_devices_are_refused() {
    let Some(pair) = Veth::create("refused", 'y') else { return };
    let sender = PacketSender::open(&pair.a.name, true).unwrap();
    assert!(matches!(sender.send_batch(&[0; 13], 1), Err(PacketError::FrameSize(13))));
    assert!(matches!(sender.send_batch(&[0; 10_000], 1), Err(PacketError::FrameSize(10_000))));
    let error = sender.send_batch(&frame(), 1).unwrap_err();
    assert!(error.to_string().contains(&pair.a.name), "{error}");
    pair.set_up();
    assert_eq!(sender.send_batch(&frame(), 0).unwrap(), 0);
    assert_eq!(sender.send_batch(&frame(), 1000).unwrap(), BATCH_MAX);
    assert!(ip(&["link", "del", &pair.a.name]));
    let error = sender.send_batch(&frame(), 1).unwrap_err();
    assert!(error.is_gone(), "{error}: {:?}", error.raw_os_error());
}

#[test]
fn a_sender_opened_in_a_namespace_sends_there() {
    let Some(pair) = Veth::create("there", 'z') else { return };
    let namespace = Namespace::create("there");
    assert!(ip(&["link", "set", &pair.b.name, "netns", &namespace.0]));
    assert!(ip(&["link", "set", &pair.a.name, "up"]));
    assert!(ip(&["-n", &namespace.0, "link", "set", &pair.b.name, "up"]));
    let sender = netns::run_in_named(&namespace.0, || PacketSender::open(&pair.b.name, true));
    let sender = sender.unwrap().unwrap();
    let before = pair.a.stats().unwrap().rx_packets;
    // From this thread, which is in the other namespace: the socket is not.
    let sent = send(&sender, 2);
    let after = pair.a.stats().unwrap();
    assert!(after.rx_packets + after.rx_dropped >= before + sent);
}
