// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long a reading verb may watch the host before it answers.

use evenkeel_model::Span;

/// Longest time to watch. A person who waits longer than a minute for one answer wants a recording,
/// which is another verb.
const WINDOW_MAX: Span = Span::from_s(60);

/// A span of at most [`WINDOW_MAX`].
pub fn window(text: &str) -> Result<Span, String> {
    let window: Span =
        text.parse().map_err(|error: evenkeel_model::SpanError| error.to_string())?;
    if window > WINDOW_MAX {
        return Err(format!("{window} is longer than the longest sample, {WINDOW_MAX}"));
    }
    Ok(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_the_end() {
        assert_eq!(window("60s"), Ok(Span::from_s(60)));
        assert_eq!(window("0s"), Ok(Span::ZERO));
        assert!(window("60.001s").is_err());
        assert!(window("1").is_err());
    }
}
