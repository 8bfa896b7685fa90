// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where and when a measurement was made, and how much of the CPUs somebody else took meanwhile.

use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_kernel::{FileError, cpu, facts};
use evenkeel_model::Span;

use crate::clock::Moment;
use crate::measurement::{Fingerprint, STEAL_RATIO_MAX};

/// CPU time stolen so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StealReading {
    at: Moment,
    stolen: Span,
    cpus: usize,
}

impl StealReading {
    /// Reads /proc/stat: ticks of 10 ms, so that one tick in a window of 0.5 s on two CPUs is
    /// already 1 %.
    pub fn now() -> Result<StealReading, FileError> {
        let cpus = cpu::stat()?;
        let stolen = cpus.values().fold(Span::ZERO, |sum, times| sum + times.steal);
        Ok(StealReading { at: Moment::now(), stolen, cpus: cpus.len() })
    }

    /// The part of all CPU time that was stolen since `earlier`, 0 to 1.
    pub fn ratio_since(&self, earlier: &StealReading) -> f64 {
        let passed = self.at.since(earlier.at).as_ns() as f64 * self.cpus as f64;
        let stolen = self.stolen.saturating_sub(earlier.stolen).as_ns() as f64;
        if passed > 0.0 { stolen / passed } else { 0.0 }
    }
}

/// The begin of an experiment, which [`Begin::finish`] turns into a fingerprint.
#[derive(Clone, Debug)]
pub struct Begin {
    started_at: String,
    began: Moment,
    steal: StealReading,
}

impl Begin {
    /// Now.
    pub fn now() -> Result<Begin, FileError> {
        // A clock before 1970 is not set; the report then says 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Begin {
            started_at: rfc3339(since_epoch.as_secs()),
            began: Moment::now(),
            steal: StealReading::now()?,
        })
    }

    /// When the experiment began: what `begin_ns` of an interval counts from.
    pub fn moment(&self) -> Moment {
        self.began
    }

    /// The fingerprint of the experiment that ends now. `guest` is what ran in the guests.
    pub fn finish(
        &self,
        guest: &str,
        seed: u64,
        command_line: &[String],
    ) -> Result<Fingerprint, FileError> {
        let steal_ratio = StealReading::now()?.ratio_since(&self.steal);
        Ok(Fingerprint {
            kernel: facts::kernel_release(),
            cpu_model: facts::cpu_model()?.unwrap_or_else(|| "unknown".to_owned()),
            microcode: facts::microcode()?,
            frequency_governor: facts::frequency_governor()?,
            revision: option_env!("EVENKEEL_REVISION").map(str::to_owned),
            cpus: cpu::online()?.to_string(),
            tick_hz: facts::tick_hz(),
            guest: guest.to_owned(),
            started_at: self.started_at.clone(),
            elapsed_ns: Moment::now().since(self.began),
            steal_ratio,
            disturbed: steal_ratio > STEAL_RATIO_MAX,
            seed,
            command_line: command_line.to_vec(),
        })
    }
}

/// `2026-11-20T06:40:00Z` for seconds since 1970. The date by Howard Hinnant's `civil_from_days`
/// (chrono-compatible low-level date algorithms): years begin in March, so that the leap day is
/// the last one.
pub fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468; // From 0000-03-01.
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_date_u() {
        // date -u -d @N +%FT%TZ
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_763_620_800, "2025-11-20T06:40:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    fn a_fingerprint_says_where_and_how_long() {
        let begin = Begin::now().unwrap();
        let host = begin.finish("none", 7, &["evenkeel".to_owned()]).unwrap();
        assert_eq!((host.seed, host.guest.as_str()), (7, "none"));
        assert!((0.0..=1.0).contains(&host.steal_ratio));
        assert!(host.started_at.starts_with("20"), "{}", host.started_at);
        assert!(!host.kernel.is_empty());
    }

    #[test]
    fn steal_is_a_part_of_all_cpus() {
        let at = Moment::now();
        let earlier = StealReading { at, stolen: Span::from_ms(100), cpus: 2 };
        let later =
            StealReading { at: at + Span::from_ms(500), stolen: Span::from_ms(120), cpus: 2 };
        assert!((later.ratio_since(&earlier) - 0.02).abs() < 1e-12);
        assert_eq!(earlier.ratio_since(&earlier).to_bits(), 0.0f64.to_bits());
    }
}
