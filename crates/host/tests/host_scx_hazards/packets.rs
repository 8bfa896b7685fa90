// SPDX-License-Identifier: MIT OR Apache-2.0
//! Work that packets make, in kernel threads and in soft interrupts.

use std::fs;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use evenkeel_host::AttachRequest;
use evenkeel_kernel::{netdev, process, sched};
use evenkeel_model::{NetworkContextKind, Role, Span};
use evenkeel_sched::scx::intf;
use evenkeel_vm::VmRef;

use crate::support::scx::{SPIN, SWITCHABLE, Scx, share_of_process};
use crate::support::{Helper, cpus, helper_command, ip, modules, wait_until};
use crate::{SECOND, SETTLE, both};

const OUTER: &str = "ekw0";

const INNER: &str = "ekw1";

const OUTER_ADDRESS: &str = "10.97.0.1";

const SEGMENTATION: [&str; 4] = [
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp6-segmentation",
];

/// A pair of devices, one of them in a namespace from where packets come.
struct Wire {
    namespace: String,
}

impl Wire {
    fn new() -> Wire {
        modules(&["veth"]);
        let namespace = format!("ek-t-{}", std::process::id());
        assert!(ip(&format!("netns add {namespace}")));
        assert!(ip(&format!("link add {OUTER} type veth peer name {INNER}")));
        // A device that segments sends past its peer's NAPI what is no long stream.
        for feature in SEGMENTATION {
            netdev::lookup(INNER).unwrap().set_feature(feature, false).unwrap();
        }
        assert!(ip(&format!("link set {INNER} netns {namespace}")));
        assert!(ip(&format!("addr add {OUTER_ADDRESS}/24 dev {OUTER}")));
        assert!(ip(&format!("link set {OUTER} up")));
        assert!(ip(&format!("-n {namespace} addr add 10.97.0.2/24 dev {INNER}")));
        assert!(ip(&format!("-n {namespace} link set {INNER} up")));
        Wire { namespace }
    }

    /// Packets from inside the namespace, made on CPU 0 as fast as it can.
    fn flood(&self) -> Helper {
        let flood = helper_command("flood");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(flood.get_program());
        command.args(flood.get_args());
        for (name, value) in flood.get_envs() {
            command.env(name, value.unwrap());
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let flood = Helper { child: command.spawn().unwrap() };
        let packets = || {
            let path = format!("/sys/class/net/{OUTER}/statistics/rx_packets");
            fs::read_to_string(path).unwrap().trim().parse::<u64>().unwrap()
        };
        wait_until("a flood", || packets() > 1_000);
        flood
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        ip(&format!("link del {OUTER}"));
        ip(&format!("netns del {}", self.namespace));
    }
}

/// Sends small packets for ever, from CPU 0.
pub fn flood() {
    sched::set_affinity(sched::current_tid(), &cpus("0")).unwrap();
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    loop {
        // Nobody listens; that is said to us, and is of no interest.
        let _ = socket.send_to(&[0; 64], (OUTER_ADDRESS, 9));
    }
}

/// Hazard 7: the thread that receives packets for a capsule is the kernel's, and begins outside; the
/// capsule that has the device has its thread, which then uses the capsule's budget and no more.
#[test]
fn hazard_07_receiving_is_charged_to_the_capsule() {
    let Some(scx) = Scx::new("hazard_07", SWITCHABLE) else { return };
    let wire = Wire::new();
    let name = scx.create("a", 20_000, 100, "1");
    let vm = scx.inside(&name, Role::Vcpu, "exec sleep 600");
    let netdev = netdev::lookup(OUTER).unwrap();
    netdev.set_gro(true).unwrap();
    netdev.set_threaded(true).unwrap();
    let receiver = netdev.napis().unwrap()[0].thread.unwrap();
    sched::set_affinity(receiver, &cpus("1")).unwrap();
    let _flood = wire.flood();
    let measure = || {
        sleep(SETTLE);
        let (start, charged) = (Instant::now(), scx.host.supply(&name).unwrap());
        let before = process::cpu_time(receiver).unwrap();
        sleep(SECOND);
        let used = process::cpu_time(receiver).unwrap() - before;
        let charged = scx.host.supply(&name).unwrap() - charged;
        let part = |span: Span| span.as_ns() as f64 / start.elapsed().as_nanos() as f64;
        (part(used), part(charged))
    };
    let (used, charged) = measure();
    eprintln!("outside: used {used:.4}, charged {charged:.4}");
    assert!(used > 0.25 && charged < 0.02, "the hazard is not there: {used}, {charged}");
    let attach = AttachRequest {
        name: name.clone(),
        vm: VmRef::Pid(vm.pid()),
        netdevs: vec![OUTER.to_owned()],
        context: NetworkContextKind::Dedicated,
    };
    scx.host.apply(&scx.host.plan_attach(&attach).unwrap()).unwrap();
    let (used, charged) = measure();
    eprintln!("inside: used {used:.4}, charged {charged:.4}");
    assert!((0.18..=0.21).contains(&charged), "{charged}");
    assert!(used < 0.21, "{used}");
}

/// Two ticks (250 Hz): the tick ends what a late timer did not, once the soft interrupts let it.
const OVERRUN_MAX_NS: u64 = 8_000_000;

/// Hazard 15: timers run in soft interrupts, and come late where packets keep the CPU busy with theirs.
/// What a capsule ran beyond its budget meanwhile is debt, so that its share stays what it is. (What the
/// soft interrupts themselves take is stolen from its supply: it gets less.)
#[test]
fn hazard_15_overruns_beside_a_flood_are_repaid() {
    let Some(scx) = Scx::new("hazard_15", SWITCHABLE) else { return };
    let wire = Wire::new();
    // Received on CPU 1, in its soft interrupt, whatever runs there.
    fs::write(format!("/sys/class/net/{OUTER}/queues/rx-0/rps_cpus"), "2").unwrap();
    let _flood = wire.flood();
    let (with, without) = both(&scx, intf::EK_WITHOUT_DEBT, || {
        let name = scx.create("a", 1_000, 10, "1");
        let spinner = scx.inside(&name, Role::Vcpu, SPIN);
        sleep(SETTLE);
        let share = share_of_process(&spinner, SECOND);
        let figures = (share, scx.overrun(&name, 1));
        drop(spinner);
        scx.delete(&name);
        figures
    });
    eprintln!("share and overrun {with:?}, without {without:?}");
    assert!((0.02..=0.105).contains(&with.0) && with.1 < OVERRUN_MAX_NS, "{with:?}");
    assert!(without.0 > 0.15, "the hazard is not there: {without:?}");
}
