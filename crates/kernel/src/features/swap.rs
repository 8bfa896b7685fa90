// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where memory may be swapped to.

use std::path::Path;

use super::optional;
use crate::pseudo_file::FileError;

/// Names of the swap areas in use.
pub fn swap_areas() -> Result<Vec<String>, FileError> {
    Ok(optional(Path::new("/proc/swaps"))?.map(|text| parse(&text)).unwrap_or_default())
}

fn parse(text: &str) -> Vec<String> {
    // The first line is the heading.
    let lines = text.lines().skip(1);
    lines.filter_map(|line| line.split_ascii_whitespace().next().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heading_is_no_area() {
        let text = "Filename\tType\tSize\tUsed\tPriority\n/dev/dm-1 partition 8388604 0 -2\n";
        assert_eq!(parse(text), ["/dev/dm-1"]);
        assert_eq!(parse("Filename\n"), [""; 0]);
    }
}
