// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/proc/cgroups`: to which hierarchy each controller is bound, mounted here or not.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::optional;
use crate::pseudo_file::FileError;

const PATH: &str = "/proc/cgroups";

/// One controller's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerFact {
    /// Number of the version 1 hierarchy that it is bound to; 0 is the unified hierarchy.
    pub hierarchy: u32,
    /// False where the boot parameter `cgroup_disable=` switched it off.
    pub enabled: bool,
}

/// Every controller that version 1 can have, by name; empty on a kernel without version 1.
pub fn cgroup_controllers() -> Result<BTreeMap<String, ControllerFact>, FileError> {
    let path = Path::new(PATH);
    optional(path)?.map_or_else(|| Ok(BTreeMap::new()), |text| parse(path, &text))
}

fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, ControllerFact>, FileError> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| parse_line(path, line)).collect()
}

fn parse_line(path: &Path, line: &str) -> Result<(String, ControllerFact), FileError> {
    let bad = || FileError::unexpected(path, line, "name, hierarchy, cgroups, enabled");
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let &[name, hierarchy, _, enabled] = words.as_slice() else { return Err(bad()) };
    let hierarchy = hierarchy.parse().map_err(|_| bad())?;
    Ok((name.to_owned(), ControllerFact { hierarchy, enabled: enabled == "1" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\n\
        cpuset\t3\t1\t1\ncpu\t1\t2\t1\nmemory\t0\t9\t0\n";

    #[test]
    fn controllers_have_a_hierarchy_and_a_switch() {
        let controllers = parse(Path::new(PATH), TEXT).unwrap();
        assert_eq!(controllers.len(), 3);
        assert_eq!(controllers["cpu"], ControllerFact { hierarchy: 1, enabled: true });
        assert_eq!(controllers["memory"], ControllerFact { hierarchy: 0, enabled: false });
        assert!(parse(Path::new(PATH), "cpu 1").is_err());
        assert!(parse(Path::new(PATH), "cpu x 1 1").is_err());
    }
}
