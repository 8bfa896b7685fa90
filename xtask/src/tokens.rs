// SPDX-License-Identifier: MIT OR Apache-2.0
//! Rust source as words and signs, without comments and literals: enough to look for a keyword or
//! a path without being fooled by text that only mentions it.
//!
//! Not a parser. It refuses nothing: source that does not compile gives tokens as well as it can.

/// One identifier, keyword or sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// The word, or a single sign; empty for a literal, whose text is nobody's business here.
    pub text: &'a str,
    /// Its line, from 1.
    pub line: usize,
}

/// The tokens of `source`.
pub fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { source, at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(token) = scanner.next_token() {
        found.push(token);
    }
    found
}

/// A position in the source.
struct Scanner<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Moves on by `bytes`, counting lines.
    fn advance(&mut self, bytes: usize) -> &'a str {
        let passed = &self.rest()[..bytes];
        self.line += passed.bytes().filter(|&byte| byte == b'\n').count();
        self.at += bytes;
        passed
    }

    fn next_token(&mut self) -> Option<Token<'a>> {
        self.skip_blanks_and_comments();
        let line = self.line;
        let first = self.rest().chars().next()?;
        if let Some(length) = literal(self.rest()) {
            self.advance(length);
            return Some(Token { text: "", line });
        }
        if first == '\'' {
            // A lifetime: its name is no identifier.
            let length = 1 + word(&self.rest()[1..]);
            self.advance(length);
            return Some(Token { text: "'", line });
        }
        let length = word(self.rest()).max(first.len_utf8());
        let text = self.advance(length);
        Some(Token { text: text.strip_prefix("r#").unwrap_or(text), line })
    }

    fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let length = if blank > 0 {
                blank
            } else if rest.starts_with("//") {
                rest.find('\n').unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                block_comment(rest)
            } else {
                return;
            };
            self.advance(length);
        }
    }
}

/// Length of the identifier (raw ones included) or number at the start of `text`; 0 if none.
fn word(text: &str) -> usize {
    let raw = if text.starts_with("r#") { 2 } else { 0 };
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    raw + text[raw..].find(|c: char| !is_word(c)).unwrap_or(text.len() - raw)
}

/// Length of the block comment, which may contain others, at the start of `text`.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of the string or character literal, of any prefix, at the start of `text`.
fn literal(text: &str) -> Option<usize> {
    ["br", "cr", "r"].into_iter().find_map(|prefix| raw_string(text, prefix)).or_else(|| {
        ["b", "c", ""].into_iter().find_map(|prefix| {
            let body = text.strip_prefix(prefix)?;
            let length = match body.chars().next()? {
                '"' => 1 + quoted(&body[1..], '"'),
                '\'' => character(body)?,
                _ => return None,
            };
            Some(prefix.len() + length)
        })
    })
}

/// Length of the raw string with `prefix`: as many hashes after the closing quote as before the
/// opening one.
fn raw_string(text: &str, prefix: &str) -> Option<usize> {
    let body = text.strip_prefix(prefix)?;
    let inner = body.trim_start_matches('#').strip_prefix('"')?;
    let opening = body.len() - inner.len();
    let end = format!("\"{}", "#".repeat(opening - 1));
    let close = inner.find(&end).map_or(inner.len(), |at| at + end.len());
    Some(prefix.len() + opening + close)
}

/// Length of the character at the start of `text`: one, or an escape, between quotes. Anything
/// else after a quote is a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let mut characters = inner.char_indices();
    match (characters.next()?, characters.next()) {
        ((_, '\\'), _) => Some(1 + quoted(inner, '\'')),
        (_, Some((at, '\''))) => Some(1 + at + 1),
        _ => None,
    }
}

/// Length of `text` up to and including the first `quote` that no backslash precedes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).into_iter().map(|token| token.text).filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn comments_and_literals_are_not_words() {
        assert_eq!(words("a // unsafe\nb /* unsafe /* unsafe */ */ c"), ["a", "b", "c"]);
        assert_eq!(
            words(r##"x "unsafe \" unsafe" y r#"unsafe " "# z b"unsafe" w"##),
            ["x", "y", "z", "w"]
        );
        assert_eq!(words("'u' '\\'' b'x' '\"' unsafe"), ["unsafe"]);
    }

    #[test]
    fn lifetimes_do_not_open_characters() {
        assert_eq!(words("&'a str, unsafe 'b'"), ["&", "'", "str", ",", "unsafe"]);
    }

    #[test]
    fn lines_are_counted_through_literals() {
        let found = tokens("\"a\nb\"\nc /*\n*/ d");
        let lines: Vec<(&str, usize)> = found.iter().map(|t| (t.text, t.line)).collect();
        assert_eq!(lines, [("", 1), ("c", 3), ("d", 4)]);
    }

    #[test]
    fn raw_identifiers_are_words() {
        assert_eq!(words("r#type rust r"), ["type", "rust", "r"]);
    }

    #[test]
    fn unfinished_source_ends() {
        for source in ["\"", "'", "/*", "r#\"", "b'", "'\\"] {
            let _ = tokens(source);
        }
    }
}
