// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which band of priorities a capsule gets, and how the others make room for it.
//!
//! Capsules are rate monotonic: a shorter period has the higher band. A newcomer takes the middle
//! of the gap at its place in that order. Where there is no gap, the capsules between its place
//! and the nearest free band each move one band towards that free band, the one next to it first:
//! every move goes into a band that is empty at that moment, so no two capsules ever share a band
//! and no pair is ever inverted.

use evenkeel_model::{BANDS_MAX, Band};

/// Most capsules with bands on a host: one band less than there are, so that a capsule whose
/// place in the order changes always finds, or can be given, an empty band to move to.
pub const CAPSULES_MAX: usize = BANDS_MAX as usize - 1;

/// Room for a newcomer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Moves of capsules that are there already, in order: index into the layout, old and new
    /// band.
    pub moves: Vec<(usize, Band, Band)>,
    /// The band that is empty after the moves, at the asked place.
    pub band: Band,
}

/// Makes room at `position` in `layout` (bands in use, strictly rising): the newcomer's band lies
/// above `layout[position - 1]` and below `layout[position]`. `None` where all bands are in use.
///
/// # Panics
/// If the layout does not rise strictly or `position` is beyond its end: bugs of the caller.
pub fn make_room(layout: &[Band], position: usize) -> Option<Room> {
    assert!(layout.windows(2).all(|pair| pair[0] < pair[1]), "bands in use rise: {layout:?}");
    assert!(position <= layout.len(), "position {position} of {}", layout.len());
    // Exclusive limits of the gap, shifted by one so that "below band 0" is 0.
    let above = position.checked_sub(1).map_or(0, |i| layout[i].index() + 1);
    let below = layout.get(position).map_or(BANDS_MAX, |band| band.index());
    if above < below {
        let band = Band::new(above + (below - above - 1) / 2)?;
        return Some(Room { moves: Vec::new(), band });
    }
    let down = room_below(layout, position);
    let up = room_above(layout, position);
    match (down, up) {
        (Some(down), Some(up)) if up.moves.len() < down.moves.len() => Some(up),
        (Some(down), _) => Some(down),
        (None, up) => up,
    }
}

/// The block under the place moves down by one, its lowest first.
fn room_below(layout: &[Band], position: usize) -> Option<Room> {
    // `layout[first..position]` are neighbours without gaps; the band under the first is free.
    let mut first = position.checked_sub(1)?;
    while first > 0 && layout[first - 1].index() + 1 == layout[first].index() {
        first -= 1;
    }
    let moves = (first..position)
        .map(|i| Some((i, layout[i], Band::new(layout[i].index().checked_sub(1)?)?)))
        .collect::<Option<Vec<_>>>()?;
    Some(Room { moves, band: layout[position - 1] })
}

/// The block over the place moves up by one, its highest first.
fn room_above(layout: &[Band], position: usize) -> Option<Room> {
    let mut last = position;
    layout.get(last)?;
    while last + 1 < layout.len() && layout[last].index() + 1 == layout[last + 1].index() {
        last += 1;
    }
    let moves = (position..=last)
        .rev()
        .map(|i| Some((i, layout[i], Band::new(layout[i].index() + 1)?)))
        .collect::<Option<Vec<_>>>()?;
    Some(Room { moves, band: layout[position] })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bands(indices: &[u8]) -> Vec<Band> {
        indices.iter().map(|i| Band::new(*i).unwrap()).collect()
    }

    #[test]
    fn the_first_capsule_sits_in_the_middle() {
        let room = make_room(&[], 0).unwrap();
        assert_eq!(room.band.index(), 7);
    }

    #[test]
    fn a_gap_is_used_without_moves() {
        let room = make_room(&bands(&[3, 7]), 1).unwrap();
        assert_eq!((room.moves.len(), room.band.index()), (0, 5));
        assert_eq!(make_room(&bands(&[14]), 1).unwrap().band.index(), 15);
        assert_eq!(make_room(&bands(&[1]), 0).unwrap().band.index(), 0);
    }

    #[test]
    fn the_shorter_block_makes_room() {
        let room = make_room(&bands(&[4, 5, 6, 7]), 3).unwrap();
        let moves: Vec<_> = room.moves.iter().map(|(i, a, b)| (*i, a.index(), b.index())).collect();
        assert_eq!((moves, room.band.index()), (vec![(3, 7, 8)], 7));
        let room = make_room(&bands(&[4, 5, 6, 7]), 1).unwrap();
        let moves: Vec<_> = room.moves.iter().map(|(i, a, b)| (*i, a.index(), b.index())).collect();
        assert_eq!((moves, room.band.index()), (vec![(0, 4, 3)], 4));
    }

    #[test]
    fn no_band_is_left_when_all_are_in_use() {
        let all: Vec<u8> = (0..BANDS_MAX).collect();
        for position in 0..=all.len() {
            assert_eq!(make_room(&bands(&all), position), None);
        }
    }

    proptest! {
        /// Every move goes into an empty band and keeps the order; the room is where it was asked.
        #[test]
        fn moves_keep_the_order_at_every_prefix(
            used in proptest::collection::btree_set(0..BANDS_MAX, 0..=CAPSULES_MAX),
            at in any::<proptest::sample::Index>(),
        ) {
            let mut layout = bands(&used.into_iter().collect::<Vec<_>>());
            let position = at.index(layout.len() + 1);
            let room = make_room(&layout, position).expect("one band is free");
            for (i, before, after) in &room.moves {
                prop_assert_eq!(layout[*i], *before);
                layout[*i] = *after;
                prop_assert!(layout.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", layout);
            }
            layout.insert(position, room.band);
            prop_assert!(layout.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", layout);
        }
    }
}
