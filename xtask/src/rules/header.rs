// SPDX-License-Identifier: MIT OR Apache-2.0
//! A file opens with its licence and its reason, and has a name of its own.
//!
//! Rust files: the licence line, then a `//!` header. Scripts and Makefiles: the licence line
//! first, or second after `#!`, then a comment.

use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "header";

/// The licence line without its comment sign.
const LICENCE: &str = "SPDX-License-Identifier: MIT OR Apache-2.0";

/// Names that say nothing about what is inside (STYLE, habit 2).
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "misc", "util", "utils"];

/// Files without licence line or reason, and names that say nothing.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| file.is_rust() || file.is_script()) {
        found.extend(check_opening(file));
        let parts = file.path.trim_end_matches(".rs").split('/');
        if let Some(name) = parts.into_iter().find(|part| EMPTY_NAMES.contains(part)) {
            let what = format!("'{name}' says nothing about what is inside; name the concept");
            found.push(Violation::at(RULE, &file.path, 0, what));
        }
    }
    found
}

fn check_opening(file: &SourceFile) -> Option<Violation> {
    let (sign, reason) = if file.is_rust() { ("//", "//! ") } else { ("#", "# ") };
    let mut lines = file.text.lines().enumerate();
    let mut line = lines.next();
    if !file.is_rust() && line.is_some_and(|(_, text)| text.starts_with("#!")) {
        line = lines.next();
    }
    let expected = format!("{sign} {LICENCE}");
    let (number, text) = line.unwrap_or((0, ""));
    if text != expected {
        let what = format!("the line '{expected}' belongs here");
        return Some(Violation::at(RULE, &file.path, number + 1, what));
    }
    let (number, text) = lines.next().unwrap_or((number + 1, ""));
    let has_reason = text.starts_with(reason);
    let what = format!("after the licence comes the file's reason, a '{}' comment", reason.trim());
    (!has_reason).then(|| Violation::at(RULE, &file.path, number + 1, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<usize> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|violation| violation.line).collect()
    }

    const RUST: &str = "// SPDX-License-Identifier: MIT OR Apache-2.0\n//! A reason.\n";
    const SHELL: &str = "#!/bin/sh\n# SPDX-License-Identifier: MIT OR Apache-2.0\n# A reason.\n";

    #[test]
    fn good_openings_pass() {
        assert!(complaints("a/b.rs", RUST).is_empty());
        assert!(complaints("run", SHELL).is_empty());
        assert!(complaints("Makefile", &SHELL[10..]).is_empty());
        assert!(complaints("README.md", "# Title").is_empty());
    }

    #[test]
    fn missing_parts_are_found_with_their_line() {
        assert_eq!(complaints("a/b.rs", "//! A reason.\n"), [1]);
        assert_eq!(complaints("a/b.rs", "// SPDX-License-Identifier: MIT\n//! A reason.\n"), [1]);
        assert_eq!(complaints("a/b.rs", &RUST.replace("//!", "//")), [2]);
        assert_eq!(complaints("a.sh", "#!/bin/sh\necho\n"), [2]);
        assert_eq!(complaints("no-suffix", "#!/usr/bin/env bash\n"), [1]);
        assert_eq!(complaints("a/b.rs", ""), [1]);
    }

    #[test]
    fn empty_names_are_found() {
        assert_eq!(complaints("crates/a/src/utils.rs", RUST), [0]);
        assert_eq!(complaints("crates/a/tests/common/mod.rs", RUST), [0]);
    }
}
