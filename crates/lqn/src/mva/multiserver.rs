// SPDX-License-Identifier: MIT OR Apache-2.0
//! The probability that all servers of a station are busy.
//!
//! The number of requests at the station is taken for a birth-death process: `sources` threads
//! that each come back at some rate, plus Poisson arrivals, and `m` equal servers. The rate is
//! fitted to the known mean number of busy servers. For one chain and one station beside a delay
//! this is the exact machine-repairman model; for an open flow it is Erlang's C formula.

/// Above so many sources the finite population is not felt: Erlang C.
const SOURCES_MAX: f64 = 400.0;
/// Servers beyond which nobody queues in practice unless the load is as large; sums stay short.
const SERVERS_MAX: f64 = 4096.0;
/// Halvings of the logarithm of the rate: from 60 orders of magnitude to 1e-9 of it.
const STEPS: u32 = 44;

/// Probability that `m` servers are all busy, when `busy` of them are on average because of
/// `sources` closed sources, and `open` because of Poisson arrivals.
pub(super) fn all_busy(m: f64, sources: f64, busy: f64, open: f64) -> f64 {
    let total = busy + open;
    if total <= 0.0 || m > SERVERS_MAX {
        return 0.0;
    }
    if m <= 1.0 {
        return total.min(1.0);
    }
    if open <= 0.0 && sources < m {
        return 0.0;
    }
    if total >= m {
        return 1.0;
    }
    if busy <= 0.0 || sources > SOURCES_MAX {
        return erlang_c(m, total);
    }
    let (mut low, mut high) = (-30.0_f64, 30.0_f64);
    for _ in 0..STEPS {
        let middle = 0.5 * (low + high);
        if birth_death(m, sources, middle.exp(), open).0 < total {
            low = middle
        } else {
            high = middle
        }
    }
    birth_death(m, sources, (0.5 * (low + high)).exp(), open).1
}

/// Erlang's C formula by the stable recursion of Erlang B.
fn erlang_c(m: f64, load: f64) -> f64 {
    let (mut b, mut k) = (1.0, 1.0);
    while k <= m {
        b = load * b / (k + load * b);
        k += 1.0;
    }
    let rho = (load / m).min(1.0);
    b / (1.0 - rho * (1.0 - b))
}

/// Mean busy servers and probability of all busy, service rate 1, for arrival rate
/// `open + rate * (sources - n)` with `n` present. With open arrivals the tail is cut where it no
/// longer matters.
fn birth_death(m: f64, sources: f64, rate: f64, open: f64) -> (f64, f64) {
    let (mut p, mut sum, mut busy, mut full, mut n) = (1.0_f64, 1.0, 0.0, 0.0, 0.0_f64);
    let limit = sources + if open > 0.0 { 40.0 * m } else { 0.0 };
    while n < limit {
        let births = open + rate * (sources - n).max(0.0);
        n += 1.0;
        p *= births / n.min(m);
        sum += p;
        busy += p * n.min(m);
        if n >= m {
            full += p;
        }
        if p > 1e200 {
            (p, sum, busy, full) = (p * 1e-200, sum * 1e-200, busy * 1e-200, full * 1e-200);
        }
        if n > m && p < sum * 1e-12 {
            break;
        }
    }
    (busy / sum, full / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_machine_repairman() {
        // 3 sources with think time 1, 2 servers of service 1: p = 1, 3, 3, 1.5 of 8.5; busy
        // (3 + 2 * 4.5) / 8.5, all busy 4.5 / 8.5.
        assert!((all_busy(2.0, 3.0, 12.0 / 8.5, 0.0) - 4.5 / 8.5).abs() < 1e-6);
        assert!((all_busy(2.0, 0.0, 0.0, 1.0) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(all_busy(3.0, 2.0, 1.0, 0.0), 0.0);
    }
}
