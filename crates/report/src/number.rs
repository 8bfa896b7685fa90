// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers as readers see them: three significant digits, a unit, and a word where there is none.
//!
//! Measurements may come from a foreign file, so every function here takes whatever an `f64` or a
//! [`Span`] can hold and returns a short text.

use evenkeel_model::Span;

/// Shown where a figure is absent or not a number.
pub(crate) const ABSENT: &str = "n/a";

/// Beyond this a plain decimal is unreadable and the exponent form takes over.
const PLAIN_MAX: f64 = 1e7;
/// Below this three decimals would show `0.000`.
const PLAIN_MIN: f64 = 5e-4;

/// Nanoseconds as a float. Exact up to 2^53 ns (104 days), beyond that to 16 digits, of which the
/// reader sees three.
pub(crate) fn nanoseconds(span: Span) -> f64 {
    span.as_ns() as f64
}

/// Milliseconds as a float, for axes.
pub(crate) fn in_ms(span: Span) -> f64 {
    nanoseconds(span) / 1e6
}

/// `x / y`, or NaN where `y` is nothing.
pub(crate) fn ratio(x: f64, y: f64) -> f64 {
    if y == 0.0 { f64::NAN } else { x / y }
}

/// Three significant digits: `580`, `23.5`, `1.27`, `0.041`.
pub(crate) fn significant(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        ABSENT.to_owned()
    } else if size >= PLAIN_MAX || (size != 0.0 && size < PLAIN_MIN) {
        format!("{value:.2e}")
    } else if size >= 99.95 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 9.995 {
        format!("{value:.1}")
    } else if size >= 0.9995 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

/// Bits per second: `23.5 Mb/s`, `1.27 Gb/s`.
pub(crate) fn throughput(bps: f64) -> String {
    let (unit_bps, unit) = match bps.abs() {
        b if !b.is_finite() => return ABSENT.to_owned(),
        b if b >= 999.5e6 => (1e9, "Gb/s"),
        b if b >= 999.5e3 || b == 0.0 => (1e6, "Mb/s"),
        b if b >= 999.5 => (1e3, "kb/s"),
        _ => (1.0, "b/s"),
    };
    format!("{} {unit}", significant(bps / unit_bps))
}

/// Frames per second: `912 kpps`, `1.04 Mpps`.
pub(crate) fn packet_rate(pps: f64) -> String {
    match pps.abs() {
        p if !p.is_finite() => ABSENT.to_owned(),
        p if p >= 999.5e3 => format!("{} Mpps", significant(pps / 1e6)),
        p if p >= 999.5 => format!("{} kpps", significant(pps / 1e3)),
        _ => format!("{} pps", significant(pps)),
    }
}

/// A part of one: `97.3 %`.
pub(crate) fn percent(part: f64) -> String {
    percent_with(part, 1)
}

/// A part of one that somebody chose, such as a limit or a share: `3 %`, `97.5 %`.
pub(crate) fn chosen_percent(part: f64) -> String {
    percent(part).replace(".0 %", " %")
}

/// A time that somebody chose, such as a period or a budget, exactly: `20 ms`, `1.5 s`.
pub(crate) fn chosen_time(span: Span) -> String {
    let text = span.to_string();
    let unit = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    format!("{} {}", &text[..unit], &text[unit..])
}

/// A part of one with its sign: `+0.2 %`.
pub(crate) fn signed_percent(part: f64) -> String {
    let text = percent(part);
    if part > 0.0 && text != "0.0 %" && text != ABSENT { format!("+{text}") } else { text }
}

/// A part of one beside its limit: with as many decimals as it takes to tell the two apart, so
/// that `96.96 %` never reads `97.0 %` next to a limit of 97 %.
pub(crate) fn percent_beside(part: f64, limit: f64) -> String {
    (1..4)
        .map(|decimals| (percent_with(part, decimals), percent_with(limit, decimals)))
        .find(|(mine, its)| mine != its || part == limit)
        .map_or_else(|| percent_with(part, 4), |(mine, _)| mine)
}

fn percent_with(part: f64, decimals: usize) -> String {
    let hundredths = part * 100.0;
    if !hundredths.is_finite() {
        ABSENT.to_owned()
    } else if hundredths.abs() >= PLAIN_MAX {
        format!("{hundredths:.2e} %")
    } else {
        // `-0.0` would make a reader look for the loss that is not there.
        let text = format!("{hundredths:.decimals$} %");
        match text.strip_prefix('-') {
            Some(rest) if !rest.bytes().any(|b| (b'1'..=b'9').contains(&b)) => rest.to_owned(),
            _ => text,
        }
    }
}

/// A time with the unit that suits it: `412 us`, `1.27 ms`, `20.0 s`.
pub(crate) fn time(span: Span) -> String {
    let ns = nanoseconds(span);
    match ns {
        n if n >= 999.5e6 => format!("{} s", significant(n / 1e9)),
        n if n >= 999.5e3 || n == 0.0 => format!("{} ms", significant(n / 1e6)),
        n if n >= 999.5 => format!("{} us", significant(n / 1e3)),
        n => format!("{} ns", significant(n)),
    }
}

/// Milliseconds without the unit, for a column that has it in its head.
pub(crate) fn milliseconds(span: Span) -> String {
    significant(in_ms(span))
}

/// A wall-clock time that people wait for: `47 s`, `3 min 20 s`.
pub(crate) fn wall_clock(span: Span) -> String {
    let seconds = span.as_ns() / 1_000_000_000;
    match seconds {
        0 => time(span),
        1..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Bytes of a file: `400 kB`.
pub(crate) fn bytes(count: u64) -> String {
    let count_f = count as f64;
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", significant(count_f / 1e3)),
        _ => format!("{} MB", significant(count_f / 1e6)),
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Makes the blank between a figure and its unit one at which no line breaks (U+00A0).
pub(crate) fn keep_units(text: &str) -> String {
    const UNITS: [&str; 14] = [
        "%", "ms", "us", "ns", "s", "min", "Mb/s", "Gb/s", "kb/s", "kpps", "Mpps", "kB", "MB",
        "pps",
    ];
    let mut out = String::with_capacity(text.len());
    let mut after_digit = false;
    for (i, word) in text.split(' ').enumerate() {
        let bare = word.trim_end_matches([',', '.', ';', ':', ')']);
        if i > 0 {
            out.push(if after_digit && UNITS.contains(&bare) { '\u{a0}' } else { ' ' });
        }
        out.push_str(word);
        after_digit = word.ends_with(|c: char| c.is_ascii_digit());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_whatever_the_size() {
        for (value, text) in [
            (0.0, "0"),
            (0.04123, "0.041"),
            (1.2666, "1.27"),
            (9.999, "10.0"),
            (23.46, "23.5"),
            (99.97, "100"),
            (580.2, "580"),
            (-3.456, "-3.46"),
            (1e300, "1.00e300"),
            (1e-9, "1.00e-9"),
            (f64::NAN, ABSENT),
            (f64::INFINITY, ABSENT),
        ] {
            assert_eq!(significant(value), text);
        }
    }

    #[test]
    fn units_change_where_the_rounded_figure_does() {
        assert_eq!(throughput(999.6e6), "1.00 Gb/s");
        assert_eq!(throughput(23.46e6), "23.5 Mb/s");
        assert_eq!(throughput(0.0), "0 Mb/s");
        assert_eq!(throughput(f64::NAN), ABSENT);
        assert_eq!(packet_rate(912_345.0), "912 kpps");
        assert_eq!(time(Span::from_us(1270)), "1.27 ms");
        assert_eq!(time(Span::from_ns(u64::MAX)), "1.84e10 s");
        assert_eq!(wall_clock(Span::from_s(200)), "3 min 20 s");
        assert_eq!(bytes(400_000), "400 kB");
        assert_eq!(counted(1, "period"), "1 period");
        assert_eq!(chosen_time(Span::from_ms(1500)), "1.5 s");
        assert_eq!(chosen_time(Span::ZERO), "0 ms");
        assert_eq!(chosen_percent(0.03), "3 %");
        assert_eq!(chosen_percent(0.375), "37.5 %");
    }

    #[test]
    fn a_figure_never_looks_like_the_limit_it_misses() {
        assert_eq!(percent_beside(0.9696, 0.97), "96.96 %");
        assert_eq!(percent_beside(0.991, 0.97), "99.1 %");
        assert_eq!(percent_beside(0.03, 0.03), "3.0 %");
        assert_eq!(percent_beside(0.969_999_999, 0.97), "97.0000 %");
        assert_eq!(percent(-0.0001), "0.0 %");
        assert_eq!(signed_percent(0.002), "+0.2 %");
        assert_eq!(signed_percent(0.0002), "0.0 %");
        assert_eq!(signed_percent(-0.002), "-0.2 %");
        assert_eq!(percent(f64::INFINITY), ABSENT);
    }
}
