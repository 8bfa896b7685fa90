// SPDX-License-Identifier: MIT OR Apache-2.0
//! Prose in lines that a terminal and a mail both hold.

/// Widest line. A command to copy is never broken, whatever its length; it does not come here.
const COLUMNS_MAX: usize = 96;

/// `text` in lines of at most [`COLUMNS_MAX`], all but the first indented by `indent`, whose
/// own beginning takes `taken` columns. A word longer than a line stays whole.
pub fn wrap(text: &str, taken: usize, indent: usize) -> String {
    let mut wrapped = String::new();
    let mut column = taken;
    for (position, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if position > 0 && column + 1 + width > COLUMNS_MAX {
            wrapped.push('\n');
            wrapped.push_str(&" ".repeat(indent));
            column = indent;
        } else if position > 0 {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += width;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_filled_and_not_exceeded() {
        let text = "word ".repeat(60);
        let wrapped = wrap(text.trim(), 10, 4);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert!(10 + lines[0].len() <= 96 && 10 + lines[0].len() + 5 > 96, "{wrapped}");
        assert!(lines[1].starts_with("    word") && lines[1].len() <= 96, "{wrapped}");
        assert_eq!(wrapped.split_whitespace().count(), 60);
    }

    #[test]
    fn a_long_word_stays_whole() {
        let long = "x".repeat(200);
        assert_eq!(wrap(&format!("a {long} b"), 0, 2), format!("a\n  {long}\n  b"));
    }
}
