// SPDX-License-Identifier: MIT OR Apache-2.0
//! The probability that all servers of a station are busy.
//!
//! The number of requests at the station is taken for a birth-death process: `sources` threads
//! that each come back at some rate, plus Poisson arrivals, and `m` equal servers. The rate is
//! fitted to the known mean number of busy servers. For one chain and one station beside a delay
//! this is the exact machine-repairman model; for an open flow it is Erlang's C formula.
//!
//! Threads that compete with each other below (for one processor, say) serve the slower the more
//! of them are busy. Their mean service with `k` busy is then taken for a straight line in `k`:
//! its start is the service without the competition of one's own kind, its slope follows from the
//! layer below, where idle threads come back one by one. How many are busy follows from the layer
//! above, where requests queue and keep them busy together ([`competing`]); that is the idea of
//! flow-equivalent servers (Chandy, Herzog and Woo 1975).

/// Above so many sources the finite population is not felt: Erlang C.
const SOURCES_MAX: f64 = 400.0;
/// Servers beyond which nobody queues in practice unless the load is as large; sums stay short.
const SERVERS_MAX: f64 = 4096.0;
/// Threads up to which competition among them is followed; with more it averages out.
const STRETCHED_MAX: f64 = 32.0;
/// Halvings of the slope: to a millionth.
const SLOPE_STEPS: u32 = 22;
/// Steps of a fit; a dozen is usual, a third of them halve the range.
const STEPS: u32 = 120;

/// Probability that `m` servers are all busy, when `busy` of them are on average because of
/// `sources` closed sources, and `open` because of Poisson arrivals.
pub(super) fn all_busy(m: f64, sources: f64, busy: f64, open: f64, services: &[f64]) -> f64 {
    let total = busy + open;
    if total <= 0.0 || m > SERVERS_MAX {
        return 0.0;
    }
    if m <= 1.0 {
        return total.min(1.0);
    }
    if open <= 0.0 && sources <= m - 1.0 {
        return 0.0;
    }
    if total >= m {
        return 1.0;
    }
    if services.is_empty() && (busy <= 0.0 || sources > SOURCES_MAX) {
        return erlang_c(m, total);
    }
    let chain = Chain { m, sources: sources.min(SOURCES_MAX), open, services };
    chain.at(chain.fit(total, |a| a.busy)).full
}

/// A task whose threads compete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Competing {
    pub(super) threads: f64,
    /// Threads of callers, and rate of requests that nobody waits for.
    pub(super) sources: f64,
    pub(super) open: f64,
    /// All requests per unit of time.
    pub(super) rate: f64,
    /// Service without the competition of the own threads, and with it as the layer below says.
    pub(super) alone: f64,
    pub(super) mean: f64,
}

/// Service with 1, 2, ... threads busy, and its mean as the layer above has them busy; `None` if
/// threads do not compete.
pub(super) fn competing(c: Competing) -> Option<(Vec<f64>, f64)> {
    let m = c.threads;
    let competition = c.mean - c.alone;
    if !(2.0..=STRETCHED_MAX).contains(&m) || c.rate <= 0.0 || competition <= 1e-3 * c.mean {
        return None;
    }
    let line = |slope: f64| {
        let mut out = Vec::new();
        let mut k = 0.0;
        while k < m {
            out.push(c.alone + slope * k);
            k += 1.0;
        }
        out
    };
    let busy = c.rate * c.mean;
    if busy >= 0.999 * m {
        return Some((line(competition / (m - 1.0)), c.mean));
    }
    // Below: as many sources as threads; a steeper line serves less at the same number busy.
    let (mut low, mut high) = (0.0, 8.0 * c.mean);
    for _ in 0..SLOPE_STEPS {
        let middle = 0.5 * (low + high);
        let services = line(middle);
        let chain = Chain { m, sources: m, open: 0.0, services: &services };
        if chain.at(chain.fit(busy, |a| a.busy)).flow > c.rate {
            low = middle
        } else {
            high = middle
        }
    }
    let services = line(0.5 * (low + high));
    // Above: the sources that give the same throughput.
    let open = c.open.min(c.rate);
    let sources = c.sources.clamp(0.0, SOURCES_MAX);
    let chain = Chain { m, sources, open, services: &services };
    let closed = sources > 0.0 && open < c.rate * (1.0 - 1e-9);
    let found = chain.at(if closed { chain.fit(c.rate, |a| a.flow) } else { 0.0 });
    if found.flow <= 0.0 {
        return Some((services, c.mean));
    }
    Some((services, (found.busy / found.flow).max(c.alone)))
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

/// The process, with the mean service of 1, 2, ... busy servers (1 if empty); arrival rate `open + rate * (sources - n)`
/// with `n` present. With open arrivals the tail is cut where it no longer matters.
struct Chain<'a> {
    m: f64,
    sources: f64,
    open: f64,
    services: &'a [f64],
}

/// Averages of the process.
struct Averages {
    busy: f64,
    full: f64,
    flow: f64,
}

impl Chain<'_> {
    /// The rate of the sources at which an average is as wanted.
    fn fit(&self, target: f64, of: fn(&Averages) -> f64) -> f64 {
        // Regula falsi (Illinois) in the logarithms of both: averages grow with the rate, nearly
        // as a power of it while it is small.
        let miss = |x: f64| of(&self.at(x.exp())).max(1e-300).ln() - target.ln();
        let guess = target / (self.sources - target).max(1e-9 * self.sources);
        let mut low = guess.ln();
        let mut below = miss(low);
        let mut width = 0.5;
        while below > 0.0 && width < 100.0 {
            low -= width;
            width *= 4.0;
            below = miss(low);
        }
        if below >= 0.0 {
            return low.exp();
        }
        let (mut high, mut width) = (low + 0.25, 0.5);
        let mut above = miss(high);
        while above < 0.0 && width < 100.0 {
            (low, below) = (high, above);
            high += width;
            width *= 4.0;
            above = miss(high);
        }
        if above <= 0.0 {
            return high.exp();
        }
        for step in 0..STEPS {
            // Every third step halves, so that no flat end can hold it up.
            let x = if step % 3 == 2 {
                0.5 * (low + high)
            } else {
                (low * above - high * below) / (above - below)
            };
            let here = miss(x);
            if here.abs() < 1e-11 || high - low < 1e-13 {
                return x.exp();
            }
            if here < 0.0 {
                (low, below) = (x, here);
                above *= 0.5;
            } else {
                (high, above) = (x, here);
                below *= 0.5;
            }
        }
        (0.5 * (low + high)).exp()
    }

    fn at(&self, rate: f64) -> Averages {
        let (mut p, mut sum, mut n) = (1.0_f64, 1.0, 0.0_f64);
        let mut a = Averages { busy: 0.0, full: 0.0, flow: 0.0 };
        let limit = self.sources + if self.open > 0.0 { 40.0 * self.m } else { 0.0 };
        let mut index = 0;
        while n < limit {
            let births = self.open + rate * (self.sources - n).max(0.0);
            n += 1.0;
            let serving = n.min(self.m);
            let service = self.services.get(index).or(self.services.last()).copied().unwrap_or(1.0);
            let deaths = serving / service;
            index += 1;
            p *= births / deaths;
            sum += p;
            a.busy += p * serving;
            a.flow += p * deaths;
            if n >= self.m {
                a.full += p;
            }
            if p > 1e200 {
                p *= 1e-200;
                sum *= 1e-200;
                a = Averages {
                    busy: a.busy * 1e-200,
                    full: a.full * 1e-200,
                    flow: a.flow * 1e-200,
                };
            }
            if n > self.m && p < sum * 1e-12 {
                break;
            }
        }
        Averages { busy: a.busy / sum, full: a.full / sum, flow: a.flow / sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_machine_repairman() {
        // 3 sources with think time 1, 2 servers of service 1: p = 1, 3, 3, 1.5 of 8.5; busy
        // (3 + 2 * 4.5) / 8.5, all busy 4.5 / 8.5.
        assert!((all_busy(2.0, 3.0, 12.0 / 8.5, 0.0, &[]) - 4.5 / 8.5).abs() < 1e-6);
        assert!((all_busy(2.0, 0.0, 0.0, 1.0, &[]) - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(all_busy(3.0, 2.0, 1.0, 0.0, &[]), 0.0);
    }

    #[test]
    fn threads_on_one_processor_serve_at_half_the_speed_when_both_are_busy() {
        // Below: 2 threads that are idle for 1 on one processor of demand 1: p proportional to
        // 1, 2, 2; throughput 4 / 5, busy 6 / 5. Above: 4 sources that think 1: throughput 64 / 65,
        // busy (4 + 2 * 60) / 65.
        let sources = 4.0;
        let one = Competing { threads: 2.0, sources, open: 0.0, rate: 0.8, alone: 1.0, mean: 1.5 };
        let (services, _) = competing(one).unwrap();
        assert!((services[1] - 2.0).abs() < 1e-4, "{services:?}");
        let chain = Chain { m: 2.0, sources, open: 0.0, services: &services };
        let found = chain.at(chain.fit(64.0 / 65.0, |a| a.flow));
        assert!((found.busy - 124.0 / 65.0).abs() < 1e-3);
    }
}
