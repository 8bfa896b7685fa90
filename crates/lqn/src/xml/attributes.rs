// SPDX-License-Identifier: MIT OR Apache-2.0
//! The attributes of an XML element, with the errors that name it.

use quick_xml::events::BytesStart;

use crate::model::{Limits, Multiplicity};
use crate::parameters::{Value, Variables};
use crate::read_error::ReadError;
use crate::text::whole;

/// The attributes of an element, unescaped.
pub(super) struct Attributes<'a> {
    pub(super) element: String,
    pub(super) line: u32,
    list: Vec<(&'a str, String)>,
    variables: &'a Variables,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(
        start: &'a BytesStart<'_>,
        line: u32,
        variables: &'a Variables,
    ) -> Result<Self, ReadError> {
        let mut list = Vec::new();
        for attribute in start.attributes() {
            let wrong = |e: &dyn std::fmt::Display| ReadError::Xml { line, message: e.to_string() };
            let attribute = attribute.map_err(|e| wrong(&e))?;
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|e| wrong(&e))?;
            list.push((attribute.key.into_inner(), value.into_owned()));
        }
        let mut element = format!("<{}>", start.name().as_ref());
        if let Some((_, name)) = list.iter().find(|(key, _)| *key == "name") {
            let name: String = name.chars().take(Limits::NAME_BYTES_MAX).collect();
            element = format!("<{} name=\"{name}\">", start.name().as_ref());
        }
        Ok(Self { element, line, list, variables })
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.list.iter().find(|(k, _)| *k == key).map(|(_, v)| v.as_str())
    }

    pub(super) fn required(&self, key: &str) -> Result<&str, ReadError> {
        let expected = || format!("{} with attribute \"{key}\"", self.element);
        self.text(key).ok_or_else(|| ReadError::syntax(self.line, &expected(), "none"))
    }

    /// The element that must be around this one.
    pub(super) fn inside<T>(&self, around: Option<T>, what: &str) -> Result<T, ReadError> {
        let expected = || format!("{} inside {what}", self.element);
        around.ok_or_else(|| ReadError::syntax(self.line, &expected(), "it elsewhere"))
    }

    pub(super) fn wrong<T>(&self, key: &str, expected: &str, found: &str) -> Result<T, ReadError> {
        let expected = format!("{} with {key} {expected}", self.element);
        Err(ReadError::syntax(self.line, &expected, format!("\"{found}\"")))
    }

    pub(super) fn refuse(&self, what: &str) -> Result<bool, ReadError> {
        Err(ReadError::unsupported(self.line, self.element.clone(), what))
    }

    pub(super) fn real(&self, key: &str, default: f64) -> Result<f64, ReadError> {
        let Some(value) = self.text(key) else { return Ok(default) };
        match value.trim() {
            v if v.starts_with('$') => match self.variables.get(v) {
                Value::One(value) => Ok(value),
                _ => Err(ReadError::Several { line: self.line, name: v.to_owned() }),
            },
            "@infinity" => Ok(f64::INFINITY),
            v => v.parse().or_else(|_| self.wrong(key, "a number", value)),
        }
    }

    pub(super) fn integer(&self, key: &str, default: u32) -> Result<u32, ReadError> {
        let value = self.real(key, f64::from(default))?;
        whole(value).map_or_else(|| self.wrong(key, "a whole number", &value.to_string()), Ok)
    }

    pub(super) fn copies(&self) -> Result<Multiplicity, ReadError> {
        let value = self.real("multiplicity", 1.0)?;
        if value == f64::INFINITY {
            return Ok(Multiplicity::Infinite);
        }
        Ok(Multiplicity::Finite(self.integer("multiplicity", 1)?))
    }
}
