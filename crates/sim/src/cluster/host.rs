// SPDX-License-Identifier: MIT OR Apache-2.0
//! One host: what is held of each CPU, whether one more machine fits, and on which CPUs.
//!
//! The tests and the choice are those of [`evenkeel_theory::placement`], kept up to date machine by
//! machine instead of worked out anew; `tests` below compares the two.

use std::cmp::Reverse;
use std::ops::Range;

use evenkeel_model::{Bandwidth, Reservation};
use evenkeel_theory::{RTGROUP_CAPSULES_MAX, deferrable_response_time};

use super::description::{Fit, Flavour, HostRule, Hosts, Spread};

/// One host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    /// What is held of each CPU.
    held: Vec<Bandwidth>,
    /// The servers of each CPU by rate-monotonic priority, real-time groups only.
    servers: Vec<Vec<Server>>,
    /// The sum of `held`.
    total: Bandwidth,
    /// The machines' bandwidths, each counted once, and how many there are.
    once: Bandwidth,
    machines: usize,
}

/// One machine's server on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Server {
    reservation: Reservation,
    /// Order of arrival; decides between equal periods.
    sequence: u64,
}

/// A machine, as a host sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guest<'a> {
    pub flavour: &'a Flavour,
    pub sequence: u64,
}

impl Host {
    /// Without machines.
    pub fn empty(hosts: &Hosts) -> Host {
        let cpus = usize::from(hosts.cpus);
        let servers = match hosts.rule {
            HostRule::Edf { .. } => Vec::new(),
            HostRule::RtGroup { .. } => vec![Vec::new(); cpus],
        };
        Host {
            held: vec![Bandwidth::ZERO; cpus],
            servers,
            total: Bandwidth::ZERO,
            once: Bandwidth::ZERO,
            machines: 0,
        }
    }

    /// What is held of all CPUs together.
    pub fn total(&self) -> Bandwidth {
        self.total
    }

    /// How many machines it has.
    pub fn machines(&self) -> usize {
        self.machines
    }

    /// Whether `guest` fits.
    pub fn fits(&self, hosts: &Hosts, guest: Guest<'_>) -> bool {
        self.whole_has_room(hosts, guest.flavour)
            && ranges(hosts, guest.flavour.spread).any(|cpus| {
                let good = cpus.filter(|&cpu| self.cpu_has_room(hosts, cpu, guest));
                good.take(guest.flavour.cpus.into()).count() == usize::from(guest.flavour.cpus)
            })
    }

    /// The CPUs that `guest` gets, if it fits.
    pub fn choose(&self, hosts: &Hosts, guest: Guest<'_>, fit: Fit) -> Option<Box<[u16]>> {
        if !self.whole_has_room(hosts, guest.flavour) {
            return None;
        }
        let wanted = usize::from(guest.flavour.cpus);
        let of_range = |cpus: Range<usize>| {
            let mut good: Vec<usize> =
                cpus.filter(|&cpu| self.cpu_has_room(hosts, cpu, guest)).collect();
            match fit {
                Fit::First => {}
                Fit::Best => good.sort_by_key(|&cpu| Reverse(self.held[cpu])),
                Fit::Worst => good.sort_by_key(|&cpu| self.held[cpu]),
            }
            good.truncate(wanted);
            (good.len() == wanted).then_some(good)
        };
        let mut offers = ranges(hosts, guest.flavour.spread).filter_map(of_range);
        let held = |offer: &Vec<usize>| offer.iter().map(|&cpu| self.held[cpu]).sum::<Bandwidth>();
        let chosen = match fit {
            Fit::First => offers.next(),
            Fit::Best => offers.min_by_key(|offer| Reverse(held(offer))),
            Fit::Worst => offers.min_by_key(held),
        };
        chosen.map(boxed)
    }

    /// Whether `guest` fits on exactly these CPUs.
    pub fn fits_on(&self, hosts: &Hosts, guest: Guest<'_>, cpus: &[u16]) -> bool {
        let apart = ranges(hosts, guest.flavour.spread)
            .all(|range| !cpus.iter().all(|&cpu| range.contains(&usize::from(cpu))));
        cpus.len() == usize::from(guest.flavour.cpus)
            && !apart
            && self.whole_has_room(hosts, guest.flavour)
            && cpus.iter().all(|&cpu| self.cpu_has_room(hosts, cpu.into(), guest))
    }

    /// Takes `guest` in, on CPUs where it fits.
    pub fn add(&mut self, guest: Guest<'_>, cpus: &[u16]) {
        let Guest { flavour, sequence } = guest;
        let bandwidth = flavour.reservation.bandwidth();
        let server = Server { reservation: flavour.reservation, sequence };
        for &cpu in cpus {
            let cpu = usize::from(cpu);
            self.held[cpu] = self.held[cpu] + bandwidth;
            if let Some(servers) = self.servers.get_mut(cpu) {
                let at = servers.partition_point(|other| other.goes_before(server));
                servers.insert(at, server);
            }
        }
        self.total = self.total + flavour.size();
        self.once = self.once + bandwidth;
        self.machines += 1;
    }

    /// Undoes [`Host::add`].
    pub fn remove(&mut self, guest: Guest<'_>, cpus: &[u16]) {
        let bandwidth = guest.flavour.reservation.bandwidth();
        for &cpu in cpus {
            let cpu = usize::from(cpu);
            self.held[cpu] = self.held[cpu] - bandwidth;
            if let Some(servers) = self.servers.get_mut(cpu) {
                servers.retain(|server| server.sequence != guest.sequence);
            }
        }
        self.total = self.total - guest.flavour.size();
        self.once = self.once - bandwidth;
        self.machines -= 1;
    }

    /// How many more machines like `guest` fit, if nothing else comes. With c_i servers fitting on
    /// CPU i, n machines of k servers each, no two of one machine on the same CPU, fit if and only
    /// if Σ min(c_i, n) >= n·k (Gale and Ryser's condition for such a table, columns all of k).
    pub fn room_for(&self, hosts: &Hosts, guest: Guest<'_>) -> u64 {
        let most = self.whole_room(hosts, guest.flavour);
        let of_range = |cpus: Range<usize>| {
            let slots: Vec<u64> = cpus.map(|cpu| self.slots(hosts, cpu, guest)).collect();
            let wanted = u64::from(guest.flavour.cpus);
            let fit = |n: u64| slots.iter().map(|&c| c.min(n)).sum::<u64>() >= n * wanted;
            // Bisection; with n fitting, every smaller number fits.
            let (mut good, mut rest) = (0, slots.iter().sum::<u64>() / wanted);
            while good < rest {
                let middle = good + (rest - good).div_ceil(2);
                if fit(middle) {
                    good = middle;
                } else {
                    rest = middle - 1;
                }
            }
            good
        };
        ranges(hosts, guest.flavour.spread).map(of_range).sum::<u64>().min(most)
    }

    /// How many servers like `guest`'s fit on `cpu`.
    fn slots(&self, hosts: &Hosts, cpu: usize, guest: Guest<'_>) -> u64 {
        match hosts.rule {
            HostRule::Edf { limit } => {
                let left = limit.saturating_sub(self.held[cpu]).as_ppb();
                left / guest.flavour.reservation.bandwidth().as_ppb()
            }
            HostRule::RtGroup { .. } => {
                let mut servers = self.servers[cpu].clone();
                let mut count = 0;
                // At most as many as there are bands; each comes after those before it.
                while count < RTGROUP_CAPSULES_MAX as u64
                    && insert_in_time(&mut servers, guest.server_after(count))
                {
                    count += 1;
                }
                count
            }
        }
    }

    /// How many machines the host as a whole has room for.
    fn whole_room(&self, hosts: &Hosts, flavour: &Flavour) -> u64 {
        match hosts.rule {
            HostRule::Edf { .. } => u64::MAX,
            HostRule::RtGroup { limit } => {
                let sum = limit.saturating_sub(self.once).as_ppb();
                let bands = RTGROUP_CAPSULES_MAX.saturating_sub(self.machines) as u64;
                (sum / flavour.reservation.bandwidth().as_ppb()).min(bands)
            }
        }
    }

    fn whole_has_room(&self, hosts: &Hosts, flavour: &Flavour) -> bool {
        self.whole_room(hosts, flavour) > 0
    }

    fn cpu_has_room(&self, hosts: &Hosts, cpu: usize, guest: Guest<'_>) -> bool {
        let bandwidth = guest.flavour.reservation.bandwidth();
        match hosts.rule {
            HostRule::Edf { limit } => self.held[cpu] + bandwidth <= limit,
            HostRule::RtGroup { .. } => {
                // More than a CPU never fits; that spares most of the response times.
                self.held[cpu] + bandwidth <= Bandwidth::ONE
                    && insert_in_time(&mut self.servers[cpu].clone(), guest.server_after(0))
            }
        }
    }
}

impl Guest<'_> {
    /// Its server, `count` places behind its own in the order of arrival.
    fn server_after(&self, count: u64) -> Server {
        let sequence = self.sequence.saturating_add(count);
        Server { reservation: self.flavour.reservation, sequence }
    }
}

impl Server {
    fn goes_before(self, other: Server) -> bool {
        let key = |server: Server| (server.reservation.period(), server.sequence);
        key(self) < key(other)
    }
}

/// Puts `server` among `servers`, and says whether it and all below it have their budgets within
/// their periods ([`deferrable_response_time`]).
fn insert_in_time(servers: &mut Vec<Server>, server: Server) -> bool {
    let at = servers.partition_point(|other| other.goes_before(server));
    servers.insert(at, server);
    let reservations: Vec<Reservation> = servers.iter().map(|server| server.reservation).collect();
    (at..reservations.len()).all(|i| {
        let own = reservations[i];
        deferrable_response_time(&reservations[..i], own, own.period()).is_some()
    })
}

/// The ranges of CPUs in each of which a machine may lie.
fn ranges(hosts: &Hosts, spread: Spread) -> impl Iterator<Item = Range<usize>> + use<> {
    let (cpus, nodes) = (usize::from(hosts.cpus), usize::from(hosts.nodes));
    let size = match spread {
        Spread::Host => cpus,
        // The nodes are of equal size, and there is at least one CPU in each.
        Spread::Node => cpus / nodes,
    };
    (0..cpus / size).map(move |range| range * size..(range + 1) * size)
}

/// CPU numbers in the form that a million machines are kept in.
fn boxed(cpus: Vec<usize>) -> Box<[u16]> {
    // A host has at most `CPUS_MAX` CPUs.
    cpus.into_iter().filter_map(|cpu| u16::try_from(cpu).ok()).collect()
}

#[cfg(test)]
mod tests {
    use evenkeel_model::{CpuIndex, CpuSet, Span};
    use evenkeel_theory::placement::{Method, Rule, Site, Wanted, place};
    use evenkeel_theory::{Held, Limits};

    use super::*;
    use crate::random::Random;

    const CPUS: u16 = 6;

    fn hosts(rule: HostRule) -> Hosts {
        Hosts { count: 1, cpus: CPUS, nodes: 2, rule }
    }

    fn rules() -> [HostRule; 2] {
        let limit = Bandwidth::from_ppb(950_000_000);
        [HostRule::Edf { limit }, HostRule::RtGroup { limit: Bandwidth::ONE }]
    }

    fn flavour(random: &mut Random) -> Flavour {
        let period = Span::from_ms([10, 20, 30][usize::try_from(random.up_to(2)).unwrap()]);
        let budget = Span::from_us(period.as_us() * (1 + random.up_to(50)) / 100);
        Flavour {
            name: String::new(),
            cpus: u16::try_from(1 + random.up_to(2)).unwrap(),
            reservation: Reservation::new(budget, period).unwrap(),
            spread: if random.up_to(1) == 0 { Spread::Node } else { Spread::Host },
            weight: 1,
        }
    }

    /// The same host as a site of `theory`.
    fn site(hosts: &Hosts, guests: &[(Flavour, Box<[u16]>)]) -> Site {
        let held = (0u64..).zip(guests).map(|(i, (flavour, cpus))| Held {
            name: format!("vm{i}").parse().unwrap(),
            reservation: flavour.reservation,
            cpus: cpus.iter().map(|&cpu| CpuIndex(cpu.into())).collect(),
            sequence: i,
        });
        let rule = match hosts.rule {
            HostRule::Edf { limit } => Rule::Edf { limit },
            HostRule::RtGroup { .. } => Rule::RtGroup(Limits {
                ceiling: Reservation::new(Span::from_s(1), Span::from_s(1)).unwrap(),
                foreign: Bandwidth::ZERO,
                tick: None,
                online: CpuSet::empty(),
            }),
        };
        let cpus = (0..u32::from(hosts.cpus)).map(CpuIndex).collect();
        Site { cpus, held: held.collect(), rule }
    }

    fn wanted(name: &str, flavour: &Flavour, sequence: u64) -> Wanted {
        let within = match flavour.spread {
            Spread::Host => Vec::new(),
            Spread::Node => ["0-2", "3-5"].map(|set| set.parse().unwrap()).to_vec(),
        };
        Wanted {
            name: name.parse().unwrap(),
            reservation: flavour.reservation,
            servers: flavour.cpus.into(),
            within,
            sequence,
        }
    }

    #[test]
    fn a_host_chooses_as_theory_does() {
        let mut random = Random::new(11, 1);
        let fits = [Fit::First, Fit::Best, Fit::Worst];
        let methods = [Method::FirstFit, Method::BestFit, Method::WorstFit];
        for round in 0..150_usize {
            let hosts = hosts(rules()[round % 2]);
            let (fit, method) = (fits[round % 3], methods[round % 3]);
            let mut host = Host::empty(&hosts);
            let mut guests: Vec<(Flavour, Box<[u16]>)> = Vec::new();
            for sequence in 0..25 {
                let flavour = flavour(&mut random);
                let guest = Guest { flavour: &flavour, sequence: guests.len() as u64 };
                let ours = host.choose(&hosts, guest, fit);
                assert_eq!(host.fits(&hosts, guest), ours.is_some());
                let asked = [wanted("new", &flavour, 1_000 + sequence)];
                let theirs = place(&site(&hosts, &guests), &asked, method).unwrap();
                let theirs = theirs.placed.first().map(|held| held.cpus.clone());
                let set = |cpus: &[u16]| cpus.iter().map(|&cpu| CpuIndex(cpu.into())).collect();
                assert_eq!(ours.as_deref().map(set), theirs, "{fit:?}, round {round}");
                if let Some(cpus) = ours {
                    assert!(host.fits_on(&hosts, guest, &cpus));
                    host.add(guest, &cpus);
                    guests.push((flavour, cpus));
                }
            }
            for (sequence, (flavour, cpus)) in (0u64..).zip(&guests) {
                host.remove(Guest { flavour, sequence }, cpus);
            }
            assert_eq!(host, Host::empty(&hosts));
        }
    }

    #[test]
    fn room_is_what_an_exact_search_finds() {
        let mut random = Random::new(12, 1);
        for round in 0..60_usize {
            let hosts = hosts(rules()[round % 2]);
            let mut host = Host::empty(&hosts);
            let mut guests = Vec::new();
            for sequence in 0..8 {
                let flavour = flavour(&mut random);
                let guest = Guest { flavour: &flavour, sequence };
                if let Some(cpus) = host.choose(&hosts, guest, Fit::Worst) {
                    host.add(guest, &cpus);
                    guests.push((sequence, flavour, cpus));
                }
            }
            let mut asked = flavour(&mut random);
            // Few enough to search.
            asked.reservation = Reservation::new(Span::from_ms(11), Span::from_ms(25)).unwrap();
            let room = host.room_for(&hosts, Guest { flavour: &asked, sequence: 100 });
            let guests: Vec<_> = guests.into_iter().map(|(_, f, cpus)| (f, cpus)).collect();
            let site = site(&hosts, &guests);
            let all_of = |n: u64| {
                let many: Vec<Wanted> =
                    (0..n).map(|i| wanted(&format!("n{i}"), &asked, 100 + i)).collect();
                let placement = place(&site, &many, Method::Exact { nodes_max: 100_000 }).unwrap();
                assert!(placement.proof.unwrap().most, "a search too long for a test");
                placement.is_complete()
            };
            assert!(all_of(room), "{room} fit, round {round}");
            assert!(!all_of(room + 1), "{} fit, round {round}", room + 1);
        }
    }
}
