// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values that are no tables: times with a unit, CPU sets, names, numbers.

use evenkeel_model::{CapsuleName, CpuSet, Span};
use toml::de::DeValue;

/// Longest name or word. Longer ones make tables unreadable and are most likely a mistake.
const TEXT_CHARS_MAX: usize = 200;

/// A value that stands for itself.
pub trait Scalar: Sized {
    /// The value, or what is wrong with it.
    ///
    /// # Errors
    /// What is wrong, as the rest of a sentence that begins with the key.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

/// What a value is, with its article.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The text of a text.
fn text<'a>(value: &'a DeValue<'_>, wanted: &str) -> Result<&'a str, String> {
    match value {
        DeValue::String(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(format!("is longer than {TEXT_CHARS_MAX} characters"))
        }
        DeValue::String(text) => Ok(text),
        other => Err(format!("is {}; write {wanted}", kind(other))),
    }
}

impl Scalar for String {
    fn read(value: &DeValue<'_>) -> Result<String, String> {
        let text = text(value, "a text in quotes")?;
        match text.chars().find(|c| c.is_control()) {
            Some(c) => Err(format!("contains the control character {c:?}")),
            None => Ok(text.to_owned()),
        }
    }
}

impl Scalar for Span {
    fn read(value: &DeValue<'_>) -> Result<Span, String> {
        let text = text(value, "a time with a unit, \"6ms\"")?;
        text.parse().map_err(|error: evenkeel_model::SpanError| error.to_string())
    }
}

impl Scalar for CapsuleName {
    fn read(value: &DeValue<'_>) -> Result<CapsuleName, String> {
        let text = text(value, "a name in quotes")?;
        text.parse().map_err(|error: evenkeel_model::CapsuleNameError| error.to_string())
    }
}

impl Scalar for CpuSet {
    /// `"0-3,8"`, or the number of a single CPU without quotes.
    fn read(value: &DeValue<'_>) -> Result<CpuSet, String> {
        let parsed = match value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().parse(),
            other => text(other, "a CPU list, \"0-3,8\"")?.parse(),
        };
        let set: CpuSet = parsed.map_err(|error: evenkeel_model::CpuSetError| error.to_string())?;
        if set.is_empty() { Err("is empty; name at least one CPU".to_owned()) } else { Ok(set) }
    }
}

impl Scalar for u64 {
    fn read(value: &DeValue<'_>) -> Result<u64, String> {
        let DeValue::Integer(number) = value else {
            return Err(format!("is {}; write a whole number", kind(value)));
        };
        let digits = number.as_str();
        if digits.starts_with('-') {
            return Err(format!("{digits} is negative; use a whole number from 0 on"));
        }
        let digits = digits.trim_start_matches('+');
        u64::from_str_radix(digits, number.radix()).map_err(|_| format!("{digits} is too large"))
    }
}

impl Scalar for u32 {
    fn read(value: &DeValue<'_>) -> Result<u32, String> {
        let wide = u64::read(value)?;
        u32::try_from(wide).map_err(|_| format!("{wide} is too large; use at most {}", u32::MAX))
    }
}

impl Scalar for bool {
    fn read(value: &DeValue<'_>) -> Result<bool, String> {
        match value {
            DeValue::Boolean(yes) => Ok(*yes),
            other => Err(format!("is {}; write true or false", kind(other))),
        }
    }
}

impl Scalar for f64 {
    fn read(value: &DeValue<'_>) -> Result<f64, String> {
        let digits = match value {
            DeValue::Float(number) => number.as_str(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            other => return Err(format!("is {}; write a number", kind(other))),
        };
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(format!("{digits} is not a finite number")),
        }
    }
}
