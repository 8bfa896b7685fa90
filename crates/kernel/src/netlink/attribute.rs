// SPDX-License-Identifier: MIT OR Apache-2.0
//! Attributes: type, length, value, padded to four bytes (include/uapi/linux/netlink.h).

use super::Malformed;

const HEADER: usize = 4;
/// NLA_F_NESTED and NLA_F_NET_BYTEORDER share the two bytes of the type.
const KIND_MASK: u16 = 0x3fff;
const NESTED: u16 = 0x8000;

/// The attributes in `bytes`, in order. A malformed one ends the iteration with an error.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = Result<(u16, &[u8]), Malformed>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match split(rest) {
            Some((kind, value, tail)) => {
                rest = tail;
                Some(Ok((kind, value)))
            }
            None => {
                rest = &[];
                Some(Err(Malformed))
            }
        }
    })
}

fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let kind = u16::from_ne_bytes(*bytes.get(2..)?.first_chunk()?);
    let value = bytes.get(HEADER..length)?;
    // The padding of the last attribute may be missing.
    let tail = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    Some((kind & KIND_MASK, value, tail))
}

/// A 32-bit value in host byte order.
pub(crate) fn number_u32(value: &[u8]) -> Result<u32, Malformed> {
    value.try_into().map(u32::from_ne_bytes).map_err(|_| Malformed)
}

/// A text, with or without the NUL byte at its end.
pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|b| *b == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// Builds a sequence of attributes.
#[derive(Clone, Debug, Default)]
pub(crate) struct AttributeWriter {
    bytes: Vec<u8>,
}

impl AttributeWriter {
    /// Starts after `header`, a fixed structure that precedes the attributes.
    pub(crate) fn after(header: &[u8]) -> AttributeWriter {
        AttributeWriter { bytes: header.to_vec() }
    }

    /// Adds one attribute.
    ///
    /// # Panics
    /// If the value exceeds 65531 bytes; ours are names and numbers.
    pub(crate) fn put(&mut self, kind: u16, value: &[u8]) -> &mut AttributeWriter {
        let length = u16::try_from(HEADER + value.len()).expect("names and numbers are short");
        self.bytes.extend(length.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self
    }

    /// Adds a number.
    pub(crate) fn put_u32(&mut self, kind: u16, value: u32) -> &mut AttributeWriter {
        self.put(kind, &value.to_ne_bytes())
    }

    /// Adds a text with its NUL byte.
    pub(crate) fn put_text(&mut self, kind: u16, text: &str) -> &mut AttributeWriter {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        self.put(kind, &value)
    }

    /// Adds an attribute made of attributes.
    pub(crate) fn nest(
        &mut self,
        kind: u16,
        build: impl FnOnce(&mut AttributeWriter),
    ) -> &mut AttributeWriter {
        let mut inner = AttributeWriter::default();
        build(&mut inner);
        self.put(kind | NESTED, &inner.bytes)
    }

    /// The finished bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = AttributeWriter::default();
        writer.put_u32(1, 77).put_text(2, "vf0").nest(3, |inner| {
            inner.put(4, &[]);
        });
        let bytes = writer.finish();
        let found: Vec<_> = attributes(&bytes).map(Result::unwrap).collect();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].0, number_u32(found[0].1)), (1, Ok(77)));
        assert_eq!((found[1].0, text(found[1].1)), (2, "vf0".to_owned()));
        assert_eq!(found[2].0, 3);
        assert_eq!(attributes(found[2].1).collect::<Vec<_>>(), [Ok((4, &[][..]))]);
    }

    #[test]
    fn a_length_beyond_the_end_or_below_the_header_ends_it() {
        assert_eq!(attributes(&[9, 0, 1, 0, 0]).collect::<Vec<_>>(), [Err(Malformed)]);
        assert_eq!(attributes(&[0, 0, 1, 0]).collect::<Vec<_>>(), [Err(Malformed)]);
        assert_eq!(number_u32(&[1, 2]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_for_ever(bytes: Vec<u8>) {
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
