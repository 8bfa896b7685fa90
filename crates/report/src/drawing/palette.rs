// SPDX-License-Identifier: MIT OR Apache-2.0
//! Colours by meaning, and the style sheet that gives them their values in light, dark and print.
//!
//! The hues are those of Okabe and Ito's palette (2008), chosen to stay apart under the common
//! colour-vision deficiencies; in the dark they are lightened. Every series also differs by
//! dash or mark, so a grey print can be read too.

/// What a colour means, the same in every figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// With Evenkeel, or what this run measured.
    Ours,
    /// Without Evenkeel.
    Without,
    /// A second series of the same rank.
    Second,
    /// What somebody published.
    Published,
    /// A limit that was asked for.
    Limit,
    /// Supply beyond the budget, to be paid back.
    Debt,
    /// Controls, raw repetitions, things in the background.
    Muted,
    /// Text and frames.
    Text,
}

impl Ink {
    /// The class that sets `color`; shapes take it as `currentColor`.
    pub const fn class(self) -> &'static str {
        match self {
            Ink::Ours => "ek-ours",
            Ink::Without => "ek-without",
            Ink::Second => "ek-second",
            Ink::Published => "ek-published",
            Ink::Limit => "ek-limit",
            Ink::Debt => "ek-debt",
            Ink::Muted => "ek-muted",
            Ink::Text => "ek-text",
        }
    }
}

/// Dash patterns, the second carrier of what the colour says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dash {
    /// An unbroken line.
    Solid,
    /// Long dashes.
    Long,
    /// Dash and dot.
    LongDot,
    /// Short dashes.
    Short,
    /// Dots.
    Dots,
}

impl Dash {
    /// The value of `stroke-dasharray`.
    pub const fn array(self) -> Option<&'static str> {
        match self {
            Dash::Solid => None,
            Dash::Long => Some("10 4"),
            Dash::LongDot => Some("9 3 2 3"),
            Dash::Short => Some("5 3"),
            Dash::Dots => Some("1.5 3"),
        }
    }
}

/// The style sheet of the drawings. The page includes it once, a file of its own carries it.
pub(crate) const STYLE: &str = "\
:root{--ek-paper:#fff;--ek-ink:#1b1f24;--ek-soft:#59636e;--ek-grid:#e4e8ec;--ek-frame:#8c959f;\
--ek-ours:#0072b2;--ek-without:#c44e00;--ek-second:#00795a;--ek-published:#9a4f80;--ek-limit:#1b1f24;\
--ek-debt:#e69f00}
@media screen and (prefers-color-scheme:dark){:root{--ek-paper:#14181d;--ek-ink:#e6eaee;\
--ek-soft:#9ba6b1;--ek-grid:#2a3038;--ek-frame:#6b7682;--ek-ours:#56b4e9;--ek-without:#f08a4b;\
--ek-second:#3ecf9f;--ek-published:#e3a0c8;--ek-limit:#e6eaee;\
--ek-debt:#e6b450}}
.ek-figure{font-family:system-ui,'Segoe UI','Liberation Sans',Arial,sans-serif;font-size:13px}
.ek-figure text{fill:var(--ek-ink)}
.ek-figure .ek-halo{paint-order:stroke;stroke:var(--ek-paper);stroke-width:4px;stroke-linejoin:round}
.ek-figure .ek-tick{font-size:12px;fill:var(--ek-soft)}
.ek-figure .ek-title{font-size:17px;font-weight:600}
.ek-figure .ek-caption{font-size:12.5px;fill:var(--ek-soft)}
.ek-figure .ek-grid{stroke:var(--ek-grid);stroke-width:1}
.ek-figure .ek-frame{stroke:var(--ek-frame);stroke-width:1;fill:none}
.ek-figure .ek-paper{fill:var(--ek-paper)}
.ek-figure .ek-inked{fill:currentColor}
.ek-figure .ek-strong{font-weight:600}
.ek-ours{color:var(--ek-ours)}.ek-without{color:var(--ek-without)}.ek-second{color:var(--ek-second)}
.ek-published{color:var(--ek-published)}.ek-limit{color:var(--ek-limit)}.ek-debt{color:var(--ek-debt)}
.ek-muted{color:var(--ek-soft)}.ek-text{color:var(--ek-ink)}
";
