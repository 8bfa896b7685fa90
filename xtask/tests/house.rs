// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tree keeps the house rules.

use xtask::house;
use xtask::metadata::workspace_root;

#[test]
fn the_tree_keeps_the_house_rules() {
    let findings = house::check(&workspace_root()).unwrap();
    let broken: Vec<String> = findings.violations.iter().map(ToString::to_string).collect();
    assert!(broken.is_empty(), "house rules are broken:\n{}", broken.join("\n"));
}
