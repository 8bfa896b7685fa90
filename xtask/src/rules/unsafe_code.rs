// SPDX-License-Identifier: MIT OR Apache-2.0
//! `unsafe` has a home: only `kernel` and the BPF loader may write it.
//!
//! The compiler denies it as well, but a crate can allow it again for itself; this rule sees the
//! word wherever it stands as code, in tests and examples, too.

use crate::rules::edges::PURE;
use crate::tokens::tokens;
use crate::tree::Tree;
use crate::violation::Violation;

const RULE: &str = "unsafe";

/// Directories whose code may contain it.
const HOMES: [&str; 2] = ["crates/kernel/", "crates/sched/src/scx/raw.rs"];

/// `unsafe` outside its home, and pure crates that do not forbid it.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.rust() {
        if HOMES.iter().any(|home| file.path.starts_with(home)) {
            continue;
        }
        found.extend(
            tokens(&file.text).iter().filter(|token| token.text == "unsafe").map(|token| {
                Violation::at(RULE, &file.path, token.line, "`unsafe` outside `kernel`")
            }),
        );
    }
    for pure in PURE {
        let path = format!("crates/{}/src/lib.rs", pure.trim_start_matches("evenkeel-"));
        let forbids =
            |text: &str| text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]");
        if tree.get(&path).is_some_and(|file| !forbids(&file.text)) {
            found.push(Violation::at(RULE, &path, 0, "the pure ring has #![forbid(unsafe_code)]"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_as_code_is_found_and_elsewhere_not() {
        let tree = Tree::of(&[
            ("crates/host/src/a.rs", "fn f() {\n    unsafe { g() }\n}\n"),
            (
                "crates/host/src/b.rs",
                "// unsafe\n#![deny(unsafe_code)]\nconst A: &str = \"unsafe\";",
            ),
            ("crates/kernel/src/c.rs", "unsafe fn g() {}"),
        ]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found[0].to_string(),
            "crates/host/src/a.rs:2: `unsafe` outside `kernel` [unsafe]"
        );
    }

    #[test]
    fn a_pure_crate_forbids_it() {
        let lax = Tree::of(&[("crates/model/src/lib.rs", "//! Nouns.\n")]);
        assert_eq!(check(&lax).len(), 1);
        let strict = Tree::of(&[("crates/model/src/lib.rs", "#![forbid(unsafe_code)]\n")]);
        assert!(check(&strict).is_empty());
    }
}
