// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files stay small: six hundred lines are a question, a thousand a refactor (STYLE, habit 2).

use crate::tree::{SourceFile, Tree};
use crate::violation::Violation;

const RULE: &str = "length";

/// Beyond this a file is refused.
const LINES_MAX: usize = 1_000;
/// Beyond this a file is mentioned.
const LINES_QUESTION: usize = 600;

/// Sources that are too long.
pub fn check(tree: &Tree) -> Vec<Violation> {
    longer_than(tree, LINES_MAX)
        .map(|(file, lines)| {
            let what = format!("{lines} lines; at most {LINES_MAX}: split it by concept");
            Violation::at(RULE, &file.path, 0, what)
        })
        .collect()
}

/// Sources that raise the question, for the eyes of whoever runs the check.
pub fn questions(tree: &Tree) -> Vec<String> {
    longer_than(tree, LINES_QUESTION)
        .map(|(file, lines)| format!("{}: {lines} lines; is it still one concept?", file.path))
        .collect()
}

fn longer_than(tree: &Tree, limit: usize) -> impl Iterator<Item = (&SourceFile, usize)> {
    let sources = tree.files.iter().filter(|file| file.is_rust() || file.is_script());
    sources.map(|file| (file, file.text.lines().count())).filter(move |(_, lines)| *lines > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_against_both_limits() {
        let (short, long) = ("x\n".repeat(600), "x\n".repeat(1_001));
        let middle = "x\n".repeat(1_000);
        let tree =
            Tree::of(&[("a.rs", &short), ("b.rs", &middle), ("c.sh", &long), ("table.csv", &long)]);
        assert_eq!(check(&tree).len(), 1);
        assert_eq!(check(&tree)[0].path, "c.sh");
        assert_eq!(questions(&tree).len(), 2);
    }
}
