// SPDX-License-Identifier: MIT OR Apache-2.0
//! The testbed: guests behind an emulated NIC, a client on a wire, capsules around the guests
//! (DESIGN.md section 6).
//!
//! Everything is written into the journal before it is made, and taken down on `close`, on drop,
//! when building fails, and by `clean` after whatever else. Capsules are made by the product
//! (`evenkeel_host`), with its admission; the lab has no code of its own for them.

mod capsule;
mod guests;
mod inside;
mod name;
mod netns_directory;
mod nic;
mod place;
pub(crate) mod settings;
mod sink;
mod spec;
mod way;

use std::net::Ipv4Addr;
use std::process::Command;

use evenkeel_host::{Host, HostOptions};
use evenkeel_kernel::Pid;
use evenkeel_kernel::facts::{boot_id, is_root};
use evenkeel_kernel::lock::{FileLock, LockError};
use evenkeel_kernel::process::identity;
use evenkeel_model::{NetworkContextKind, Reservation, Span};

use crate::clean::{self, CleanReport};
use crate::cpu_layout::Layout;
use crate::error::LabError;
use crate::guest::{Guest, GuestProgram};
use crate::journal::{self, Entry, Journal};
use crate::paths::Paths;

use self::capsule::Capsules;
use self::name::Names;
use self::sink::Sink;

pub use self::name::{CLIENT_ADDRESS, CLIENT_DEVICE, CLIENT_MAC, NETNS_CLIENT, NETNS_NIC};
pub use self::place::Place;
pub use self::spec::{MEMORY_MIN_MIB, SINK, TestbedSpec, VMS_MAX, VmSpec};

pub(crate) use self::capsule::is_capsule;
pub(crate) use self::name::is_device;
pub(crate) use self::netns_directory::{
    DIRECTORY as NETNS_DIRECTORY, restore as restore_netns_directory,
};

/// A testbed that stands. One at a time on a host.
#[derive(Debug)]
pub struct Testbed {
    layout: Layout,
    context: NetworkContextKind,
    program: GuestProgram,
    guest_label: String,
    members: Vec<Member>,
    sink: Option<Sink>,
    capsules: Capsules,
    journal: Journal,
    paths: Paths,
    is_down: bool,
    _lock: FileLock,
}

/// One VM of a testbed.
#[derive(Debug)]
struct Member {
    spec: VmSpec,
    names: Option<Names>,
    guest: Guest,
    reservation: Option<Reservation>,
}

impl Testbed {
    /// Builds it: network, guests (booted at the same time on all CPUs, then put on theirs), ways,
    /// capsules. `progress` gets a line for each step. What a killed lab left behind is removed
    /// first; what a failure leaves of this one is removed before the error is returned.
    pub fn build(
        spec: &TestbedSpec,
        layout: &Layout,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Testbed, LabError> {
        spec.check()?;
        let mut testbed = Testbed::begin(spec, *layout, progress)?;
        match testbed.raise(spec, progress) {
            Ok(()) => Ok(testbed),
            Err(cause) => match testbed.take_down(&mut |_| {}) {
                Err(LabError::CleanIncomplete { left }) => {
                    Err(LabError::TakeDownIncomplete { cause: Box::new(cause), left })
                }
                _ => Err(cause),
            },
        }
    }

    /// The lock, the clean slate and the journal.
    fn begin(
        spec: &TestbedSpec,
        layout: Layout,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Testbed, LabError> {
        if !is_root() {
            return Err(LabError::NotRoot);
        }
        let paths = Paths::of_host();
        let lock = take_lock(&paths)?;
        clean::sweep_leftovers(&paths, progress)?;
        let boot_id = boot_id().map_err(evenkeel_kernel::process::ProcessError::from)?;
        let owner = identity(Pid(std::process::id()))?;
        let host = Host::open(HostOptions { state_dir: paths.state_dir().to_owned() })?;
        Ok(Testbed {
            layout,
            context: spec.context,
            program: spec.program.clone(),
            guest_label: String::new(),
            members: Vec::new(),
            sink: None,
            capsules: Capsules::new(host, layout)?,
            journal: Journal::create(&paths.journal(), &boot_id, owner)?,
            paths,
            is_down: false,
            _lock: lock,
        })
    }

    fn raise(
        &mut self,
        spec: &TestbedSpec,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), LabError> {
        let numbers = 0..spec.vms.len();
        let names: Vec<Option<Names>> = numbers
            .zip(&spec.vms)
            .map(|(number, vm)| vm.network.then(|| Names::of(number)))
            .collect();
        let functions = nic::Functions {
            guests: names.iter().flatten().cloned().collect(),
            sink: spec.sink.then(|| Names::of(spec.vms.len())),
        };
        self.journal.record(&Entry::Directory { path: self.paths.directory() })?;
        progress("building the network");
        nic::build(&mut self.journal, self.layout, &functions)?;
        way::lead(&functions.guests, self.context)?;
        self.boot_all(spec, names, progress)?;
        for vm in &spec.vms {
            if let Some(reservation) = vm.reservation {
                progress(&format!("capsule of {}: {reservation}", vm.name));
            }
            self.set_reservation(&vm.name, vm.reservation)?;
        }
        if let Some(names) = functions.sink {
            self.sink = Some(Sink::start(names, &mut self.journal, self.layout)?);
            self.set_reservation(SINK, Some(sink::reservation()))?;
        }
        Ok(())
    }

    /// The guest of this name.
    pub fn guest(&self, vm: &str) -> Result<&Guest, LabError> {
        Ok(&self.member(vm)?.guest)
    }

    /// Names of all guests, in the order of the specification.
    pub fn vms(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.spec.name.as_str())
    }

    /// Which CPU does what.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// How packets reach the guests.
    pub fn context(&self) -> NetworkContextKind {
        self.context
    }

    /// What the guests are, in words, for the fingerprint.
    pub fn guest_label(&self) -> &str {
        &self.guest_label
    }

    /// The program that guests run for the lab.
    pub fn program(&self) -> &GuestProgram {
        &self.program
    }

    /// The namespace of the client, on the client's CPU.
    pub fn client_place(&self) -> Place {
        Place { netns: NETNS_CLIENT, cpu: self.layout.client_cpu }
    }

    /// The namespace of the NIC, on the same CPU.
    pub fn nic_place(&self) -> Place {
        Place { netns: NETNS_NIC, cpu: self.layout.client_cpu }
    }

    /// Runs `work` on a fresh thread in the client's namespace and waits for it.
    pub fn in_client<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.client_place().run(work)
    }

    /// Runs `work` on a fresh thread in the NIC's namespace and waits for it.
    pub fn in_nic<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        self.nic_place().run(work)
    }

    /// A command that runs `program` in the client's namespace, on the client's CPU.
    pub fn client_command(&self, program: &str) -> Command {
        self.client_place().command(program)
    }

    /// The MAC address of a VM, or of [`SINK`].
    pub fn mac(&self, vm: &str) -> Result<[u8; 6], LabError> {
        Ok(self.names(vm)?.mac())
    }

    /// The IP address of a VM, or of [`SINK`].
    pub fn address(&self, vm: &str) -> Result<Ipv4Addr, LabError> {
        Ok(self.names(vm)?.address())
    }

    /// Where frames for a VM leave the NIC's switch, a device inside the NIC's namespace: what is
    /// sent into it arrives as from the wire. [`SINK`] has its own in every context.
    pub fn port_of(&self, vm: &str) -> Result<String, LabError> {
        let context = if vm == SINK { NetworkContextKind::Dedicated } else { self.context };
        Ok(way::port(self.names(vm)?, context))
    }

    /// The device of the host on which frames for a VM arrive.
    pub fn function_of(&self, vm: &str) -> Result<String, LabError> {
        Ok(match self.context {
            NetworkContextKind::Shared if vm != SINK => name::UPLINK.to_owned(),
            _ => self.names(vm)?.function(),
        })
    }

    /// The reservation of a VM's capsule, if it has one.
    pub fn reservation(&self, vm: &str) -> Result<Option<Reservation>, LabError> {
        match (&self.sink, vm == SINK) {
            (Some(sink), true) => Ok(sink.reservation),
            _ => Ok(self.member(vm)?.reservation),
        }
    }

    /// CPU time delivered to a VM: to its capsule since that was made, or, without one, to the
    /// threads that the VM has now.
    pub fn supply(&self, vm: &str) -> Result<Span, LabError> {
        match self.reservation(vm)? {
            Some(_) => self.capsules.supply(vm),
            None => guests::cpu_time(&self.member(vm)?.guest),
        }
    }

    /// Takes everything down.
    pub fn close(mut self) -> Result<CleanReport, LabError> {
        self.take_down(&mut |_| {})
    }

    fn take_down(&mut self, out: &mut dyn FnMut(&str)) -> Result<CleanReport, LabError> {
        self.is_down = true;
        let entries = journal::read(&self.paths.journal()).unwrap_or_default();
        let swept = clean::sweep(&self.paths, &entries, out);
        self.members.iter().for_each(|member| member.guest.reap());
        self.sink.iter_mut().for_each(Sink::reap);
        swept
    }

    fn member(&self, vm: &str) -> Result<&Member, LabError> {
        let found = self.members.iter().find(|member| member.spec.name == vm);
        found.ok_or_else(|| self.no_such(vm))
    }

    fn no_such(&self, vm: &str) -> LabError {
        let existing = self.vms().map(str::to_owned).collect();
        LabError::NoSuchVm { name: vm.to_owned(), existing }
    }

    fn names(&self, vm: &str) -> Result<&Names, LabError> {
        match &self.sink {
            Some(sink) if vm == SINK => Ok(&sink.names),
            _ => {
                let names = &self.member(vm)?.names;
                names.as_ref().ok_or_else(|| LabError::NoNetwork(vm.to_owned()))
            }
        }
    }
}

impl Drop for Testbed {
    fn drop(&mut self) {
        if self.is_down {
            return;
        }
        if let Err(error) = self.take_down(&mut |_| {}) {
            eprintln!("evenkeel: {error}; try `evenkeel lab clean`");
        }
    }
}

/// The lock of the one lab of this host.
fn take_lock(paths: &Paths) -> Result<FileLock, LabError> {
    paths.make_directories()?;
    match FileLock::acquire(&paths.lock(), Span::ZERO) {
        Err(LockError::Held { holder, .. }) => Err(LabError::Busy { holder }),
        other => Ok(other?),
    }
}
