// SPDX-License-Identifier: MIT OR Apache-2.0
//! Constant arithmetic of variables: `$n = ($a + 2) * 3`. Only what gives one number;
//! lists stand alone, and control flow belongs to the tools that sweep.

use super::lexer::Token;
use super::parser::Cursor;
use crate::parameters::{Value, Variables};
use crate::read_error::ReadError;

/// Parentheses deep; recursion below costs a few hundred bytes a level.
const DEPTH_MAX: u32 = 64;

/// The value of the expression that starts here.
pub(super) fn value(c: &mut Cursor<'_>, variables: &Variables) -> Result<f64, ReadError> {
    sum(c, variables, 0)
}

fn sum(c: &mut Cursor<'_>, v: &Variables, depth: u32) -> Result<f64, ReadError> {
    let mut total = product(c, v, depth)?;
    loop {
        match c.peek() {
            Token::Symbol("+") => {
                c.next();
                total += product(c, v, depth)?;
            }
            Token::Symbol("-") => {
                c.next();
                total -= product(c, v, depth)?;
            }
            // The scanner reads `$a -1` as the end of a list; inside an expression it subtracts.
            _ => return Ok(total),
        }
    }
}

fn product(c: &mut Cursor<'_>, v: &Variables, depth: u32) -> Result<f64, ReadError> {
    let mut total = power(c, v, depth)?;
    loop {
        match c.peek() {
            Token::Symbol("*") => {
                c.next();
                total *= power(c, v, depth)?;
            }
            Token::Symbol("/") => {
                c.next();
                total /= power(c, v, depth)?;
            }
            _ => return Ok(total),
        }
    }
}

fn power(c: &mut Cursor<'_>, v: &Variables, depth: u32) -> Result<f64, ReadError> {
    let base = factor(c, v, depth)?;
    if c.peek() != Token::Symbol("**") {
        return Ok(base);
    }
    c.next();
    if depth >= DEPTH_MAX {
        return Err(ReadError::syntax(c.line(), "an expression of at most 64 levels", c.peek()));
    }
    Ok(base.powf(power(c, v, depth + 1)?))
}

fn factor(c: &mut Cursor<'_>, v: &Variables, depth: u32) -> Result<f64, ReadError> {
    let line = c.line();
    match c.next() {
        Token::Symbol("(") if depth < DEPTH_MAX => {
            let value = sum(c, v, depth + 1)?;
            c.symbol(")")?;
            Ok(value)
        }
        Token::Variable(name) => variable(name, v, line),
        token => number(token).ok_or_else(|| ReadError::syntax(line, "a number", token)),
    }
}

/// The one value of a variable.
pub(super) fn variable(name: &str, v: &Variables, line: u32) -> Result<f64, ReadError> {
    match v.get(name) {
        Value::One(value) => Ok(value),
        Value::Several(_) => Err(ReadError::Several { line, name: name.to_owned() }),
        Value::Unknown => Err(ReadError::Unknown { line, kind: "variable", name: name.to_owned() }),
    }
}

/// A token that is a number by itself.
pub(super) fn number(token: Token<'_>) -> Option<f64> {
    match token {
        Token::Float(x) => Some(x),
        // A long run of digits may parse as infinity; the checks of the model refuse it.
        Token::Integer(s) => s.parse().ok(),
        Token::Infinity => Some(f64::INFINITY),
        _ => None,
    }
}
