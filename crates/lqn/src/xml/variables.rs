// SPDX-License-Identifier: MIT OR Apache-2.0
//! Variables of a file with a program (`<lqx>`): those that are set once, to a constant expression,
//! have a value; what a program computes or sweeps has none here.

use std::collections::{HashMap, HashSet};

use crate::text::constant;

/// Their values by name, `$` included.
pub(super) fn constants(text: &str) -> HashMap<String, f64> {
    let mut values = HashMap::new();
    let mut twice = HashSet::new();
    for program in programs(text) {
        for statement in program.split([';', '\n']) {
            let Some((name, value)) = statement.split_once('=') else { continue };
            let name = name.trim();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_name = name.strip_prefix('$').is_some_and(|n| n.chars().all(plain));
            if !is_name || value.starts_with('=') {
                // A condition, a loop or another language's business; but a variable that appears
                // in the head of a loop has no one value.
                if let Some(at) = name.rfind('$') {
                    let end = name[at + 1..].find(|c| !plain(c)).map_or(name.len(), |e| at + 1 + e);
                    twice.insert(name[at..end].to_owned());
                }
                continue;
            }
            match constant(value, &values) {
                Some(value) if !values.contains_key(name) => {
                    values.insert(name.to_owned(), value);
                }
                _ => {
                    twice.insert(name.to_owned());
                }
            }
        }
    }
    values.retain(|name, _| !twice.contains(name));
    values
}

/// The contents of all program elements, without the wrapping of character data.
fn programs(text: &str) -> impl Iterator<Item = &str> {
    ["lqx", "spex-parameters"].into_iter().filter_map(move |name| {
        let from = text.find(&format!("<{name}"))?;
        let inside = &text[from..];
        let inside = &inside[inside.find('>')? + 1..];
        let inside = &inside[..inside.find(&format!("</{name}>"))?];
        Some(inside.trim().trim_start_matches("<![CDATA[").trim_end_matches("]]>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_found_and_loops_are_not() {
        let text = "<lqn-model><lqx><![CDATA[ $a = 2; $b = $a * 3;\n$c = 1; $c = 2;
            for ($d = 1; $d < 3; $d = $d + 1) { solve(); } if ($a == 2) { } ]]></lqx></lqn-model>";
        let found = constants(text);
        assert_eq!((found.get("$a"), found.get("$b")), (Some(&2.0), Some(&6.0)));
        assert!(!found.contains_key("$c") && !found.contains_key("$d"), "{found:?}");
    }
}
