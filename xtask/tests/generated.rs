// SPDX-License-Identifier: MIT OR Apache-2.0
//! The committed man pages and completions are what the command line's definition gives.

use xtask::generate;
use xtask::metadata::workspace_root;

#[test]
fn generated_files_are_up_to_date() {
    let differences = generate::differences(&workspace_root()).unwrap();
    assert!(differences.is_empty(), "run `cargo xtask gen`:\n{}", differences.join("\n"));
}
