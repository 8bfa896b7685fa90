// SPDX-License-Identifier: MIT OR Apache-2.0
//! Splits the text format into tokens with their lines. A section does not need line breaks: the
//! format is free-form, and `-1` ends lists.

use std::fmt;

use crate::read_error::ReadError;

/// One token; borrowed from the text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// A name of letters, digits and underscores.
    Name(&'a str),
    /// Digits only: a number, or a name where a name is wanted.
    Integer(&'a str),
    /// A number with a point or an exponent.
    Float(f64),
    /// `"..."`.
    Text(&'a str),
    /// `$name`.
    Variable(&'a str),
    /// `@infinity`.
    Infinity,
    /// `-1`: the end of a list.
    End,
    /// `%name`: an observation of the original tools.
    Observation(&'a str),
    /// Anything else, one character (or `->`, `**`, ...).
    Symbol(&'a str),
    /// The end of the file.
    Eof,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(s) | Self::Integer(s) | Self::Symbol(s) => write!(f, "\"{s}\""),
            Self::Float(x) => write!(f, "{x}"),
            Self::Text(s) => write!(f, "the text \"{s}\""),
            Self::Variable(s) => write!(f, "the variable \"{s}\""),
            Self::Infinity => f.write_str("@infinity"),
            Self::End => f.write_str("the end of a list (-1)"),
            Self::Observation(s) => write!(f, "the observation \"{s}\""),
            Self::Eof => f.write_str("the end of the file"),
        }
    }
}

/// All tokens with their lines, an `Eof` last.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token<'_>, u32)>, ReadError> {
    let mut lexer = Lexer { text, at: 0, line: 1 };
    let mut out = Vec::new();
    loop {
        lexer.skip_space_and_comments();
        let line = lexer.line;
        let token = lexer.token()?;
        out.push((token, line));
        if token == Token::Eof {
            return Ok(out);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    fn byte(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(0)
    }

    fn skip_space_and_comments(&mut self) {
        while self.at < self.text.len() {
            match self.byte(0) {
                b'\n' => {
                    self.line = self.line.saturating_add(1);
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' => self.at += 1,
                b'#' => {
                    self.at += self.text[self.at..].find('\n').unwrap_or(self.text.len() - self.at)
                }
                _ => return,
            }
        }
    }

    /// The text from here while bytes (ASCII) satisfy `of`.
    fn run(&mut self, of: impl Fn(u8) -> bool) -> &'a str {
        let start = self.at;
        while self.at < self.text.len() && of(self.byte(0)) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn token(&mut self) -> Result<Token<'a>, ReadError> {
        let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        if self.at >= self.text.len() {
            return Ok(Token::Eof);
        }
        let start = self.at;
        match self.byte(0) {
            b'"' => self.quoted(),
            b'-' if self.byte(1) == b'1' && !word(self.byte(2)) && self.byte(2) != b'.' => {
                self.at += 2;
                Ok(Token::End)
            }
            b'$' => {
                self.at += 1;
                self.run(word);
                Ok(Token::Variable(&self.text[start..self.at]))
            }
            b'@' => {
                self.at += 1;
                let word = self.run(word);
                if word == "infinity" {
                    return Ok(Token::Infinity);
                }
                Err(ReadError::syntax(self.line, "@infinity", format!("@{word}")))
            }
            b'%' if self.byte(1).is_ascii_alphabetic() => {
                self.at += 1;
                Ok(Token::Observation(self.run(word)))
            }
            b'0'..=b'9' | b'.' => self.number(),
            c if word(c) => Ok(Token::Name(self.run(word))),
            _ => {
                let rest = &self.text[start..];
                let two = ["->", "**", "==", "!=", "<=", ">=", "&&", "||"];
                let width = if two.iter().any(|t| rest.starts_with(t)) {
                    2
                } else {
                    rest.chars().next().map_or(1, char::len_utf8)
                };
                self.at += width;
                Ok(Token::Symbol(&rest[..width]))
            }
        }
    }

    fn quoted(&mut self) -> Result<Token<'a>, ReadError> {
        let (start, first_line) = (self.at + 1, self.line);
        self.at += 1;
        loop {
            match self.byte(0) {
                _ if self.at >= self.text.len() => {
                    return Err(ReadError::syntax(
                        first_line,
                        "a closing quote",
                        "the end of the file",
                    ));
                }
                b'"' => break,
                // An escaped quote stays in the text; the escaped byte may be any.
                b'\\' if self.at + 1 < self.text.len() && self.byte(1) == b'"' => self.at += 1,
                b'\n' => self.line = self.line.saturating_add(1),
                _ => {}
            }
            self.at += 1;
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        Ok(Token::Text(text))
    }

    /// Digits, or a floating-point number; a name may begin with digits only if nothing else
    /// follows, as in the original scanner.
    fn number(&mut self) -> Result<Token<'a>, ReadError> {
        let start = self.at;
        self.run(|c| c.is_ascii_digit());
        let whole = self.at;
        if self.byte(0) == b'.' {
            self.at += 1;
            self.run(|c| c.is_ascii_digit());
        }
        if self.at == start + 1 && self.text.as_bytes()[start] == b'.' {
            return Ok(Token::Symbol("."));
        }
        if matches!(self.byte(0), b'e' | b'E' | b'd' | b'D') {
            let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
            if self.byte(1 + sign).is_ascii_digit() {
                self.at += 1 + sign;
                self.run(|c| c.is_ascii_digit());
            }
        }
        let text = &self.text[start..self.at];
        if self.at == whole {
            return Ok(Token::Integer(text));
        }
        let value: Result<f64, _> = text.replace(['d', 'D'], "e").parse();
        match value {
            Ok(value) if value.is_finite() => Ok(Token::Float(value)),
            _ => Err(ReadError::syntax(self.line, "a number", text)),
        }
    }
}
