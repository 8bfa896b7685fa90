// SPDX-License-Identifier: MIT OR Apache-2.0
//! Messages: a header of sixteen bytes and a payload (include/uapi/linux/netlink.h).

use super::Malformed;

const HEADER: usize = 16;

/// NLMSG_ERROR (an acknowledgement if its number is zero) and NLMSG_DONE.
const KIND_ERROR: u16 = 2;
const KIND_DONE: u16 = 3;

/// NLM_F_REQUEST, NLM_F_ACK, NLM_F_ROOT | NLM_F_MATCH.
pub(super) const FLAG_REQUEST: u16 = 0x001;
pub(super) const FLAG_ACK: u16 = 0x004;
pub(super) const FLAG_DUMP: u16 = 0x300;

/// One message of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    /// A piece of the answer.
    Payload(&'a [u8]),
    /// The end: zero, or the kernel's error number.
    End { errno: i32 },
}

/// A request ready to be sent.
///
/// # Panics
/// If the payload exceeds 4 GiB; ours are short.
pub(super) fn request(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + payload.len()).expect("requests are short");
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags | FLAG_REQUEST).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // The port: the kernel puts ours in.
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// The messages of one datagram that answer `sequence`.
pub(super) fn messages(bytes: &[u8], sequence: u32) -> Result<Vec<Message<'_>>, Malformed> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let length = rest.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk));
        let length = usize::try_from(length.ok_or(Malformed)?).map_err(|_| Malformed)?;
        let message = rest.get(..length).ok_or(Malformed)?;
        let payload = message.get(HEADER..).ok_or(Malformed)?;
        let kind = u16::from_ne_bytes([message[4], message[5]]);
        let answers = u32::from_ne_bytes([message[8], message[9], message[10], message[11]]);
        if answers == sequence {
            found.push(match kind {
                KIND_ERROR => end(payload)?,
                // The number of a dump that failed halfway; old kernels leave it out.
                KIND_DONE => end(payload).unwrap_or(Message::End { errno: 0 }),
                _ => Message::Payload(payload),
            });
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    Ok(found)
}

/// The kernel writes its error numbers negated.
fn end(payload: &[u8]) -> Result<Message<'_>, Malformed> {
    let errno = payload.first_chunk().map(|chunk| i32::from_ne_bytes(*chunk)).ok_or(Malformed)?;
    Ok(Message::End { errno: errno.checked_neg().ok_or(Malformed)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_are_told_from_strangers_and_ends() {
        let mut bytes = request(20, 0, 7, b"abc");
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(request(20, 0, 8, b"not ours"));
        bytes.extend(request(KIND_ERROR, 0, 7, &(-95i32).to_ne_bytes()));
        assert_eq!(
            messages(&bytes, 7).unwrap(),
            [Message::Payload(b"abc"), Message::End { errno: 95 }]
        );
        assert_eq!(
            messages(&request(KIND_DONE, 0, 7, &[]), 7).unwrap(),
            [Message::End { errno: 0 }]
        );
    }

    #[test]
    fn a_length_that_lies_is_malformed() {
        for length in [0u32, 15, 17, u32::MAX] {
            let mut bytes = request(20, 0, 7, &[]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes, 7), Err(Malformed), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, sequence: u32) {
            let _ = messages(&bytes, sequence);
        }
    }
}
