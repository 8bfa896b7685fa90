// SPDX-License-Identifier: MIT OR Apache-2.0
//! First-in first-out queues whose links live in the elements, so that queueing allocates nothing.

/// No element.
pub(crate) const NONE: u32 = u32::MAX;

/// Where an element keeps its link.
pub(crate) trait Links {
    fn next(&self, element: u32) -> u32;
    fn set_next(&mut self, element: u32, next: u32);
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Fifo {
    head: u32,
    tail: u32,
}

impl Default for Fifo {
    fn default() -> Self {
        Self { head: NONE, tail: NONE }
    }
}

impl Fifo {
    pub(crate) fn is_empty(self) -> bool {
        self.head == NONE
    }

    pub(crate) fn push_back(&mut self, links: &mut (impl Links + ?Sized), element: u32) {
        links.set_next(element, NONE);
        if self.head == NONE {
            self.head = element;
        } else {
            links.set_next(self.tail, element);
        }
        self.tail = element;
    }

    pub(crate) fn push_front(&mut self, links: &mut (impl Links + ?Sized), element: u32) {
        links.set_next(element, self.head);
        if self.head == NONE {
            self.tail = element;
        }
        self.head = element;
    }

    pub(crate) fn pop_front(&mut self, links: &(impl Links + ?Sized)) -> Option<u32> {
        if self.head == NONE {
            return None;
        }
        let element = self.head;
        self.head = links.next(element);
        Some(element)
    }
}
