// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long one SCHED_RR thread runs before another of the same priority has its turn.

use std::path::Path;

use evenkeel_model::Span;

use super::optional;
use crate::pseudo_file::FileError;

const PATH: &str = "/proc/sys/kernel/sched_rr_timeslice_ms";

/// Length of a turn; `None` on a kernel without the switch (before Linux 3.9).
pub fn rr_timeslice() -> Result<Option<Span>, FileError> {
    optional(Path::new(PATH))?.map_or(Ok(None), |text| parse(&text).map(Some))
}

fn parse(text: &str) -> Result<Span, FileError> {
    let bad = || FileError::unexpected(Path::new(PATH), text, "a number of milliseconds");
    Ok(Span::from_ms(text.parse().map_err(|_| bad())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_become_a_span() {
        assert_eq!(parse("100").unwrap(), Span::from_ms(100));
        assert!(parse("-1").is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn this_kernel_has_turns() {
        assert!(rr_timeslice().unwrap().is_some_and(|turn| turn > Span::ZERO));
    }
}
