// SPDX-License-Identifier: MIT OR Apache-2.0
//! Imports stand in groups: std, external, ours, a blank line between (rustfmt can do this on
//! nightly only, so a rule does). As for rustfmt, `ours` is what begins with `crate`, `self` or
//! `super`; the other crates of the house are external, and so is a module named without `self`.
//!
//! Looks at `use` statements that follow each other with nothing but blanks, comments and
//! attributes between; `pub use` is an interface, not an import.

use crate::tokens::{Token, tokens};
use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "imports";

/// The groups in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Std,
    External,
    Ours,
}

/// One `use` statement.
struct Import {
    group: Group,
    first_line: usize,
    last_line: usize,
    /// Whether only attributes stand between it and the import before it.
    follows: bool,
}

/// Imports out of order, or groups that touch.
pub fn check(tree: &Tree) -> Vec<Violation> {
    tree.rust().flat_map(check_file).collect()
}

fn check_file(file: &SourceFile) -> Vec<Violation> {
    let imports = imports(&tokens(&file.text));
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    for pair in imports.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        if !after.follows || before.group == after.group {
            continue;
        }
        let between = &lines[before.last_line..after.first_line - 1];
        if after.group < before.group {
            let what = "imports stand in the order std, external, ours";
            found.push(Violation::at(RULE, &file.path, after.first_line, what));
        } else if !between.iter().any(|line| line.trim().is_empty()) {
            let what = "a blank line separates std, external and our imports";
            found.push(Violation::at(RULE, &file.path, after.first_line, what));
        }
    }
    found
}

/// All imports of a file, in order.
fn imports(tokens: &[Token<'_>]) -> Vec<Import> {
    let mut found: Vec<Import> = Vec::new();
    let mut end_of_last = None;
    let mut at = 0;
    while at < tokens.len() {
        let before = at.checked_sub(1).map_or("", |i| tokens[i].text);
        if tokens[at].text != "use" || !matches!(before, "" | ";" | "{" | "}" | "]") {
            at += 1;
            continue;
        }
        let end = (at..tokens.len()).find(|&i| tokens[i].text == ";").unwrap_or(tokens.len() - 1);
        let follows = end_of_last.is_some_and(|last: usize| only_attributes(&tokens[last + 1..at]));
        let first = tokens[at + 1..end].iter().find(|token| token.text != ":");
        found.push(Import {
            group: first.map_or(Group::Ours, |first| group(first.text)),
            first_line: tokens[at].line,
            last_line: tokens[end].line,
            follows,
        });
        end_of_last = Some(end);
        at = end + 1;
    }
    found
}

/// Whether `tokens` are attributes, or nothing.
fn only_attributes(tokens: &[Token<'_>]) -> bool {
    let (mut depth, mut inside) = (0_usize, true);
    for token in tokens {
        match token.text {
            "[" => depth += 1,
            "]" => depth = depth.saturating_sub(1),
            "#" if depth == 0 => {}
            _ => inside &= depth > 0,
        }
    }
    inside
}

fn group(first: &str) -> Group {
    match first {
        "std" | "core" | "alloc" => Group::Std,
        "crate" | "self" | "super" => Group::Ours,
        _ => Group::External,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        check(&Tree::of(&[("a.rs", source)])).into_iter().map(|violation| violation.line).collect()
    }

    #[test]
    fn good_groups_pass() {
        let good = "use std::fmt;\nuse std::{\n    io,\n};\n\nuse evenkeel_model::Span;\n\
                    use serde::Serialize;\n\nuse crate::a;\n\nmod b;\nuse b::c;\n\
                    fn f() {\n    use std::io;\n}\nmod tests {\n    use super::*;\n}\n";
        assert_eq!(lines(good), Vec::<usize>::new());
    }

    #[test]
    fn groups_that_touch_are_found() {
        assert_eq!(lines("use std::fmt;\nuse serde::Serialize;\n"), [2]);
        assert_eq!(lines("use serde::a;\n#[cfg(test)]\nuse crate::b;\n"), [3]);
    }

    #[test]
    fn wrong_order_is_found() {
        assert_eq!(lines("use crate::a;\n\nuse std::fmt;\n"), [3]);
        assert_eq!(lines("use serde::a;\n\nuse std::fmt;\n\nuse crate::b;\n"), [3]);
    }

    #[test]
    fn exports_and_separate_blocks_do_not_count() {
        assert_eq!(lines("pub use a::b;\nuse std::fmt;\n"), Vec::<usize>::new());
        assert_eq!(lines("use crate::a;\nfn f() {}\nuse std::fmt;\n"), Vec::<usize>::new());
    }
}
