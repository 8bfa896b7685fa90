// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's trace ring buffer, as `trace_pipe_raw` gives it: pages of events with time deltas.
//!
//! The text form rounds to microseconds and costs the machine under test more time than what is
//! measured; pages are copied out as they are and read here, on another machine's time.
//!
//! Layout (kernel, `include/linux/ring_buffer.h`): a page begins with its first time stamp (8 bytes)
//! and the number of bytes in use (8 bytes, flags above bit 27), then events. The first word of an
//! event has a type or length in 5 bits and the time since the event before in 27.

use super::TraceError;

/// Pages of the buffer; the kernel's default, which the bench does not change.
pub const PAGE_BYTES: usize = 4096;
const HEADER_BYTES: usize = 16;
const COMMIT_MASK: u64 = (1 << 27) - 1;
const DELTA_BITS: u32 = 27;
/// Absolute time stamps carry 59 bits; the rest is the page's.
const STAMP_MASK: u64 = (1 << 59) - 1;

const PADDING: u32 = 29;
const TIME_EXTEND: u32 = 30;
const TIME_STAMP: u32 = 31;

/// Calls `each` with the time and the data of every event in `pages`.
pub fn for_each_event(pages: &[u8], mut each: impl FnMut(u64, &[u8])) -> Result<(), TraceError> {
    for (index, page) in pages.chunks(PAGE_BYTES).enumerate() {
        read_page(page, &mut each).ok_or(TraceError::Page { index })?;
    }
    Ok(())
}

fn read_page(page: &[u8], each: &mut impl FnMut(u64, &[u8])) -> Option<()> {
    let mut now = read_u64(page, 0)?;
    let used = usize::try_from(read_u64(page, 8)? & COMMIT_MASK).ok()?;
    let events = page.get(HEADER_BYTES..HEADER_BYTES.checked_add(used)?)?;
    let mut at = 0;
    while at < events.len() {
        let head = read_u32(events, at)?;
        let (kind, delta) = (head & 0x1f, u64::from(head >> 5));
        let array = at + 4;
        match kind {
            PADDING if delta == 0 => return Some(()),
            PADDING => {
                now += delta;
                at = array + usize::try_from(read_u32(events, array)?).ok()?;
            }
            TIME_EXTEND => {
                now += delta + (u64::from(read_u32(events, array)?) << DELTA_BITS);
                at = array + 4;
            }
            TIME_STAMP => {
                let stamp = delta + (u64::from(read_u32(events, array)?) << DELTA_BITS);
                now = (now & !STAMP_MASK) | (stamp & STAMP_MASK);
                at = array + 4;
            }
            _ => {
                now += delta;
                let (start, length) = match kind {
                    // The length counts itself.
                    0 => {
                        (array + 4, usize::try_from(read_u32(events, array)?).ok()?.checked_sub(4)?)
                    }
                    words => (array, usize::try_from(words).ok()? * 4),
                };
                each(now, events.get(start..start.checked_add(length)?)?);
                at = start + length;
            }
        }
    }
    Some(())
}

/// A little-endian word; `None` beyond the end.
pub fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(start: u64, events: &[u8]) -> Vec<u8> {
        let mut page = start.to_le_bytes().to_vec();
        page.extend((events.len() as u64 | 1 << 31).to_le_bytes());
        page.extend(events);
        page.resize(PAGE_BYTES, 0);
        page
    }

    fn head(kind: u32, delta: u32) -> [u8; 4] {
        (kind | delta << 5).to_le_bytes()
    }

    fn events(pages: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let mut found = Vec::new();
        for_each_event(pages, |now, data| found.push((now, data.to_vec()))).unwrap();
        found
    }

    #[test]
    fn short_long_and_extended_events() {
        let mut bytes = Vec::new();
        bytes.extend(head(1, 5)); // four bytes of data
        bytes.extend([1, 2, 3, 4]);
        bytes.extend(head(TIME_EXTEND, 3));
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(head(0, 7)); // eight bytes, length in a word of its own
        bytes.extend(12u32.to_le_bytes());
        bytes.extend([9; 8]);
        let extended = 1000 + 5 + 3 + (2 << 27) + 7;
        assert_eq!(events(&page(1000, &bytes)), [(1005, vec![1, 2, 3, 4]), (extended, vec![9; 8])]);
    }

    #[test]
    fn padding_is_skipped_and_ends_a_page() {
        let mut bytes = Vec::new();
        bytes.extend(head(PADDING, 4)); // discarded: 8 bytes after the header, the length included
        bytes.extend(8u32.to_le_bytes());
        bytes.extend([0xff; 4]);
        bytes.extend(head(1, 1));
        bytes.extend([7; 4]);
        bytes.extend(head(PADDING, 0));
        bytes.extend([0xee; 4]);
        assert_eq!(events(&page(10, &bytes)), [(15, vec![7; 4])]);
    }

    #[test]
    fn an_absolute_stamp_replaces_the_time() {
        let mut bytes = Vec::new();
        bytes.extend(head(TIME_STAMP, 1));
        bytes.extend(4u32.to_le_bytes());
        bytes.extend(head(1, 2));
        bytes.extend([0; 4]);
        assert_eq!(events(&page(99, &bytes))[0].0, (4 << 27) + 3);
    }

    #[test]
    fn damage_is_an_error_with_its_page() {
        let mut bytes = Vec::new();
        bytes.extend(head(28, 1)); // says 112 bytes, has none
        let good = page(0, &[]);
        let bad = page(0, &bytes);
        let error = for_each_event(&[good, bad].concat(), |_, _| ()).unwrap_err();
        assert!(matches!(error, TraceError::Page { index: 1 }));
    }
}
