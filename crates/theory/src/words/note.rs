// SPDX-License-Identifier: MIT OR Apache-2.0
//! Notes in words: what the guarantee leaves open, and what would close it.

use std::fmt;

use super::{names, on};
use crate::verdict::Note;

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Note::TickOverrun { cpus, name, tick, period, response } => {
                write!(
                    f,
                    "the kernel charges budgets at its tick of {tick}; if every capsule above \
                     '{name}' {} overruns by one, '{name}' has its budget ",
                    on(cpus)
                )?;
                match response {
                    Some(response) => write!(f, "after {response} instead of {period}")?,
                    None => write!(f, "several periods late")?,
                }
                write!(f, "; longer periods or a faster tick (CONFIG_HZ) avoid it")
            }
            Note::CoarseTick { tick, reservation } => write!(
                f,
                "a period of {} is short against the kernel's tick of {tick}: within a period it \
                 may overrun its {} by up to {tick}, taken from its next; periods of five ticks \
                 or more suffer less",
                reservation.period(),
                reservation.budget()
            ),
            Note::CeilingCouldBite { cpus, worst, ceiling } => write!(
                f,
                "at worst the capsules {} want {worst} of {}, of which the kernel lets real-time \
                 threads have {}; all of them could then pause for up to {}",
                on(cpus),
                ceiling.period(),
                ceiling.budget(),
                ceiling.period() - ceiling.budget()
            ),
            Note::CountedEverywhere { names: elsewhere, bandwidth } => write!(
                f,
                "the kernel counts every real-time group on every CPU, so the {bandwidth} of {} \
                 are missing here although no CPU is shared",
                names(elsewhere)
            ),
            Note::Outranked { foreign } => {
                write!(
                    f,
                    "interrupts and threads of the fair, real-time and deadline classes run before \
                     any capsule"
                )?;
                match foreign.as_ppb() {
                    0 => write!(f, "; nothing is kept for them"),
                    _ => write!(f, "; {foreign} of each CPU is kept for them"),
                }
            }
            Note::NoGuarantee => write!(
                f,
                "a quota caps and guarantees nothing: neighbours can still take the CPU, and \
                 kernel threads may exceed the cap"
            ),
            Note::QuotaOvercommitted { cpus, sum } => write!(
                f,
                "the caps {} sum to {sum}: not all capsules can reach theirs at once",
                on(cpus)
            ),
        }
    }
}
