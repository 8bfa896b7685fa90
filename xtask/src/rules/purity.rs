// SPDX-License-Identifier: MIT OR Apache-2.0
//! The pure ring asks the world nothing: no files, sockets, threads, environment, processes or
//! clocks, and it prints nothing.
//!
//! Looks at the sources of pure crates, not at their integration tests. Clippy bans the clock types
//! as well; it cannot ban whole modules.

use crate::rules::edges::PURE;
use crate::tokens::{Token, tokens};
use crate::tree::Tree;
use crate::violation::Violation;

const RULE: &str = "purity";

/// Paths that a pure crate must not name, as it would write them.
const FORBIDDEN_PATHS: [&str; 10] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
];
/// Macros that print.
const FORBIDDEN_MACROS: [&str; 5] = ["dbg", "eprint", "eprintln", "print", "println"];

/// I/O, clocks and threads in pure crates.
pub fn check(tree: &Tree) -> Vec<Violation> {
    let is_pure = |path: &str| {
        PURE.iter().any(|name| {
            path.starts_with(&format!("crates/{}/src/", name.trim_start_matches("evenkeel-")))
        })
    };
    let mut found = Vec::new();
    for file in tree.rust().filter(|file| is_pure(&file.path)) {
        let tokens = tokens(&file.text);
        for (path, line) in std_paths(&tokens) {
            let inside = |f: &str| path == f || path.starts_with(&format!("{f}::"));
            if FORBIDDEN_PATHS.into_iter().any(inside) {
                let what =
                    format!("`{path}` in the pure ring; pass what it would tell as argument");
                found.push(Violation::at(RULE, &file.path, line, what));
            }
        }
        for pair in tokens.windows(2) {
            if pair[1].text == "!" && FORBIDDEN_MACROS.contains(&pair[0].text) {
                let what =
                    format!("`{}!` in the pure ring; return what is to be said", pair[0].text);
                found.push(Violation::at(RULE, &file.path, pair[0].line, what));
            }
        }
    }
    found
}

/// All paths that begin with `std`, groups in braces multiplied out, with their lines.
fn std_paths(tokens: &[Token<'_>]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.text == "std" {
            expand(tokens, at + 1, "std", token.line, &mut found);
        }
    }
    found
}

/// Follows a path from `at`, which stands after `prefix`; returns where it ends. Depth of recursion
/// is the depth of braces in one `use`.
fn expand(
    tokens: &[Token<'_>],
    at: usize,
    prefix: &str,
    line: usize,
    found: &mut Vec<(String, usize)>,
) -> usize {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text);
    let is_name = |i: usize| text(i).starts_with(|c: char| c.is_alphabetic() || c == '_');
    if text(at) != ":" || text(at + 1) != ":" {
        found.push((prefix.to_owned(), line));
        return at;
    }
    let next = at + 2;
    if is_name(next) {
        let path = format!("{prefix}::{}", text(next));
        return expand(tokens, next + 1, &path, tokens[next].line, found);
    }
    if text(next) != "{" {
        // A glob, or the generic arguments of a call.
        found.push((prefix.to_owned(), line));
        return next;
    }
    let mut item = next + 1;
    while item < tokens.len() && text(item) != "}" {
        if is_name(item) && text(item) != "self" {
            let path = format!("{prefix}::{}", text(item));
            item = expand(tokens, item + 1, &path, tokens[item].line, found);
        } else {
            if text(item) == "self" {
                found.push((prefix.to_owned(), tokens[item].line));
            }
            item += 1;
        }
    }
    item + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(source: &str) -> Vec<String> {
        let tree = Tree::of(&[("crates/theory/src/a.rs", source)]);
        check(&tree).into_iter().map(|violation| violation.to_string()).collect()
    }

    #[test]
    fn the_world_is_found_however_it_is_imported() {
        for source in [
            "use std::fs;",
            "use std::fs::File;",
            "use std::{fmt, fs};",
            "use std::{fmt::{self}, net::{IpAddr, TcpStream}};",
            "fn f() { std::thread::sleep(d) }",
            "use std::time::{Duration, Instant};",
            "use std::time::SystemTime as T;",
            "use std::env::{self};",
            "fn f() { println!(\"x\") }",
        ] {
            assert_eq!(
                complaints(source).len(),
                1 + usize::from(source.contains("TcpStream")),
                "{source}"
            );
        }
    }

    #[test]
    fn what_is_pure_passes() {
        for source in [
            "use std::time::Duration;",
            "use std::{fmt, collections::BTreeMap};",
            "// std::fs\nconst A: &str = \"std::fs\";",
            "use evenkeel_model::net;",
            "fn f() { write!(f, \"x\") }",
        ] {
            assert_eq!(complaints(source), Vec::<String>::new(), "{source}");
        }
    }

    #[test]
    fn other_crates_and_tests_may() {
        let tree = Tree::of(&[
            ("crates/host/src/a.rs", "use std::fs;"),
            ("crates/theory/tests/a.rs", "use std::fs;"),
        ]);
        assert!(check(&tree).is_empty());
    }
}
